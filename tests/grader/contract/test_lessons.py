"""The lessons: their worked examples are true when run, and they keep to their form."""

import doctest
import re

import pytest

from grader.kit.collect import use_references
from grader.kit.discovery import Kit

each_lesson = pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)
SECTIONS = [
    "The problem",
    "The idea",
    "By hand",
    "What people get wrong",
    "What you write",
    "Where it leads",
]


@each_lesson
def test_the_worked_example_gives_what_the_lesson_says(exercise, kit):
    text = exercise.lesson.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert any(">>> " in block for block in blocks)
    with use_references(kit):
        test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, exercise.slug, str(exercise.lesson), 0)
        runner = doctest.DocTestRunner(verbose=False)
        said = []
        runner.run(test, out=said.append)
    assert runner.tries > 0
    assert runner.failures == 0, "".join(said)


@each_lesson
def test_a_lesson_has_its_sections_and_its_length(exercise):
    text = exercise.lesson.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == SECTIONS
    assert re.match(rf"# Exercise {exercise.number}: \S", text)
    prose = re.sub(r"^```.*?^```|^!\[[^\n]*$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert 400 <= len(prose.split()) <= 900


@each_lesson
def test_a_lesson_is_called_what_its_exercise_is_called(exercise):
    title = exercise.lesson.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    docstring = exercise.stub.read_text(encoding="utf-8").splitlines()[0].strip('"')
    assert docstring == f"{title}."


@each_lesson
@pytest.mark.parametrize("word", ["simply", "just", "obviously"])
def test_a_lesson_never_says_that_it_is_easy(exercise, word):
    for file in (exercise.lesson, exercise.hints):
        assert not re.search(rf"\b{word}\b", file.read_text(encoding="utf-8"), flags=re.IGNORECASE)
