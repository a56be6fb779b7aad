"""The solutions of exercises 1 to 3 against loops over single numbers and against torch's own layers."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import rnn

from solutions import ex01_encoder as encoder
from solutions import ex02_reverse_input as reverse_input
from solutions import ex03_teacher_forcing as teacher_forcing
from tests.grader.support.references import close, randn

SIGNED = [torch.int8, torch.int16, torch.int32, torch.int64]
UNSIGNED = [torch.uint8, torch.uint16, torch.uint32, torch.uint64]
BOS, EOS, PAD = 1, 2, 0


def lstm_weights(d_in: int, hidden: int) -> tuple[Tensor, Tensor, Tensor]:
    return randn(4 * hidden, d_in, seed=1), randn(4 * hidden, hidden, seed=2), randn(4 * hidden, seed=3)


def with_weights(module: nn.Module, w_x: Tensor, w_h: Tensor, bias: Tensor) -> nn.Module:
    """Loads an LSTM's one layer; the second bias, which the exercise has not, becomes 0."""
    for parameter, value in zip(module.parameters(), (w_x, w_h, bias, torch.zeros_like(bias)), strict=True):
        parameter.data = value.clone()
    return module


@pytest.mark.parametrize(("batch", "d_in", "hidden"), [(3, 2, 5), (2, 7, 3), (1, 1, 1)])
def test_lstm_cell_is_the_formula_and_torchs_cell(batch: int, d_in: int, hidden: int) -> None:
    x, h, c = randn(batch, d_in), randn(batch, hidden), randn(batch, hidden, seed=5)
    weights = lstm_weights(d_in, hidden)
    w_x, w_h, bias = (weight.numpy() for weight in weights)
    new_h, new_c = np.zeros((batch, hidden)), np.zeros((batch, hidden))
    for b in range(batch):
        for n in range(hidden):
            rows = [n + gate * hidden for gate in range(4)]
            i, f, g, o = (float(w_x[r] @ x[b].numpy() + w_h[r] @ h[b].numpy() + bias[r]) for r in rows)
            new_c[b, n] = float(c[b, n]) / (1 + math.exp(-f)) + math.tanh(g) / (1 + math.exp(-i))
            new_h[b, n] = math.tanh(new_c[b, n]) / (1 + math.exp(-o))
    actual_h, actual_c = encoder.lstm_cell(x, h, c, *weights)
    close(actual_h, new_h)
    close(actual_c, new_c)
    cell = with_weights(nn.LSTMCell(d_in, hidden, dtype=torch.float64), *weights)
    torch_h, torch_c = cell(x, (h, c))
    close(actual_h, torch_h)
    close(actual_c, torch_c)


@pytest.mark.parametrize("lengths", [[4, 1, 3], [2, 5, 5], [1]])
def test_encode_is_torchs_packed_lstm_with_its_gradients(lengths: list[int]) -> None:
    source, d_in, hidden = max(lengths) + 1, 3, 4
    weights = [weight.requires_grad_() for weight in lstm_weights(d_in, hidden)]
    x = randn(source, len(lengths), d_in).transpose(0, 1).requires_grad_()  # not contiguous
    lstm = with_weights(nn.LSTM(d_in, hidden, batch_first=True, dtype=torch.float64), *weights)
    packed = rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    packed_outputs, (torch_h, torch_c) = lstm(packed)
    torch_outputs, _ = rnn.pad_packed_sequence(packed_outputs, batch_first=True, total_length=source)
    outputs, (h, c) = encoder.encode(x, torch.tensor(lengths), *weights)
    close(outputs, torch_outputs)
    close(h, torch_h[0])
    close(c, torch_c[0])
    probes = randn(*outputs.shape, seed=9), randn(*h.shape, seed=10), randn(*c.shape, seed=11)
    expected = torch.autograd.grad((torch_outputs, torch_h[0], torch_c[0]), (x, *lstm.parameters()), probes)
    gradients = torch.autograd.grad((outputs, h, c), (x, *weights), probes)
    for gradient, wanted in zip(gradients, expected[:4], strict=True):
        close(gradient, wanted)


def test_encode_ignores_what_padding_holds() -> None:
    x, lengths, weights = randn(2, 5, 3), torch.tensor([2, 4]), lstm_weights(3, 4)
    garbage = x.clone()
    garbage[0, 2:], garbage[1, 4:] = 1e4, -1e4
    outputs, (h, c) = encoder.encode(x, lengths, *weights)
    garbage.requires_grad_()
    same_outputs, (same_h, same_c) = encoder.encode(garbage, lengths, *weights)
    assert torch.equal(outputs, same_outputs)
    assert torch.equal(h, same_h)
    assert torch.equal(c, same_c)
    assert not outputs[0, 2:].any()
    (same_outputs.sum() + same_c.sum()).backward()
    assert garbage.grad is not None
    assert garbage.grad.isfinite().all()
    assert not garbage.grad[0, 2:].any()


@pytest.mark.parametrize("dtype", SIGNED + UNSIGNED, ids=str)
@pytest.mark.parametrize("lengths", [[3, 5, 1, 4], [1], [6]])
def test_reverse_source_is_a_reversed_list(lengths: list[int], dtype: torch.dtype) -> None:
    rows = [[(7 * b + 3 * s) % 11 for s in range(max(lengths))] for b in range(len(lengths))]
    tokens = torch.tensor(rows).T.contiguous().T.to(dtype)  # not contiguous
    actual = reverse_input.reverse_source(tokens, torch.tensor(lengths))
    expected = [row[:n][::-1] + row[n:] for row, n in zip(rows, lengths, strict=True)]
    assert actual.dtype == dtype
    assert actual.tolist() == expected
    assert tokens.tolist() == rows


@pytest.mark.parametrize("reverse", [True, False])
def test_seq2seq_is_two_loops_of_cells_over_each_row(reverse: bool) -> None:
    model = reverse_input.Seq2Seq(11, 7, 3, 4, reverse=reverse).double()
    lengths, target = torch.tensor([2, 5, 1, 3]), torch.tensor([[1, 2, 3], [4, 5, 6], [6, 1, 0], [0, 3, 3]])
    source = torch.arange(20).reshape(4, 5) * 7 % 11
    h, c = model.encode(source, lengths)
    logits = model(source, lengths, target)
    for b, length in enumerate(lengths.tolist()):
        words = source[b, :length].tolist()
        state = (torch.zeros(1, 4, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64))
        cell, decoder = nn.LSTMCell(3, 4), nn.LSTMCell(3, 4)
        for copy, lstm in ((cell, model.encoder), (decoder, model.decoder)):
            for parameter, value in zip(copy.parameters(), lstm.parameters(), strict=True):
                parameter.data = value.data
        for word in reversed(words) if reverse else words:
            state = cell(model.source_embedding.weight[word].unsqueeze(0), state)
        close(h[:, b], state[0])
        close(c[:, b], state[1])
        for t, word in enumerate(target[b].tolist()):
            state = decoder(model.target_embedding.weight[word].unsqueeze(0), state)
            close(logits[b, t], model.output.weight @ state[0][0] + model.output.bias)


def test_shift_right_puts_bos_before_all_but_the_last() -> None:
    rows = [[5, 6, 7], [8, 9, 0]]
    targets = torch.tensor(rows)
    assert teacher_forcing.shift_right(targets, 3).tolist() == [[3, *row[:-1]] for row in rows]
    assert teacher_forcing.shift_right(targets[:, :1], 3).tolist() == [[3], [3]]
    assert targets.tolist() == rows


def run_loop(ratio: float, seed: int, length: int = 40) -> tuple[list[bool], list[list[int]]]:
    """Runs decode_loop, checks all but the coins, returns the coins (True: the truth) and what was fed."""
    scores, targets = randn(length, 3, 50, seed=seed), torch.arange(3 * length).reshape(3, length) % 50
    fed: list[list[int]] = []

    def step(tokens: Tensor, state: int) -> tuple[Tensor, int]:
        assert state == len(fed)
        fed.append(tokens.tolist())
        return scores[state], state + 1

    generator = torch.Generator().manual_seed(seed)
    before = torch.random.get_rng_state()
    logits = teacher_forcing.decode_loop(step, 0, targets, BOS, ratio, generator)
    assert torch.equal(before, torch.random.get_rng_state())
    close(logits, scores.transpose(0, 1))
    assert fed[0] == [BOS] * 3
    assert len(fed) == length
    for t in range(1, length):
        assert fed[t] in (targets[:, t - 1].tolist(), scores[t - 1].argmax(-1).tolist())
    return [fed[t] == targets[:, t - 1].tolist() for t in range(1, length)], fed


def test_decode_loop_tosses_one_coin_per_step_from_its_generator() -> None:
    assert all(run_loop(1.0, 4)[0])
    assert not any(run_loop(0.0, 4)[0])
    coins, _ = run_loop(0.25, 5, length=2000)
    assert 0.2 < sum(coins) / len(coins) < 0.3
    assert run_loop(0.5, 6) == run_loop(0.5, 6)
    assert run_loop(0.5, 6)[0] != run_loop(0.5, 7)[0]


@pytest.mark.parametrize(("shape", "pad"), [((3, 4, 5), 0), ((2, 7, 3), 2), ((1, 1, 2), 1)])
def test_sequence_loss_is_cross_entropy_that_ignores_padding(shape: tuple[int, int, int], pad: int) -> None:
    logits = randn(*shape).requires_grad_()
    targets = torch.arange(shape[0] * shape[1]).reshape(shape[:2]) % shape[2]
    loss = teacher_forcing.sequence_loss(logits, targets, pad)
    by_hand = [
        math.log(sum(math.exp(v) for v in row)) - row[target]
        for row, target in zip(logits.flatten(0, 1).tolist(), targets.flatten().tolist(), strict=True)
        if target != pad
    ]
    close(loss, sum(by_hand) / len(by_hand))
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=pad)
    close(torch.autograd.grad(loss, logits)[0], torch.autograd.grad(expected, logits)[0])
    longer = torch.cat([logits, torch.full((shape[0], 3, shape[2]), 1e4, dtype=torch.float64)], 1)
    padded = torch.cat([targets, torch.full((shape[0], 3), pad)], 1)
    assert torch.equal(teacher_forcing.sequence_loss(longer, padded, pad), loss)


def test_sequence_loss_of_padding_alone_is_zero_with_a_zero_gradient() -> None:
    logits = torch.tensor([[[1e4, -1e4, 1e4], [3.0, 1.0, 2.0]]], requires_grad=True)
    loss = teacher_forcing.sequence_loss(logits, torch.full((1, 2), 2), 2)
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize(
    ("script", "eos", "max_length", "expected"),
    [
        (
            [[5, 6, EOS, 7], [EOS, 3, 3, 3], [4, 4, 4, EOS]],
            EOS,
            9,
            [[5, 6, EOS, PAD], [EOS, PAD, PAD, PAD], [4, 4, 4, EOS]],
        ),
        (
            [[5, EOS, 5], [PAD, 7, EOS], [EOS, EOS, 6]],
            EOS,
            3,
            [[5, EOS, PAD], [PAD, 7, EOS], [EOS, PAD, PAD]],
        ),
        ([[5, 6, 7, 8, 9]], EOS, 4, [[5, 6, 7, 8]]),
        ([[EOS, 3], [EOS, 4]], EOS, 5, [[EOS], [EOS]]),
        ([[5, PAD, 6], [PAD, 7, 8]], PAD, 5, [[5, PAD], [PAD, PAD]]),
    ],
)
def test_greedy_decode_follows_a_script(
    script: list[list[int]], eos: int, max_length: int, expected: list[list[int]]
) -> None:
    fed: list[list[int]] = []

    def step(tokens: Tensor, state: int) -> tuple[Tensor, int]:
        assert not torch.is_grad_enabled()
        assert state == len(fed)
        fed.append(tokens.tolist())
        return F.one_hot(torch.tensor([row[state] for row in script]), 11).double() - 3.0, state + 1

    tokens = teacher_forcing.greedy_decode(step, 0, len(script), BOS, eos, PAD, max_length)
    assert torch.is_grad_enabled()
    assert tokens.tolist() == expected
    assert tokens.dtype == torch.int64
    assert len(fed) == len(expected[0])
    for row, words in enumerate(script):
        ended = words.index(eos) + 1 if eos in words else len(words)
        assert [step_fed[row] for step_fed in fed][: ended + 1] == [BOS, *words][: len(fed)][: ended + 1]


def test_greedy_decode_leaves_grad_mode_as_found_when_step_raises() -> None:
    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        raise KeyError(tokens.shape)

    with pytest.raises(KeyError):
        teacher_forcing.greedy_decode(step, None, 2, BOS, EOS, PAD, 3)
    assert torch.is_grad_enabled()
