"""The questions of the lessons: every answer has its reason, and every number and shape is computed."""

import importlib
import math
import re
import textwrap

import pytest
import torch

from grader.errors import KitError
from grader.kit import questions
from grader.kit.collect import use_references
from grader.kit.discovery import Kit
from grader.kit.questions import CHOICE, NUMBER, SHAPE, WHY, Question

each_exercise = pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)
ALL = [(exercise, question) for exercise in Kit().exercises for question in questions.read(exercise.questions)]
COMPUTED = [
    pytest.param(exercise, question, id=f"{exercise.slug}: {question.text[:40]}")
    for exercise, question in ALL
    if question.kind in (NUMBER, SHAPE)
]


@each_exercise
def test_a_lesson_asks_three_to_be_guessed_and_two_to_be_explained(exercise):
    found = questions.read(exercise.questions)
    assert [question.kind == WHY for question in found] == [False] * 3 + [True] * 2
    assert exercise.questions.read_text(encoding="utf-8").startswith(f"# Questions on exercise {exercise.number}\n")
    assert len({question.text for question in found}) == 5


@pytest.mark.parametrize(("exercise", "question"), ALL, ids=lambda one: getattr(one, "text", "")[:40])
def test_a_question_has_its_answer_and_its_reason(exercise, question):
    assert question.text.endswith("?")
    if question.kind == WHY:
        assert len(question.answer.split()) >= 15
        return
    assert len(question.because.split()) >= 5
    assert question.because.endswith(".")
    assert question.accepts(question.answer)
    assert bool(question.code) == (question.kind != CHOICE)
    if question.kind == CHOICE:
        assert [letter for letter, _ in question.options] == list("abc")
        assert sum(question.accepts(letter) for letter in "abc") == 1


def test_the_right_letter_is_not_always_the_same():
    letters = {question.answer for _, question in ALL if question.kind == CHOICE}
    assert letters == set("abc")


@pytest.mark.parametrize(("exercise", "question"), COMPUTED)
def test_an_answer_is_what_its_code_gives(kit, exercise, question):
    torch.manual_seed(0)
    with use_references(kit):
        module = importlib.import_module(f"solutions.{exercise.slug}")
        given = eval(question.code, {**vars(module), "torch": torch, "math": math})
    if question.kind == SHAPE:
        assert str(given) == question.answer
    else:
        digits = len(question.answer.partition(".")[2])
        assert f"{float(given):.{digits}f}".removeprefix("-") == question.answer


NUMBER_ASKED = Question("How large?", "0.25", "it is.", code="1 / 4")
COUNT_ASKED = Question("How many?", "15", "it is.", code="15")
SHAPE_ASKED = Question("Which shape?", "(2, 7, 7)", "it is.", code="2")
CHOICE_ASKED = Question("Which?", "b", "it is.", (("a", "the first"), ("b", "the last")))


@pytest.mark.parametrize(
    ("question", "typed", "right"),
    [
        (NUMBER_ASKED, "0.25", True),
        (NUMBER_ASKED, " .25 ", True),
        (NUMBER_ASKED, "1/4", True),
        (NUMBER_ASKED, "0,25", True),
        (NUMBER_ASKED, "0.254", True),
        (NUMBER_ASKED, "0.26", False),
        (NUMBER_ASKED, "-0.25", False),
        (NUMBER_ASKED, "1/0", None),
        (NUMBER_ASKED, "a quarter", None),
        (NUMBER_ASKED, "", None),
        (COUNT_ASKED, "15.0", True),
        (COUNT_ASKED, "15.1", False),
        (SHAPE_ASKED, "2 7 7", True),
        (SHAPE_ASKED, "torch.Size([2, 7, 7])", True),
        (SHAPE_ASKED, "(2, 7)", False),
        (SHAPE_ASKED, "square", None),
        (CHOICE_ASKED, "B", True),
        (CHOICE_ASKED, "the last", True),
        (CHOICE_ASKED, "a", False),
        (CHOICE_ASKED, "c", None),
    ],
)
def test_what_counts_as_right(question, typed, right):
    assert question.accepts(typed) is right


@pytest.mark.parametrize("body", ["", "- a: one\n- b: two\n\nAnswer: c\n\nBecause: so.\n"])
def test_a_question_without_an_answer_is_refused(tmp_path, body):
    file = tmp_path / "ex01_topic.questions.md"
    file.write_text(f"# Questions\n\n## What?\n\n{body}", encoding="utf-8")
    with pytest.raises(KitError, match=re.escape("ex01_topic.questions.md: no answer to 'What?'")):
        questions.read(file)


def test_long_answers_are_one_paragraph(tmp_path):
    file = tmp_path / "ex01_topic.questions.md"
    text = """\
        # Questions on exercise 1

        ## Why so?

        Answer: because
        of this.
        """
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    assert questions.read(file) == [Question("Why so?", "because of this.")]
    assert questions.read(tmp_path / "nothing.md") == []
