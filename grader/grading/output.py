"""Everything that is made of a journal: results.json, the pages, the gradebook and the exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.grading.class_file import ClassFile
from grader.grading.journal import Journal
from grader.reports import gradebook, html
from grader.reports.terminal import Screen
from grader.results import document as results
from grader.results.document import Reader
from grader.submissions.lms import without_extension
from grader.text import clean, plain

DOCUMENT = "results.json"
MAX_NAME = 60


@dataclass(frozen=True)
class Exports:
    """What is written for other products.

    Args:
        kinds: `canvas`, `moodle`, `gradescope`, `junit`.
    """

    kinds: tuple[str, ...] = ()


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


def make(
    out: Path, journal: Journal, ids: Sequence[str], run: results.Run, of_class: ClassFile, exports: Exports
) -> Made:
    """Makes all of it anew.

    Args:
        out: the folder of results.
        ids: whose records count, in the order of the results; others leave the journal.
        run: with the problems of the class alone.
    """
    errors = [text for name in ids for text in results.errors(journal.record(name))]
    problems = run.problems
    run = replace(run, problems=[*problems, *errors])
    journal.keep(ids)
    previous = Reader(verdicts_only=True).document(out / DOCUMENT)
    results.write(out / DOCUMENT, run, (results.dumps(journal.record(name)) for name in ids))
    reader = Reader()
    records = [journal.record(name, reader.loads) for name in ids]
    document = {"format": results.FORMAT, "run": run.record(), "submissions": records}
    of_class.write(out)
    html.write(out, document, previous)
    gradebook.write(out, document)
    assignment = f"{gradebook.ASSIGNMENT}: {clean(without_extension(of_class.name), MAX_NAME)}"
    for kind in exports.kinds:
        gradebook.export(kind, out, document, assignment=assignment, people=of_class.people)
    return Made(document, errors, problems)


def tell(screen: Screen, out: Path, made: Made) -> None:
    """What is read on the screen: a line for each submission, then where the rest lies."""
    for record in made.document["submissions"]:
        screen.line(f"{record['id']:<30} {points(record):>14}")
    screen.line()
    count, seed = len(made.document["submissions"]), made.document["run"]["seed"]
    noun = "submission" if count == 1 else "submissions"
    screen.line(f"{count} {noun} graded with seed {seed}; open {out / 'report.html'}")
    for problem in made.problems:
        screen.remark(problem)
    for error in made.errors:
        screen.remark(f"grader error (not the students' code): {error}")


def points(record: dict[str, Any]) -> str:
    """A score in words: 87.5 of 120."""
    return "no score" if record["score"] is None else f"{plain(record['score'])} of {plain(record['max_score'])}"
