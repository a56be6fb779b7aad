"""report.html and the students' pages: pure functions of results.json's document."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from grader.files import write_atomic
from grader.reports import statistics, svg
from grader.reports.changes import changes
from grader.reports.notes import Notes, for_exercise
from grader.results import summary
from grader.results.tensor_diff import TensorDiff
from grader.results.verdicts import ERROR, MISSING, PASS, SKIP, UNWRITTEN
from grader.text import plain

_SAFE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")
_HASHED = re.compile(r"-[0-9a-f]{12}$")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def page_path(id: str) -> str:  # noqa: A002  (the document's own word)
    """The student's page, under DIR: the id itself where every file system takes it, else a slug and a hash.

    Two ids never share a page, not even where case or Unicode form is all that tells them apart.
    """
    plain = _SAFE.fullmatch(id) and not id.endswith(".") and not _RESERVED.fullmatch(id) and not _HASHED.search(id)
    if plain:
        return f"students/{id}.html"
    ascii_only = unicodedata.normalize("NFKD", id).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:40].strip("-")
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"students/{slug or 'student'}-{digest}.html"


SHOWN = 15
"""Rows of a long table that are open to the eye; the rarer ones are behind a click."""
ISOLATION = {
    "process": "a process of its own",
    "files": "files of others",
    "network": "network",
    "memory_mb": "memory, MB",
    "layers": "layers of isolation",
}


@dataclass(frozen=True)
class About:
    """What a page says beside the results.

    Args:
        title: course and assignment.
        date: of the run.
        people: id -> who stands behind it, when it was handed in, which files counted.
        notes: what an instructor says about a mistake.
        alike: who handed in the same file, a sentence each.
        absent: who takes the course and handed in nothing.
        code: id, slug and lines of which something is said -> the code that was graded, with its lines' numbers.
    """

    title: str = ""
    date: str = ""
    people: Mapping[str, Any] = field(default_factory=dict)
    notes: Notes = field(default_factory=dict)
    alike: Sequence[str] = ()
    absent: Sequence[str] = ()
    code: Callable[[str, str, Collection[int]], str] = lambda *_: ""


NOTHING = About()


def write(
    out: Path, document: Mapping[str, Any], previous: Mapping[str, Any] | None = None, about: About = NOTHING
) -> None:
    """Writes report.html and a page for each student.

    Args:
        out: the folder that holds results.json.
        document: what results.json holds.
        previous: what it held before this run, to say what changed.
        about: what the pages say beside the results.
    """
    write_atomic(out / "report.html", class_page(document, previous, about))
    pages = {page_path(one["id"]): one for one in document["submissions"]}
    for page, one in pages.items():
        write_atomic(out / page, student_page(one, document["run"], about))
    for old in (out / "students").glob("*.html"):
        if f"students/{old.name}" not in pages:  # nobody of this class is called that any more
            old.unlink()


def class_page(document: Mapping[str, Any], previous: Mapping[str, Any] | None = None, about: About = NOTHING) -> str:
    """report.html: what the class did."""
    from markupsafe import Markup

    from grader.reports import templating

    scores, exercises = statistics.scores(document), statistics.exercises(document)
    script, source = templating.script("table.js")
    unexplained = [(one.id, *failure, who) for one in exercises for failure, who in one.unexplained.items()]
    unloaded = [(one.id, why, who) for one in exercises for why, who in one.unloaded.items()]
    return templating.render(
        "report.html",
        run=document["run"],
        about=about,
        submissions=document["submissions"],
        pages={one["id"]: page_path(one["id"]) for one in document["submissions"]},
        scores=scores,
        histogram=Markup(svg.histogram(scores.counts, scores.labels, "How many have which score")),
        mistakes=statistics.mistakes(document),
        shown=SHOWN,
        exercises=exercises,
        unexplained=sorted(unexplained, key=lambda row: -len(row[3])),
        unloaded=sorted(unloaded, key=lambda row: -len(row[2])),
        changes=changes(document, previous) if previous and previous.get("format") == document["format"] else None,
        troubled=[one for one in document["submissions"] if one["problems"]],
        absent=statistics.absent_packages(document),
        slowest=statistics.slowest(document),
        cell=_cell,
        in_words=_in_words,
        isolation_words=ISOLATION,
        script=script,
        script_source=Markup(source),
    )


def _cell(exercise: Mapping[str, Any]) -> tuple[str, str]:
    """The class and the text of one exercise in the table of submissions."""
    verdict = exercise["verdict"]
    if verdict in (UNWRITTEN, MISSING):
        return "o", "u" if verdict == UNWRITTEN else "\u2013"
    if verdict == ERROR or exercise["score"] is None:
        return "e", "!"
    return "p" if verdict == PASS else "", plain(exercise["score"])


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "not limited" if value is None else str(value)


def student_page(one: Mapping[str, Any], run: Mapping[str, Any], about: About = NOTHING) -> str:
    """One student's page: every check with the sentences that a terminal would have shown."""
    from markupsafe import Markup

    from grader.reports import templating

    return templating.render(
        "student.html",
        one=one,
        run=run,
        about=about,
        person=about.people.get(one["id"]),
        code=lambda exercise: about.code(one["id"], exercise["id"], _lines(exercise)),
        notes=lambda exercise: for_exercise(about.notes, exercise),
        shared_message=statistics.shared_message,
        rows=_rows,
        absent=statistics.not_here,
        functions=_functions,
        yours=lambda picture: Markup(svg.yours(picture)),
        expected=lambda picture: Markup(svg.expected(picture)),
    )


@dataclass(frozen=True)
class Row:
    """A check on a student's page: how its row begins and ends, and why it failed."""

    start: str
    end: str
    reason: str
    facts: str
    step: str
    """Where the way parts from the reference's."""
    example: str
    picture: TensorDiff | None
    again: bool
    """Whether a check before it failed for the same reason."""


def _rows(exercise: Mapping[str, Any], run: Mapping[str, Any]) -> list[Row]:
    """Checks in teaching order; those in a row that have nothing to say are one."""
    from grader.reports import templating

    seen: set[str] = set()
    rows = []
    for silent, checks in groupby(exercise["checks"], key=_is_silent):
        cells = [(check, _cells(check, len(run["devices"]) > 1)) for check in checks]
        if silent:
            rows.append(Row(templating.silent_rows(tuple(cell for _, cell in cells)), "", "", "", "", "", None, False))
            continue
        for check, (title, device, verdict, points, most) in cells:
            reason, facts = statistics.reason(check["message"])
            kind = "" if verdict in (PASS, SKIP, UNWRITTEN) else "failed" if reason in seen else "failed said"
            start, end = (
                templating.part("row_start", title, device, kind),
                templating.part("row_end", verdict, points, most),
            )
            picture = TensorDiff.from_record(check["picture"]) if "picture" in check else None
            step = check["step"]["text"] if check.get("step") else ""
            rows.append(Row(start, end, reason, facts, step, check.get("example") or "", picture, reason in seen))
            seen.add(reason)
    return rows


def _lines(exercise: Mapping[str, Any]) -> set[int]:
    """The lines of the file of which a check says something."""
    return {check["step"]["line"] for check in exercise["checks"] if check.get("step")}


def _is_silent(check: Mapping[str, Any]) -> bool:
    """Whether its row says all: it passes, or what it is about is still to do."""
    return not check["message"] or check["verdict"] == UNWRITTEN


def _functions(exercise: Mapping[str, Any]) -> str:
    """What is right, wrong and to do, function by function."""
    pairs = ((check.get("function", ""), check["verdict"]) for check in exercise["checks"])
    return " \u00b7 ".join(map(str, summary.by_function(pairs)))


def _cells(check: Mapping[str, Any], several_devices: bool) -> tuple[str, str, str, float, float]:
    device = check["device"] if several_devices else ""
    return check["title"], device, check["verdict"], check["points"], check["max_points"]
