"""The values that may cross between the grader and a learner's code, apart from plain Python ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.bool),
        *(torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    )
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


class CodecError(Exception):
    """The bytes are not a frame, or exceed a bound."""


@dataclass(frozen=True)
class Reference:
    """Refers to an object that stays in its own process: a module, a callback, an opaque state."""

    kind: str
    id: int
    about: dict[str, Any] | None = None


@dataclass(frozen=True)
class Foreign:
    """Stands for a value that may not cross: the name of its type."""

    what: str

    def __repr__(self) -> str:
        return self.what


@dataclass
class Decoded:
    """A decoded value, and its tensors in order of appearance with what the frame claims about them."""

    value: Any
    tensors: list[Tensor] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    requires_grad: list[bool] = field(default_factory=list)
    raw: list[memoryview] = field(default_factory=list)
    """The values of each tensor as they came, in row-major order; a view of the frame."""


def leaves(value: Any) -> Iterator[Any]:
    """Every value in nested lists, tuples and dicts, in order."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    else:
        yield value
