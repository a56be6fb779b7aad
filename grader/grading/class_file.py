"""class.json: whose results a folder holds. What exports, pages and `grader merge` need to know beside the results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.files import write_atomic
from grader.kit.discovery import Exercise
from grader.reports.gradebook import Person
from grader.submissions.dry_run import copies
from grader.submissions.intake import Class, Entry
from grader.submissions.people import Member

NAME = "class.json"


@dataclass(frozen=True)
class Shard:
    """Every `of`-th submission of a class, from the `number`-th on: 2/3 is the second, the fifth, ..."""

    number: int
    of: int

    def has(self, place: int) -> bool:
        """Whether the submission at this place, counted from 0, is one of them."""
        return place % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @staticmethod
    def read(text: str) -> Shard:
        """From `3/100`. Raises UsageError."""
        first, slash, last = text.partition("/")
        if not (slash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
            raise UsageError(f"--shard {text}: write I/N with I from 1 to N, such as 3/100")
        return Shard(int(first), int(last))


@dataclass(frozen=True)
class ClassFile:
    """The class whose results lie beside it, or the shard of it.

    Args:
        name: what the class is called.
        known_by: the same for all shards of one class, and for no other class.
        size: how many submissions the whole class has.
        places: id -> place in the whole class, from 0, of those that are graded here.
        people: id -> who stands behind it.
        problems: what is wrong with the whole, a sentence each.
        alike: who of the whole class handed in the same file, a sentence each.
        shard: which one it is; empty for the whole.
    """

    name: str
    known_by: str
    size: int
    places: Mapping[str, int] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    shard: str = ""

    @staticmethod
    def of(name: str, found: Class, exercises: Sequence[Exercise], shard: Shard | None) -> ClassFile:
        """Of what was handed in."""
        here = [(place, one) for place, one in enumerate(found.entries) if shard is None or shard.has(place)]
        known_by = hashlib.sha256("\0".join(one.id for one in found.entries).encode("utf-8", "backslashreplace"))
        people = {one.id: _person(one) for _, one in here}
        places = {one.id: place for place, one in here}
        size, which = len(found.entries), str(shard or "")
        alike = copies(found.entries, exercises)
        return ClassFile(name, known_by.hexdigest()[:16], size, places, people, found.problems, alike, which)

    def write(self, out: Path) -> None:
        write_atomic(out / NAME, json.dumps(asdict(self), indent=1) + "\n")

    @staticmethod
    def read(out: Path) -> ClassFile:
        """Raises UsageError where there is none that can be read."""
        try:
            data: dict[str, Any] = json.loads((out / NAME).read_bytes())
            people = {
                name: Person(**{**one, "members": tuple(Member(**member) for member in one["members"])})
                for name, one in data.pop("people").items()
            }
            return ClassFile(**data, people=people)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{out} holds no results that can be read: there is no {NAME} of this version") from None


def _person(one: Entry) -> Person:
    files = {slug: file.name for slug, file in sorted(one.files.items())}
    return Person(one.members, one.gradescope, one.at, one.late, files)
