"""The lessons: their worked examples are true when run, and they keep to their form."""

import difflib
import doctest
import re

import pytest

from grader.kit.collect import use_references
from grader.kit.discovery import Kit
from grader.kit.lesson import Prose, parts

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
    """Those in boxes as well."""
    text = re.sub(r"^>(?: |$)", "", exercise.lesson.read_text(encoding="utf-8"), flags=re.MULTILINE)
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
    """The thread of a lesson is read in one go. What stands beside it has a length of its own: boxes, for whoever meets
    a word for the first time, and what is built by hand under a heading of its own. Pictures, formulas, tables and runs
    are no words to read."""
    text = exercise.lesson.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == SECTIONS
    assert re.match(rf"# Exercise {exercise.number}: \S", text)
    prose = "".join(part.text for part in parts(exercise) if isinstance(part, Prose))
    prose = re.sub(r"^(> )?```.*?^(> )?```", "", prose, flags=re.MULTILINE | re.DOTALL)
    boxes = re.findall(r"(?:^>.*\n)+", prose, flags=re.MULTILINE)
    prose = re.sub(r"^[>|].*\n", "", prose, flags=re.MULTILINE)
    built = re.findall(r"^### .*?(?=^#)", prose, flags=re.MULTILINE | re.DOTALL)
    thread = re.sub(r"^### .*?(?=^#)", "", prose, flags=re.MULTILINE | re.DOTALL)
    assert 400 <= len(thread.split()) <= 1000
    assert all(len(text.split()) <= 300 for text in built)
    assert all(len(box.split()) <= 120 for box in boxes)


@each_lesson
def test_a_lesson_says_what_it_costs_and_what_it_gives(exercise):
    """The lines are those that the reference has and the stub has not."""
    text = exercise.lesson.read_text(encoding="utf-8")
    head = re.search(r"^> \*\*(\d+) minutes, (\d+) lines, difficulty ([1-5]) of 5\.\*\*\n>\n", text, flags=re.MULTILINE)
    assert head is not None
    assert text.index("## ") > head.start()
    assert "\n> **You need:** " in text
    assert "\n> **Afterwards you can:** " in text
    stub, solution = (file.read_text(encoding="utf-8").splitlines() for file in (exercise.stub, exercise.solution))
    written = [line[2:].strip() for line in difflib.ndiff(stub, solution) if line.startswith("+ ")]
    lines = len([line for line in written if line and not line.startswith("#")])
    assert int(head[2]) == lines


FIRST_MEETINGS = {
    1: ["lengths"],
    2: ["embedding", "packing"],
    3: ["softmax", "cross entropy"],
    9: ["a module of your own"],
}


def test_what_is_met_for_the_first_time_has_its_box_with_an_example(kit):
    for exercise in kit.exercises:
        text = exercise.lesson.read_text(encoding="utf-8")
        boxes = re.findall(r"(?:^>.*\n)+", text, flags=re.MULTILINE)
        met = [re.match(r"> \*\*First meeting: (.*?)\.\*\*", box) for box in boxes]
        assert [found[1] for found in met if found] == FIRST_MEETINGS.get(exercise.number, [])
        assert all(">>> " in box for box, found in zip(boxes, met, strict=True) if found)


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


@each_lesson
def test_no_product_is_taken_for_emphasis(exercise):
    """`1*2 + 2*0` outside code is read as `12 + 20`, the middle in italics."""
    text = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$|<!--.*?-->", "", exercise.lesson.read_text("utf-8"), flags=re.DOTALL)
    assert re.findall(r"\w\*\w.*", text) == []


@each_lesson
def test_no_line_that_goes_on_begins_like_a_list(exercise):
    """`0) + 4/5` at the start of a line is a list to the Markdown of a notebook, and none to that of a page."""
    text = re.sub(r"```.*?```|<!--.*?-->", "", exercise.lesson.read_text("utf-8"), flags=re.DOTALL)
    assert re.findall(r"^ *(?:\d+\)|\+) .*", text, flags=re.MULTILINE) == []
