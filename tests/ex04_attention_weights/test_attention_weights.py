"""The checks of exercise 4, in teaching order."""

import math

import pytest
import torch

from grader.authoring import core, robust
from solutions import ex04_attention_weights as reference

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def draw_dot(draw, dtype=None):
    """query, keys."""
    return draw("batch hidden", dtype=dtype), draw("batch source hidden", dtype=dtype)


def draw_additive(draw, dtype=None):
    """query, keys, w_query, w_key, v: every size another."""
    shapes = ("batch d_query", "batch source d_key", "d_attn d_query", "d_attn d_key", "d_attn")
    return [draw(shape, dtype=dtype) for shape in shapes]


def draw_scores(draw, dtype=None):
    """scores, lengths."""
    return draw("batch source", scale=2.0, dtype=dtype), draw.lengths()


def draw_mixing(draw, dtype=None):
    """weights, values. The weights are any numbers: nothing asks for a sum of one here."""
    return draw("batch source", dtype=dtype), draw("batch source d_value", dtype=dtype)


def in_padding(draw, lengths):
    """(batch, source) bool: True at padding."""
    return torch.arange(draw.size("source")) >= lengths[:, None]


def expect_nothing_on_padding(draw, expect, weights, lengths):
    """Demands weights of exactly 0 at padding."""
    weights = expect.tensor(weights, draw.shape("batch source"))
    largest = weights[in_padding(draw, lengths)].abs().max().item()
    expect.that(largest == 0, f"a weight on padding is {largest:.3g}, expected exactly 0", kind="value")


def everything(code, draw, expect, dtype=None, change=lambda tensor: tensor, exact=False):
    """Demands that all four functions agree with the reference."""
    for function, draw_inputs, axes in (
        ("dot_scores", draw_dot, "batch source"),
        ("additive_scores", draw_additive, "batch source"),
        ("attention_weights", draw_scores, "batch source"),
        ("context_vector", draw_mixing, "batch d_value"),
    ):
        inputs = [change(tensor) for tensor in draw_inputs(draw, dtype)]
        agrees = expect.exact if exact else expect.agrees
        agrees(getattr(code, function), getattr(reference, function), *inputs, axes=axes)


def expect_all_gradients(code, draw, expect):
    """Demands the gradients of every input of all four functions."""
    expect.gradients(code.dot_scores, reference.dot_scores, *draw_dot(draw))
    expect.gradients(code.additive_scores, reference.additive_scores, *draw_additive(draw))
    expect.gradients(code.attention_weights, reference.attention_weights, *draw_scores(draw))
    expect.gradients(code.context_vector, reference.context_vector, *draw_mixing(draw))


@core("dot_scores", 0.7)
def test_dot_scores_worked_by_hand(code, draw, expect):
    query = torch.tensor([[1, 2]], dtype=draw.dtype)  # the lesson's
    keys = torch.tensor([[[2, 0], [0, 1], [1, 1]]], dtype=draw.dtype)
    expect(code.dot_scores(query, keys), torch.tensor([[2, 2, 3]], dtype=draw.dtype), axes="batch source")
    query = torch.tensor([[1, 2, 0, 1], [0, 3, 1, 0]], dtype=draw.dtype)
    keys = torch.tensor([[[1, 0, 0, 0], [0, 1, 0, 2], [3, 0, 5, -1]]], dtype=draw.dtype).repeat(2, 1, 1)
    right = torch.tensor([[1, 4, 2], [0, 3, 5]], dtype=draw.dtype)
    expect(code.dot_scores(query, keys), right, axes="batch source")


@core("dot_scores", 0.7)
def test_dot_scores_are_not_scaled_and_each_row_has_its_own_query(code, draw, expect):
    expect.agrees(code.dot_scores, reference.dot_scores, *draw_dot(draw), axes="batch source")


@core("additive_scores", 1)
def test_additive_scores_worked_by_hand(code, draw, expect):
    query = torch.tensor([[1, 2]], dtype=draw.dtype)  # the lesson's
    keys = torch.tensor([[[2, 0], [0, 1], [1, 1]]], dtype=draw.dtype)
    w_query, w_key = (torch.tensor([row], dtype=draw.dtype) for row in ([1, -1], [1, 1]))
    right = torch.tensor([[2 * math.tanh(1), 0, 2 * math.tanh(1)]], dtype=draw.dtype)
    v = torch.tensor([2], dtype=draw.dtype)
    expect(code.additive_scores(query, keys, w_query, w_key, v), right, axes="batch source")
    query, w_query = torch.tensor([[1.0]], dtype=draw.dtype), torch.tensor([[1.0], [0.0]], dtype=draw.dtype)
    keys = torch.tensor([[[0.0, -1.0, 5.0], [1.0, 0.0, 7.0], [-2.0, 0.0, 1.0]]], dtype=draw.dtype)
    w_key = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], dtype=draw.dtype)
    v = torch.tensor([2.0, 3.0], dtype=draw.dtype)
    right = torch.tensor([[0.0, 5 * math.tanh(1), 2 * math.tanh(1) - 3 * math.tanh(2)]], dtype=draw.dtype)
    expect(code.additive_scores(query, keys, w_query, w_key, v), right, axes="batch source")


@core("additive_scores", 1.05)
def test_additive_scores_use_each_matrix_where_it_belongs(code, draw, expect):
    expect.agrees(code.additive_scores, reference.additive_scores, *draw_additive(draw), axes="batch source")


@robust("additive_scores", 0.11)
def test_very_large_keys_can_be_scored(code, draw, expect):
    query, keys = draw_dot(draw)
    expect.agrees(code.dot_scores, reference.dot_scores, query, keys * 3e3, axes="batch source")
    inputs = draw_additive(draw)
    inputs[1][:, ::2] *= 1e4 / inputs[1][:, ::2].abs()
    expect.agrees(code.additive_scores, reference.additive_scores, *inputs, axes="batch source")
    expect.gradients(code.additive_scores, reference.additive_scores, *inputs)


@robust("additive_scores", 0.06)
def test_additive_scores_with_equal_sizes(code, draw, expect):
    for size in ("d_query=3", "d_key=3", "d_attn=3", "source=3", "batch=3"):
        draw.size(size)
    expect.agrees(code.additive_scores, reference.additive_scores, *draw_additive(draw), axes="batch source")


@core("attention_weights", 1.05)
def test_weights_worked_by_hand(code, draw, expect):
    scores, total = torch.tensor([[2, 2, 3], [2, 2, 3]], dtype=draw.dtype), 2 + math.e  # the lesson's
    right = torch.tensor([[1 / total, 1 / total, math.e / total], [1 / 2, 1 / 2, 0]], dtype=draw.dtype)
    expect(code.attention_weights(scores, torch.tensor([3, 2])), right, axes="batch source")
    scores = torch.tensor([[1, 3, 4, 8, 2], [1, 2, 5, 3, 9]], dtype=draw.dtype).log()
    right = torch.tensor([[1 / 4, 3 / 4, 0, 0, 0], [1 / 8, 2 / 8, 5 / 8, 0, 0]], dtype=draw.dtype)
    expect(code.attention_weights(scores, torch.tensor([2, 3])), right, axes="batch source")


@core("attention_weights", 0.7)
def test_weights_in_each_row_sum_to_one(code, draw, expect):
    scores, lengths = draw_scores(draw)
    weights = expect.tensor(code.attention_weights(scores, lengths), draw.shape("batch source"))
    expect(
        weights.sum(-1),
        torch.ones(len(lengths), dtype=draw.dtype),
        axes="batch",
        what="the sum of each row of the weights",
    )


@core("attention_weights", 0.7)
def test_weights_are_exactly_zero_on_padding(code, draw, expect):
    for dtype in (draw.dtype, torch.float32):
        scores, lengths = draw_scores(draw, dtype)
        weights = code.attention_weights(scores, lengths)
        expect_nothing_on_padding(draw, expect, weights, lengths)
        expect(weights, reference.attention_weights(scores, lengths), axes="batch source")


@core("attention_weights", 0.7)
def test_scores_at_padding_change_nothing(code, draw, expect):
    scores, lengths = draw_scores(draw)
    padding = in_padding(draw, lengths)
    right = reference.attention_weights(scores, lengths)
    for garbage in (720.0, 9.99e3, -1e4, 0.0):
        expect(code.attention_weights(scores.masked_fill(padding, garbage), lengths), right, axes="batch source")
    garbage = (draw("batch source", scale=1e3) + 1e3).clamp(-1e4, 1e4)
    expect.gradients(code.attention_weights, reference.attention_weights, garbage.where(padding, scores), lengths)


@robust("attention_weights", 0.11)
def test_the_longest_sentence_may_be_padded_too(code, draw, expect):
    draw.size("source=6")
    scores = draw("batch source")
    lengths = draw.lengths().clamp(max=4)
    expect.agrees(code.attention_weights, reference.attention_weights, scores, lengths, axes="batch source")
    expect_nothing_on_padding(draw, expect, code.calls[-1].value, lengths)
    expect.agrees(code.attention_weights, reference.attention_weights, scores[:1], lengths[:1], axes="batch source")


@robust("attention_weights", 0.12)
def test_every_length_from_one_to_full_works(code, draw, expect):
    scores = draw("7 7")
    lengths = draw.permutation(7) + 1
    expect.agrees(code.attention_weights, reference.attention_weights, scores, lengths, axes="batch source")
    full, single = torch.full((7,), 7), torch.ones(7, dtype=torch.int64)
    expect.agrees(code.attention_weights, reference.attention_weights, scores, full, axes="batch source")
    expect.agrees(code.attention_weights, reference.attention_weights, scores, single, axes="batch source")


@robust("attention_weights", 0.12)
def test_scores_of_size_ten_thousand_do_not_overflow(code, draw, expect):
    for dtype in (draw.dtype, torch.float32):
        scores, lengths = draw_scores(draw, dtype)
        padding = in_padding(draw, lengths)
        ends = [(scores + sign * 9.99e3).masked_fill(padding, -sign * 1e4) for sign in (1, -1)]
        # In float32 a number near 1e4 is rounded by up to 5e-4, so a softmax that subtracts a logsumexp is right too.
        within = 2e-3 if dtype is torch.float32 else None
        for far in (*ends, (scores * 5e3).clamp(-1e4, 1e4)):
            weights = code.attention_weights(far, lengths)
            right = reference.attention_weights(far, lengths)
            expect(weights, right, axes="batch source", within=within)
            expect_nothing_on_padding(draw, expect, weights, lengths)


@core("context_vector", 0.7)
def test_context_worked_by_hand(code, draw, expect):
    weights = torch.tensor([[0.5, 0.5, 0]], dtype=draw.dtype)  # the lesson's second row
    values = torch.tensor([[[2, 0], [0, 1], [1, 1]]], dtype=draw.dtype)
    expect(code.context_vector(weights, values), torch.tensor([[1, 0.5]], dtype=draw.dtype), axes="batch d_value")
    weights = torch.tensor([[0.25, 0.75]], dtype=draw.dtype)
    values = torch.tensor([[[4, 0, 8], [0, 4, 8]]], dtype=draw.dtype)
    expect(code.context_vector(weights, values), torch.tensor([[1, 3, 8]], dtype=draw.dtype), axes="batch d_value")


@core("context_vector", 0.7)
def test_context_is_the_weighted_sum_of_the_values(code, draw, expect):
    expect.agrees(code.context_vector, reference.context_vector, *draw_mixing(draw), axes="batch d_value")


@robust("context_vector", 0.11, structural=True)
def test_results_have_a_score_a_weight_or_a_value_per_column(code, draw, expect):
    expect.tensor(code.dot_scores(*draw_dot(draw)), draw.shape("batch source"))
    expect.tensor(code.additive_scores(*draw_additive(draw)), draw.shape("batch source"))
    expect.tensor(code.attention_weights(*draw_scores(draw)), draw.shape("batch source"))
    expect.tensor(code.context_vector(*draw_mixing(draw)), draw.shape("batch d_value"))


@robust("context_vector", 0.06, structural=True)
@DTYPES
def test_results_keep_the_dtype_of_the_input(code, draw, expect, dtype):
    expect.same_dtype(code.dot_scores(*draw_dot(draw, dtype)), dtype)
    expect.same_dtype(code.additive_scores(*draw_additive(draw, dtype)), dtype)
    expect.same_dtype(code.attention_weights(*draw_scores(draw, dtype)), dtype)
    expect.same_dtype(code.context_vector(*draw_mixing(draw, dtype)), dtype)


@robust("context_vector", 0.12)
def test_values_without_weight_change_nothing(code, draw, expect):
    scores, lengths = draw_scores(draw)
    weights = reference.attention_weights(scores, lengths)
    values = draw("batch source d_value")
    loud = values + in_padding(draw, lengths)[..., None] * 1e4
    expect(code.context_vector(weights, loud), reference.context_vector(weights, values), axes="batch d_value")
    expect.gradients(code.context_vector, reference.context_vector, weights, values)


@robust("context_vector", 0.03)
def test_equal_sizes_are_not_confused(code, draw, expect):
    for name in ("batch", "source", "hidden", "d_query", "d_key", "d_attn", "d_value"):
        draw.size(f"{name}=4")
    everything(code, draw, expect)


@robust("context_vector", 0.03)
def test_no_source_is_too_long(code, draw, expect):
    draw.size("batch=2")
    everything(code, draw, expect)
    draw.size("source=1100")
    everything(code, draw, expect)


@robust("context_vector", 0.12)
def test_float64_and_float32_are_as_exact_as_they_can_be(code, draw, expect):
    everything(code, draw, expect, exact=True)
    everything(code, draw, expect, torch.float32)


@robust("context_vector", 0.06)
@pytest.mark.parametrize("ones", ["batch", "source", "hidden", "d_query", "d_key", "d_attn", "d_value"])
def test_any_size_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    everything(code, draw, expect)
    expect_all_gradients(code, draw, expect)


@robust("context_vector", 0.06)
def test_inputs_need_not_be_contiguous(code, draw, expect):
    code.watch_random_state()
    code.attention_weights(*draw_scores(draw))  # what is written into here is written into everywhere
    everything(code, draw, expect, change=draw.non_contiguous)
    expect.no_side_effects()


@robust("context_vector", 0.23)
def test_gradients_reach_every_input(code, draw, expect):
    expect_all_gradients(code, draw, expect)


@robust("context_vector", 0.12, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    everything(code, draw, expect)


@robust("context_vector", 0.12, structural=True)
def test_inputs_and_global_state_are_left_alone(code, draw, expect):
    code.watch_random_state()
    for dtype in (draw.dtype, torch.float32):
        code.dot_scores(*draw_dot(draw, dtype))
        code.additive_scores(*draw_additive(draw, dtype))
        code.attention_weights(*draw_scores(draw, dtype))
        code.context_vector(*draw_mixing(draw, dtype))
    expect.no_side_effects()
