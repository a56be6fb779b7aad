"""Describes the pattern of a wrong tensor in words, for mistakes that are in no catalogue."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

SAME = 1e-6
"""How closely a pattern must hold, relative to the size of the values."""
LENGTHS = ("source", "target", "length", "max_length", "position", "key")
"""Axes along which `lengths` counts."""


@dataclass(frozen=True)
class CallContext:
    """What is known about the call whose result differs.

    Args:
        sizes: of axes, by name: `d_k` and others.
        given: the tensors among the call's arguments, by parameter.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)

    def widths(self) -> dict[str, int]:
        """The sizes by which results are scaled."""
        known = {name: size for name, size in self.sizes.items() if name.startswith("d_") or name == "hidden"}
        for name in ("q", "query", "keys"):
            if isinstance(tensor := self.given.get(name), Tensor) and tensor.dim() > 0:
                known.setdefault("d_k" if name == "q" else "the width of " + name, tensor.size(-1))
        return known


def clue(
    actual: Tensor, expected: Tensor, wrong: Tensor, axes: list[str], setting: CallContext | None = None
) -> str | None:
    """One sentence about the pattern of a difference, None where there is none.

    Args:
        actual, expected: float64 tensors of one shape, finite.
        wrong: bool, where they differ.
        axes: a word for each axis, or none at all.
    """
    about, names = setting or CallContext(), _named(axes, expected)
    return (
        _swapped_axes(actual, expected, names)
        or _sums(actual, expected, names)
        or _padding(wrong, names, about)
        or _one_place(wrong, names)
        or _factor(actual, expected, wrong, about)
        or (_offset(actual, expected) if bool(wrong.all()) else None)
    )


def clue_to_dtype(actual: Tensor, expected: Tensor) -> str | None:
    """Whether nothing but the dtype is wrong."""
    if actual.is_complex() or expected.is_complex():
        return None
    right = torch.allclose(actual.double(), expected.double(), rtol=0.02, atol=0.02, equal_nan=True)
    return "The values are right, the dtype is not." if right else None


def clue_to_not_finite(actual: Tensor, at: Tensor, axes: list[str], setting: CallContext | None = None) -> str | None:
    """Where nan or inf appears, and what produces it there.

    Args:
        at: bool, where `actual` is not finite and should be.
    """
    names, about = _named(axes, actual), setting or CallContext()
    if actual.isinf().any() and not actual.isnan().any():
        return "inf means that a number overflowed, as exp(1000) does, or was divided by zero."
    if _is_padding(at, names, about):
        return "It stands at padding alone."
    if actual.dim() == 0 or at.size(-1) < 2 or not torch.equal(at, at.all(-1, keepdim=True).expand_as(at)):
        return None
    if bool(at.all()):
        return "Every value is nan: one nan in a sum or a softmax spreads to all of it."
    if _attends_to_nothing(at.all(-1), about):
        return "These are the queries that may attend to nothing: a softmax over -inf alone divides 0 by 0."
    return f"All of a row along {names[-1]} is nan, as 0 / 0 is, 0 * infinity, and a softmax over -inf alone."


def _named(axes: list[str], tensor: Tensor) -> list[str]:
    return axes if len(axes) == tensor.dim() else [f"axis {axis}" for axis in range(tensor.dim())]


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=SAME, atol=SAME)


def _swapped_axes(actual: Tensor, expected: Tensor, names: list[str]) -> str | None:
    for i, j in combinations(range(expected.dim()), 2):
        if expected.size(i) == expected.size(j) > 1 and _close(actual.transpose(i, j), expected):
            return f"It is the expected result with {names[i]} and {names[j]} swapped."
    return None


def _sums(actual: Tensor, expected: Tensor, names: list[str]) -> str | None:
    """A softmax over the wrong axis: columns that sum to one where rows should."""
    if expected.dim() < 2 or expected.size(-1) < 2 or not _ones(expected.sum(-1)) or _ones(actual.sum(-1)):
        return None
    for axis in reversed(range(expected.dim() - 1)):
        if actual.size(axis) > 1 and _ones(actual.sum(axis)) and not _ones(expected.sum(axis)):
            return f"Summed over {names[axis]} it gives one everywhere, summed over {names[-1]} it does not."
    return None


def _ones(sums: Tensor) -> bool:
    return _close(sums, torch.ones_like(sums))


def _padding(wrong: Tensor, names: list[str], about: CallContext) -> str | None:
    return "Only positions of padding differ." if _is_padding(wrong, names, about) else None


def _is_padding(at: Tensor, names: list[str], about: CallContext) -> bool:
    """Whether all these places lie behind their row's length."""
    lengths = about.given.get("lengths")
    if not isinstance(lengths, Tensor) or lengths.dim() != 1 or names[:1] != ["batch"] or not bool(at.any()):
        return False
    if at.size(0) != len(lengths) or (axis := next((i for i, n in enumerate(names) if n in LENGTHS), 0)) == 0:
        return False
    places = at.movedim(axis, 1).flatten(2).any(-1) if at.dim() > 2 else at
    return not bool((places & (torch.arange(places.size(1)) < lengths.unsqueeze(1))).any())


def _attends_to_nothing(rows: Tensor, about: CallContext) -> bool:
    allowed = about.given.get("allowed")
    if not isinstance(allowed, Tensor) or allowed.dtype is not torch.bool or allowed.dim() < 1:
        return False
    blind = ~allowed.any(-1)
    if blind.dim() > rows.dim():
        return False
    try:
        return not bool((rows & ~blind.expand_as(rows)).any())
    except RuntimeError:  # the mask is not about these rows
        return False


def _one_place(wrong: Tensor, names: list[str]) -> str | None:
    for axis, name in enumerate(names):
        size = wrong.size(axis)
        if size < 3:
            continue
        others = [other for other in range(wrong.dim()) if other != axis]
        touched = wrong.any(dim=tuple(others)) if others else wrong
        places = touched.nonzero().flatten().tolist()
        if places == [0]:
            return f"Only the first {name} differs."
        if places == [size - 1]:
            return f"Only the last {name} differs."
    return None


def _factor(actual: Tensor, expected: Tensor, wrong: Tensor, about: CallContext) -> str | None:
    large = expected.abs() > 1e-3 * expected.abs().max()
    if int(large.sum()) < 3 or not bool(wrong[large].all()):
        return None
    ratio = float((actual[large] / expected[large]).median())
    if ratio == 0.0 or abs(ratio - 1) < 1e-3 or not _close(actual, expected * ratio):
        return None
    return f"Every value is {ratio:.4g} times the expected one{_origin(ratio, about)}."


def _origin(ratio: float, about: CallContext) -> str:
    """The size that a factor comes from, where there is one."""
    for name, size in about.widths().items():
        root = math.sqrt(size)
        for value, words in (
            (root, f"sqrt({name})"),
            (1 / root, f"1 / sqrt({name})"),
            (size, name),
            (1 / size, f"1 / {name}"),
        ):
            if size > 1 and abs(ratio - value) <= SAME * value:
                return f", which is {words}"
    return ""


def _offset(actual: Tensor, expected: Tensor) -> str | None:
    off = actual - expected
    offset = off.median()
    if actual.numel() < 3 or bool((off - offset).abs().max() > 0.01 * offset.abs()):
        return None
    return f"Every value is off by the same {float(offset):.4g}."
