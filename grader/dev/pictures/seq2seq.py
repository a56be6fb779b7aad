"""Lessons 1 to 4: a chain, distances, forced and free decoding, weights over a source."""

from __future__ import annotations

import math

from grader.dev.pictures.drawing import Drawing, Shown, side_by_side, softmax


def chain() -> Shown:
    drawing = Drawing(640, 190)
    cells = 4
    for i in range(cells):
        x = 30 + 120 * i
        drawing.box(x, 60, 70, 50, "cell")
        drawing.text(x + 35, 160, f"token {i + 1}")
        drawing.line((x + 35, 144), (x + 35, 112), arrow=True)
        kind = "line-two" if i == cells - 1 else "line-one"
        drawing.line((x + 72, 75), (x + 118, 75), kind=kind, arrow=True)
        drawing.line((x + 72, 97), (x + 118, 97), kind=kind, arrow=True)
        drawing.text(x + 94, 68, "h", kind[5:], size=12)
        drawing.text(x + 94, 114, "c", kind[5:], size=12)
    drawing.box(510, 60, 100, 50, "decoder")
    drawing.text(500, 36, "the context: all that the decoder gets", "two", anchor="middle")
    boxes = "".join(["[cell] -h,c-> "] * cells) + "[decoder]"
    arrows = "".join([f"{'  ^':<14}"] * cells).rstrip()
    tokens = "".join(f"token {i + 1}".ljust(14) for i in range(cells)).rstrip()
    text = f"{boxes}\n{arrows}\n{tokens}"
    note = "the last h and c are the context: all that the decoder gets"
    return Shown(drawing.svg, f"{text}\n{note}")


def distances() -> Shown:
    drawing = Drawing(640, 230)
    lines: list[str] = []
    for y, name, order in ((95, "forward", "abcxyz"), (205, "reversed", "cbaxyz")):
        drawing.text(20, y, name, "quiet", anchor="start")
        steps = []
        for source, target, kind in (("a", "x", "one"), ("b", "y", "ink"), ("c", "z", "two")):
            left, right = order.index(source), order.index(target)
            steps.append(right - left)
            drawing.arc(
                150 + 60 * left,
                150 + 60 * right,
                y - 16,
                9 + 6 * (right - left),
                f"line-{kind}" if kind != "ink" else "line",
            )
        for i, token in enumerate(order):
            drawing.text(150 + 60 * i, y, token, size=16)
        drawing.text(500, y - 20, f"steps {', '.join(map(str, steps))}", anchor="start")
        drawing.text(500, y, f"mean {sum(steps) // 3}, smallest {min(steps)}", anchor="start")
        lines.append(f"{name:<11}" + "   ".join(order))
        for source, target in zip("abc", "xyz", strict=True):
            left, right = order.index(source), order.index(target)
            bow = " " * (11 + 4 * left) + "'" + "-" * (4 * (right - left) - 1) + "'"
            lines.append(f"{bow:<38}{source} to {target}: {right - left}")
        lines.append(f"{'':<38}mean {sum(steps) // 3}, smallest {min(steps)}")
    return Shown(drawing.svg, "\n".join(lines))


FAVOURITE = {"bos": "a", "a": "eos", "b": "a", "eos": "pad"}
TRUTH = ("b", "a", "eos")
"""Row 0 of the lesson's example: 1/2 for the favourite, 1/8 for each of the others."""


def forced_free() -> Shown:
    drawing = Drawing(640, 310)
    blocks = []
    for top, name in ((20, "forced"), (165, "free")):
        fed, loss = "bos", 0.0
        columns = []
        drawing.text(20, top + 62, name, "quiet", anchor="start")
        for i, truth in enumerate(TRUTH):
            wrote = FAVOURITE[fed]
            right = wrote == truth
            loss += math.log(2 if right else 8)
            columns.append((fed, wrote, truth, "1/2" if right else "1/8"))
            x = 110 + 140 * i
            drawing.box(x, top + 42, 70, 32, "step")
            drawing.text(x + 35, top + 118, f"fed {fed}", "one" if i and name == "forced" else "ink")
            drawing.line((x + 35, top + 104), (x + 35, top + 76), arrow=True)
            drawing.line((x + 35, top + 42), (x + 35, top + 24), arrow=True)
            drawing.text(x + 35, top + 16, f"{wrote}, truth {truth}", "ink" if right else "two")
            if i < 2:
                drawing.line((x + 70, top + 58), (x + 140, top + 58), arrow=True)
                if name == "free":
                    drawing.line(
                        (x + 45, top + 32),
                        (x + 104, top + 32),
                        (x + 104, top + 113),
                        (x + 138, top + 113),
                        kind="line-two",
                        arrow=True,
                        dashed=True,
                    )
            fed = truth if name == "forced" else wrote
        drawing.text(535, top + 62, f"loss {loss / 3:.3f}", anchor="start")
        rows = [
            f"{word:<8}" + "".join(f"{column[i]:>6}" for column in columns)
            for i, word in enumerate(("fed", "writes", "truth", "p"))
        ]
        blocks.append([name, *rows, f"loss {loss / 3:.3f}".rjust(26)])
    return Shown(drawing.svg, side_by_side(*blocks, gap=8))


def weights() -> Shown:
    scores = [2.0, 2.0, 3.0]
    drawing = Drawing(640, 170)
    blocks = []
    for left, name, real in ((20, "three real positions", 3), (340, "the third is padding", 2)):
        found = [*softmax(scores[:real]), *[0.0] * (3 - real)]
        drawing.text(left, 26, name, "quiet", anchor="start")
        rows = [name]
        for i, weight in enumerate(found):
            y = 42 + 40 * i
            drawing.text(
                left, y + 19, f"k{i + 1}, score {scores[i]:.0f}", "ink" if i < real else "quiet", anchor="start"
            )
            drawing.bar(left + 90, y + 4, 130 * weight, 20, "one")
            drawing.text(left + 98 + 130 * weight, y + 19, f"{weight:.3f}", anchor="start")
            rows.append(f"k{i + 1}  score {scores[i]:.0f}  {weight:.3f} {'#' * round(20 * weight)}")
        blocks.append(rows)
    return Shown(drawing.svg, side_by_side(*blocks))


def pictures() -> dict[str, Shown]:
    return {
        "ex01_chain": chain(),
        "ex02_distances": distances(),
        "ex03_forced_free": forced_free(),
        "ex04_weights": weights(),
    }
