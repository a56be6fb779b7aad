"""The comparison: the first difference in one sentence."""

import pytest
import torch

from grader.checks.compare import compare
from grader.checks.tolerances import EXACT, SLACK, error_scaled
from grader.errors import Mismatch
from grader.protocol.values import Foreign

RIGHT = torch.arange(30, dtype=torch.float64).reshape(2, 3, 5)


def sentence(actual, expected=RIGHT, **options):
    with pytest.raises(Mismatch) as caught:
        compare(actual, expected, what="f(x)", **{"axes": "batch query key", **options})
    return str(caught.value), caught.value.kind


@pytest.mark.parametrize(
    ("actual", "kind", "text"),
    [
        (None, "type", "f(x) returned None, expected a Tensor"),
        (3, "type", "f(x) returned an int (3), expected a Tensor"),
        ((RIGHT,), "type", "f(x) returned a tuple of 1, expected a Tensor"),
        (Foreign("numpy.ndarray"), "type", "f(x) returned numpy.ndarray, expected a Tensor"),
        (RIGHT[:1], "shape", "f(x) has shape (1, 3, 5), expected (batch, query, key) = (2, 3, 5)"),
        (
            RIGHT.transpose(1, 2),
            "shape",
            "f(x) has its axes in the order (batch, key, query) = (2, 5, 3), expected (batch, query, key) = (2, 3, 5)",
        ),
        (RIGHT.float(), "dtype", "f(x) has dtype float32, expected float64\nThe values are right, the dtype is not."),
        (
            RIGHT.log() * float("nan"),
            "finite",
            "f(x) holds nan at batch 0, query 0, key 0: 30 of 30 entries are not finite\n"
            "Every value is nan: one nan in a sum or a softmax spreads to all of it.",
        ),
        (
            RIGHT + torch.nn.functional.one_hot(torch.tensor(3), 5) * 1e-4,
            "value",
            "f(x): 6 of 30 values differ\nworst at batch 0, query 0, key 3: yours 3.0001, expected 3, allowed 4e-06",
        ),
    ],
    ids=["none", "int", "tuple", "foreign", "shape", "order", "dtype", "nan", "value"],
)
def test_the_first_difference_is_said(actual, kind, text):
    assert sentence(actual) == (text, kind)


def test_equal_values_pass():
    compare(RIGHT + 1e-11, RIGHT, what="f(x)")
    compare((RIGHT, 0.5), (RIGHT, 0.5), what="f(x)")
    compare([RIGHT], (RIGHT,), what="f(x)")
    compare(torch.tensor([float("-inf")]), torch.tensor([float("-inf")]), what="f(x)")
    compare(torch.zeros(0, 3), torch.zeros(0, 3), what="f(x)")


def test_nothing_is_broadcast():
    assert sentence(RIGHT[:1], RIGHT)[1] == "shape"
    assert sentence(torch.zeros(()), torch.zeros(1), axes="batch")[1] == "shape"
    assert sentence(torch.zeros(2, 0), torch.zeros(2, 3), axes="")[1] == "shape"


def test_integers_and_bools_are_exact():
    compare(torch.tensor([1, 2]), torch.tensor([1, 2]), what="f(x)")
    assert sentence(torch.tensor([1, 2]), torch.tensor([1, 3]), axes="batch")[1] == "value"
    assert sentence(torch.tensor([True]), torch.tensor([False]), axes="batch")[1] == "value"
    assert sentence(torch.tensor([1]), torch.tensor([True]), axes="batch")[1] == "dtype"


def test_results_of_a_tuple_are_named_by_their_place():
    text, _ = sentence((RIGHT, RIGHT + 1), (RIGHT, RIGHT), axes="batch query key; batch query key")
    assert text.startswith("the second result of f(x): 30 of 30 values differ")
    assert sentence((RIGHT,), (RIGHT, RIGHT), axes=None) == ("f(x) returned 1 value, expected 2", "type")


def test_a_float_must_be_a_float():
    assert (
        sentence(torch.tensor(0.5), 0.5, axes=None)[0] == "f(x) returned a Tensor of shape (), expected a Python float"
    )
    assert sentence(0.25, 0.5, axes=None)[0] == "f(x) is 0.25, expected 0.5, allowed 2e-06"
    assert sentence(float("nan"), 0.5, axes=None)[1] == "value"


def test_an_error_scaled_bound_follows_the_error_of_the_dtype():
    exact = torch.full((4,), 1000.0, dtype=torch.float64)
    narrow = (exact + 0.01).float()
    assert error_scaled(exact, narrow, torch.float32).min() > 0.09
    assert error_scaled(exact, exact.float(), torch.float32).max() < 0.002


@pytest.mark.parametrize("factor", [1 + 1e-7, 1 + 1e-8])
def test_float64_sees_what_loose_tolerances_miss(factor):
    with pytest.raises(Mismatch):
        compare(RIGHT * factor, RIGHT, what="f(x)", within=EXACT)


def test_rounding_is_said_as_rounding():
    with pytest.raises(Mismatch, match="f\\(x\\) is right to 7 digits and no further") as found:
        compare(RIGHT * (1 + 1e-7), RIGHT, what="f(x)", within=EXACT)
    assert "float32" in str(found.value)
    assert found.value.picture is None
    compare(RIGHT * (1 + 1e-7), RIGHT, what="f(x)")


SQUARE = torch.arange(18, dtype=torch.float64).reshape(2, 3, 3) + 1
LAST = torch.zeros(2, 3, 3, dtype=torch.float64)
LAST[:, -1] = 1


@pytest.mark.parametrize(
    ("actual", "pattern"),
    [
        (SQUARE.transpose(1, 2), "It is the expected result with query and key swapped."),
        (SQUARE * 4, "Every value is 4 times the expected one."),
        (-SQUARE, "Every value is -1 times the expected one."),
        (SQUARE + 0.5, "Every value is off by the same 0.5."),
        (SQUARE + LAST, "Only the last query differs."),
        (SQUARE + LAST.flip(1), "Only the first query differs."),
    ],
    ids=["swapped", "factor", "negative", "offset", "last", "first"],
)
def test_a_pattern_is_said_in_words(actual, pattern):
    assert sentence(actual, SQUARE)[0].splitlines()[1] == pattern


def test_where_there_is_no_pattern_none_is_said():
    assert len(sentence(torch.randn(2, 3, 3, dtype=torch.float64), SQUARE)[0].splitlines()) == 2


def test_an_error_smaller_than_any_pattern_is_not_called_the_same_everywhere():
    assert "off by the same" in sentence(SQUARE + 1e-4, SQUARE)[0]
    assert "off by the same" not in sentence(SQUARE * (1 + 1e-4), SQUARE)[0]


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_has_more_room_and_not_without_end(device):
    inside, outside = 0.9e-6 * SLACK[device], 1.1e-6 * SLACK[device]
    compare(RIGHT + inside * (1 + RIGHT), RIGHT, what="f(x)", device=device)
    compare((0.5 + inside,), (0.5,), what="f(x)", device=device)
    for where, off in (("cpu", inside), (device, outside)):
        with pytest.raises(Mismatch):
            compare(RIGHT + off * (1 + RIGHT), RIGHT, what="f(x)", device=where)
    narrow = RIGHT.float()
    room = error_scaled(RIGHT, narrow, torch.float32, device) / error_scaled(RIGHT, narrow, torch.float32)
    torch.testing.assert_close(room, torch.full_like(room, SLACK[device]))


def test_a_bound_that_the_contract_names_is_the_same_on_every_device():
    with pytest.raises(Mismatch):
        compare(RIGHT + 2e-6, RIGHT, what="f(x)", within=torch.full_like(RIGHT, 1e-6), device="cuda")
