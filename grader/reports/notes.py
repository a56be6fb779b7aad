"""notes.toml: what an instructor says to whoever made a mistake. It lies among the results, and no run changes it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAME = "notes.toml"
Notes = Mapping[tuple[str, str], str]
"""Exercise and mistake -> the note."""


def read(out: Path) -> dict[tuple[str, str], str]:
    """The notes beside some results; none where there is no such file. Raises UsageError where it can't be read."""
    path = out / NAME
    if not path.is_file():
        return {}
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
    notes = {}
    for slug, mistakes in data.items():
        for mistake, text in mistakes.items() if isinstance(mistakes, dict) else [(slug, None)]:
            if not isinstance(text, str):
                raise UsageError(f'{path}: write EXERCISE.MISTAKE = "what you say", not {slug}.{mistake} = {text!r}')
            notes[slug, mistake] = text
    return notes


def for_exercise(notes: Notes, exercise: Mapping[str, Any]) -> list[str]:
    """What is said to a student about the mistakes of an exercise, each once."""
    made = dict.fromkeys(check["mistake"] for check in exercise["checks"] if check["mistake"])
    return [notes[exercise["id"], mistake] for mistake in made if (exercise["id"], mistake) in notes]
