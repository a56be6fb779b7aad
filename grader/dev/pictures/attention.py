"""Lessons 5 to 8: waves, the five steps, heads by hand, masks, split and concatenate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from grader.dev.pictures.drawing import Drawing, Shown, product, side_by_side, softmax

Rows = Sequence[Sequence[float]]
BASE, WIDTH, LENGTH = 100.0, 4, 32
RAMP = " .:-=+*#%@"


def encoding(position: float) -> list[float]:
    """A row of the lesson's table: base 100, four columns."""
    angles = [position / BASE ** (2 * i / WIDTH) for i in range(WIDTH // 2)]
    return [wave(angle) for angle in angles for wave in (math.sin, math.cos)]


def waves() -> Shown:
    drawing = Drawing(640, 300)
    names = ("sin(p)", "cos(p)", "sin(p/10)", "cos(p/10)")
    table = [encoding(position) for position in range(LENGTH)]
    lines = []
    for column, name in enumerate(names):
        middle = 48 + 62 * column
        drawing.text(16, middle + 4, name, anchor="start")
        drawing.line((105, middle), (625, middle), width=0.5)
        fine = [(105 + 520 * step / 248, middle - 22 * encoding(step / 8)[column]) for step in range(249)]
        drawing.line(*fine, kind="line-one" if column < 2 else "line-two", width=1.8)
        shades = (RAMP[min(9, int((row[column] + 1) * 5))] for row in table)
        lines.append(f"{name:<10}|" + "".join(shades) + "|")
    drawing.text(105, 288, "position 0", "quiet")
    drawing.text(625, 288, f"position {LENGTH - 1}", "quiet", anchor="end")
    lines += [f"{'':<10} 0{'position 31':>31}", "each character is an entry of the table, from -1 (blank) to 1 (@)"]
    return Shown(drawing.svg, "\n".join(lines))


def turn() -> Shown:
    drawing = Drawing(640, 250)
    x, y, radius = 150, 125, 95
    drawing.circle(x, y, radius)
    lines = ["p  angle     sin     cos"]
    for position in range(3):
        sine, cosine = encoding(position)[:2]
        tip = (x + radius * sine, y - radius * cosine)  # like a clock: it begins above and turns to the right
        drawing.line((x, y), tip, kind="line-one", arrow=True, width=2)
        drawing.text(
            x + 1.17 * radius * sine,
            y - 1.1 * radius * cosine + 4,
            f"p = {position}",
            anchor="middle" if not position else "start",
        )
        drawing.text(330, 80 + 30 * position, f"row {position}: sin {sine:.3f}, cos {cosine:.3f}", anchor="start")
        lines.append(f"{position}  {position:<6}{sine:>7.3f} {cosine:>7.3f}")
    drawing.text(330, 190, "each is the one before it, turned by 1", "one", anchor="start")
    return Shown(drawing.svg, "\n".join([*lines, "each row is the one before it, turned by an angle of 1"]))


X = [[1, 0], [0, 1], [1, 1]]
W_Q = [[1, 1, 1, 1], [2, 0, 0, 0]]
W_K = [[1, 0, 1, 0], [0, 2, 0, 0]]
W_V = [[1], [3]]
"""The lesson's numbers."""


def _short(rows: Rows, digits: int = 0) -> list[list[str]]:
    return [[f"{value:.{digits}f}" for value in row] for row in rows]


def _block(name: str, rows: Rows, digits: int = 0) -> list[str]:
    return [name, *(" ".join(row) for row in _short(rows, digits))]


def steps() -> Shown:
    q, k, v = product(X, W_Q), product(X, W_K), product(X, W_V)
    raw = product(q, [list(row) for row in zip(*k, strict=True)])
    scores = [[value / math.sqrt(4) for value in row] for row in raw]
    found = [softmax(row) for row in scores]
    output = product(found, v)
    drawing = Drawing(640, 250)
    top: list[tuple[str, Rows]] = [("x", X), ("1. q = x w_q", q), ("k = x w_k", k), ("v = x w_v", v)]
    left = 20.0
    for name, rows in top:
        drawing.text(left, 34, name, "quiet", anchor="start")
        drawing.table(left, 44, _short(rows), width=28)
        left += 28 * len(rows[0]) + 45
    below: list[tuple[str, Rows, int, float]] = [
        ("q times k", raw, 0, 30),
        ("divided by 2", scores, 0, 30),
        ("softmax", found, 3, 48),
        ("weights times v", output, 2, 48),
    ]
    left = 20.0
    for number, (name, rows, digits, width) in enumerate(below, 2):
        drawing.text(left, 152, f"{number}. {name}", "quiet", anchor="start", size=12)
        drawing.table(left, 162, _short(rows, digits), rows if digits == 3 else None, width=width)
        left += max(width * len(rows[0]) + 30, 125)
    text = side_by_side(*(_block(name, rows) for name, rows in top), gap=5)
    rest = side_by_side(*(_block(name, rows, digits) for name, rows, digits, _ in below), gap=3)
    return Shown(drawing.svg, f"{text}\n\n{rest}")


WORDS = ("to", "be", "or", "not", "to", "be")
SHARPNESS = 20


def heads() -> Shown:
    """The weights of the lesson's three heads."""
    length = len(WORDS)
    places = [encoding(position) for position in range(length)]
    before = [encoding(position - 1) for position in range(length)]
    asked = {
        "one word back": product(before, [list(column) for column in zip(*places, strict=True)]),
        "the same word": [[float(a == b) for b in WORDS] for a in WORDS],
        "an average": [[0.0] * length for _ in WORDS],
    }
    drawing = Drawing(640, 220)
    blocks = []
    for number, (name, rows) in enumerate(asked.items()):
        found = [softmax([SHARPNESS * value / math.sqrt(WIDTH) for value in row]) for row in rows]
        left = 44 + 204 * number
        drawing.text(left, 24, name, "quiet", anchor="start")
        drawing.table(
            left,
            50,
            [[_hundredths(value) for value in row] for row in found],
            found,
            width=26,
        )
        for i, word in enumerate(WORDS):
            drawing.text(left - 6, 67 + 24 * i, word, "quiet", size=11, anchor="end")
            drawing.text(left + 26 * i + 13, 44, word, "quiet", size=11)
        percent = (" ".join(f"{100 * value:3.0f}" if value >= 0.005 else "  ." for value in row) for row in found)
        blocks.append(
            [name, *(f"{word:<3}{row}" for word, row in zip(WORDS, percent, strict=True))]
            if not number
            else [name, *percent]
        )
    first, second, third = ([block[0], *block[1:]] for block in blocks)
    percent_rows = side_by_side(first, second, third, gap=2)
    return Shown(drawing.svg, f"{percent_rows}\nrows ask, columns answer in the same order; weights in percent")


def _hundredths(value: float) -> str:
    """.98, or 1, or nothing."""
    return f"{value:.2f}".lstrip("0").replace("1.00", "1") if value >= 0.005 else ""


def masks() -> Shown:
    real, length = 2, 3
    tables = {
        "padding": [[float(key < real) for key in range(length)] for _ in range(length)],
        "causal": [[float(key <= query) for key in range(length)] for query in range(length)],
    }
    tables["both"] = [
        [a * b for a, b in zip(*rows, strict=True)] for rows in zip(tables["padding"], tables["causal"], strict=True)
    ]
    drawing = Drawing(640, 190)
    blocks = []
    for number, (name, rows) in enumerate(tables.items()):
        left = 70 + 195 * number
        drawing.text(left + 60, 28, name)
        drawing.table(left, 56, _short(rows), rows, width=40, height=34)
        for key in range(length):
            drawing.text(left + 40 * key + 20, 49, f"key {key}", "quiet", size=11)
            drawing.text(left - 6, 78 + 34 * key, f"query {key}" if not number else "", "quiet", size=11, anchor="end")
        blocks.append(
            [f"{name:<8}key 0 1 2", *(f"query {i}     " + " ".join(row) for i, row in enumerate(_short(rows)))]
        )
    drawing.text(70, 182, "1: this query may see this key", "quiet", anchor="start", size=12)
    return Shown(drawing.svg, side_by_side(*blocks))


def split() -> Shown:
    tokens = [[1, 2, 3, 4], [5, 6, 7, 8]]
    drawing = Drawing(640, 190)

    def rows(left: float, top: float, cells: Rows, first: int) -> None:
        for i, row in enumerate(cells):
            for j, value in enumerate(row):
                drawing.cell(
                    left + 32 * j, top + 26 * i, 32, 26, f"{value:.0f}", 0.7, "one" if first + j < 2 else "two"
                )

    drawing.text(30, 44, "two tokens of width 4", "quiet", anchor="start")
    rows(30, 66, tokens, 0)
    drawing.line((168, 92), (226, 60), arrow=True)
    drawing.line((168, 92), (226, 132), arrow=True)
    drawing.text(262, 24, "head 0", "one")
    rows(230, 34, [row[:2] for row in tokens], 0)
    drawing.text(262, 176, "head 1", "two")
    rows(230, 106, [row[2:] for row in tokens], 2)
    drawing.text(365, 97, "attend")
    drawing.line((302, 60), (330, 82), arrow=True)
    drawing.line((302, 132), (330, 110), arrow=True)
    drawing.line((398, 92), (446, 92), arrow=True)
    drawing.text(450, 44, "concatenated", "quiet", anchor="start")
    rows(450, 66, tokens, 0)
    halves = [
        ["tokens", "1 2 | 3 4", "5 6 | 7 8"],
        ["split", "head 0: 1 2", "        5 6", "head 1: 3 4", "        7 8"],
        ["concatenate", "1 2 | 3 4", "5 6 | 7 8"],
    ]
    return Shown(drawing.svg, side_by_side(*halves))


def pictures() -> dict[str, Shown]:
    return {
        "ex05_waves": waves(),
        "ex05_turn": turn(),
        "ex06_steps": steps(),
        "ex06_heads": heads(),
        "ex07_masks": masks(),
        "ex08_split": split(),
    }
