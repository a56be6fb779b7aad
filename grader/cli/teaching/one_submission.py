"""One submission, graded where a platform has put it: a record after every exercise, so that a limit loses none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.judging.open import open_session
from grader.kit.discovery import Exercise, Kit
from grader.launch.launcher import launcher
from grader.limits import Limits
from grader.results import document
from grader.results.verdicts import MISSING, ExerciseResult
from grader.submissions.intake import Entry, read_one

Record = dict[str, Any]
POINTS = 10.0


@dataclass(frozen=True)
class Package:
    """What a package was made for: how its submissions are graded.

    Args:
        exercises: slugs; all for none.
        seed: every submission gets the same inputs.
        timeout: seconds for a check.
        memory: megabytes for the code, on top of what Python and torch take.
        feedback: `full` or `hidden`.
        visibility: of the tests on Gradescope.
    """

    exercises: tuple[str, ...] = ()
    seed: int = 0
    timeout: float = 10.0
    memory: int = 192
    feedback: str = "hidden"
    visibility: str = "visible"

    @staticmethod
    def read(settings: dict[str, Any]) -> Package:
        """From the package's own settings file. Raises UsageError where it was edited wrongly."""
        try:
            return Package(**{**settings, "exercises": tuple(settings.get("exercises", ()))})
        except TypeError as error:
            raise UsageError(f"the settings of this package cannot be read: {error}") from None


def grade_one(place: Path, id: str, package: Package, told: Callable[[Record], None]) -> tuple[Record, document.Run]:  # noqa: A002
    """Grades what lies in a folder.

    Args:
        place: the submission.
        id: whose it is.
        told: gets the record so far, at once and after every exercise; what is still to come is `missing` in it.
    """
    kit = Kit()
    exercises, start = kit.find(package.exercises), time.perf_counter()
    entry = _read(place, kit)
    told(_record(id, place, entry, exercises, [], start))
    workers = launcher(Limits(package.memory, package.timeout), many=True)
    try:
        hidden = package.feedback == "hidden"
        session = open_session(kit, exercises, "cpu", package.seed, package.timeout, workers, hidden=hidden)
        found: list[ExerciseResult] = []
        for exercise in exercises:
            try:
                found.append(session.run(exercise, entry.files.get(exercise.slug)))
            except Exception as error:  # ours: it costs the score of this exercise, and no other result
                found.append(session.broken(exercise, f"{type(error).__name__}: {error}"))
            told(_record(id, place, entry, exercises, found, start))
        around = workers.surrounds(["cpu"])
    finally:
        workers.close()
    record = _record(id, place, entry, exercises, found, start)
    run = document.Run(package.seed, ["cpu"], around, time.perf_counter() - start, document.errors(record))
    return record, run


def _read(place: Path, kit: Kit) -> Entry:
    try:
        return read_one(place, kit.exercises)
    except UsageError as error:
        return Entry("", str(place), [str(error)])


def _record(
    id: str,  # noqa: A002
    place: Path,
    entry: Entry,
    exercises: Sequence[Exercise],
    found: Sequence[ExerciseResult],
    start: float,
) -> Record:
    """The record with what has not been graded yet as `missing`, without a check."""
    waiting = [ExerciseResult(one.slug, MISSING, 0.0, POINTS) for one in exercises[len(found) :]]
    seconds = time.perf_counter() - start
    return document.submission(id, str(place), [*found, *waiting], seconds=seconds, problems=entry.problems)
