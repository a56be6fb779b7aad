"""Figures as SVG text, to stand in a page or a notebook: a tensor's values, a histogram. No script, no request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from html import escape

from grader.results.tensor_diff import Grid, TensorDiff

CELL_WIDTH, CELL_HEIGHT = 40, 24
MARGIN = 30
"""Room for the index of a row, and above for those of the columns."""
_CELL = f"h{CELL_WIDTH}v{CELL_HEIGHT}h-{CELL_WIDTH}z"
_FRAME = f"h{CELL_WIDTH - 6}v{CELL_HEIGHT - 6}h-{CELL_WIDTH - 6}z"
NUMBER = 'font-size="11" text-anchor="middle"'
LOW, MIDDLE, HIGH = (122, 170, 222), (255, 255, 255), (246, 173, 96)
"""Negative, zero, positive: light enough for black digits, apart for every kind of colour blindness."""


def yours(picture: TensorDiff) -> str:
    """The learner's values; wrong entries have a thick border and an underlined number."""
    wrong = sum(sum(row) for row in picture.wrong)
    return _grid(picture, picture.yours, f"your values, {wrong} of them wrong", marked=True)


def expected(picture: TensorDiff) -> str:
    """The right values, in the same colours."""
    return _grid(picture, picture.expected, "the expected values", marked=False)


def _most(picture: TensorDiff) -> float:
    """The largest finite size of a value in both: what the darkest colour stands for."""
    values = (abs(value) for grid in (picture.yours, picture.expected) for row in grid for value in row)
    return max((value for value in values if math.isfinite(value)), default=0.0) or 1.0


def _grid(picture: TensorDiff, grid: Grid, label: str, *, marked: bool) -> str:
    most = _most(picture)
    width, height = MARGIN + CELL_WIDTH * len(grid[0]) + 2, MARGIN + CELL_HEIGHT * len(grid) + 2
    boxes, numbers, frames = [], [], []
    for i, row in enumerate(grid):
        for j, value in enumerate(row):
            x, y = MARGIN + CELL_WIDTH * j, MARGIN + CELL_HEIGHT * i
            boxes.append(f'<path d="M{x} {y}{_CELL}" fill="{colour(round(value / most, 2))}"/>')
            numbers.append(f'<text x="{x + CELL_WIDTH // 2}" y="{y + 16}">{short_number(value)}</text>')
            if marked and picture.wrong[i][j]:
                frames.append(f"M{x + 3} {y + 3}{_FRAME}")
                numbers[-1] = numbers[-1].replace("<text", '<text font-weight="700" text-decoration="underline"')
    framed = f'<path d="{"".join(frames)}" fill="none" stroke="#a3211b" stroke-width="2"/>' if frames else ""
    return "".join(
        [
            _head(width, height, f"{label}, {len(grid)} x {len(grid[0])}"),
            f'<g stroke="#999" stroke-width=".6">{"".join(boxes)}</g>{framed}',
            f'<g {NUMBER} fill="#111">{"".join(numbers)}</g>',
            f'<g {NUMBER} fill="currentColor">{"".join(_axes(picture, len(grid), len(grid[0])))}</g></svg>',
        ]
    )


def _head(width: int, height: int, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}"'
        f' viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif">'
    )


def _axes(picture: TensorDiff, rows: int, columns: int) -> list[str]:
    top, left = picture.first
    texts = [f'<text x="{MARGIN}" y="11" text-anchor="start">{escape(picture.columns_axis)} \u2192</text>']
    for j in range(columns):
        texts.append(f'<text x="{MARGIN + CELL_WIDTH * j + CELL_WIDTH // 2}" y="25" opacity=".75">{left + j}</text>')
    if picture.rows_axis:
        texts += [
            f'<text x="15" y="{MARGIN + CELL_HEIGHT * i + 16}" opacity=".75">{top + i}</text>' for i in range(rows)
        ]
    return texts


@lru_cache(maxsize=4096)
def colour(share: float) -> str:
    """From -1, blue, over 0, white, to 1, orange; grey for what is not finite."""
    if not math.isfinite(share):
        return "#bbb"
    end, amount = (HIGH if share > 0 else LOW), min(1.0, abs(share))
    return "#" + "".join(f"{round(a + (b - a) * amount):02x}" for a, b in zip(MIDDLE, end, strict=True))


@lru_cache(maxsize=65536)
def short_number(value: float) -> str:
    """At most six characters: 0.123, -12.3, 12346, 1e+06."""
    if not math.isfinite(value) or (abs(value) < 99_999 and (value == int(value) or abs(value) >= 1000)):
        return f"{value:.0f}"
    tries = (f"{value:.3g}", f"{value:.2g}", f"{value:.0e}")
    return next((text for text in tries if len(text) <= 6), tries[-1])


def histogram(counts: Sequence[int], labels: Sequence[str], label: str) -> str:
    """Bars, each with its count above and its label below."""
    step, tall = 52, 150
    most = max([*counts, 1])
    width = step * len(counts) + 8
    parts = [_head(width, tall + 48, label)]
    for i, (count, text) in enumerate(zip(counts, labels, strict=True)):
        high = round(tall * count / most, 1)
        x, middle = step * i + 6, step * i + 6 + (step - 6) / 2
        parts.append(
            f'<rect x="{x}" y="{20 + tall - high}" width="{step - 6}" height="{high}" fill="var(--bar, #7aa6d1)"/>'
        )
        shown = str(count) if count else ""
        parts.append(f'<text x="{middle}" y="{14 + tall - high}" {NUMBER} fill="currentColor">{shown}</text>')
        parts.append(f'<text x="{middle}" y="{tall + 38}" {NUMBER} fill="currentColor">{escape(text)}</text>')
    parts.append(f'<path d="M4 {tall + 20.5}H{width - 2}" stroke="currentColor" opacity=".5"/></svg>')
    return "".join(parts)
