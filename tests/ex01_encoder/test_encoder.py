"""The checks of exercise 1, in teaching order."""

import math

import pytest
import torch

from grader.authoring import core, kind_of, robust, shortcuts
from solutions import ex01_encoder as reference

pytestmark = shortcuts("nn.LSTM", "nn.LSTMCell", "nn.GRU*", "nn.RNN*")

STATES = "batch hidden; batch hidden"


def draw_weights(draw, dtype=None):
    """w_x, w_h, bias: small enough that no gate is stuck at 0 or 1."""
    draw.size(f"gates={4 * draw.size('hidden')}")
    return [draw(shape, dtype=dtype, scale=0.5) for shape in ("gates d_in", "gates hidden", "gates")]


def draw_step(draw, dtype=None):
    """x, h, c and the weights of one step."""
    states = [draw(shape, dtype=dtype) for shape in ("batch d_in", "batch hidden", "batch hidden")]
    return [*states, *draw_weights(draw, dtype)]


def draw_sequences(draw, dtype=None):
    """x, ragged lengths and the weights: every size another, padding that is no zero."""
    return [draw("batch source d_in", dtype=dtype), draw.lengths(), *draw_weights(draw, dtype)]


def by_library(x, lengths, w_x, w_h, bias):
    """encode for rows without padding, by torch's own LSTM: in float32 a thousand steps cost it little."""
    first = x.new_zeros(1, x.size(0), w_h.size(1))
    weights = [w_x, w_h, bias, torch.zeros_like(bias)]
    outputs, h, c = torch.lstm(x, (first, first), weights, True, 1, 0.0, False, False, True)
    return outputs, (h[0], c[0])


def real_positions(x, lengths):
    return torch.arange(x.size(1)) < lengths.unsqueeze(-1)


def with_padding(x, lengths, padding):
    return torch.where(real_positions(x, lengths).unsqueeze(-1), x, padding)


def is_pair(value):
    return isinstance(value, (tuple, list)) and len(value) == 2


def three(result, expect):
    """outputs, h and c of one result of encode."""
    text = f"encode returned {kind_of(result)}, expected outputs and the pair (h, c)"
    expect.that(is_pair(result), text, kind="type")
    text = f"the second result of encode is {kind_of(result[1])}, expected the pair (h, c)"
    expect.that(is_pair(result[1]), text, kind="type")
    return result[0], *result[1]


def expect_encoded(expect, result, expected):
    """Demands the outputs and both halves of the context."""
    axes = ("batch source hidden", "batch hidden", "batch hidden")
    mine, right = three(result, expect), (expected[0], *expected[1])
    for name, value, wanted, words in zip(("outputs", "h", "c"), mine, right, axes, strict=True):
        expect(value, wanted, axes=words, what=f"{name} of encode(x, lengths, w_x, w_h, bias)")


@core("lstm_cell", 1.15)
def test_a_step_worked_by_hand(code, draw, expect):
    def column(*values):
        return torch.tensor([[value] for value in values], dtype=draw.dtype)

    # The lesson's: the candidate sees the token, the input gate the old state, the forget gate has the bias 1.
    c = math.tanh(1) / 2
    expected = column(math.tanh(c) / 2), column(c)
    weights = column(0, 0, 1, 0), column(1, 0, 0, 0), column(0, 1, 0, 0).flatten()
    expect(code.lstm_cell(column(1), column(0), column(0), *weights), expected, axes=STATES)
    third, half = math.log(3), math.log(2)
    x, h, c = column(1), column(0), column(2 * third - 0.9)
    weights = column(third, 0, half, -third), column(0, 0, 0, 0), column(0, 0, 0, 0).flatten()
    expect(code.lstm_cell(x, h, c, *weights), (column(0.25 * 0.8), column(third)), axes=STATES)


@core("lstm_cell", 0.75)
def test_each_gate_does_its_own_part(code, draw, expect):
    x, h, c, w_x, w_h, bias = draw_step(draw)
    blank = (torch.zeros_like(w_x), torch.zeros_like(w_h))
    expect.agrees(code.lstm_cell, reference.lstm_cell, x, h, c, *blank, bias, axes=STATES)


@core("lstm_cell", 0.75)
def test_a_step_reads_the_token_and_the_last_state(code, draw, expect):
    x, h, c, *weights = draw_step(draw)
    for cell in (c, c * 100):
        expect.agrees(code.lstm_cell, reference.lstm_cell, x, h, cell, *weights, axes=STATES)


@robust("lstm_cell", 0.1, structural=True)
def test_a_step_returns_two_states(code, draw, expect):
    inputs = draw_step(draw)
    states = code.lstm_cell(*inputs)
    expect.that(is_pair(states), f"lstm_cell returned {kind_of(states)}, expected the two states h and c", kind="type")
    for name, state in zip("hc", states, strict=True):
        expect.tensor(state, draw.shape("batch hidden"), what=f"{name} of lstm_cell(x, h, c, w_x, w_h, bias)")


@robust("lstm_cell", 0.1, structural=True)
def test_a_step_leaves_its_inputs_alone(code, draw, expect):
    code.watch_random_state()
    for dtype in (torch.float32, torch.float64):
        code.lstm_cell(*draw_step(draw, dtype))
    expect.no_side_effects()


@robust("lstm_cell", 0.2)
def test_gradients_reach_every_input_of_a_step(code, draw, expect):
    expect.gradients(code.lstm_cell, reference.lstm_cell, *draw_step(draw))


@core("encode", 0.75)
def test_the_state_starts_at_zero(code, draw, expect):
    draw.size("source=1")
    inputs = draw_sequences(draw)
    expect_encoded(expect, code.encode(*inputs), reference.encode(*inputs))


@core("encode", 1.15)
def test_outputs_hold_h_after_every_token(code, draw, expect):
    x, lengths, *weights = draw_sequences(draw)
    inputs = (x, torch.full_like(lengths, x.size(1)), *weights)
    expect_encoded(expect, code.encode(*inputs), reference.encode(*inputs))


@core("encode", 1.15)
def test_the_context_is_the_state_after_the_last_real_token(code, draw, expect):
    draw.size("batch=4"), draw.size("source=7")
    x, _, *weights = draw_sequences(draw)
    inputs = (x, torch.tensor([1, 3, 5, 7])[draw.permutation(4)], *weights)
    _, *context = three(code.encode(*inputs), expect)
    _, expected = reference.encode(*inputs)
    for name, mine, right in zip("hc", context, expected, strict=True):
        expect(mine, right, axes="batch hidden", what=f"{name} of encode(x, lengths, w_x, w_h, bias)")


@core("encode", 0.75, structural=True)
def test_outputs_are_exactly_zero_at_padding(code, draw, expect):
    x, lengths, *weights = draw_sequences(draw)
    outputs, _, _ = three(code.encode(x, lengths, *weights), expect)
    padding = expect.tensor(outputs, draw.shape("batch source hidden"))[~real_positions(x, lengths)]
    what = "outputs of encode(x, lengths, w_x, w_h, bias) at padding"
    expect(padding, torch.zeros_like(padding), axes="position hidden", within=0.0, what=what)


@core("encode", 0.75)
def test_ragged_rows_are_encoded_to_their_ends(code, draw, expect):
    draw.size("batch=9"), draw.size("source=11")
    x, lengths, *weights = draw_sequences(draw)
    x[::2, 0] = 0.0  # a real token may be all zeros
    expect_encoded(expect, code.encode(x, lengths, *weights), reference.encode(x, lengths, *weights))


@core("encode", 0.4)
def test_what_padding_holds_changes_nothing(code, draw, expect):
    x, lengths, *weights = draw_sequences(draw)
    expected = reference.encode(x, lengths, *weights)
    for padding in (torch.zeros_like(x), torch.full_like(x, -1e4), 1e4 * draw("batch source d_in").sign()):
        expect_encoded(expect, code.encode(with_padding(x, lengths, padding), lengths, *weights), expected)


@core("encode", 0.4)
def test_gradients_flow_back_through_time(code, draw, expect):
    draw.size("source=24")
    expect.gradients(code.encode, reference.encode, *draw_sequences(draw))


@robust("encode", 0.1, structural=True)
def test_encode_returns_outputs_and_one_context_for_each_row(code, draw, expect):
    inputs = draw_sequences(draw)
    outputs, h, c = three(code.encode(*inputs), expect)
    expect.tensor(outputs, draw.shape("batch source hidden"), what="outputs of encode(x, ...)")
    for name, state in (("h", h), ("c", c)):
        expect.tensor(state, draw.shape("batch hidden"), what=f"{name} of encode(x, ...)")


@robust("encode", 0.11, structural=True)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_results_keep_the_dtype_of_the_input(code, draw, expect, dtype):
    step, sequences = draw_step(draw, dtype), draw_sequences(draw, dtype)
    for result in code.lstm_cell(*step):
        expect.same_dtype(result, dtype)
    for result in three(code.encode(*sequences), expect):
        expect.same_dtype(result, dtype)


@robust("encode", 0.11)
def test_every_row_may_be_shorter_than_the_padded_length(code, draw, expect):
    x, lengths, *weights = draw_sequences(draw)
    x = torch.cat([x, draw("batch 2 d_in")], dim=1)
    for rows in (slice(None), slice(0, 1)):
        inputs = (x[rows], lengths[rows], *weights)
        expect_encoded(expect, code.encode(*inputs), reference.encode(*inputs))


@robust("encode", 0.11)
def test_the_order_of_the_rows_does_not_matter(code, draw, expect):
    draw.size("batch=4")
    x, _, *weights = draw_sequences(draw)
    lengths = torch.tensor([1, x.size(1), 1, x.size(1) - 1])
    outputs, (h, c) = reference.encode(x, lengths, *weights)
    for order in (torch.arange(4), torch.tensor([3, 2, 1, 0]), draw.permutation(4)):
        result = code.encode(x[order], lengths[order], *weights)
        expect_encoded(expect, result, (outputs[order], (h[order], c[order])))


@robust("encode", 0.05)
@pytest.mark.parametrize("ones", ["batch", "source", "d_in", "hidden"])
def test_any_size_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    step, sequences = draw_step(draw), draw_sequences(draw)
    expect.agrees(code.lstm_cell, reference.lstm_cell, *step, axes=STATES)
    expect_encoded(expect, code.encode(*sequences), reference.encode(*sequences))
    expect.gradients(code.lstm_cell, reference.lstm_cell, *step)
    expect.gradients(code.encode, reference.encode, *sequences)


@robust("encode", 0.05)
@pytest.mark.parametrize("sizes", [(4, 4, 4, 4), (2, 3, 8, 2)], ids=["all", "gates"])
def test_equal_sizes_are_not_confused(code, draw, expect, sizes):
    for name, size in zip(("batch", "source", "d_in", "hidden"), sizes, strict=True):
        draw.size(f"{name}={size}")
    step, sequences = draw_step(draw), draw_sequences(draw)
    expect.agrees(code.lstm_cell, reference.lstm_cell, *step, axes=STATES)
    expect_encoded(expect, code.encode(*sequences), reference.encode(*sequences))


@robust("encode", 0.11)
def test_inputs_need_not_be_contiguous(code, draw, expect):
    step = [draw.non_contiguous(tensor) for tensor in draw_step(draw)]
    sequences = [draw.non_contiguous(tensor) for tensor in draw_sequences(draw)]
    expect.agrees(code.lstm_cell, reference.lstm_cell, *step, axes=STATES)
    expect_encoded(expect, code.encode(*sequences), reference.encode(*sequences))


@robust("encode", 0.11)
def test_float64_and_float32_are_as_exact_as_they_can_be(code, draw, expect):
    expect.exact(code.lstm_cell, reference.lstm_cell, *draw_step(draw), axes=STATES)
    expect.exact(code.encode, reference.encode, *draw_sequences(draw))
    step, sequences = draw_step(draw, torch.float32), draw_sequences(draw, torch.float32)
    expect.agrees(code.lstm_cell, reference.lstm_cell, *step, axes=STATES)
    expect_encoded(expect, code.encode(*sequences), reference.encode(*sequences))


@robust("encode", 0.11)
def test_long_sequences_have_all_their_outputs_and_gradients(code, draw, expect):
    few = draw_sequences(draw)
    expect.agrees(code.encode, reference.encode, *few)
    expect.gradients(code.encode, reference.encode, *few)
    for size in ("batch=1", "source=1100", "d_in=2", "hidden=2"):
        draw.size(size)
    many = draw_sequences(draw, torch.float32)
    expect_encoded(expect, code.encode(*many), by_library(*many))
    draw.size("source=270")  # going backward costs four times as much; states are detached every 256 tokens at most
    expect.gradients(code.encode, by_library, *draw_sequences(draw, torch.float32))


@robust("encode", 0.11)
def test_padding_of_any_size_leaves_the_gradients_alone(code, draw, expect):
    for dtype in (draw.dtype, torch.float32):
        x, lengths, *weights = draw_sequences(draw, dtype)
        x = with_padding(x, lengths, 1e4 * draw("batch source d_in", dtype=dtype).sign())
        expect.gradients(code.encode, reference.encode, x, lengths, *weights)


@robust("encode", 0.11, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    step, sequences = draw_step(draw), draw_sequences(draw)
    expect.agrees(code.lstm_cell, reference.lstm_cell, *step, axes=STATES)
    expect_encoded(expect, code.encode(*sequences), reference.encode(*sequences))


@robust("encode", 0.05, structural=True)
@pytest.mark.parametrize("layout", ["contiguous", "strided"])
def test_inputs_and_global_state_are_left_alone(code, draw, expect, layout):
    code.watch_random_state()
    for dtype in (torch.float32, torch.float64):
        step, sequences = draw_step(draw, dtype), draw_sequences(draw, dtype)
        if layout == "strided":
            step, sequences = [[draw.non_contiguous(tensor) for tensor in some] for some in (step, sequences)]
        code.lstm_cell(*step)
        code.encode(*sequences)
    expect.no_side_effects()


@robust("encode", 0.11, structural=True)
def test_no_library_call_does_the_work(code, draw, expect):
    code.watch_every_call()
    step, sequences = draw_step(draw), draw_sequences(draw)
    code.lstm_cell(*step)
    code.encode(*sequences)
    expect.no_shortcuts()
