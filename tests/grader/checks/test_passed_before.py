"""A submission that answers as one before it that passed is not checked again; what answers otherwise is."""

import json
from dataclasses import asdict, replace

import pytest

from grader.checks import attempt as run
from grader.checks import passed_before
from grader.checks.attempt import check_seed
from grader.checks.passed_before import PassedRuns
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.variants import alternatives, mistakes
from grader.remote.transport import LocalTransport, WorkerTransport
from tests.grader.conftest import SEED

COUNTED = b"""

_calls = 0
_scores = attention_scores


def attention_scores(q, k):
    global _calls
    _calls += 1
    print(_calls)
    return _scores(q, k)
"""
LATER_WRONG = COUNTED.replace(b"return _scores(q, k)", b"return _scores(q, k) * (1 + (_calls % 7 == 6))")
LATER_GONE = COUNTED.replace(b"return", b"if _calls % 9 == 8:\n        import os\n        os._exit(3)\n    return")
SCALED_FIRST = b"""


def attention_scores(q, k):
    return (q / math.sqrt(q.size(-1))) @ k.transpose(-2, -1)
"""


@pytest.fixture
def drawn(monkeypatch):
    """How many checks were run rather than followed."""
    count = []
    monkeypatch.setattr(run, "Draw", lambda *args, draw=run.Draw, **more: count.append(1) or draw(*args, **more))
    return count


@pytest.fixture(scope="module")
def experienced(kit, workers):
    """Runs over workers, with precedents from every run before."""
    return Session(kit, kit.exercises, CheckSettings(SEED, connect=lambda: WorkerTransport(workers)))


@pytest.fixture(scope="module")
def inexperienced(kit, workers):
    """Runs over workers, without precedents."""
    session = Session(kit, kit.exercises, CheckSettings(SEED, connect=lambda: WorkerTransport(workers)))

    def run(exercise, file):
        session.passed_runs = PassedRuns()
        return session.run(exercise, file)

    return run


def told(result):
    """All that results.json holds of a result, but the times."""
    return json.dumps(
        asdict(replace(result, outcomes=[replace(one, seconds=0.0) for one in result.outcomes])), default=str
    )


def test_the_same_answers_are_not_worked_out_again(session, exercise, drawn, submit):
    six, session.passed_runs = exercise(6), PassedRuns()
    first = session.run(six, six.solution)
    assert len(drawn) == len(first.outcomes)
    assert told(session.run(six, six.solution)) == told(first)
    assert len(drawn) == len(first.outcomes)
    session.run(six, submit(six, six.solution.read_bytes() + SCALED_FIRST))
    between = len(drawn)
    assert len(first.outcomes) < between <= 2 * len(first.outcomes)
    session.run(six, submit(six, six.solution.read_bytes() + SCALED_FIRST + b"\n# the same with another end\n"))
    assert len(drawn) == between


def test_a_known_mistake_is_run_only_where_it_answers_otherwise(kit, exercise, drawn):
    six = exercise(6)
    session = Session(kit, [six], CheckSettings(SEED, connect=LocalTransport))  # tried nothing yet
    session.run(six, six.solution)
    trusted, mistake = session.trusted(six), next(one for one in mistakes(six) if one.name == "no_scaling")
    not_run = set()
    for check in session.checks[six.slug]:
        before = len(drawn)
        tried = trusted.attempt_mistakes((mistake,), check, check_seed(SEED + 1, check))
        assert len(drawn) == before + 1, "nothing passed with this seed"
        again = trusted.attempt_mistakes((mistake,), check, check_seed(SEED, check))
        assert (again.error is None) == (tried.error is None)
        not_run |= {check.id} if len(drawn) == before + 1 else set()
        assert again.error is None or len(drawn) == before + 2
    assert not_run


@pytest.mark.parametrize("number", [3, 6, 9])
def test_whoever_comes_later_is_told_the_same(inexperienced, experienced, exercise, number, submit):
    """The reference, mistakes and another right way, after the reference and after each other."""
    one = exercise(number)
    variants = [*mistakes(one)[5::90], *alternatives(one)[:1]]
    for text in (one.solution.read_bytes(), *(variant.source for variant in variants)):
        file = submit(one, text)
        assert told(experienced.run(one, file)) == told(inexperienced(one, file))
    assert told(experienced.run(one, file)) == told(inexperienced(one, file)), "the second time, too"


@pytest.mark.parametrize("text", [COUNTED, LATER_WRONG, LATER_GONE], ids=["right", "wrong", "gone"])
def test_nothing_is_asked_twice(inexperienced, experienced, exercise, submit, text):
    """The file counts its calls and prints the number; it is wrong at the sixth, or gone at the eighth."""
    six = exercise(6)
    experienced.run(six, six.solution)
    file = submit(six, six.solution.read_bytes() + text)
    alone = inexperienced(six, file)
    assert any(outcome.output for outcome in alone.outcomes)
    for _ in range(2):
        assert told(experienced.run(six, file)) == told(alone)


def test_what_a_file_does_while_it_is_loaded_counts(inexperienced, experienced, exercise, submit):
    six = exercise(6)
    experienced.run(six, six.solution)
    file = submit(six, six.solution.read_bytes() + b"\n\ntorch.set_default_dtype(torch.float64)\n")
    alone = inexperienced(six, file)
    assert any("globally" in outcome.message for outcome in alone.outcomes)
    assert told(experienced.run(six, file)) == told(alone)


def test_only_some_ways_are_remembered(session, exercise, drawn, submit, monkeypatch):
    monkeypatch.setattr(passed_before, "MAX_WAYS", 1)
    six, session.passed_runs = exercise(6), PassedRuns()
    other = submit(six, six.solution.read_bytes() + SCALED_FIRST)
    for file in (six.solution, other):
        session.run(six, file)
    before = len(drawn)
    session.run(six, six.solution)
    assert len(drawn) == before
    session.run(six, other)
    assert len(drawn) > before


def test_a_check_that_asks_otherwise_after_the_same_answers_is_an_error(session, exercise, monkeypatch, submit):
    """That is a fault of the kit, and is not hidden."""
    six, session.passed_runs = exercise(6), PassedRuns()
    session.run(six, six.solution)
    monkeypatch.setattr(run, "Draw", lambda seed, draw=run.Draw, **more: draw(seed + 1, **more))
    result = session.run(six, submit(six, six.solution.read_bytes() + SCALED_FIRST))
    said = {outcome.message for outcome in result.outcomes if outcome.verdict == "error"}
    assert said == {"a check asks something else than it asked before, though all answers are the same"}
