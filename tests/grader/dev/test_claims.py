"""No name is given that is not true: a sample of what `python -m grader.dev.claims` looks at."""

from dataclasses import replace

import pytest

from grader.dev import claims
from grader.dev.mutants import mutants
from grader.diagnosis.diagnosis import Diagnosis
from grader.kit.variants import mistakes
from grader.remote.transport import LocalTransport, WorkerTransport
from tests.grader.support.finished_rows import EOS_DROPPED, PADDED_WITH_EOS, greedy_decode

pytestmark = pytest.mark.no_cover
SEED = 20_170_612


def test_no_other_mistake_is_named_on_either_transport(session, exercise, workers):
    ways = {"local": LocalTransport, "worker": lambda: WorkerTransport(workers)}
    assert claims.of_mistakes(session, exercise(6), SEED, ways, first=6) == []


def test_the_names_of_mutants_are_true(session, exercise, workers):
    for mutant in mutants(exercise(6).solution.read_text(encoding="utf-8"))[::8]:
        assert claims.of_mutant(session, exercise(6), mutant, SEED, lambda: WorkerTransport(workers)) == []


def test_a_false_name_is_found(session, exercise, monkeypatch):
    """Where the recogniser calls everything by one name, that is said of every mutant which has another mistake."""
    recogniser = session.recogniser(exercise(6))
    wrong = next(one for one in mistakes(exercise(6)) if one.name == "no_scaling")
    monkeypatch.setattr(
        recogniser, "diagnose", lambda failed, passed: {run.check.id: Diagnosis((wrong,)) for run in failed}
    )
    text = (
        exercise(6).solution.read_bytes() + b"\n\ndef attention_scores(q, k):\n    return q @ k.transpose(-2, -1) + 1\n"
    )
    mutant = replace(mutants(exercise(6).solution.read_text(encoding="utf-8"))[0], source=text)
    found = claims.of_mutant(session, exercise(6), mutant, SEED, LocalTransport)
    assert {one.name for one in found} == {"no_scaling"}


@pytest.mark.parametrize(("tokens", "name"), [(PADDED_WITH_EOS, "padded_with_eos"), (EOS_DROPPED, "eos_dropped")])
def test_a_name_is_no_less_true_where_finished_rows_are_fed_otherwise(session, exercise, tokens, name):
    """On a GPU nobody knows what the right answer to these requests is, and the file may fail for another reason."""
    three = exercise(3)
    text = three.solution.read_text(encoding="utf-8") + greedy_decode(tokens)
    mutant = replace(mutants(three.solution.read_text(encoding="utf-8"))[0], source=text.encode())
    failed, passed = claims._runs(session, three, mutant, SEED, LocalTransport)
    said = session.recogniser(three).diagnose(failed, passed)
    assert {one.name for one in said.values()} - {None} == {name}
    assert any(run.tried.is_on_a_gpu for run in failed)
    assert claims.of_mutant(session, three, mutant, SEED, LocalTransport) == []
