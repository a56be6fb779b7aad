"""Pictures of a difference: the slice with the worst entry, small, and whole again after JSON."""

import json

import pytest
import torch

from grader.checks.compare import compare
from grader.errors import Mismatch
from grader.results.tensor_diff import MOST, TensorDiff
from grader.results.verdicts import MOST_PICTURES


def picture_of(actual, expected, axes=None):
    with pytest.raises(Mismatch) as caught:
        compare(actual, expected, what="f(x)", axes=axes)
    return caught.value.picture


def test_the_slice_with_the_worst_entry_is_shown():
    expected = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    actual = expected.clone()
    actual[1, 2, 4, 6] += 5
    actual[0, 0, 0, 0] += 1
    shown = picture_of(actual, expected, "batch head query key")
    assert (shown.rows_axis, shown.columns_axis, shown.where) == ("query", "key", "batch 1, head 2")
    assert [(r, c) for r, row in enumerate(shown.wrong) for c, wrong in enumerate(row) if wrong] == [(4, 6)]
    assert shown.yours[4][6] == pytest.approx(actual[1, 2, 4, 6].item(), rel=1e-3)
    assert shown.expected[0][1] == pytest.approx(expected[1, 2, 0, 1].item(), rel=1e-3)
    assert shown.size == (5, 7)


def test_a_large_slice_is_cut_to_a_window_around_the_worst_entry():
    expected = torch.zeros(40, 100)
    actual = expected.clone()
    actual[39, 50] = 1
    shown = picture_of(actual, expected, "position d_model")
    assert len(shown.yours) == len(shown.yours[0]) == MOST
    assert shown.first == (24, 42)
    assert shown.size == (40, 100)
    assert shown.wrong[39 - 24][50 - 42]
    assert len(json.dumps(shown.record())) < 6_000


def test_a_vector_is_one_row_and_bools_are_numbers():
    shown = picture_of(torch.tensor([True, True, False]), torch.tensor([True, False, False]), "key")
    assert shown == TensorDiff("", "key", ((1, 1, 0),), ((1, 0, 0),), ((False, True, False),), size=(1, 3))


def test_axes_without_words_are_numbered():
    assert picture_of(torch.ones(2, 3), torch.zeros(2, 3)).columns_axis == "axis 1"


def test_a_number_has_no_picture():
    assert picture_of(torch.tensor(1.0), torch.tensor(2.0)) is None
    assert picture_of(1.0, 2.0) is None
    assert picture_of(torch.ones(2), torch.ones(3)) is None


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), float("-inf")])
def test_a_record_is_plain_json_and_comes_back(strange):
    expected = torch.tensor([[0.123456, 2.0], [3.0, 4.0]], dtype=torch.float64)
    actual = expected.clone()
    actual[1, 0] = strange
    shown = picture_of(actual, expected, "query key")
    record = json.loads(json.dumps(shown.record(), allow_nan=False))
    assert record["yours"][1] == [str(strange), 4]
    assert repr(TensorDiff.from_record(record)) == repr(shown)
    assert shown.expected[0][0] == 0.1235


def test_a_failing_check_carries_its_picture(session, exercise, submit):
    self_attention = exercise(6)
    text = self_attention.solution.read_text().replace("return ", "return 2 * ", 1)
    result = session.run(self_attention, submit(self_attention, text))
    assert result.first_failure.picture is not None
    assert sum(outcome.picture is not None for outcome in result.outcomes) == MOST_PICTURES
    assert all(outcome.picture is None for outcome in result.outcomes if outcome.verdict == "pass")
