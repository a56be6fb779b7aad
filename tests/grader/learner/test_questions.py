"""Being asked: what is asked when, what counts as an answer, and that missed questions come again."""

import io

import pytest

from grader.kit import questions as written
from grader.kit.discovery import Kit
from grader.learner import questions
from grader.learner.progress import Progress
from grader.reports.terminal import Screen
from tests.grader.support.kits import copy_kit


@pytest.fixture
def kit(tmp_path):
    return Kit(copy_kit(tmp_path / "kit"))


@pytest.fixture
def progress(kit):
    return Progress.read(kit.root)


def asked(kit, progress, number, answers):
    """What is shown when these lines are typed; the file ends after them."""
    text = io.StringIO()
    lines = iter(answers)

    def read(prompt):
        text.write(f"{prompt}\n")
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    questions.ask(Screen(text), kit, progress, kit.find([str(number)])[0], read)
    return text.getvalue()


def key(kit, number):
    """The answers that are right, in the order in which a new learner is asked."""
    exercise = kit.find([str(number)])[0]
    earlier = questions.recalled(kit, Progress.read(kit.root), exercise)
    return [one.answer for _, one in earlier] + [one.answer for one in written.read(exercise.questions)]


def test_two_earlier_questions_come_first_and_the_why_come_last(kit, progress):
    said = asked(kit, progress, 7, key(kit, 7))
    order = [line for line in said.splitlines() if line.startswith("? ")]
    assert "(from exercise 6)" in order[0]
    assert "(from exercise 6)" in order[1]
    assert [line[2] for line in order] == list("1234567")
    assert " Why " in order[5]
    assert " Why " in order[6]
    assert "5 of 5 right." in said


def test_a_missed_question_comes_again_before_all_others(kit, progress):
    four = kit.find(["4"])[0]
    second = written.read(four.questions)[1]
    questions.remember(progress, four, second, right=False)
    seven = kit.find(["7"])[0]
    assert questions.recalled(kit, progress, seven)[0] == (four, second)
    said = asked(kit, progress, 7, ["1", "q"])
    assert "No, it is 0: every exponential grows" in said
    assert "0 of 1 right; those that were missed come again." in said
    assert questions.recalled(kit, Progress.read(kit.root), seven)[0] == (four, second)
    asked(kit, progress, 7, ["0", "q"])
    assert (four, second) not in questions.recalled(kit, Progress.read(kit.root), seven)


def test_what_was_missed_here_is_asked_before_what_was_known(kit, progress):
    seven = kit.find(["7"])[0]
    first, second, third, *_ = written.read(seven.questions)
    questions.remember(progress, seven, first, right=True)
    questions.remember(progress, seven, second, right=False)
    order = [one for _, one in questions.of_lesson(seven, progress)]
    assert order[:3] == [second, third, first]


def test_nothing_comes_before_the_first_lesson(kit, progress):
    one = kit.find(["1"])[0]
    assert questions.recalled(kit, progress, one) == []
    assert "? 1. x is" in asked(kit, progress, 1, ["q"])


def test_what_is_no_answer_is_asked_for_once_more(kit, progress):
    said = asked(kit, progress, 1, ["square\x1b[m", "7 12 5", "q"])
    assert "'square[m' is not a shape: try once more" in said
    assert "Right: there is one h for each row" in said


def test_an_empty_line_leaves_a_question_out_and_remembers_nothing(kit, progress):
    said = asked(kit, progress, 1, ["", "", "", "", ""])
    assert "right" not in said
    entry = Progress.read(kit.root).entry("ex01_encoder")
    assert all("Why" in text for text in entry.get("questions", {}))


def test_damaged_memory_is_no_memory(kit, progress):
    with progress.changing("ex06_self_attention") as entry:
        entry["questions"] = {"Five keys are equal. How large is the weight of each?": 3}
    with progress.changing("ex04_attention_weights") as entry:
        entry["questions"] = []
    assert "5 of 5 right." in asked(kit, progress, 7, key(kit, 7))


def test_the_loop_invites_to_it(kit):
    assert (
        questions.invitation(kit.find(["7"])[0])
        == "? asks you 5 questions about this lesson, and 2 about earlier ones."
    )
