"""What a wrong tensor looks like, in words: for mistakes that no catalogue has."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

SAME = 1e-6
"""How closely a pattern must hold, relative to the size of the values."""


def clue(actual: Tensor, expected: Tensor, wrong: Tensor, axes: list[str]) -> str | None:
    """One sentence about the pattern of a difference, None where there is none.

    Args:
        actual, expected: float64 tensors of one shape, finite.
        wrong: bool, where they differ.
        axes: a word for each axis, or none at all.
    """
    names = axes if len(axes) == expected.dim() else [f"axis {axis}" for axis in range(expected.dim())]
    return (
        _swapped_axes(actual, expected, names)
        or _one_place(wrong, names)
        or (_factor(actual, expected) or _offset(actual, expected) if bool(wrong.all()) else None)
    )


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=SAME, atol=SAME)


def _swapped_axes(actual: Tensor, expected: Tensor, names: list[str]) -> str | None:
    for i, j in combinations(range(expected.dim()), 2):
        if expected.size(i) == expected.size(j) > 1 and _close(actual.transpose(i, j), expected):
            return f"It is the expected result with {names[i]} and {names[j]} swapped."
    return None


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


def _factor(actual: Tensor, expected: Tensor) -> str | None:
    large = expected.abs() > 1e-3 * expected.abs().max()
    if int(large.sum()) < 3:
        return None
    ratios = actual[large] / expected[large]
    ratio = ratios.median()
    if float(ratio) in (0.0, 1.0) or not _close(actual, expected * ratio):
        return None
    return f"Every value is {float(ratio):.4g} times the expected one."


def _offset(actual: Tensor, expected: Tensor) -> str | None:
    offset = (actual - expected).median()
    if actual.numel() < 3 or not _close(actual, expected + offset):
        return None
    return f"Every value is off by the same {float(offset):.4g}."
