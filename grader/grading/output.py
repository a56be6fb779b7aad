"""Everything that is made of a journal: results.json, the pages, the gradebook and the exports."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.files import write_atomic
from grader.grading import policy, roster
from grader.grading.class_file import ClassFile
from grader.grading.course import Assignment, Course
from grader.grading.journal import Journal
from grader.reports import code, gradebook, html, moodle_feedback, notes
from grader.reports.fill import fill
from grader.reports.terminal import Screen
from grader.results import document as results
from grader.results.document import Reader
from grader.submissions.lms import without_extension
from grader.text import clean, listed, plain

DOCUMENT = "results.json"
MAX_NAME = 60


@dataclass(frozen=True)
class Exports:
    """What is written for other products.

    Args:
        kinds: `canvas`, `moodle`, `gradescope`, `junit`.
        into: gradebooks of Canvas and worksheets of Moodle that are filled.
        columns: `total` or a slug -> the title or the id of its column in a gradebook.
        course, assignment: how scores become marks, where a course says so.
    """

    kinds: tuple[str, ...] = ()
    into: tuple[Path, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    course: Course | None = None
    assignment: Assignment | None = None

    def check(self, class_name: str) -> None:
        """Raises UsageError where a file cannot be filled: before a class is graded, not after."""
        empty: dict[str, Any] = {"submissions": []}
        for file in self.into:
            fill(_read(file), file.name, empty, {}, self.columns, without_extension(class_name))


@dataclass(frozen=True)
class Made:
    """What there is to say of it.

    Args:
        document: what results.json holds.
        errors: what the grader could not do, a sentence each.
        problems: what is wrong with the class.
    """

    document: dict[str, Any]
    errors: list[str]
    problems: Sequence[str]
    said: Sequence[str] = ()
    """What an instructor should know about what was written for other products."""


def make(
    out: Path,
    journal: Journal,
    ids: Sequence[str],
    run: results.Run,
    of_class: ClassFile,
    exports: Exports,
    graded: code.Code,
) -> Made:
    """Makes all of it anew.

    Args:
        out: the folder of results.
        ids: whose records count, in the order of the results; others leave the journal.
        run: with the problems of the class alone.
        graded: the code of every file.
    """
    reader = Reader()
    records = [journal.record(name, reader.loads) for name in ids]
    errors = [text for record in records for text in results.errors(record)]
    problems = run.problems
    run = replace(run, problems=[*problems, *errors])
    journal.keep(ids)
    previous = Reader(verdicts_only=True).document(out / DOCUMENT)
    results.write(out / DOCUMENT, run, map(results.dumps, records))
    document = {"format": results.FORMAT, "run": run.record(), "submissions": records}
    of_class.write(out)
    said: list[str] = []
    absent: list[str] = []
    marks = document
    if exports.course is not None and exports.assignment is not None:
        of_class, absent, marks, said = _by_course(out, of_class, document, journal, exports.course, exports.assignment)
    course = exports.course.name if exports.course is not None else ""
    title = ", ".join(text for text in (course, clean(without_extension(of_class.name), MAX_NAME)) if text)
    code.keep(out, document, graded)
    people, date = of_class.people, time.strftime("%Y-%m-%d")
    about = html.About(
        title, date, people, notes.read(out), of_class.alike, absent, lambda *which: _listing(out, *which)
    )
    html.write(out, document, previous, about)
    document = marks
    gradebook.write(out, document)
    assignment = f"{gradebook.ASSIGNMENT}: {clean(without_extension(of_class.name), MAX_NAME)}"
    for kind in exports.kinds:
        gradebook.export(kind, out, document, assignment=assignment, people=of_class.people)
    said += _fill(out, document, of_class, exports)
    return Made(document, errors, problems, said)


def _listing(out: Path, id: str, slug: str, said: Collection[int]) -> str:  # noqa: A002  (the document's own word)
    text = code.read(out, id, slug)
    return code.listing(text, said) if text else ""


def _by_course(
    out: Path, of_class: ClassFile, document: dict[str, Any], journal: Journal, course: Course, assignment: Assignment
) -> tuple[ClassFile, list[str], dict[str, Any], list[str]]:
    """The class with its partners, who handed in nothing, the document with marks, and what is to be said of them."""
    ids = [one["id"] for one in document["submissions"]]
    people, said = roster.with_partners(ids, policy.aliased(of_class.people, course.aliases), course.roster)
    absent = roster.absentees(ids, people, course.roster)
    history = policy.history_of(out)
    marks = policy.marked(document, people, course, assignment)
    marks = policy.counted(marks, history, {name: journal.content(name) for name in ids}, course.attempts)
    said += policy.nobodys(document, people, course, assignment)
    if absent:
        said.append(f"on the roster, and handed in nothing: {listed(absent, 20)}")
    if changed := policy.keep_history(out, marks, history):
        noun = "mark" if changed == 1 else "marks"
        said.append(f"{changed} {noun} changed: {out / policy.MARKS} says from what, when and why")
    return replace(of_class, people=people), absent, marks, said


def _fill(out: Path, document: dict[str, Any], of_class: ClassFile, exports: Exports) -> list[str]:
    """Fills the files that an instructor exported, keeps each as it was in `out`, and says what is to be known."""
    said, worksheet = [], None
    for file in exports.into:
        data = _read(file)
        filled = fill(data, file.name, document, of_class.people, exports.columns, without_extension(of_class.name))
        kept = out / f"before-{file.name}"
        write_atomic(kept, data)
        write_atomic(file, filled.data)
        said += [f"{file} is filled in; as it was it is {kept}", *(f"{file.name}: {text}" for text in filled.said)]
        worksheet = filled if filled.is_worksheet else worksheet
    if worksheet is not None or "moodle" in exports.kinds:
        without = moodle_feedback.write(out, document, of_class.people, worksheet)
        said.append(f"{out / moodle_feedback.NAME} holds every student's page for Moodle")
        if without:
            said.append(f"no page is in it for {listed(without, 20)}: no participant of Moodle is known for them")
    return said


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"--into {file}: cannot be read: {error.strerror}") from None


def tell(screen: Screen, out: Path, made: Made) -> None:
    """What is read on the screen: a line for each submission, then where the rest lies."""
    for record in made.document["submissions"]:
        reasons = record.get("reasons")
        screen.line(f"{record['id']:<30} {points(record):>14}" + (f"  {'; '.join(reasons)}" if reasons else ""))
    screen.line()
    count, seed = len(made.document["submissions"]), made.document["run"]["seed"]
    noun = "submission" if count == 1 else "submissions"
    screen.line(f"{count} {noun} graded with seed {seed}; open {out / 'report.html'}")
    for problem in made.problems:
        screen.remark(problem)
    for text in made.said:
        screen.remark(text)
    for error in made.errors:
        screen.remark(f"grader error (not the students' code): {error}")


def points(record: dict[str, Any]) -> str:
    """A score in words: 87.5 of 120."""
    return "no score" if record["score"] is None else f"{plain(record['score'])} of {plain(record['max_score'])}"
