"""Which tensors a GPU takes together, and which it refuses: CUDA's rules, as far as the course meets them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten

COPIES = {aten.copy_.default, aten._copy_from.default, aten._copy_from_and_resize.default}
"""They take any two devices."""
_READS_INDEXED = {aten.index.Tensor, aten._unsafe_index.Tensor}
_WRITES_INDEXED = {
    *(aten.index_put.default, aten.index_put_.default),
    *(aten._index_put_impl_.default, aten._unsafe_index_put.default),
}
_TAKES_NO_SCALARS = {aten.stack.default, aten.cat.default}


def refuse(operation: Callable[..., Any], args: tuple[Any, ...], away: Sequence[Tensor], place: str) -> None:
    """Raises RuntimeError, in torch's words, where an operation on a GPU may not have these CPU tensors.

    Args:
        away: the tensors among its inputs that are on the CPU; some other is on the GPU.
        place: the GPU, for the message.
    """
    if not away or operation is aten._pack_padded_sequence.default:  # which wants its second tensor on the CPU
        return
    if operation in _READS_INDEXED | _WRITES_INDEXED:  # the indices may be anywhere if the tensor is on the GPU
        if args[0] is away[0]:
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        away = [one for one in away if operation in _WRITES_INDEXED and one is args[2]]
    in_place = operation.__name__.partition(".")[0].endswith("_")
    for tensor in away:
        written = in_place and tensor is args[0]
        if tensor.dim() > 0 or written or operation in _TAKES_NO_SCALARS:
            text = f"Expected all tensors to be on the same device, but found at least two devices, {place} and cpu!"
            raise RuntimeError(f"{text} The one on cpu has shape {tuple(tensor.shape)}")
