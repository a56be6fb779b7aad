"""The checks of exercise 12, in teaching order."""

import math

import pytest
import torch

from grader.marks import points, shortcuts
from grader.servant import GradientDescent
from solutions import ex03_teacher_forcing as decoding
from solutions import ex11_transformer as transformer
from solutions import ex12_training as reference

pytestmark = shortcuts("F.cross_entropy(label_smoothing)")

NEVER_CLIPS = 1e6


# ------------------------------------------------------------------------------------------ inputs


def draw_ids(draw):
    """bos_id and pad_id: two different ids, neither of them 0 nor the last of the vocabulary."""
    draw.size("vocab=8")
    bos_id, pad_id = (draw.permutation(6) + 1)[:2].tolist()
    return bos_id, pad_id


def draw_tokens(draw, length, pad_id):
    """(batch, length) int64: ragged rows, right-padded, and no pad_id before the padding."""
    tokens = draw.tokens(f"batch {length}", draw.size("vocab") - 1)
    tokens = tokens + (tokens >= pad_id)
    real = torch.arange(tokens.size(1)) < draw.lengths("batch", length)[:, None]
    return torch.where(real, tokens, pad_id)


def draw_scored(draw, dtype=None):
    """logits, targets and a pad_id that is not 0."""
    _, pad_id = draw_ids(draw)
    targets = draw_tokens(draw, "target", pad_id)
    return draw("batch target vocab", scale=2.0, dtype=dtype), targets, pad_id


def draw_batch(draw):
    """source, targets, bos_id and pad_id, as train_step takes them."""
    bos_id, pad_id = draw_ids(draw)
    return draw_tokens(draw, "source", pad_id), draw_tokens(draw, "target", pad_id), bos_id, pad_id


def draw_model(code, draw, pad_id, dropout=0.0, dtype=None):
    """A small Transformer on the learner's side, and the same one on ours; both in eval mode."""
    sizes = {"d_model": 4, "num_heads": 2, "d_ff": 5, "num_layers": 1, "dropout": dropout, "pad_id": pad_id}
    right = draw.weights(transformer.Transformer(9, draw.size("vocab"), **sizes)).to(dtype or draw.dtype)
    mine = code.earlier("ex11_transformer", "Transformer")(9, draw.size("vocab"), **sizes).load(right)
    return mine, right


def descent(model, lr):
    return GradientDescent(list(model.parameters()), lr)


def length_of_gradient(right, source, targets, bos_id, pad_id):
    """The L2 norm of all gradients together."""
    logits = right(source, decoding.shift_right(targets, bos_id))
    loss = decoding.sequence_loss(logits, targets, pad_id)
    gradients = torch.autograd.grad(loss, list(right.parameters()))
    return math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))


def expect_updates(code, expect, models, batch, *, lr=0.3, times=1, within=1e-7, **options):
    """Demands the reference's loss and parameters after each of some updates.

    `within` leaves room for a clip that divides by the norm plus 1e-6, as torch's does.
    """
    mine, right = models
    optimizers = mine.optimizer(lr), descent(right, lr)
    for _ in range(times):
        loss = code.train_step(mine, optimizers[0], *batch, **options)
        expected = reference.train_step(right, optimizers[1], *batch, **options)
        mine(batch[0], batch[1])  # what the model says now tells one wrong update from another
        expect(loss, expected, within=within, what="the loss that train_step returns")
        expect_parameters(expect, mine, right, within)


def expect_parameters(expect, mine, right, within=1e-7):
    after = mine.parameters()
    for name, parameter in right.named_parameters():
        expect(after[name], parameter.detach(), within=within, what=f"{name} after train_step")


# ------------------------------------------------------------------------------------------ warmup_rate


@points(0.25)
def test_the_rate_worked_by_hand(code, draw, expect):
    for step, rate in ((1, 1 / 108), (3, 1 / 36), (9, 1 / 12), (36, 1 / 24)):
        expect(code.warmup_rate(step, 16, 9), rate)


@points(0.75)
def test_the_rate_rises_to_its_peak_and_falls(code, draw, expect):
    d_model, warmup = draw.integer(5, 40), draw.integer(5, 15)
    for step in (1, draw.integer(2, warmup - 1), warmup, warmup + 1, 3 * warmup, 100 * warmup):
        expect.agrees(code.warmup_rate, reference.warmup_rate, step, d_model, warmup)
    for step, d_model, warmup in ((1, 1, 1), (7, 1, 1), (2, 9, 1), (1, 1, 5)):
        expect.agrees(code.warmup_rate, reference.warmup_rate, step, d_model, warmup)


@points(0.25)
def test_step_zero_counts_as_step_one(code, draw, expect):
    for d_model, warmup in ((draw.integer(5, 40), draw.integer(5, 15)), (1, 1)):
        expect.agrees(code.warmup_rate, reference.warmup_rate, 0, d_model, warmup)


# ------------------------------------------------------------------------------------------ label_smoothing_loss


@points(0.1, form=True)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_the_smoothed_loss_is_a_scalar_of_the_logits_dtype(code, draw, expect, dtype):
    logits, targets, pad_id = draw_scored(draw, dtype)
    nothing = torch.full_like(targets, pad_id)
    for smoothing in (0.0, 0.2):
        for asked in (targets, nothing):
            loss = code.label_smoothing_loss(logits, asked, smoothing, pad_id)
            expect.same_dtype(expect.tensor(loss, ()), dtype)


@points(0.25)
def test_the_smoothed_loss_worked_by_hand(code, draw, expect):
    logits = torch.tensor([[[8, 4, 2, 2], [1, 2, 1, 12], [3, 3, 3, 3]]], dtype=draw.dtype).log()
    targets = torch.tensor([[1, 1, 2]])
    expected = 0.6 * (2 + 3) / 2 + 0.4 * ((1 + 2 + 3 + 3) / 4 + (12 - math.log2(12)) / 4) / 2
    expect(code.label_smoothing_loss(logits[:, :1], targets[:, :1], 0.4, 2), torch.tensor((0.6 * 2 + 0.4 * 9 / 4) * math.log(2), dtype=draw.dtype))
