"""What learners read for telling mistakes, word for word.

After a change of words: `python -m tests.grader.support.golden`.
"""

import re
import sys
import textwrap

import pytest

from tests.grader.support import golden


@pytest.fixture(scope="module", autouse=True)
def session(kit):
    with golden.one_session(kit):
        yield


@pytest.mark.parametrize(
    ("exercise", "name"), [pytest.param(*one, id=golden.path(*one).stem) for one in golden.found()]
)
def test_the_screen_is_as_it_was(exercise, name):
    screen = golden.screen(exercise, name)
    if sys.version_info < (3, 11):  # whose ast.unparse, which writes mistakes, puts a tuple before "=" in brackets
        screen = re.sub(r"\((\w+(?:, \w+)+)\) = ", r"\1 = ", screen)
    assert screen == golden.path(exercise, name).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted(golden.SCREENS.glob("*.txt")), ids=lambda file: file.stem)
def test_what_is_said_before_the_picture_fits_fourteen_lines(file):
    """At 80 columns, from the title of the check to the values side by side, or to the place."""
    lines = file.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if "checks pass" in line) + 3
    picture = ("rows are", "yours      expected", " seed 4127")
    last = next(number for number in range(first, len(lines)) if any(words in lines[number] for words in picture))
    rows = [textwrap.wrap(line, 76) for line in lines[first:last]]
    assert sum(map(len, rows)) <= 14


def test_each_part_of_the_course_has_five():
    numbers = [exercise.number for exercise, _ in golden.found()]
    assert min(sum(first <= number < first + 4 for number in numbers) for first in (1, 5, 9)) >= 5
