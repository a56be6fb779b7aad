"""Two mistakes in one function: which pairs are tried, and that pairs of the catalogue are found."""

import contextlib
import io
import random
from itertools import combinations

import pytest
import torch

from grader.dev import claims
from grader.dev.feedback import Impatient
from grader.dev.mutants import Mutant
from grader.diagnosis import recognise
from grader.diagnosis.diagnosis import Certainty
from grader.diagnosis.two_at_once import Answer, Question
from grader.kit.variants import can_meet, mistakes, together

SCORES = torch.tensor([[1.0, -2.0, 3.0], [0.5, 1.0, -1.0]], dtype=torch.float64)
OF_EACH, LIKELY = 4, 10


def fit(right, learners, one, other):
    return Question(Answer(right), Answer(learners)).fit(Answer(one), Answer(other))


def test_where_one_mistake_alone_changes_a_number_it_is_that_mistakes():
    first, second = SCORES.clone(), SCORES.clone()
    first[0, 0], second[1, 1] = 7.0, 9.0
    both = first.clone()
    both[1, 1] = 9.0
    elsewhere = both.clone()
    elsewhere[1, 2] = 5.0
    assert fit(SCORES, both, first, second) > fit(SCORES, elsewhere, first, second)
    assert fit(SCORES, both, first, second) > fit(SCORES, both, first, first)


def test_what_both_bring_about_is_seen_of_the_two_together():
    rows, other_rows = SCORES.softmax(-1), (2 * SCORES).softmax(-1)
    assert fit(SCORES, (SCORES / 3).softmax(-1), rows, other_rows) > fit(SCORES, SCORES / 3, rows, other_rows)


def test_a_form_that_neither_has_is_not_of_the_two():
    assert fit(SCORES, SCORES + 3, SCORES + 1, SCORES + 2) > fit(SCORES, (SCORES + 3)[0], SCORES + 1, SCORES + 2)


def test_an_answer_that_holds_no_number_is_no_trouble():
    assert fit(None, "a", 3, torch.zeros(0)) <= 1


def pairs_of(exercise, number):
    """Pairs of likely mistakes in one function, always the same."""
    likely = {}
    for one in mistakes(exercise):
        likely.setdefault(one.target, []).append(one)
    every = [pair for group in likely.values() for pair in combinations(group[:LIKELY], 2) if can_meet(*pair)]
    return random.Random(3).sample(every, number)


@pytest.fixture
def told(session):
    """What is recognised in a file with two mistakes: names at once, and whether each is true."""

    def run(exercise, pair):
        mutant = Mutant("", "", "", "\n".join(together(pair)).encode())
        recogniser = session.recogniser(exercise)
        with contextlib.redirect_stdout(io.StringIO()):
            failed, passed = claims._runs(session, exercise, mutant, 0, Impatient)
            said = recogniser.diagnose(failed, passed).values()
        named = {one.mistakes: one for one in said if one.mistakes and one.certainty is Certainty.NAME}
        false = [where for one in named.values() for where in claims.disagreeing(recogniser, one, failed, passed)]
        return {frozenset(names) for names in named}, false

    return run


@pytest.mark.no_cover
def test_two_mistakes_in_one_function_are_found(exercise, told):
    """A mistake may hide another one, or leave nothing of it to be seen: not every pair is two for whoever looks."""
    both, every = 0, 0
    for number in (4, 5, 6):
        for pair in pairs_of(exercise(number), OF_EACH):
            names, false = told(exercise(number), pair)
            assert false == [], (number, [one.name for one in pair])
            both += frozenset(pair) in names
            every += 1
    assert every == 3 * OF_EACH
    assert both >= AT_LEAST


AT_LEAST = 5


def test_no_more_pairs_are_tried_than_may_be(session, exercise, told, monkeypatch):
    six = exercise(6)
    trusted, asked = session.recogniser(six).trusted, set()
    replay = trusted.replay
    monkeypatch.setattr(recognise, "MAX_PAIRS", 3)
    monkeypatch.setattr(
        trusted,
        "replay",
        lambda found, *rest: asked.add(tuple(one.name for one in found)) or replay(found, *rest),
    )
    shown = next(pair for pair in pairs_of(six, OF_EACH) if pair[0].target == "self_attention")
    told(six, shown)
    assert 0 < len([names for names in asked if len(names) == 2]) <= 3
