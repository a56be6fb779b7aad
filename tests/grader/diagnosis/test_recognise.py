"""Which known mistake a learner made: one, one of two, two at once, or none."""

from dataclasses import replace

import pytest

from grader.checks.attempt import attempt, check_seed
from grader.dev.survey import as_learner
from grader.diagnosis.call_graph import CallGraph, replaced
from grader.diagnosis.trusted import TrustedCode
from grader.judging.session import recogniser_of
from grader.kit.variants import mistakes, together
from grader.remote.transport import LocalTransport, WorkerTransport

SEED = 20_170_612


@pytest.fixture
def recognised(session, kit, exercise):
    """What every failing check recognises in a file that holds these mistakes, and how many failed."""

    def run(number, *names, text=None, connect=LocalTransport):
        one = exercise(number)
        found = [next(m for m in mistakes(one) if m.name == name) for name in names]
        source = "\n\n".join(together(found)).encode() if text is None else text
        recogniser = recogniser_of(kit, one, session.checks[one.slug][0].shortcuts)
        code = as_learner(replace(mistakes(one)[0], source=source), recogniser.trusted, connect)
        said = {}
        for check in session.checks[one.slug]:
            seed = check_seed(SEED, check)
            tried = attempt(check, code, seed)
            if tried.error is None:
                recogniser.note_pass(check, seed, tried)
            else:
                said[check.id] = recogniser.recognise(check, seed, tried)
        code.close()
        return said

    return run


@pytest.mark.parametrize(("number", "name"), [(6, "no_scaling"), (3, "state_not_carried"), (12, "old_gradients_kept")])
def test_one_mistake_is_named_in_every_check_that_fails(recognised, number, name):
    said = recognised(number, name)
    assert said
    assert {known.name for known in said.values()} == {name}
    assert not any(known.at_once for known in said.values())


def test_it_is_named_over_a_worker_too(recognised, workers):
    said = recognised(3, "state_not_carried", connect=lambda: WorkerTransport(workers))
    assert {known.name for known in said.values()} == {"state_not_carried"}


@pytest.mark.parametrize(
    ("number", "names", "check"),
    [
        (6, ["no_scaling", "softmax_over_queries"], "test_outputs_are_values_mixed_by_the_weights"),
        (9, ["unbiased_variance", "pre_norm"], "test_the_encoder_is_its_layers_in_a_row"),
        (11, ["no_scaling", "not_causal"], "test_decode_reads_memory_and_what_is_written[nothing]"),
    ],
)
def test_two_at_once_are_both_said(recognised, number, names, check):
    said = recognised(number, *names)
    known = said[check] if check in said else next(one for one in said.values() if one.at_once)
    assert known.at_once
    assert {one.name for one in known.mistakes} == set(names)
    assert known.name == known.mistakes[0].name
    first, *lines = known.sentences()
    assert first == "Two things are wrong here at once:"
    assert lines == [f"- {one.diagnosis}" for one in known.mistakes]


def test_on_a_gpu_only_mistakes_about_devices_are_looked_at_while_one_fits(recognised, monkeypatch):
    asked, replay = [], TrustedCode.replay
    monkeypatch.setattr(
        TrustedCode, "replay", lambda self, some, *rest: asked.extend(some) or replay(self, some, *rest)
    )
    said = recognised(11, "future_on_the_cpu")
    assert {known.name for known in said.values()} == {"future_on_the_cpu"}
    assert len(asked) > 1
    assert all(one.shows_on_gpus_only for one in asked)


UNKNOWN = b"""

def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / q.size(-1) ** 0.5 * 1.01 + 0.3 * q.sum(-1, keepdim=True)
"""


def test_what_nobody_has_listed_has_no_name(recognised, exercise):
    said = recognised(6, text=exercise(6).solution.read_bytes() + UNKNOWN)
    assert said
    assert {known.name for known in said.values()} == {None}
    assert {tuple(known.sentences()) for known in said.values()} == {()}


BARELY_WRONG = b"""

def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / q.size(-1) ** 0.5 * (1 + 3e-8)
"""


def test_a_mistake_that_is_right_here_is_not_the_learners(recognised, exercise):
    """Every mistake elsewhere gives what is right here, which is close to what the learner gives."""
    said = recognised(6, text=exercise(6).solution.read_bytes() + BARELY_WRONG)
    assert said
    assert {known.name for known in said.values()} == {None}


# ------------------------------------------------------------------------------------------------ anatomy

TEXT = b"""
def inner(x):
    return x

def outer(x):
    return inner(x)

class Layer:
    def __init__(self):
        self.other = 1

    def forward(self, x):
        return self.help(x)

    def help(self, x):
        return outer(x)

class Stack:
    def __init__(self):
        self.layers = [Layer()]

    def forward(self, x):
        return x
"""


def test_a_call_reaches_what_it_names_and_what_that_names():
    anatomy = CallGraph(TEXT)
    assert anatomy.reached(["inner"]) == {"inner"}
    assert anatomy.reached(["outer"]) == {"inner", "outer"}
    assert {"Stack.forward", "Layer.forward", "Layer.help", "inner"} <= anatomy.reached(["Stack"])
    assert "Layer.forward" not in anatomy.reached(["Layer.help"])
    assert anatomy.reached(["Embedding.forward"]) == set(anatomy.reached(["Stack", "Layer", "inner", "Layer.help"]))
    assert anatomy.entered(["Layer.help"]) == {"Layer.__init__", "Layer.help"}
    assert anatomy.entered(["Embedding.forward"]) == frozenset()


@pytest.mark.parametrize(
    ("definition", "units"),
    [
        ("class Layer(reference.Layer):\n    def help(self, x):\n        return x", {"Layer.help"}),
        ("class Layer(reference.Layer):\n    def __init__(self):\n        pass", None),
        ("class Layer(reference.Layer):\n    size = 3", None),
        ("class Layer(Module):\n    def help(self, x):\n        return x", None),
        ("def inner(x):\n    return 1", None),
    ],
)
def test_a_variant_replaces_the_methods_that_it_overrides(definition, units):
    assert replaced(definition, "Layer") == units
