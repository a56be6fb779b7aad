"""gradebook.csv, and files that Canvas, Moodle, Gradescope and CI read: pure functions of results.json's document."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor
from pathlib import Path
from types import MappingProxyType
from typing import Any

from grader.files import write_atomic
from grader.reports import junit
from grader.reports.html import page_path
from grader.reports.statistics import not_run
from grader.results.verdicts import PASS, SKIP
from grader.submissions.people import Member
from grader.text import clean, plain

Document = Mapping[str, Any]
PARTS = 1024
MAX_CELL = 32_000
"""Bytes in a cell; Excel takes 32,767 characters."""
ASSIGNMENT = "Sequence kit"


@dataclass(frozen=True)
class Person:
    """Who stands behind a submission, as far as the download said.

    Args:
        members: each of them.
        gradescope: the number of the submission in Gradescope.
        handed_in: when, in the form of ISO 8601; empty where the download does not say.
        late: the download says that it came too late.
        files: slug -> the file that counts.
    """

    members: Sequence[Member] = ()
    gradescope: str = ""
    handed_in: str = ""
    late: bool = False
    files: Mapping[str, str] = field(default_factory=dict)


People = Mapping[str, Person]
"""id -> who that is; an id that is not in it is all that is known."""
_NOBODY: People = MappingProxyType({})
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write(out: Path, document: Document) -> None:
    """Writes gradebook.csv, a row for each submission.

    UTF-8 with a byte order mark: without one Excel takes the file for the machine's old code page and garbles every
    name outside ASCII. LibreOffice and pandas skip the mark; in Python it is `encoding="utf-8-sig"`.
    """
    slugs = list(dict.fromkeys(exercise["id"] for one in document["submissions"] for exercise in one["exercises"]))
    with_marks = any("reasons" in one for one in document["submissions"])
    rows = [["id", "source", "score", "max", *slugs, "problems", *(["reasons"] if with_marks else [])]]
    for one in document["submissions"]:
        scores = {exercise["id"]: exercise["score"] for exercise in one["exercises"]}
        cells = [_points(scores.get(slug)) for slug in slugs]
        problems = "; ".join(one["problems"])
        rows.append([one["id"], one["source"], _points(one["score"]), _points(one["max_score"]), *cells, problems])
        rows[-1] += ["; ".join(one["reasons"])] if with_marks else []
    write_atomic(out / "gradebook.csv", "\ufeff" + _csv(rows))


def _points(score: float | None) -> str:
    """Empty where the grader failed: never a 0."""
    return "" if score is None else plain(score)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def cell(text: str) -> str:
    """One line without control characters that no spreadsheet takes for a formula."""
    flat = clean(re.sub(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+", " ", text), MAX_CELL)
    return f"'{flat}" if flat.lstrip().startswith(_FORMULA) else flat


def export(kind: str, out: Path, document: Document, *, assignment: str = ASSIGNMENT, people: People = _NOBODY) -> Path:
    """Writes what another product reads, and returns where.

    A submission without a score, because the grader failed, is left out: an empty grade would erase one.

    Args:
        kind: canvas, moodle, gradescope or junit.
        assignment: the name of the column in the product's gradebook.
        people: who stands behind each submission. Each member of a group has a row.
    """
    return EXPORTS[kind](out, document, assignment, people)


def _scored(document: Document, people: People, own: Sequence[str]) -> Iterator[tuple[Document, Member]]:
    """Each person behind a submission that has a score.

    Where a product knows several of that name and nothing else of them, the id stands in the name's place: it finds
    nobody then, rather than the wrong one.

    Args:
        own: the fields of a Member that tell the product more than the name.
    """
    found = []
    for one in document["submissions"]:
        if one["score"] is not None:
            person = people.get(one["id"], Person())
            found += [(one, member) for member in person.members or (Member(login=one["id"]),)]
    namesakes = Counter(member.name for _, member in found)
    for one, member in found:
        alone = not any(getattr(member, name) for name in own)
        yield one, replace(member, name=one["id"]) if alone and namesakes[member.name] > 1 else member


def _canvas(out: Path, document: Document, assignment: str, people: People) -> Path:
    """canvas.csv for Grades > Import. Canvas finds a student by ID, else by SIS User ID, else by login, else by name.

    Its ID is known where the file came from Canvas; else a student number is taken for the SIS User ID, and an id of
    which nothing else is known for a login. A row whose first cell holds the words Points Possible sets the points of
    the assignment, so no student may be called that.
    """
    most = max((one["max_score"] for one in document["submissions"]), default=0.0)
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment],
        ["Points Possible", "", "", "", "", _points(most)],
    ]
    for one, member in _scored(document, people, ("canvas", "number", "login")):
        name = (member.name or one["id"]).replace("Points Possible", "Points-Possible")
        login = "" if member.canvas or member.number else member.login
        rows.append([name, member.canvas, member.number, login, "", _points(one["score"])])
    write_atomic(out / "canvas.csv", _csv(rows))
    return out / "canvas.csv"


def _moodle(out: Path, document: Document, assignment: str, people: People) -> Path:
    """moodle.csv, both for an assignment's grading worksheet and for the gradebook's import.

    The worksheet needs Identifier, Grade and Last modified (grade): it takes no grade that is older than the one it
    has. The import asks which column is the user and which the grade; a new grade there is at most 100, so there is a
    column in percent too. Who came from Moodle is known by a participant's number, others by their student number or
    their address; an id of which nothing else is known is taken for a username.
    """
    percent = f"{assignment} (percent)"
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    who = ["Identifier", "Full name", "Username", "ID number", "Email address"]
    rows = [[*who, "Grade", "Maximum Grade", "Last modified (grade)", percent]]
    for one, member in _scored(document, people, ("moodle", "number", "email", "login")):
        participant = f"Participant {member.moodle}" if member.moodle else ""
        login = "" if participant or member.number or member.email else member.login
        share = 100 * one["score"] / one["max_score"] if one["max_score"] else 0.0
        rows.append(
            [
                *(participant, member.name, login, member.number, member.email),
                *(_points(one["score"]), _points(one["max_score"]), now, _points(share)),
            ]
        )
    write_atomic(out / "moodle.csv", _csv(rows))
    return out / "moodle.csv"


def _gradescope(out: Path, document: Document, assignment: str, people: People) -> Path:
    """gradescope/ID/results.json: what an autograder leaves in /autograder/results for one submission.

    The folder is called by the submission's number there, where that is known.
    """
    shutil.rmtree(out / "gradescope", ignore_errors=True)
    for one in document["submissions"]:
        if one["score"] is not None:
            name = people.get(one["id"], Person()).gradescope
            folder = out / "gradescope" / (f"submission_{name}" if name else Path(page_path(one["id"])).stem)
            write_atomic(folder / "results.json", json.dumps(gradescope(one), ensure_ascii=False) + "\n")
    return out / "gradescope"


def gradescope(one: Document) -> dict[str, Any]:
    """One submission as Gradescope's autograder specification has it. All text is text: no markdown, no HTML."""
    tests = [
        _test(f"{i}.{j}", exercise["id"], check, most)
        for i, exercise in enumerate(one["exercises"], 1)
        for j, (check, most) in enumerate(_with_exact_points(exercise), 1)
        if check["verdict"] != SKIP  # Gradescope knows only passed and failed
    ]
    skipped = not_run(check for exercise in one["exercises"] for check in exercise["checks"])
    return {
        "score": one["score"],
        "execution_time": round(one["seconds"]),
        "output": _text("\n".join([*one["problems"], *skipped])),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _with_exact_points(exercise: Document) -> list[tuple[Document, float]]:
    """Each check with the most it can earn, in 1024ths: those add up to the exercise's points without any error."""
    checks = exercise["checks"]
    wanted = [check["max_points"] * PARTS for check in checks]
    parts = [floor(points) for points in wanted]
    missing = round(exercise["max_score"] * PARTS) - sum(parts)
    if 0 <= missing <= len(parts):
        for place in sorted(range(len(parts)), key=lambda i: parts[i] - wanted[i])[:missing]:
            parts[place] += 1
    return [(check, part / PARTS) for check, part in zip(checks, parts, strict=True)]


def _test(number: str, exercise: str, check: Document, most: float) -> dict[str, Any]:
    device = "" if check["device"] == "cpu" else f" on {check['device']}"
    return {
        "name": f"{exercise}: {_text(check['title'])}{device}",
        "name_format": "text",
        "number": number,
        "score": most if check["points"] == check["max_points"] else min(check["points"], most),
        "max_score": most,
        "status": "passed" if check["verdict"] == PASS else "failed",
        "output": _text(check["message"]),
        "output_format": "text",
        "visibility": "visible",
        "tags": [tag for tag in (exercise, check["verdict"], check["mistake"]) if tag],
    }


def _text(text: str) -> str:
    return clean(text, MAX_CELL)


def _junit(out: Path, document: Document, assignment: str, people: People) -> Path:
    write_atomic(out / "junit.xml", junit.text(document, assignment))
    return out / "junit.xml"


EXPORTS: dict[str, Callable[[Path, Document, str, People], Path]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "gradescope": _gradescope,
    "junit": _junit,
}
