"""course.toml: what counts in a course, and how a score becomes a mark. A wrong entry is named by its line.

Scores in results.json stay what the checks gave. Marks are made of them anew after every run; marks.json keeps what
each was before, and why it changed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.files import write_atomic
from grader.reports.gradebook import Person
from grader.submissions.people import Member
from grader.text import listed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Document = dict[str, Any]
MARKS = "marks.json"
DAY = 86_400


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
    roster: tuple[Member, ...] = ()

    def assignment(self, name: str) -> Assignment:
        """Raises UsageError that names those that there are."""
        for one in self.assignments:
            if one.name.casefold() == name.casefold():
                return one
        names = listed([one.name for one in self.assignments], 10) or "none"
        raise UsageError(f"course.toml has no assignment {name!r}, only {names}: say which with --assignment")

    def feedback(self, assignment: Assignment, now: datetime) -> str:
        return self.before if assignment.due is not None and now < assignment.due else self.after


# -------------------------------------------------------------------------------------------------- reading

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
        here, seen, start = "", -1, 1
        for line, text in enumerate(self._text.splitlines(), 1):
            if heading := re.match(r"\s*\[{1,2}\s*([\w\"' .-]+?)\s*\]", text):
                here = heading[1]
                seen += here == table
                start = line if here == table and seen == number else start
            elif here == table and seen == number and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", text):
                return line
        return start


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
    marks = tuple(Mark(**{**one, "mark": float(one["mark"])}) for one in data.get("mark", []))
    for number, mark in enumerate(marks):
        if mark.assignment not in {one.name for one in known}:
            raise file.wrong(f"there is no assignment {mark.assignment!r}", "mark", "assignment", number)
    late, feedback = Late(**data.get("late", {})), data.get("feedback", {})
    for key, most in (("per_day", 1.0), ("cap", 1.0), ("grace_minutes", math.inf)):
        if not 0 <= getattr(late, key) <= most:
            raise file.wrong(f"{key} is {getattr(late, key)}: write a share from 0 to 1", "late", key)
    for key, word in feedback.items():
        if word not in ("full", "hidden"):
            raise file.wrong(f"{key} is {word!r}: write full or hidden", "feedback", key)
    aliases = {name: str(value) for name, value in data.get("aliases", {}).items()}
    name = data.get("course", {}).get("name", "")
    roster, github = _roster(path, file, data.get("course", {}).get("roster", ""))
    aliases = {**github, **aliases}
    before, after = feedback.get("before", "full"), feedback.get("after", "full")
    return Course(name, tuple(known), late, before, after, aliases, marks, roster)


COLUMNS = ("name", "number", "login", "email", "github")


def _roster(path: Path, file: _File, name: str) -> tuple[tuple[Member, ...], dict[str, str]]:
    """Who takes the course, and GitHub names -> student numbers or logins, from the CSV file that course.toml names."""
    if not name:
        return (), {}
    try:
        text = (path.parent / name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise file.wrong(f"{name}, the roster, cannot be read: a CSV file in UTF-8", "course", "roster") from None
    rows = [
        {(key or "").strip().lower(): (cell or "").strip() for key, cell in row.items() if isinstance(cell, str)}
        for row in csv.DictReader(io.StringIO(text))
    ]
    if not rows or not {"number", "login", "email"} & {*rows[0]}:
        raise file.wrong(
            f"{name} has none of the columns number, login, email; it may have {listed(COLUMNS)}", "course", "roster"
        )
    people = tuple(
        Member(row.get("name", ""), row.get("number", ""), row.get("email", ""), login=row.get("login", ""))
        for row in rows
    )
    known = [row.get("number") or row.get("login") or row.get("email") or "" for row in rows]
    return people, {row["github"]: who for row, who in zip(rows, known, strict=True) if row.get("github") and who}


def absentees(ids: Sequence[str], people: Mapping[str, Person], roster: Sequence[Member]) -> list[str]:
    """Those of the roster who stand behind no submission, by name."""
    here = {word.casefold() for name in ids for word in [name, *_words(people.get(name, Person()))] if word}
    return [
        one.name or one.number or one.login or one.email
        for one in roster
        if not {word.casefold() for word in (one.number, one.login, one.email) if word} & here
        and not (one.name and one.name.casefold() in here)
    ]


def _words(person: Person) -> list[str]:
    return [word for one in person.members for word in (one.name, one.number, one.login, one.email)]


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
    return Assignment(**{**one, "exercises": names, "column": str(one.get("column", ""))})


# -------------------------------------------------------------------------------------------------- applying


def aliased(people: Mapping[str, Person], aliases: Mapping[str, str]) -> dict[str, Person]:
    """The same people, with the student number or login of whoever goes by another name in a download."""
    found = {}
    for name, person in people.items():
        members = tuple(
            replace(one, number=one.number or aliases[key], login=one.login or aliases[key])
            if (key := next((word for word in (one.login, one.name, one.email, name) if word in aliases), ""))
            else one
            for one in person.members or (Member(),)
        )
        found[name] = replace(person, members=() if members == (Member(),) else members)
    return found


def marked(document: Document, people: Mapping[str, Person], course: Course, assignment: Assignment) -> Document:
    """The document with marks in place of scores, and `reasons` for whatever is not the score itself."""
    by_hand = {mark.student: mark for mark in course.marks if mark.assignment == assignment.name}
    submissions = []
    for one in document["submissions"]:
        person = people.get(one["id"], Person())
        names = [
            one["id"],
            *(word for member in person.members for word in (member.number, member.login, member.email)),
        ]
        mark = next((by_hand[name] for name in names if name in by_hand), None)
        most = assignment.points if assignment.points is not None else one["max_score"]
        if mark is not None:
            reasons, value = [f"set by hand: {mark.reason}"], mark.mark
        elif one["score"] is None:
            reasons, value = [], None
        else:
            share, reasons = _lateness(person, course.late, assignment)
            value = round(one["score"] / (one["max_score"] or 1.0) * most * (1 - share), 2)
        submissions.append({**one, "score": value, "max_score": most, "reasons": reasons})
    return {**document, "submissions": submissions}


def _lateness(person: Person, late: Late, assignment: Assignment) -> tuple[float, list[str]]:
    """The share of the mark that is lost, and why."""
    if assignment.due is None or not (person.handed_in or person.late):
        return 0.0, []
    if not person.handed_in:
        return 0.0, ["late, as its name says; how late is not known, so nothing was taken off"]
    at = datetime.fromisoformat(person.handed_in)
    at = at if at.tzinfo else at.replace(tzinfo=assignment.due.tzinfo)
    over = at - assignment.due - timedelta(minutes=late.grace_minutes)
    if over <= timedelta(0):
        return 0.0, []
    days = math.ceil(over.total_seconds() / DAY)
    share = min(late.cap, late.per_day * days)
    return share, [f"{days} {'day' if days == 1 else 'days'} late: {100 * share:g} % less"]


def keep_history(
    out: Path, document: Document, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
) -> int:
    """Adds to marks.json whatever mark is not the last one there. Returns how many changed.

    Args:
        document: with marks.
    """
    path = out / MARKS
    history: dict[str, list[dict[str, Any]]] = {}
    if path.is_file():
        try:
            history = json.loads(path.read_bytes())
        except ValueError:
            raise UsageError(
                f"{path} cannot be read: it is the history of marks; move it away to begin a new one"
            ) from None
    changed = 0
    for one in document["submissions"]:
        entry = {"mark": one["score"], "of": one["max_score"], "reasons": one["reasons"]}
        past = history.setdefault(one["id"], [])
        if not past or {name: past[-1].get(name) for name in entry} != entry:
            changed += bool(past)
            past.append({"when": now().isoformat(timespec="seconds"), **entry})
    write_atomic(path, json.dumps(history, ensure_ascii=False, indent=1) + "\n")
    return changed
