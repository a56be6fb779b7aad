"""A new exercise: made by one command, and complete as soon as everything marked is filled."""

import re
import sys

import pytest

from grader.cli.teaching.new_exercise import unfilled
from grader.kit import questions
from grader.kit.discovery import Kit
from grader.kit.questions import WHY
from tests.grader.support.kits import copy_kit, python, run

SLUG = "ex07_row_sums"


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    kit = copy_kit(tmp_path_factory.mktemp("new") / "kit", only={6})
    made = run(kit, "new", "Row sums")
    assert made.returncode == 0, made.stderr
    assert f"exercises/{SLUG}.py" in made.stdout
    assert "python -m grader.kit.stub 7" in made.stdout
    return kit


def test_every_file_says_what_it_lacks(grown):
    exercise = Kit(grown).find(["7"])[0]
    said = unfilled(exercise)
    files = {sentence.partition(":")[0] for sentence in said}
    assert files == {
        f"solutions/{SLUG}.py",
        f"exercises/{SLUG}.md",
        f"exercises/{SLUG}.questions.md",
        *(f"tests/{SLUG}/{name}" for name in ("test_row_sums.py", "mistakes.py", "alternatives.py", "hints.md")),
    }
    assert f"tests/{SLUG}/mistakes.py:10: what was done and why it is wrong, as a learner reads it." in said


def test_it_works_from_the_first_minute_on(grown):
    solved = run(grown, "check", "7", "--target", "solutions", "--seed", 3)
    assert solved.returncode == 0, solved.stdout
    assert "unwritten" in run(grown, "check", "7").stdout
    matrix = python(grown, [sys.executable, "-m", "grader.dev.matrix", "7"])
    assert matrix.returncode == 0, matrix.stderr + matrix.stdout


def test_nothing_is_left_once_every_mark_is_gone(grown, tmp_path):
    exercise = Kit(grown).find(["7"])[0]
    for file in [exercise.solution, exercise.lesson, exercise.questions, *exercise.folder.iterdir()]:
        if file.is_file():
            file.write_text(re.sub(r"FILL: ", "", file.read_text()))
    assert unfilled(exercise) == []


def test_what_a_lesson_asks_can_be_read_before_it_is_filled(grown):
    found = questions.read(Kit(grown).find(["7"])[0].questions)
    assert [question.kind == WHY for question in found] == [False] * 3 + [True] * 2


def test_a_topic_without_a_name_and_a_second_time_are_refused(grown):
    wrong = run(grown, "new", "7!")
    assert wrong.returncode == 2
    assert "name the topic in a few words" in wrong.stderr
    again = run(grown, "new", "row sums")
    assert again.returncode == 0
    assert "ex08_row_sums" in again.stdout
