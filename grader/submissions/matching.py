"""Which exercise a file is. Python is not parsed here: a file can be made to break a parser, and this is the judge."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grader.kit.discovery import Exercise

NUMBER = re.compile(r"(?<![^\W\d_])ex(\d\d)(?!\d)", re.IGNORECASE)
LOOSE_NUMBER = re.compile(r"ex(\d\d)(?!\d)", re.IGNORECASE)
"""Also the end of Alex06."""
_HEADING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t]{0,8}#[ \t]{0,8}(ex\d\d)_", re.IGNORECASE)
_DEFINITION = re.compile(rb"^(?:async[ \t]{1,8}def|def|class)[ \t]{1,8}([A-Za-z_]\w{0,99})", re.MULTILINE)
_CELL = re.compile(rb"^# %% .*\n", re.MULTILINE)
"""The line above each cell of a notebook's source."""


def defined_names(text: bytes) -> list[str]:
    """The names of the functions and classes that begin at the left margin, in order."""
    return [name.decode(errors="replace") for name in _DEFINITION.findall(text)]


class Matcher:
    """Tells which exercise a file is: by `exNN` in its name, by a first line `# exNN_topic`, by what it defines.

    Args:
        exercises: all that there are.
    """

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        self._slugs = {exercise.slug[:4]: exercise.slug for exercise in exercises}
        self._exercises = exercises
        self._owners: dict[str, str] | None = None

    def by_name(self, name: str) -> list[str]:
        """The exercises whose numbers stand in a file's name."""
        return self._known([f"ex{number}" for number in NUMBER.findall(name)])

    def by_loose_name(self, name: str) -> list[str]:
        """The exercises whose numbers stand in a file's name, if only as the end of another word."""
        return self._known([f"ex{number}" for number in LOOSE_NUMBER.findall(name)])

    def by_heading(self, text: bytes) -> list[str]:
        """The exercise that the first line names; in a notebook, the first line of each cell."""
        starts = [0, *(match.end() for match in _CELL.finditer(text))]
        found = (_HEADING.match(text, start) for start in starts)
        return self._known([match[1].decode().lower() for match in found if match])

    def by_definitions(self, text: bytes) -> list[str]:
        """The exercises that ask for a name which a file defines."""
        return sorted({self._owner[name] for name in defined_names(text) if name in self._owner})

    def _known(self, numbers: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(self._slugs[number] for number in numbers if number in self._slugs))

    @property
    def _owner(self) -> dict[str, str]:
        """name -> the exercise that asks for it."""
        if self._owners is None:
            texts = {exercise.slug: _text(exercise) for exercise in self._exercises}
            self._owners = {name: slug for slug, text in texts.items() for name in defined_names(text)}
        return self._owners


def _text(exercise: Exercise) -> bytes:
    for path in (exercise.solution, exercise.stub):
        if path.is_file():
            return path.read_bytes()
    return b""
