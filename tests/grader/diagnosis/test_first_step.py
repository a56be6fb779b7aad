"""Which call is followed, and what is said of a learner's file."""

import pytest
import torch

from grader.diagnosis.first_step import _failing
from grader.judging.exercise import CheckSettings, run_exercise
from grader.kit.variants import mistakes
from grader.remote.calls import Call
from grader.remote.transport import WorkerTransport
from grader.results.verdicts import CORE
from grader.source.file import Source

Q = torch.arange(12, dtype=torch.float64).reshape(3, 4).sin()


def test_of_a_check_that_asks_once_more_the_first_time_counts():
    def call(x, name="f"):
        made = Call(name, name)
        made.given = {"x": x, "n": 3}
        return made

    assert _failing([call(Q), call(Q + 1), call(Q + 1)]) == 1
    assert _failing([call(Q), call(Q + 1), call(Q + 1.001)]) == 2
    assert _failing([call(Q, "g"), call(Q)]) == 1
    assert _failing([call(Q)]) == 0


@pytest.mark.parametrize(
    ("number", "name", "words"),
    [
        (6, "softmax_over_queries", "These values sum to 1 over axis 1, those of `weights` over axis 2."),
        (6, "no_scaling", "the right result is 0."),
        (6, "queries_and_keys_swapped", "returns the reference's `k` as its first result; the reference returns `q`"),
        (9, "layers_in_reverse", "where the reference calls `layers.0` first: for layer"),
        (9, "no_second_norm", "`norm_2` is never called; the reference gives it what is computed on line"),
        (10, "no_cross_residual", "gives `norm_2` other values than the reference does"),
        (10, "source_mask_unused", "with `None` as `source_allowed`; the reference gives it `source_allowed`"),
        (12, "no_fall", "; the reference returns `"),
        (
            11,
            "source_read_with_the_target_table",
            "with `self.target_embedding` as `embedding`; the reference gives it `se",
        ),
        (9, "every_layer_reads_the_input", "gives `layers."),
        (9, "same_dropout_in_every_call", "calls `manual_seed`, which the reference does not"),
        (9, "dropout_not_passed_on", "makes Encoder with `0` as `dropout`; the reference gives it `0."),
        (9, "eval_mode_inside", "calls `eval`, which the reference does not"),
        (9, "no_gradient", "keeps gradients from being recorded: with torch.no_grad():"),
    ],
)
def test_a_learners_file_is_followed_in_a_worker_too(session, exercise, workers, number, name, words):
    one = exercise(number)
    mistake = next(found for found in mistakes(one) if found.name == name)
    recogniser = session.recogniser(one)
    trusted = recogniser.trusted
    source = Source(one.slug, "<mine>", "mine", mistake.source, trusted.source.earlier, trusted.source.shortcuts)

    def first_failure(checks, **settings):
        result = run_exercise(checks, source, trusted.reference, recogniser, CheckSettings(3, **settings))
        return result.first_failure

    every = session.checks[one.slug]
    core = [check for check in every if check.tier == CORE]
    checks = core if first_failure(core) else every
    here, there = first_failure(checks), first_failure(checks, connect=lambda: WorkerTransport(workers))
    assert here.step == there.step
    assert words in here.step[1]
    failing = [check for check in checks if check.id == here.id]
    assert first_failure(failing, hidden=True).step is None


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("q = x @ w_q", "q = x", "sets `q`, which the reference sets to something else: q = x"),
        ("/ math.sqrt(d_k)", "/ math.sqrt(d_k) / 0", "gives the first result that the reference does not have: "),
    ],
)
def test_a_wrong_shape_and_what_is_not_finite_are_followed_too(session, exercise, before, after, words):
    one = exercise(6)
    recogniser = session.recogniser(one)
    trusted = recogniser.trusted
    text = one.solution.read_text(encoding="utf-8")
    assert before in text
    source = Source(one.slug, "<mine>", "mine", text.replace(before, after).encode(), trusted.source.earlier)
    failed = run_exercise(
        session.checks[one.slug], source, trusted.reference, recogniser, CheckSettings(3)
    ).first_failure
    assert words in failed.step[1]
    assert "yours" in failed.example
