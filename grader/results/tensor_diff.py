"""What a wrong tensor and the right one look like side by side: a small slice, for a heat map. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

MOST = 16
"""Rows and columns that are shown: what an eye can take in, and 6 kB at most in results.json."""
DIGITS = 4
"""Significant digits that are kept."""

Grid = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class TensorDiff:
    """Two tensors of one shape, or the slice and the window of them that holds the worst entry.

    Args:
        rows_axis: what a row is, `query`; empty where the tensor has one axis and so one row.
        columns_axis: what a column is, `key`.
        yours: the learner's values, row by row; a bool is 0 or 1.
        expected: the right values.
        wrong: where they differ by more than is allowed.
        where: the slice, `batch 1, head 0`; empty where there is nothing to choose.
        first: the index of the first row and of the first column shown.
        size: how many rows and columns there are in all.
    """

    rows_axis: str
    columns_axis: str
    yours: Grid
    expected: Grid
    wrong: tuple[tuple[bool, ...], ...]
    where: str = ""
    first: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (0, 0)

    @property
    def cut(self) -> bool:
        """Whether there is more than what is shown."""
        return (len(self.yours), len(self.yours[0])) != self.size

    def record(self) -> dict[str, Any]:
        """As JSON holds it: not-a-number and the infinities are words, rows of `wrong` are words of 0 and 1."""
        return {
            "axes": [self.rows_axis, self.columns_axis],
            "where": self.where,
            "first": list(self.first),
            "size": list(self.size),
            "yours": [[_plain(value) for value in row] for row in self.yours],
            "expected": [[_plain(value) for value in row] for row in self.expected],
            "wrong": ["".join("01"[value] for value in row) for row in self.wrong],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> TensorDiff:
        rows, columns = record["axes"]
        return cls(
            rows,
            columns,
            _grid(record["yours"]),
            _grid(record["expected"]),
            tuple(tuple(value == "1" for value in row) for row in record["wrong"]),
            record["where"],
            (record["first"][0], record["first"][1]),
            (record["size"][0], record["size"][1]),
        )


def _grid(rows: list[list[float | str]]) -> Grid:
    return tuple(tuple(float(value) for value in row) for row in rows)


def _plain(value: float) -> float | int | str:
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    return int(value) if value == int(value) else value


def picture(yours: Tensor, expected: Tensor, wrong: Tensor, worst: Sequence[int], axes: list[str]) -> TensorDiff | None:
    """The part of a difference that holds its worst entry; None for a single number, and where both look alike.

    Args:
        yours, expected: real tensors of one shape.
        wrong: bool, where they differ.
        worst: the indices of the worst entry.
        axes: a word for each axis, or none at all.
    """
    if yours.numel() < 2:
        return None
    names = axes if len(axes) == yours.dim() else [f"axis {axis}" for axis in range(yours.dim())]
    if yours.dim() == 1:
        yours, expected, wrong, names, worst = yours[None], expected[None], wrong[None], ["", *names], [0, *worst]
    *lead, row, column = worst
    top, left = _start(row, yours.shape[-2]), _start(column, yours.shape[-1])
    window: tuple[int | slice, ...] = (*lead, slice(top, top + MOST), slice(left, left + MOST))
    if _rows(yours[window]) == _rows(expected[window]):
        return None  # they differ behind the digits shown
    return TensorDiff(
        names[-2],
        names[-1],
        _rows(yours[window]),
        _rows(expected[window]),
        tuple(tuple(entry) for entry in wrong[window].tolist()),
        ", ".join(f"{name} {index}" for name, index in zip(names, lead, strict=False)),
        (top, left),
        (yours.shape[-2], yours.shape[-1]),
    )


def _start(at: int, size: int) -> int:
    """Where a window that holds `at` begins."""
    return min(max(at - MOST // 2, 0), max(size - MOST, 0))


def _rows(window: Tensor) -> Grid:
    return tuple(tuple(float(f"{value:.{DIGITS}g}") for value in row) for row in window.double().tolist())
