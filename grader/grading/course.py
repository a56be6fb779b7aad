"""course.toml: what counts in a course. A wrong entry is named by its line."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.grading import roster
from grader.grading.roster import Enrolled
from grader.kit.discovery import Kit
from grader.text import listed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Assignment:
    """One assignment.

    Args:
        name: what its folder or archive is called.
        exercises: numbers or slugs; all for none.
        points: what its mark is out of; the score's own maximum where None.
        due: with a time zone; never late where None.
        seed: None for a fresh one.
        column: the title or the id of its column in a gradebook.
    """

    name: str
    exercises: tuple[str, ...] = ()
    points: float | None = None
    due: datetime | None = None
    seed: int | None = None
    column: str = ""


@dataclass(frozen=True)
class Late:
    """What lateness costs: a share of the mark for each day that has begun, after some minutes of grace."""

    grace_minutes: float = 0.0
    per_day: float = 0.0
    cap: float = 1.0


@dataclass(frozen=True)
class Attempts:
    """Which of the submissions that a student handed in from one run to the next makes the mark.

    Args:
        most: how many count; 0 for all.
        counts: `latest` or `best`.
    """

    most: int = 0
    counts: str = "latest"


@dataclass(frozen=True)
class Mark:
    """A mark that an instructor has set by hand. No run changes it."""

    assignment: str
    student: str
    mark: float
    reason: str


@dataclass(frozen=True)
class Course:
    """What course.toml says.

    Args:
        name: what the course is called.
        before, after: `full` or `hidden`: the feedback until an assignment is due, and from then on.
        aliases: how somebody is called in a download -> their student number or login.
        roster: who takes the course; empty where it does not say.
    """

    name: str = ""
    assignments: tuple[Assignment, ...] = ()
    late: Late = Late()
    before: str = "full"
    after: str = "full"
    aliases: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    roster: tuple[Enrolled, ...] = ()
    attempts: Attempts = Attempts()

    def assignment(self, name: str) -> Assignment:
        """Raises UsageError that names those that there are."""
        for one in self.assignments:
            if one.name.casefold() == name.casefold():
                return one
        names = listed([one.name for one in self.assignments], 10) or "none"
        raise UsageError(f"course.toml has no assignment {name!r}, only {names}: say which with --assignment")

    def feedback(self, assignment: Assignment, now: datetime) -> str:
        return self.before if assignment.due is not None and now < assignment.due else self.after


Kind = tuple[type, ...]
NUMBER: Kind = (int, float)
ASSIGNMENT: dict[str, Kind] = {
    "name": (str,),
    "exercises": (list,),
    "points": NUMBER,
    "due": (datetime,),
    "seed": (int,),
    "column": (str, int),
}
TABLES: dict[str, dict[str, Kind]] = {
    "course": {"name": (str,), "roster": (str,)},
    "assignment": ASSIGNMENT,
    "late": {"grace_minutes": NUMBER, "per_day": NUMBER, "cap": NUMBER},
    "feedback": {"before": (str,), "after": (str,)},
    "attempts": {"most": (int,), "counts": (str,)},
    "mark": {"assignment": (str,), "student": (str,), "mark": NUMBER, "reason": (str,)},
}
REPEATED = {"assignment": ("name",), "mark": ("assignment", "student", "mark", "reason")}
"""Tables of which there may be several, and what each must say."""
WORDS = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    list: "a list",
    datetime: "a date with a time",
}


class _File:
    """A course.toml and where each of its entries stands."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        try:
            self._text = path.read_text(encoding="utf-8")
            self.data: dict[str, Any] = tomllib.loads(self._text)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{path} is not in UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{self._name}: {_with_line(str(error), self._text)}") from None

    def wrong(self, what: str, table: str, key: str = "", number: int = 0) -> UsageError:
        """The error for an entry, with its line.

        Args:
            number: which of several tables, from 0.
        """
        return UsageError(f"{self._name}, line {self._line(table, key, number)}: {what}")

    def _line(self, table: str, key: str, number: int) -> int:
        """The line of an entry; else that of its table; else that of its name at the top: `late.cap = 2`."""
        here, seen, start = "", -1, 0
        for line, text in enumerate(self._text.splitlines(), 1):
            if heading := re.match(r"\s*\[{1,2}\s*([\w\"' .-]+?)\s*\]", text):
                here = heading[1]
                seen += here == table
                start = line if here == table and seen == number else start
                if key and here == f"{table}.{key}":
                    return line
                continue
            inside = rf"\s*[\"']?{re.escape(key)}[\"']?\s*=" if here == table and seen == number and key else ""
            at_top = rf"\s*{re.escape(table)}\s*(=|\.\s*{re.escape(key)}\b)" if not here else ""
            if any(pattern and re.match(pattern, text) for pattern in (inside, at_top)):
                return line
        return start or 1


def _with_line(said: str, text: str) -> str:
    """What the reader of TOML says, which names the line but for the last one."""
    return said.replace("(at end of document)", f"(at line {len(text.splitlines())}, the last)")


def read(path: Path) -> Course:
    """Raises UsageError that names the line of the first wrong entry."""
    file = _File(path)
    for table, value in file.data.items():
        if table == "aliases":
            _check_aliases(file, value)
        elif table not in TABLES:
            raise file.wrong(f"there is no {table!r}; there are {listed([*TABLES, 'aliases'], 9)}", table)
        elif table in REPEATED:
            if not isinstance(value, list):
                raise file.wrong(f"write [[{table}]] with two brackets: there may be several", table)
            for number, one in enumerate(value):
                _check(file, table, one, number)
        else:
            _check(file, table, value, 0)
    data = file.data
    known = [_assignment(file, number, one) for number, one in enumerate(data.get("assignment", []))]
    _refuse_twice(file, "assignment", [(one.name.casefold(),) for one in known])
    marks = tuple(Mark(**{**one, "mark": float(one["mark"])}) for one in data.get("mark", []))
    for number, mark in enumerate(marks):
        if mark.assignment not in {one.name for one in known}:
            raise file.wrong(f"there is no assignment {mark.assignment!r}", "mark", "assignment", number)
    _refuse_twice(file, "mark", [(one.assignment, one.student) for one in marks])
    late, feedback = Late(**data.get("late", {})), data.get("feedback", {})
    for key in ("per_day", "cap"):
        if not 0 <= getattr(late, key) <= 1:
            raise file.wrong(f"{key} is {getattr(late, key)}: write a share from 0 to 1", "late", key)
    if late.grace_minutes < 0:
        raise file.wrong(f"grace_minutes is {late.grace_minutes}: write 0 or more", "late", "grace_minutes")
    for key, word in feedback.items():
        if word not in ("full", "hidden"):
            raise file.wrong(f"{key} is {word!r}: write full or hidden", "feedback", key)
    attempts = Attempts(**data.get("attempts", {}))
    if attempts.most < 0 or ("most" in data.get("attempts", {}) and not attempts.most):
        raise file.wrong(f"most is {attempts.most}: write 1 or more, or leave it out", "attempts", "most")
    if attempts.counts not in ("latest", "best"):
        raise file.wrong(f"counts is {attempts.counts!r}: write latest or best", "attempts", "counts")
    enrolled = _roster(path, file, data.get("course", {}).get("roster", ""))
    aliases = {one.github: one.key for one in enrolled if one.github}
    aliases |= {name: str(value) for name, value in data.get("aliases", {}).items()}
    name = data.get("course", {}).get("name", "")
    before, after = feedback.get("before", "full"), feedback.get("after", "full")
    return Course(name, tuple(known), late, before, after, aliases, marks, enrolled, attempts)


def _refuse_twice(file: _File, table: str, keys: Sequence[tuple[str, ...]]) -> None:
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise file.wrong(f"this {table} is there twice: {', '.join(key)}", table, REPEATED[table][0], number)


def _roster(path: Path, file: _File, name: str) -> tuple[Enrolled, ...]:
    """Who takes the course, from the CSV file that course.toml names."""
    if not name:
        return ()
    try:
        text = (path.parent / name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise file.wrong(f"{name}, the roster, cannot be read: a CSV file in UTF-8", "course", "roster") from None
    try:
        return roster.read(text)
    except ValueError as error:
        raise file.wrong(f"{name} {error}", "course", "roster") from None


def _check(file: _File, table: str, entries: Any, number: int) -> None:
    """Every key is known and of its kind, and none that is needed is missing."""
    if not isinstance(entries, dict):
        raise file.wrong(f"{table} is a table: write [{table}]", table)
    kinds = TABLES[table]
    for key, value in entries.items():
        if key not in kinds:
            raise file.wrong(f"there is no {key!r} in {table}; there are {listed([*kinds], 9)}", table, key, number)
        if not isinstance(value, kinds[key]) or isinstance(value, bool):
            raise file.wrong(f"{key} must be {WORDS[kinds[key][-1]]}", table, key, number)
        if isinstance(value, float) and not math.isfinite(value):
            raise file.wrong(f"{key} must be a number, not {value}", table, key, number)
    for key in REPEATED.get(table, ()):
        if key not in entries:
            raise file.wrong(f"this {table} has no {key!r}", table, "", number)


def _check_aliases(file: _File, value: Any) -> None:
    for name, who in value.items() if isinstance(value, dict) else [("aliases", None)]:
        if not isinstance(who, (str, int)) or isinstance(who, bool):
            raise file.wrong(f"{name} must be a student number or a login", "aliases", name)


def _assignment(file: _File, number: int, one: dict[str, Any]) -> Assignment:
    if (due := one.get("due")) is not None and due.tzinfo is None:
        raise file.wrong("due has no time zone: write 2026-10-12T23:59:00+09:00", "assignment", "due", number)
    if one.get("points", 1) <= 0:
        raise file.wrong("points must be more than 0", "assignment", "points", number)
    chosen = one.get("exercises", [])
    if not all(isinstance(word, (int, str)) for word in chosen):
        raise file.wrong("exercises are numbers or names, such as [6, 7]", "assignment", "exercises", number)
    names = tuple(str(word) for word in chosen)
    try:
        Kit().find(names)
    except UsageError as error:
        raise file.wrong(str(error), "assignment", "exercises", number) from None
    return Assignment(**{**one, "exercises": names, "column": str(one.get("column", ""))})
