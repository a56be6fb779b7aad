"""Hints: three rungs for each check, read from `tests/exNN_topic/hints.md`."""

from __future__ import annotations

import re
from pathlib import Path

_RUNG = re.compile(r"^([123])\. +", re.MULTILINE)


def read(file: Path) -> dict[str, list[str]]:
    """Check title -> its rungs, in the order of the file; empty where there is no file."""
    if not file.is_file():
        return {}
    sections = re.split(r"^## +", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {title.strip(): _rungs(body) for title, _, body in (section.partition("\n") for section in sections)}


def _rungs(body: str) -> list[str]:
    parts = _RUNG.split(body)
    return [" ".join(text.split()) if "```" not in text else text.strip() for text in parts[2::2]]


def of_check(hints: dict[str, list[str]], title: str) -> list[str]:
    """The rungs for a check, whatever parameters its title ends with."""
    return hints.get(title) or hints.get(re.sub(r" \(.*\)$", "", title), [])
