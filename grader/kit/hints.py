"""Hints: three rungs for each check, read from `tests/exNN_topic/hints.md`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """The rungs for a check, whatever parameters its title ends with; those for an exception are the same for all."""
    if title == RAISED:
        return OF_AN_EXCEPTION
    return hints.get(title) or hints.get(re.sub(r" \(.*\)$", "", title), [])


def climb(memory: dict[str, Any], rungs: int, file: str) -> int | None:
    """The rung to show now, from 1; None where a save is asked for first. Asking again shows it anyway.

    Args:
        memory: what is kept of this check's hints; it is changed.
        rungs: how many there are.
        file: what the learner's file is known by now.
    """
    shown = memory.get("rung", 0)
    if shown >= rungs:
        return rungs
    if shown and memory.get("file") == file and not memory.get("asked"):
        memory["asked"] = True
        return None
    memory.update(rung=shown + 1, file=file, asked=False)
    return int(memory["rung"])


def worded(rungs: list[str], rung: int, diagnosis: str | None) -> str:
    """One rung as it is read; the middle one names the mistake where it was recognised."""
    text = rungs[rung - 1]
    if rung == 2 and diagnosis:
        text = f"{diagnosis} {text}"
    return f"hint {rung} of {len(rungs)}: {text}"


RAISED = "your code raised an exception"
"""The ladder of whatever check an exception stopped: what the check is about has little to do with it."""
OF_AN_EXCEPTION = [
    "Read the exception's own words, then the shapes under `given`. Which of them does not fit what the line expects?",
    "Write the shape of every tensor behind its line as a comment, beginning with the inputs that are listed. The"
    " line that raised is where two of them stop fitting.",
    "Let the debugger stop in that line (`d` in the loop, else the printed command). There `p q.shape` shows a shape,"
    " and you can try the expression until it works.",
]


LONG = 3
"""From this length on a streak is a reason to offer a hint."""


@dataclass
class Streak:
    """How many texts in a row failed on the same check. The same text again does not count."""

    title: str | None = None
    length: int = 0
    text: bytes = b""

    def note(self, title: str | None, text: bytes) -> None:
        """A text was checked; `title` is the check that it fails first."""
        if title is None or title != self.title:
            self.title, self.length, self.text = title, 0, b""
        self.length += title is not None and text != self.text
        self.text = text
