"""What learners read for telling mistakes, word for word.

After a change of words: `python -m tests.grader.support.golden`.
"""

import re
import sys

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


def test_each_part_of_the_course_has_five():
    numbers = [exercise.number for exercise, _ in golden.found()]
    assert min(sum(first <= number < first + 4 for number in numbers) for first in (1, 5, 9)) >= 5
