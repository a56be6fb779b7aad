"""What a grader process makes of one submission, with a session that runs nothing."""

import json
import sys
from dataclasses import dataclass, field, replace

from grader.grading.process import Task, _grade
from grader.results import document
from grader.results.verdicts import ERROR, FAIL, ExerciseResult, Outcome
from grader.source.file import File


@dataclass
class Session:
    """Fails what it is given and remembers it."""

    exercises: list
    ran: list = field(default_factory=list)

    def run(self, exercise, file):
        self.ran.append(exercise.slug)
        outcomes = [Outcome(f"test_{i}", f"check {i}", "cpu", FAIL, 5.0, message=self.says) for i in (1, 2)]
        return ExerciseResult(exercise.slug, FAIL, 0.0, 10.0, [*map(self._unloadable, outcomes)])

    says = "Python cannot read ex05.py:\n  x"

    @staticmethod
    def _unloadable(outcome):
        return replace(outcome, unloadable=True)

    def broken(self, exercise, why):
        outcomes = [Outcome(f"test_{i}", f"check {i}", "cpu", ERROR, 5.0, message=why) for i in (1, 2)]
        return ExerciseResult(exercise.slug, ERROR, None, 10.0, outcomes)


@dataclass(frozen=True)
class Exercise:
    slug: str


FIVE, SIX, SEVEN = (Exercise(f"ex0{number}_x") for number in (5, 6, 7))


def graded(task):
    session = Session([FIVE, SIX, SEVEN])
    record = json.loads(_grade(session, task, lambda: None))
    return session.ran, record, {one["id"]: one["verdict"] for one in record["exercises"]}


def test_what_the_disk_does_not_give_away_is_an_error_and_never_0():
    five, six = (
        File("ex05.py", b"x"),
        File("ex06.py", b"", refusal="no", unreadable="ex06.py cannot be read: I/O error"),
    )
    ran, record, verdicts = graded(Task("ana", "ana", "p", {"ex05_x": five, "ex06_x": six}))
    assert ran == ["ex05_x", "ex07_x"]
    assert verdicts == {"ex05_x": FAIL, "ex06_x": ERROR, "ex07_x": FAIL}
    assert record["score"] is None
    assert document.errors(record) == ["ana: ex06_x: ex06.py cannot be read: I/O error"]


def test_whatever_may_lie_in_a_folder_that_cannot_be_read_is_an_error():
    task = Task("ana", "ana", "p", {"ex05_x": File("ex05.py", b"x")}, unreadable="the folder b/ cannot be read")
    ran, record, verdicts = graded(task)
    assert ran == ["ex05_x"]
    assert verdicts == {"ex05_x": FAIL, "ex06_x": ERROR, "ex07_x": ERROR}
    assert document.errors(record) == ["ana: 2 exercises: the folder b/ cannot be read"]


def test_python_s_version_is_named_where_it_cannot_read_a_file():
    _, record, _ = graded(Task("ana", "ana", "p"))
    version = f"Python {sys.version_info.major}.{sys.version_info.minor} cannot read ex05.py:"
    assert record["exercises"][0]["checks"][0]["message"].startswith(version)
