"""Exercises are found by what a person types."""

import re

import pytest

from grader.errors import KitError, UsageError
from grader.kit.discovery import Kit


@pytest.mark.parametrize(
    "word",
    [
        "6",
        "06",
        "ex06",
        "ex06_self_attention",
        "self_attention",
        "self",
        "exercises/ex06_self_attention.py",
        r".\exercises\ex06_self_attention.py",
    ],
)
def test_an_exercise_is_found_by_number_slug_prefix_or_file(kit, word):
    assert [exercise.slug for exercise in kit.find([word])] == ["ex06_self_attention"]


def test_exercises_come_in_course_order_and_once(kit):
    assert [exercise.number for exercise in kit.find(["7", "ex03", "7"])] == [3, 7]
    assert len(kit.find([])) == len(kit.exercises) >= 12


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("99", "there is no exercise '99'"),
        ("e", "means more than one exercise"),
        ("masked", "masked_attention"),
        ("", "there is no exercise ''"),
    ],
)
def test_what_is_not_found_is_a_usage_error(kit, word, words):
    if word == "masked":
        assert kit.find([word])[0].number == 7
        return
    with pytest.raises(UsageError, match=re.escape(words)):
        kit.find([word])


def test_an_empty_folder_is_no_kit(tmp_path):
    with pytest.raises(KitError, match="no exercise lies in"):
        _ = Kit(tmp_path).exercises
