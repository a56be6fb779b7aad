"""A wrong tensor in words, with what is known of its call."""

import math
from dataclasses import replace

import pytest
import torch

from grader.checks.attempt import attempt, check_seed
from grader.checks.patterns import CallContext, clue, clue_to_dtype, clue_to_not_finite
from grader.dev.survey import as_learner
from grader.kit.variants import mistakes
from grader.remote.transport import LocalTransport

AXES = ["batch", "query", "key"]
SCORES = torch.arange(30, dtype=torch.float64).reshape(2, 3, 5).sin() + 2
WIDTHS = CallContext({"d_k": 16, "d_model": 12, "batch": 2})


def words(actual, expected=SCORES, axes=AXES, setting=None):
    return clue(actual, expected, (actual - expected).abs() > 1e-9, axes, setting)


@pytest.mark.parametrize(
    ("factor", "origin"),
    [
        (4, "sqrt(d_k)"),
        (1 / 4, "1 / sqrt(d_k)"),
        (16, "d_k"),
        (1 / 16, "1 / d_k"),
        (math.sqrt(12), "sqrt(d_model)"),
        (1 / math.sqrt(12), "1 / sqrt(d_model)"),
        (12, "d_model"),
    ],
)
def test_a_factor_is_traced_to_a_size(factor, origin):
    assert words(SCORES * factor, setting=WIDTHS).endswith(f"times the expected one, which is {origin}.")


def test_a_factor_that_is_no_size_is_a_number():
    assert words(SCORES * 2.5, setting=WIDTHS) == "Every value is 2.5 times the expected one."


def test_the_width_of_q_is_d_k():
    setting = CallContext({}, {"q": torch.zeros(2, 9)})
    assert words(SCORES * 3, setting=setting) == "Every value is 3 times the expected one, which is sqrt(d_k)."


def test_zeros_are_a_factor_of_nothing():
    some = SCORES.clone()
    some[0, 0, 0] = 0
    assert "2 times" in words(some * 2, some)


def test_only_padding_differs():
    right = torch.arange(40, dtype=torch.float64).reshape(2, 5, 4).cos()
    mine = right.clone()
    mine[0, 3:] += 1
    setting = CallContext({}, {"lengths": torch.tensor([3, 5])})
    axes = ["batch", "source", "hidden"]
    assert words(mine, right, axes, setting) == "Only positions of padding differ."
    mine[1, 2] += 1
    assert words(mine, right, axes, setting) is None


def test_columns_sum_to_one_instead_of_rows():
    scores = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    right = scores.softmax(-1)
    assert words(scores.softmax(-2), right) == "Summed over query it gives one everywhere, summed over key it does not."
    assert words(scores.softmax(0), right) == "Summed over batch it gives one everywhere, summed over key it does not."
    assert words(scores, right) is None


def test_only_the_dtype_is_wrong():
    assert clue_to_dtype(SCORES.float(), SCORES) == "The values are right, the dtype is not."
    assert clue_to_dtype(SCORES.bfloat16(), SCORES.half()) == "The values are right, the dtype is not."
    assert clue_to_dtype(SCORES.float() + 1, SCORES) is None
    assert clue_to_dtype(SCORES.to(torch.complex64), SCORES) is None


def nan_at(rows):
    values = SCORES.clone()
    values[rows] = float("nan")
    return values


def origin(values, axes=AXES, **given):
    return clue_to_not_finite(values, ~values.isfinite(), axes, CallContext({}, given))


def test_nan_is_traced_to_where_it_comes_from():
    blind = torch.ones(2, 3, 5, dtype=torch.bool)
    blind[0, 1] = False
    rows = nan_at((0, 1))
    assert origin(rows, allowed=blind).startswith("These are the queries that may attend to nothing")
    assert origin(rows, allowed=~blind).startswith("All of a row along key is nan")
    assert origin(rows, allowed=torch.ones(7, 7, dtype=torch.bool)).startswith("All of a row along key is nan")
    assert origin(SCORES * float("nan")).startswith("Every value is nan")
    assert origin(SCORES / 0).startswith("inf means that a number overflowed")
    assert origin(nan_at((0, 1, 2))) is None
    assert origin(nan_at((0, slice(1, 3))), ["batch", "source", "hidden"], lengths=torch.tensor([1, 3])) == (
        "It stands at padding alone."
    )


READS_STORAGE = """

def attention_scores(q, k):
    k = torch.as_strided(k, k.shape, torch.empty(k.shape).stride())
    return q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
"""


def test_a_result_that_depends_on_the_order_in_memory_is_said_to(session, exercise):
    six = exercise(6)
    variant = mistakes(six)[0]
    code = as_learner(
        replace(variant, source=six.solution.read_bytes() + READS_STORAGE.encode()),
        session.trusted(six),
        LocalTransport,
    )
    said = {check.id: attempt(check, code, check_seed(1, check)).error for check in session.checks[six.slug]}
    failed = [name for name, error in said.items() if error is not None]
    assert failed == ["test_inputs_need_not_be_contiguous"]
    assert "right where the inputs are contiguous in memory" in str(said[failed[0]])
