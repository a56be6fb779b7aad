"""Lessons 9 to 12: a layer of the encoder, of the decoder, the whole model, one update."""

from __future__ import annotations

import math
from collections.abc import Sequence

from grader.dev.pictures.drawing import Drawing, Shown, side_by_side


def _layer(drawing: Drawing, x: float, bottom: float, parts: Sequence[str]) -> list[float]:
    """Parts from below upwards, each with a residual line and a norm; returns the middle of each part."""
    y, middles = bottom, []
    for part in parts:
        drawing.line((x, y), (x, y - 26), arrow=True)
        drawing.box(x - 85, y - 56, 170, 30, part)
        middles.append(y - 41)
        drawing.line((x, y - 56), (x, y - 74), arrow=True)
        drawing.line((x, y - 12), (x - 115, y - 12), (x - 115, y - 87), (x - 85, y - 87), kind="line-one", arrow=True)
        drawing.box(x - 85, y - 102, 170, 28, "add, then norm")
        y -= 102
    drawing.line((x, y), (x, y - 24), arrow=True)
    return middles


def encoder_layer() -> Shown:
    drawing = Drawing(640, 290)
    _layer(drawing, 330, 262, ["self-attention", "feed-forward"])
    drawing.text(330, 280, "x (batch, length, d_model)")
    drawing.text(330, 26, "the same shape")
    drawing.text(205, 170, "residual", "one", anchor="end")
    text = """\
x ---+-> self-attention -> (+) -> norm ---+-> feed-forward -> (+) -> norm
     |                      ^             |                    ^
     +------ residual ------+             +----- residual -----+"""
    return Shown(drawing.svg, text)


def decoder_layer() -> Shown:
    drawing = Drawing(640, 390)
    middles = _layer(drawing, 250, 362, ["masked self-attention", "cross-attention", "feed-forward"])
    drawing.text(250, 380, "x (batch, target, d_model)")
    drawing.box(450, middles[1] - 24, 160, 48, "memory")
    drawing.text(530, middles[1] + 42, "(batch, source, d_model)", "quiet", size=12)
    drawing.line((450, middles[1]), (337, middles[1]), kind="line-two", arrow=True)
    drawing.text(393, middles[1] - 8, "keys, values", "two", size=12)
    text = """\
    ^
add, norm <--- feed-forward
    ^
add, norm <--- cross-attention <--- keys and values: the memory
    ^
add, norm <--- masked self-attention
    ^
    x          each `add` also gets what comes up from below"""
    return Shown(drawing.svg, text)


def stack() -> Shown:
    drawing = Drawing(640, 330)
    columns = {
        150: ("source ids", "embedding, times sqrt(d_model)", "add positions", "encoder layers", "memory"),
        460: (
            "decoder input: bos, y_1, y_2",
            "embedding, times sqrt(d_model)",
            "add positions",
            "decoder layers",
            "linear: logits",
        ),
    }
    for x, names in columns.items():
        for i, name in enumerate(names):
            y = 290 - 62 * i
            if i == 0:
                drawing.text(x, y + 10, name)
            else:
                drawing.box(x - 110, y - 14, 220, 32, name, "two" if name == "memory" else "ink")
            if i < len(names) - 1:
                drawing.line((x, y - (6 if i == 0 else 14)), (x, y - 44), arrow=True)
    drawing.line((260, 44), (305, 44), (305, 106), (348, 106), kind="line-two", arrow=True)
    drawing.text(310, 78, "into each layer", "two", size=12, anchor="start")
    left = [
        "memory",
        "  ^",
        "encoder layers",
        "  ^",
        "add positions",
        "  ^",
        "embedding, times sqrt(d_model)",
        "  ^",
        "source ids",
    ]
    right = ["logits", "  ^", "decoder layers  <-- memory", "  ^", *left[4:8], "decoder input: bos, y_1, y_2"]
    return Shown(drawing.svg, side_by_side(left, right, gap=6))


def update() -> Shown:
    """The lesson's step: three words, the target is token 2, all logits 0, d_model 8, clipped to 1."""
    probability = [1 / 3] * 3
    gradient = [p - (token == 2) for token, p in enumerate(probability)]
    norm = math.sqrt(sum(value**2 for value in gradient) * (1 + 8))
    clipped = [value / norm for value in gradient]
    rows = {
        "probability": probability,
        "gradient of the bias": gradient,
        f"clipped: divided by {norm:.3f}": clipped,
        "the bias after the step": [-value for value in clipped],
    }
    drawing = Drawing(640, 280)
    lines = [f"{'':<26}" + "".join(f"{f'token {token}':>10}" for token in range(3))]
    for token in range(3):
        drawing.text(300 + 120 * token, 26, f"token {token}", "quiet")
    for i, (name, values) in enumerate(rows.items()):
        y = 75 + 58 * i
        drawing.text(20, y + 5, name, anchor="start")
        drawing.line((240, y), (620, y), width=0.5)
        for token, value in enumerate(values):
            height = 34 * abs(value)
            drawing.bar(275 + 120 * token, y - max(0.0, value) * 34, 22, height, "one" if value > 0 else "two")
            drawing.text(304 + 120 * token, y - 5 if value > 0 else y + 15, f"{value:.3f}", anchor="start", size=12)
        lines.append(f"{name:<26}" + "".join(f"{value:>10.3f}" for value in values))
    return Shown(drawing.svg, "\n".join(lines))


def pictures() -> dict[str, Shown]:
    return {
        "ex09_layer": encoder_layer(),
        "ex10_layer": decoder_layer(),
        "ex11_stack": stack(),
        "ex12_update": update(),
    }
