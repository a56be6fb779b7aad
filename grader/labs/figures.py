"""Figures as PNG and SVG through matplotlib: one look for all, readable in grey, on white and on dark pages."""

from __future__ import annotations

import io
import textwrap
from typing import Any

from grader.labs.lab import Figure

STYLE: dict[str, Any] = {
    "figure.figsize": (7.2, 4.2),
    "figure.dpi": 120,
    "figure.facecolor": "white",
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 11,
    "axes.axisbelow": True,
    "figure.titlesize": 12,
    "lines.linewidth": 2,
    "svg.fonttype": "none",
    "svg.hashsalt": "lab",
    "font.family": ["Noto Sans CJK KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo", "DejaVu Sans"],
}
COLOURS = ("#1f4e8c", "#d9822b", "#111111", "#7aa6d1")
"""Apart in grey and for every kind of colour blindness; lines have styles of their own besides."""
WIDTH = 78
"""Characters of a line of a title."""


def can_show(text: str) -> bool:
    """Whether a font that is installed here has every one of these characters."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    for name in STYLE["font.family"]:
        try:
            font = get_font(findfont(FontProperties(family=name), fallback_to_default=False))
        except ValueError:
            continue
        if all(font.get_char_index(ord(character)) for character in text):
            return True
    return False


def drawn(figure: Figure) -> dict[str, bytes]:
    """The figure in each format: `png` and `svg`, the same bytes every time."""
    import logging

    import matplotlib
    from cycler import cycler
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # a font that is not here has others after it
    found = {}
    style: Any = {**STYLE, "axes.prop_cycle": cycler(color=COLOURS)}
    with matplotlib.rc_context(style):
        canvas = Canvas(layout="constrained")
        FigureCanvasAgg(canvas)
        axes = canvas.add_subplot()
        figure.draw(axes)
        canvas.suptitle("\n".join(_title(figure.title)), x=0.01, ha="left")  # wider than the axes may be
        for kind, plain in (("png", {"Software": None}), ("svg", {"Date": None})):
            data = io.BytesIO()
            canvas.savefig(data, format=kind, metadata=plain)
            found[kind] = data.getvalue()
    return found


def _title(text: str) -> list[str]:
    """A title in as few lines as it needs, and these about as long as each other."""
    text = text.replace(" %", "\u00a0%")  # which does not begin a line
    lines = textwrap.wrap(text, WIDTH)
    for width in range(WIDTH - 1, 0, -1):
        if len(shorter := textwrap.wrap(text, width)) > len(lines):
            break
        lines = shorter
    return lines
