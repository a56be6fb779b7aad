"""SVG by hand: a few shapes, in colours that can be read on white and on black pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]
STYLE = """
.pic-paper{fill:#fbfaf7}.pic-card{fill:#fff;stroke:#9aa0a6}.pic-ink{fill:#1d2126}.pic-quiet{fill:#59616b}
.pic-one{fill:#1c5d99}.pic-two{fill:#a34a0a}.pic-line{stroke:#59616b;fill:none}
.pic-line-one{stroke:#1c5d99;fill:none}.pic-line-two{stroke:#a34a0a;fill:none}
@media (prefers-color-scheme:dark){
.pic-paper{fill:#16191d}.pic-card{fill:#1e2227;stroke:#5c6470}.pic-ink{fill:#e7e5df}.pic-quiet{fill:#a3abb5}
.pic-one{fill:#86bdf0}.pic-two{fill:#f0a35e}.pic-line{stroke:#a3abb5;fill:none}
.pic-line-one{stroke:#86bdf0;fill:none}.pic-line-two{stroke:#f0a35e;fill:none}}
"""
"""`one` and `two` are apart for every kind of colour blindness."""
STRONGEST = 0.5
"""How much of a colour stands behind a number at most: the number stays readable."""


@dataclass(frozen=True)
class Shown:
    """A picture twice: as SVG, and in characters for a terminal."""

    svg: str
    text: str


class Drawing:
    """Collects shapes; its own paper is behind them, so that the page's colour does not matter.

    Args:
        width, height: in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._parts: list[str] = []

    def text(
        self, x: float, y: float, words: str, kind: str = "ink", *, size: int = 13, anchor: str = "middle"
    ) -> None:
        self._parts.append(
            f'<text class="pic-{kind}" x="{_n(x)}" y="{_n(y)}" font-size="{size}" text-anchor="{anchor}">'
            f"{escape(words, quote=False)}</text>"
        )

    def box(self, x: float, y: float, width: float, height: float, words: str = "", kind: str = "ink") -> None:
        """A card with words in its middle."""
        self._parts.append(
            f'<rect class="pic-card" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="5"/>'
        )
        if words:
            self.text(x + width / 2, y + height / 2 + 4.5, words, kind)

    def cell(
        self, x: float, y: float, width: float, height: float, words: str, share: float = 0, kind: str = "one"
    ) -> None:
        """An entry of a table, the more coloured the larger its share of 1."""
        frame = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        self._parts.append(f'<rect class="pic-card" {frame}/>')
        if share > 0:
            self._parts.append(f'<rect class="pic-{kind}" {frame} fill-opacity="{_n(STRONGEST * min(1, share), 2)}"/>')
        if words:
            self.text(x + width / 2, y + height / 2 + 4.5, words)

    def table(
        self,
        x: float,
        y: float,
        rows: Sequence[Sequence[str]],
        shares: Sequence[Sequence[float]] | None = None,
        *,
        width: float = 34,
        height: float = 24,
        kind: str = "one",
    ) -> None:
        for i, row in enumerate(rows):
            for j, words in enumerate(row):
                share = shares[i][j] if shares else 0
                self.cell(x + width * j, y + height * i, width, height, words, share, kind)

    def line(
        self, *points: Point, kind: str = "line", arrow: bool = False, dashed: bool = False, width: float = 1.5
    ) -> None:
        path = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(f'<path class="pic-{kind}" d="M{path}" stroke-width="{width}"{dashes}/>')
        if arrow:
            self._head(points[-2], points[-1], kind.replace("line-", "").replace("line", "quiet"))

    def _head(self, start: Point, end: Point, kind: str) -> None:
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        sides = ((end[0] - 9 * math.cos(angle + turn), end[1] - 9 * math.sin(angle + turn)) for turn in (0.42, -0.42))
        path = "L".join(f"{_n(x)} {_n(y)}" for x, y in (end, *sides))
        self._parts.append(f'<path class="pic-{kind}" d="M{path}Z"/>')

    def arc(self, left: float, right: float, y: float, height: float, kind: str) -> None:
        """A bow over two places of a line."""
        path = f"M{_n(left)} {_n(y)}Q{_n((left + right) / 2)} {_n(y - 2 * height)} {_n(right)} {_n(y)}"
        self._parts.append(f'<path class="pic-{kind}" d="{path}" stroke-width="1.8"/>')

    def bar(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        self._parts.append(
            f'<rect class="pic-{kind}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"/>'
        )

    def circle(self, x: float, y: float, radius: float, kind: str = "line") -> None:
        self._parts.append(f'<circle class="pic-{kind}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"/>')

    @property
    def svg(self) -> str:
        w, h = self._width, self._height
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}"'
            ' font-family="system-ui, sans-serif">'
        )
        paper = f'<rect class="pic-paper" width="{w}" height="{h}" rx="8"/>'
        style = f"<style>{STYLE}</style>"
        return "\n".join([head, style, paper, *self._parts, "</svg>"]) + "\n"


def _n(number: float, digits: int = 1) -> str:
    """A number as short as it can be: the same on every machine."""
    return f"{round(number, digits) + 0.0:.{digits}f}".rstrip("0").rstrip(".")


def side_by_side(*columns: Sequence[str], gap: int = 4) -> str:
    """Blocks of lines beside each other."""
    height = max(map(len, columns))
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for i in range(height):
        parts = [
            (column[i] if i < len(column) else "").ljust(width) for column, width in zip(columns, widths, strict=True)
        ]
        lines.append((" " * gap).join(parts).rstrip())
    return "\n".join(lines)


def softmax(scores: Sequence[float]) -> list[float]:
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def product(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> list[list[float]]:
    """Of two matrices."""
    return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)] for row in a]
