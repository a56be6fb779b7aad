"""Names, paths, numbers and messages made fit for a sentence: one place for characters that are unsafe to show."""

from __future__ import annotations

import codecs
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from grader.system import WINDOWS

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""In a name: control characters, and marks that cannot be seen or turn the direction of writing."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""In a message, which may have several lines: what a terminal or a JSON reader stumbles over."""


_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_AS_ASCII = str.maketrans(
    {
        **dict.fromkeys("\u2022\u00b7\u25cf\u25aa", "*"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\u2500\u2501\u2550", "-"),
        **dict.fromkeys("\u2502\u2503\u2551\u258c", "|"),
        **dict.fromkeys("\u250c\u2510\u2514\u2518\u250f\u2513\u2517\u251b\u253c\u2521\u2529", "+"),
        **dict.fromkeys("\u2554\u2557\u255a\u255d", "+"),
        **dict.fromkeys("\u2018\u2019", "'"),
        **dict.fromkeys("\u201c\u201d", '"'),
        **{"\u2026": "...", "\u00d7": "x", "\u00a0": " ", "\u2192": "->", "\u2190": "<-", "\u00b1": "+-"},
        **{"\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\u221a": "sqrt", "\u2208": "in", "\u2248": "~"},
    }
)
"""What stands for a sign of typography where a console has none."""
PLAIN = "grader.plain"
"""The name of the error handler for `str.encode` that writes them so; anything else becomes a question mark."""


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end].translate(_AS_ASCII)
    return "".join(sign if sign.isascii() else "?" for sign in lost), error.end


codecs.register_error(PLAIN, _plainly)


def fitted(text: str, encoding: str) -> str:
    """Text as a console with this encoding can show it."""
    return text.encode(encoding, PLAIN).decode(encoding)


def command_line(words: Sequence[str]) -> str:
    """A command as it is typed: into a shell of Linux or a Mac, on Windows into cmd and PowerShell alike."""
    return " ".join(_quoted_on_windows(word) if WINDOWS else shlex.quote(word) for word in words)


def _quoted_on_windows(word: str) -> str:
    return word if re.fullmatch(r"[\w\-.:\\/=+]+", word) else f'"{word}"'


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


def duration(seconds: float) -> str:
    """75 -> 1 min 15 s."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ordinal(number: int) -> str:
    """`first` for 1."""
    return _ORDINALS[number - 1] if 0 < number <= len(_ORDINALS) else f"{number}th"
