"""Names, paths, numbers and messages made fit for a sentence: one place for characters that are unsafe to show."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""In a name: control characters, and marks that cannot be seen or turn the direction of writing."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""In a message, which may have several lines: what a terminal or a JSON reader stumbles over."""


def exact(name: str) -> str:
    """A name as it is, but for bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode()


def visible(name: str) -> str:
    """A name as it may stand in a sentence: no control characters, no bytes that are no text."""
    return _UNSAFE.sub("", exact(name))


def shown(path: str) -> str:
    """A path in a sentence, cut where it is long."""
    plain = visible(path)
    return plain if len(plain) <= 100 else f"{plain[:60]}...{plain[-37:]}"


def clean(text: str, limit: int) -> str:
    """Text without control characters, cut to a number of UTF-8 bytes."""
    plain = _CONTROL.sub("", text)
    data = plain.encode(errors="replace")
    return plain if len(data) <= limit else data[: limit - 3].decode(errors="ignore") + "..."


def plain(number: float) -> str:
    """8.0 -> 8, 8.25 -> 8.25."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def short_path(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return str(path) if relative.startswith("..") else relative


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence, the first ones of many: a, b, c and 12 more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
