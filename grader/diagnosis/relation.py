"""How one value follows from another: times a number, plus a value that is known, or shares over another axis."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from grader.diagnosis.matching import FEW
from grader.diagnosis.way import NEAR, near, sums_to_one


def relation_of(value: Tensor, wanted: Tensor, name: str, known: Iterable[tuple[str, Tensor]]) -> str:
    """How the reference's next value follows from one that is there; empty where no simple way is seen.

    Args:
        value: what is there.
        wanted: the reference's next value.
        name: what that is called.
        known: names and values that were there before.
    """
    if value.shape != wanted.shape or value.numel() <= FEW:
        return ""
    if not (value.is_floating_point() and wanted.is_floating_point()):
        return ""
    mine, right = value.double(), wanted.double()
    if not bool(mine.isfinite().all() and right.isfinite().all()):
        return ""
    for other, addend in known:
        if not addend.is_floating_point() or addend.shape != right.shape or float(addend.double().std()) < NEAR:
            continue
        if near(mine + addend, right):
            return f"{name} is these values plus {other}"
        if near(mine - addend, right):
            return f"{name} is these values without {other}"
    big = mine.abs() > 1e-3
    if bool(big.any()):
        factor = float((right[big] / mine[big]).median())
        if f"{factor:.4g}" not in ("0", "1") and near(mine * factor, right):
            return f"{name} is {factor:.4g} times these values"
    sums = [sums_to_one(mine), sums_to_one(right)]
    if sums[0] is not None and sums[1] is not None and sums[0] != sums[1]:
        return f"these values sum to 1 over axis {sums[0]}, those of {name} over axis {sums[1]}"
    return ""
