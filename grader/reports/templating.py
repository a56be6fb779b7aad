"""Pages of HTML from grader/templates: whole in one file, and any text in them is shown as text."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.paths import TEMPLATES
from grader.text import plain

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(value: Any) -> Any:
    """Text with a sign for each character that has none: controls, marks that turn the direction, half characters."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNSEEN.sub(_sign, value)


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else f"\u27e8U+{code:04X}\u27e9"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda number: "none" if number is None else plain(number)
    environment.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    return environment


def script(name: str) -> tuple[Markup, str]:
    """A script of grader/templates, and its source as a content security policy names it: nothing else may run."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"'sha256-{digest}'"


def render(template: str, **values: Any) -> str:
    """A template of grader/templates, filled."""
    return _environment().get_template(template).render(**values)


@lru_cache(maxsize=8192)
def part(name: str, *arguments: Any) -> Markup:
    """A macro of parts.html, filled; the same parts stand on the pages of every student and are made once."""
    return Markup(getattr(_environment().get_template("parts.html").module, name)(*arguments))


@lru_cache(maxsize=2048)
def silent_rows(checks: tuple[tuple[str, str, str, float, float], ...]) -> Markup:
    """The rows of checks that have nothing to say: title, device, verdict, points, points that can be had."""
    rows = (part("row_start", *check[:2], "") + part("row_end", *check[2:]) for check in checks)
    return Markup("\n").join(rows)
