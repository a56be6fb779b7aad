"""A wrong tensor beside the right one, in characters: numbers where they fit, else shades. Imports no torch."""

from __future__ import annotations

import math

from grader.results.tensor_diff import Grid, TensorDiff

WRONG = "*"
"""Stands behind a wrong number."""
ROWS = 10
"""More rows than these push the sentence off the screen: such a table is drawn in shades, which are read as a whole."""
SHADES = " .:-=+*#%@"
"""From the smallest value to the largest; plain ASCII, so that every terminal shows the same."""
NOT_A_NUMBER, INFINITE = "?", "!"
SMALLEST = 3
"""A picture of fewer entries says no more than the worst entry does."""
MOST_DIGITS = 4


def lines(picture: TensorDiff, width: int = 76) -> list[str]:
    """The two side by side and what their axes are; nothing where a picture would say nothing.

    Args:
        width: columns of the terminal that are free.
    """
    if len(picture.expected) * len(picture.expected[0]) < SMALLEST:
        return []
    for numbers in (_beside(*_numbers(picture)), _below(*_numbers(picture))):
        if len(numbers) <= ROWS + 2 and max(map(len, numbers)) <= width:
            return [_caption(picture, f"{WRONG} is wrong"), *numbers]
    return _shades(picture)


def _caption(picture: TensorDiff, mark: str = "") -> str:
    place = f"{picture.where}: " if picture.where else ""
    rows = f"rows are {picture.rows_axis}{_part(picture, 0)}, " if picture.rows_axis else ""
    words = f"{place}{rows}columns {'' if rows else 'are '}{picture.columns_axis}{_part(picture, 1)}"
    return f"{words}; {mark}" if mark else words


def _part(picture: TensorDiff, axis: int) -> str:
    """Which part of an axis is shown, where it is not the whole."""
    shown = len(picture.expected[0]) if axis else len(picture.expected)
    first = picture.first[axis]
    return f" {first} to {first + shown - 1} of {picture.size[axis]}" if shown < picture.size[axis] else ""


# -------------------------------------------------------------------------------------------------- numbers


def _numbers(picture: TensorDiff) -> tuple[list[str], list[str]]:
    """The two tables, each with a title and the indices of its columns; the first has those of the rows as well."""
    mine, right = _texts(picture)
    size = 1 + max(len(text) for grid in (mine, right) for row in grid for text in row)
    top, left = picture.first
    index = len(str(top + len(right) - 1)) if picture.rows_axis else 0
    columns = "".join(f"{left + j:>{size}} " for j in range(len(right[0])))
    yours, expected = [f"{'':{index}}  yours", f"{'':{index}} {columns}"], ["  expected", f" {columns}"]
    for i, (row, other, wrong) in enumerate(zip(mine, right, picture.wrong, strict=True)):
        name = f"{top + i:>{index}}" if index else ""
        marked = (f"{text:>{size}}{WRONG if bad else ' '}" for text, bad in zip(row, wrong, strict=True))
        yours.append(f"{name} {''.join(marked)}")
        expected.append(" " + "".join(f"{text:>{size}} " for text in other))
    return yours, expected


def _beside(yours: list[str], expected: list[str]) -> list[str]:
    width = max(map(len, yours))
    return [f"{a:<{width}} {b}".rstrip() for a, b in zip(yours, expected, strict=True)]


def _below(yours: list[str], expected: list[str]) -> list[str]:
    indent = " " * (len(yours[1]) - len(expected[1]))
    return [line.rstrip() for line in (*yours, *(f"{indent}{line}" for line in expected))]


def _texts(picture: TensorDiff) -> tuple[list[list[str]], list[list[str]]]:
    """Both grids with as few digits as tell a wrong entry from the right one."""
    for digits in range(3, MOST_DIGITS + 1):
        mine, right = (
            [[number(value, digits) for value in row] for row in grid] for grid in (picture.yours, picture.expected)
        )
        pairs = zip(mine, right, picture.wrong, strict=True)
        if not any(a == b and bad for row, other, wrong in pairs for a, b, bad in zip(row, other, wrong, strict=True)):
            break
    return mine, right


def number(value: float, digits: int) -> str:
    """Whole numbers as they are, others with so many significant digits."""
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e6
    return f"{value:.0f}" if whole else f"{value:.{digits}g}"


# --------------------------------------------------------------------------------------------------- shades


def _shades(picture: TensorDiff) -> list[str]:
    rows, columns = len(picture.expected), len(picture.expected[0])
    finite = [v for grid in (picture.yours, picture.expected) for row in grid for v in row if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    mine, right = _drawn(picture.yours, low, high), _drawn(picture.expected, low, high)
    if rows < 2 or mine == right:
        return []
    width = max(2 * columns - 1, len("expected"))
    found = [_caption(picture), f"  {'yours':<{width}}    expected"]
    found += [f"  {a:<{width}}    {b}".rstrip() for a, b in zip(mine, right, strict=True)]
    odd = "".join(f", {mark} is {name}" for mark, name, there in _odd(picture) if there)
    return [*found, f"  from {low:.3g} (blank) to {high:.3g} ({SHADES[-1]}): {SHADES.strip()}{odd}"]


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
    if low == high:
        return SHADES[-1]
    return SHADES[min(int((value - low) / (high - low) * len(SHADES)), len(SHADES) - 1)]
