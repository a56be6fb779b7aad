"""A small picture in characters: the learner's values beside the expected ones. Imports no torch."""

from __future__ import annotations

import math

from grader.results.tensor_diff import Grid, TensorDiff

SHADES = " .:-=+*#%@"
"""From the smallest value to the largest; plain ASCII, so that every terminal shows the same."""
NOT_A_NUMBER, INFINITE = "?", "!"
SMALLEST = 6
"""A picture of fewer entries says no more than the worst entry does."""


def lines(picture: TensorDiff) -> list[str]:
    """The two side by side on one scale, with a legend; nothing where a picture would say nothing."""
    rows, columns = len(picture.expected), len(picture.expected[0])
    if rows < 2 or rows * columns < SMALLEST:
        return []
    finite = [v for grid in (picture.yours, picture.expected) for row in grid for v in row if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    if low == high:
        return []
    width = max(2 * columns - 1, len("expected"))
    place = f"{picture.where}: " if picture.where else ""
    found = [
        f"{place}rows are {picture.rows_axis}{_part(picture, 0)}, columns {picture.columns_axis}{_part(picture, 1)}"
    ]
    found.append(f"  {'yours':<{width}}    expected")
    for mine, right in zip(_drawn(picture.yours, low, high), _drawn(picture.expected, low, high), strict=True):
        found.append(f"  {mine:<{width}}    {right}".rstrip())
    odd = "".join(f", {mark} is {name}" for mark, name, there in _odd(picture) if there)
    found.append(f"  from {low:.3g} (blank) to {high:.3g} ({SHADES[-1]}): {SHADES.strip()}{odd}")
    return found


def _part(picture: TensorDiff, axis: int) -> str:
    """Which part of an axis is shown, where it is not the whole."""
    shown = len(picture.expected[0]) if axis else len(picture.expected)
    first = picture.first[axis]
    return f" {first} to {first + shown - 1} of {picture.size[axis]}" if shown < picture.size[axis] else ""


def _odd(picture: TensorDiff) -> list[tuple[str, str, bool]]:
    values = [value for row in picture.yours for value in row]
    nan, infinite = any(math.isnan(v) for v in values), any(math.isinf(v) for v in values)
    return [(NOT_A_NUMBER, "not a number", nan), (INFINITE, "infinite", infinite)]


def _drawn(grid: Grid, low: float, high: float) -> list[str]:
    return [" ".join(_shade(value, low, high) for value in row) for row in grid]


def _shade(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return NOT_A_NUMBER
    if math.isinf(value):
        return INFINITE
    return SHADES[min(int((value - low) / (high - low) * len(SHADES)), len(SHADES) - 1)]
