"""A failing call that a hand can redo: valid on the reference, wrong on the file, at most eight numbers of input."""

import re

import pytest

from grader.diagnosis.small_example import MOST_NUMBERS
from grader.judging.exercise import CheckSettings, run_exercise
from grader.kit.variants import mistakes
from grader.source.file import Source

pytestmark = pytest.mark.no_cover


@pytest.fixture
def shown(session, exercise):
    """The example that a learner with this mistake reads."""

    def run(number, name, **settings):
        one = exercise(number)
        mistake = next(found for found in mistakes(one) if found.name == name)
        recogniser = session.recogniser(one)
        trusted = recogniser.trusted
        source = Source(one.slug, "<mine>", "mine", mistake.source, trusted.source.earlier, trusted.source.shortcuts)
        checks = session.checks[one.slug]
        result = run_exercise(checks, source, trusted.reference, recogniser, CheckSettings(11, **settings))
        return result.first_failure.example

    return run


def test_an_example_has_the_call_what_it_gives_and_what_is_right(shown):
    first, yours, expected, *steps = shown(6, "no_scaling").splitlines()
    numbers = re.findall(r"-?\d+", first.partition(" with ")[2])
    assert first.startswith("attention_scores with q = [[")
    assert 0 < len(numbers) <= MOST_NUMBERS
    assert yours.split()[0] == "yours"
    assert expected.split()[0] == "expected"
    assert yours.split()[1:] != expected.split()[1:]
    assert [step.split(" = ")[0].strip() for step in steps] == ["from scores"], "the reference's own step, by its name"


def test_the_right_result_is_the_one_a_hand_works_out(shown):
    first, yours, expected, *steps = shown(6, "no_scaling").splitlines()
    q, k = (eval(text) for text in re.findall(r"= (\[.*?\]) *(?= k|$)", first))
    product = sum(a * b for a, b in zip(row(q), row(k), strict=True))
    assert row(eval(yours.split(maxsplit=1)[1]))[0] == pytest.approx(product)
    assert row(eval(steps[0].partition(" = ")[2]))[0] == pytest.approx(product)
    assert row(eval(expected.split(maxsplit=1)[1]))[0] == pytest.approx(product / len(row(q)) ** 0.5, abs=1e-2)


def row(values):
    """The first row of nested lists."""
    return row(values[0]) if isinstance(values[0], list) else values


def test_tokens_and_masks_are_shown_as_they_are(shown):
    assert re.match(r"reverse_source with tokens = \[\[[\d, ]+\]\]  lengths = \[\d\]\n", shown(2, "whole_row_flipped"))
    assert "True" in shown(7, "either")


def test_where_messages_may_not_show_inputs_there_is_none(shown):
    assert shown(6, "no_scaling", hidden=True) is None


def test_a_module_is_too_large_for_a_hand(shown):
    assert shown(10, "values_from_target") is None
