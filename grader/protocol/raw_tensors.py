"""The values of tensors as bytes, and the memory layout that they had."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.limits import MAX_FRAME

# Bound before any learner's code is imported, so that a patched method of Tensor does not break the transport.
_detach = Tensor.detach
_cpu = Tensor.cpu
_copy = Tensor.copy_
_numpy = Tensor.numpy
_reshape = Tensor.reshape
_view = Tensor.view
_resolve = (Tensor.resolve_conj, Tensor.resolve_neg)


def raw_bytes(tensor: Tensor) -> bytes:
    """The values of a tensor on any device, in row-major order."""
    try:
        return _numpy(_detach(tensor)).tobytes()
    except (TypeError, RuntimeError):  # what numpy lacks: bfloat16, another device, a lazy sign
        plain = _cpu(_detach(tensor))
    for resolve in _resolve:
        plain = resolve(plain)
    if plain.numel() == 0:
        return b""
    # An axis of size 1 may have any stride and still count as contiguous, which `view` does not take: copy.
    flat = _copy(torch.empty(plain.numel(), dtype=plain.dtype, device="cpu"), _reshape(plain, (-1,)))
    return _numpy(_view(flat, torch.uint8)).tobytes()


def with_strides(tensor: Tensor, strides: list[int]) -> Tensor:
    """The same values laid out in memory with these strides (0 for an expanded axis)."""
    extent = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, strides, strict=True))
    if tensor.numel() == 0 or extent * tensor.element_size() > MAX_FRAME:
        return tensor
    laid_out = torch.zeros(extent, dtype=tensor.dtype, device=tensor.device).as_strided(tensor.shape, strides)
    target, source = laid_out, tensor
    for axis, stride in enumerate(strides):
        if stride == 0:
            target, source = target.narrow(axis, 0, 1), source.narrow(axis, 0, 1)
    target.copy_(source)
    return laid_out
