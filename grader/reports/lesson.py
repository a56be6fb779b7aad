"""A lesson as it is read: in a terminal, in a page. No formula reaches a renderer of Markdown, which would eat it."""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from grader.kit.discovery import Exercise
from grader.kit.lesson import Formula, Picture, parts
from grader.reports.terminal import READABLE, Screen

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_ADDRESS = re.compile(r"(?<![<\"`(])https?://[^\s<>`]*[^\s<>`.,;:)]")
INDENT = 4


def show(screen: Screen, exercise: Exercise) -> None:
    """The lesson in a terminal: formulas and pictures in characters."""
    console = screen.console
    width = min(console.width, READABLE)
    for number, part in enumerate(parts(exercise)):
        if number:
            console.print()
        if isinstance(part, Formula):
            console.print(Padding.indent(Text(part.plain, "bold"), INDENT))
        elif isinstance(part, Picture):
            console.print(Padding.indent(Text(part.text, no_wrap=part.is_drawn), INDENT), soft_wrap=part.is_drawn)
        else:
            console.print(Markdown(part.text), soft_wrap=False, width=width)


def as_html(exercise: Exercise) -> Markup:
    """The lesson for a page: formulas in MathML, pictures in SVG, all in the text itself."""
    return Markup("\n").join(_html(part) for part in parts(exercise))


def _html(part: object) -> Markup:
    if isinstance(part, Formula):
        return Markup('<div class="scroll formula">{}</div>').format(mathml(part))
    if isinstance(part, Picture):
        return Markup('<figure class="scroll picture">{}</figure>').format(svg(part))
    return markdown(getattr(part, "text", ""))


def mathml(formula: Formula) -> Markup:
    """The formula as browsers show it by themselves; a screen reader without mathematics reads the plain twin."""
    from latex2mathml.converter import convert

    made = convert(formula.latex, display="block")
    return Markup(made.replace("<math ", f'<math alttext="{escape(formula.plain)}" ', 1))


def svg(picture: Picture) -> Markup:
    """The drawing, named by its alternative; a lab's figure, whose names would meet those of others, as an image."""
    if not picture.is_drawn:
        data = base64.b64encode(picture.svg.read_bytes()).decode()
        return Markup('<img alt="{}" src="data:image/svg+xml;base64,{}">').format(picture.alternative, data)
    drawing = picture.svg.read_text(encoding="utf-8")
    return Markup(drawing.replace("<svg ", f'<svg role="img" aria-label="{escape(picture.alternative)}" ', 1))


def markdown(text: str) -> Markup:
    """Our own Markdown as HTML. Tags in it stay text."""
    return Markup(_markdown().render(_ADDRESS.sub(r"<\g<0>>", text)))


def inline(text: str) -> Markup:
    """One sentence of Markdown, without a paragraph around it."""
    return Markup(_markdown().renderInline(text))


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.add_render_rule("table_open", lambda *_: '<div class="scroll" tabindex="0"><table>\n')
    made.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return made
