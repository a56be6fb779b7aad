"""How a score becomes a mark, by what course.toml says.

Scores in results.json stay what the checks gave. Marks are made of them anew after every run; marks.json keeps what
each was before, and why it changed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.files import write_atomic
from grader.grading.course import Assignment, Attempts, Course, Late, Mark
from grader.reports.gradebook import Person
from grader.submissions.people import Member
from grader.text import shown

Document = dict[str, Any]
MARKS = "marks.json"
DAY = 86_400


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
    """The document with marks in place of scores.

    Each submission has `reasons` for whatever is not the score itself, and `share`, what of its exercises' scores is
    left; None where the mark was set by hand.
    """
    submissions = []
    for one in document["submissions"]:
        person = people.get(one["id"], Person())
        mark = next((mark for mark in course.marks if _is_for(mark, assignment, one["id"], person)), None)
        most = assignment.points if assignment.points is not None else one["max_score"]
        share: float | None = 1.0
        if mark is not None:
            reasons, value, share = [f"set by hand: {mark.reason}"], mark.mark, None
        elif one["score"] is None:
            reasons, value = [], None
        else:
            lost, reasons = _lateness(person, course.late, assignment)
            share = 1 - lost
            value = round(one["score"] / (one["max_score"] or 1.0) * most * share, 2)
        submissions.append({**one, "score": value, "max_score": most, "reasons": reasons, "share": share})
    return {**document, "submissions": submissions}


def _is_for(mark: Mark, assignment: Assignment, id: str, person: Person) -> bool:  # noqa: A002
    names = {id, *(word for one in person.members for word in (one.number, one.login, one.email) if word)}
    return mark.assignment == assignment.name and mark.student in names


def nobodys(document: Document, people: Mapping[str, Person], course: Course, assignment: Assignment) -> list[str]:
    """A sentence for each mark set by hand that is for nobody who handed in."""
    return [
        f"the mark of {mark.mark:g} that course.toml sets for {shown(mark.student)} is for nobody who handed in"
        for mark in course.marks
        if mark.assignment == assignment.name
        if not any(
            _is_for(mark, assignment, one["id"], people.get(one["id"], Person())) for one in document["submissions"]
        )
    ]


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


History = dict[str, list[dict[str, Any]]]
"""id -> its marks, the first one first."""


def history_of(out: Path) -> History:
    """What marks.json holds. Raises UsageError where it can't be read."""
    path = out / MARKS
    if not path.is_file():
        return {}
    try:
        history: History = json.loads(path.read_bytes())
        return history
    except ValueError:
        raise UsageError(
            f"{path} cannot be read: it is the history of marks; move it away to begin a new one"
        ) from None


def counted(document: Document, history: History, contents: Mapping[str, str], attempts: Attempts) -> Document:
    """The document with the marks of the attempts that count.

    What a student hands in from one run to the next is an attempt each time that it is something else.

    Args:
        document: with marks of what was handed in now.
        history: of the runs before.
        contents: id -> what its submission is known by.
    """
    submissions = []
    for one in document["submissions"]:
        now, past = contents[one["id"]], history.get(one["id"], [])
        earned = {entry["submission"]: entry["earned"] for entry in past if "submission" in entry} | {now: one["score"]}
        order = [*earned]
        one = {**one, "earned": one["score"], "submission": now}
        which = _which(now, earned, attempts) if one["share"] is not None else now
        if which != now:
            why = f"no more than {attempts.most} do" if now not in order[: attempts.most or None] else "it is the best"
            reasons = [*one["reasons"], f"attempt {order.index(which) + 1} of {len(order)} counts: {why}"]
            one |= {"score": earned[which], "reasons": reasons, "share": None}
        submissions.append(one)
    return {**document, "submissions": submissions}


def _which(now: str, earned: Mapping[str, float | None], attempts: Attempts) -> str:
    """The attempt that counts, of those with a mark.

    Args:
        now: the latest.
        earned: every attempt, in the order in which they came, and its mark.
    """
    marks = {name: mark for name, mark in [*earned.items()][: attempts.most or None] if mark is not None}
    if not marks or earned[now] is None:
        return now
    if attempts.counts == "best":
        return max(marks, key=lambda name: (marks[name], name == now))
    return now if now in marks else [*marks][-1]


def keep_history(
    out: Path, document: Document, history: History, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
) -> int:
    """Adds to marks.json whatever mark is not the last one there. Returns how many changed.

    Args:
        document: with marks.
        history: what was there before.
    """
    changed = 0
    for one in document["submissions"]:
        entry = {"mark": one["score"], "of": one["max_score"], "reasons": one["reasons"]}
        known = {"submission": one["submission"], "earned": one["earned"]}
        past = history.setdefault(one["id"], [])
        last = past[-1] if past else {}
        changed += bool(past) and {name: last.get(name) for name in entry} != entry
        if {name: last.get(name) for name in (*entry, *known)} != {**entry, **known}:
            past.append({"when": now().isoformat(timespec="seconds"), **entry, **known})
    write_atomic(out / MARKS, json.dumps(history, ensure_ascii=False, indent=1) + "\n")
    return changed
