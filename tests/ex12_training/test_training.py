"""The checks of exercise 12, in teaching order."""

import math

import pytest
import torch

from grader.authoring import GradientDescent, core, robust, shortcuts
from solutions import ex03_teacher_forcing as decoding
from solutions import ex11_transformer as transformer
from solutions import ex12_training as reference

pytestmark = shortcuts("F.cross_entropy(label_smoothing)")

NEVER_CLIPS = 1e6


# ---------------------------------------------------------------------------------- inputs


def draw_ids(draw):
    """bos_id and pad_id: two different ids, neither of them 0 nor the last of the vocabulary."""
    draw.size("vocab=8")
    bos_id, pad_id = (draw.permutation(6) + 1)[:2].tolist()
    return bos_id, pad_id


def draw_tokens(draw, length, pad_id):
    """(batch, length) int64: ragged rows, right-padded, and no pad_id before the padding."""
    tokens = draw.tokens(f"batch {length}", draw.size("vocab") - 1)
    tokens = tokens + (tokens >= pad_id)
    tokens[0, 0] = 0 if pad_id else 1  # token 0 is mistaken for padding most often
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
    source, targets = draw_tokens(draw, "source", pad_id), draw_tokens(draw, "target", pad_id)
    targets[targets[:, 0] == bos_id, 0] = draw.size("vocab") - 1  # what is to be written does not begin with bos
    return source, targets, bos_id, pad_id


def draw_model(code, draw, pad_id, dropout=0.0, dtype=None, d_model=4, num_heads=2):
    """A small Transformer on the learner's side, and the same one on ours; both in eval mode."""
    sizes = {"d_model": d_model, "num_heads": num_heads, "d_ff": 5, "num_layers": 1}
    sizes |= {"dropout": dropout, "pad_id": pad_id}
    right = draw.module(transformer.Transformer, 9, draw.size("vocab"), **sizes).to(dtype or draw.dtype)
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


def expect_updates(code, expect, models, batch, *, lr=0.3, times=1, within=2e-6, **options):
    """Demands the reference's losses in some updates, and its parameters after them.

    `within` leaves room for torch's clip, which divides by the norm plus 1e-6.
    """
    mine, right = models
    optimizers = mine.optimizer(lr), descent(right, lr)
    losses = [code.train_step(mine, optimizers[0], *batch, **options) for _ in range(times)]
    after, _ = mine.parameters(), mine.describe()  # asked before a loss is compared: they tell wrong updates apart
    for step, loss in enumerate(losses, start=1):
        expected = reference.train_step(right, optimizers[1], *batch, **options)
        expect(loss, expected, within=within, what=f"the loss that train_step returns in step {step}")
    expect_parameters(expect, after, right, within)


def expect_parameters(expect, after, right, within=1e-9):
    for name, parameter in right.named_parameters():
        expect(after[name], parameter.detach(), within=within, what=f"{name} after train_step")


# ---------------------------------------------------------------------------------- warmup_rate


@core("warmup_rate", 0.3)
def test_the_rate_worked_by_hand(code, draw, expect):
    lessons = zip((1, 2, 4, 16), (1 / 16, 1 / 8, 1 / 4, 1 / 8), strict=True)
    others = zip((1, 3, 9, 36), (1 / 108, 1 / 36, 1 / 12, 1 / 24), strict=True)
    known = [((step, 4, 4), rate) for step, rate in lessons] + [((step, 16, 9), rate) for step, rate in others]
    found = [code.warmup_rate(*given) for given, _ in known]  # all before the first is judged: together they tell which
    for rate, (given, expected) in zip(found, known, strict=True):
        expect(rate, expected, what=f"warmup_rate{given}")


@core("warmup_rate", 0.65)
def test_the_rate_rises_to_its_peak_and_falls(code, draw, expect):
    d_model, warmup = draw.integer(5, 40), draw.integer(5, 15)
    for step in (1, draw.integer(2, warmup - 1), warmup, warmup + 1, 3 * warmup, 100 * warmup):
        expect.agrees(code.warmup_rate, reference.warmup_rate, step, d_model, warmup)
    for step, d_model, warmup in (
        (1, 1, 1),
        (7, 1, 1),
        (2, 9, 1),
        (1, 1, 5),
        (3_000_000, 512, 4000),
        (5000, 4096, 90_000),
    ):
        expect.agrees(code.warmup_rate, reference.warmup_rate, step, d_model, warmup)


@core("warmup_rate", 0.3)
def test_step_zero_counts_as_step_one(code, draw, expect):
    for d_model, warmup in ((draw.integer(5, 40), draw.integer(5, 15)), (1, 1)):
        expect.agrees(code.warmup_rate, reference.warmup_rate, 0, d_model, warmup)


@core("label_smoothing_loss", 0.3)
def test_the_smoothed_loss_worked_by_hand(code, draw, expect):
    logits = torch.tensor([[[4, 2, 1, 1], [1, 9, 9, 1]]], dtype=draw.dtype).log()  # the lesson's; 3 is padding
    expected = torch.tensor(1.25 * math.log(2), dtype=draw.dtype)
    expect(code.label_smoothing_loss(logits, torch.tensor([[0, 3]]), 0.2, 3), expected)
    logits = torch.tensor([[[8, 4, 2, 2], [1, 1, 2, 4], [9, 1, 7, 5]]], dtype=draw.dtype).log()
    targets = torch.tensor([[1, 3, 0]])
    first, second = 0.6 * 2 + 0.4 * (1 + 2 + 3 + 3) / 4, 0.6 * 1 + 0.4 * (3 + 3 + 2 + 1) / 4
    expected = torch.tensor((first + second) / 2 * math.log(2), dtype=draw.dtype)
    expect(code.label_smoothing_loss(logits, targets, 0.4, 0), expected)


@core("label_smoothing_loss", 0.3)
def test_no_smoothing_is_plain_cross_entropy(code, draw, expect):
    logits, targets, pad_id = draw_scored(draw)
    expected = decoding.sequence_loss(logits, targets, pad_id)
    expect(code.label_smoothing_loss(logits, targets, 0.0, pad_id), expected)


@core("label_smoothing_loss", 0.3)
@pytest.mark.parametrize("smoothing", ["little", "half", "all"])
def test_smoothing_is_spread_over_the_whole_vocabulary(code, draw, expect, smoothing):
    share = {"little": draw.number(0.05, 0.2), "half": 0.5, "all": 1.0}[smoothing]
    draw.size("target=1100" if smoothing == "half" else "target")
    logits, targets, pad_id = draw_scored(draw)
    expect.agrees(code.label_smoothing_loss, reference.label_smoothing_loss, logits, targets, share, pad_id)


@core("label_smoothing_loss", 0.15, structural=True)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0], ids="smoothing {}".format)
def test_nothing_but_padding_has_loss_zero(code, draw, expect, smoothing):
    logits, targets, pad_id = draw_scored(draw)
    nothing = torch.full_like(targets, pad_id)
    for scores in (logits, logits * 5000):
        call = code.label_smoothing_loss.call((scores, nothing, smoothing, pad_id), {}, grad=True)
        expect(call.value, torch.zeros((), dtype=draw.dtype), within=0.0)
        expect.that(call.requires_grad, f"{call.text} is cut off from logits: backward() on it raises an error")
        expect.gradients(code.label_smoothing_loss, reference.label_smoothing_loss, scores, nothing, smoothing, pad_id)


@robust("label_smoothing_loss", 0.05, structural=True)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_the_smoothed_loss_is_a_scalar_of_the_logits_dtype(code, draw, expect, dtype):
    logits, targets, pad_id = draw_scored(draw, dtype)
    nothing = torch.full_like(targets, pad_id)
    for smoothing in (0.0, 0.2):
        for asked in (targets, nothing):
            loss = code.label_smoothing_loss(logits, asked, smoothing, pad_id)
            expect.same_dtype(expect.tensor(loss, ()), dtype)


@robust("label_smoothing_loss", 0.14, structural=True)
def test_more_padding_does_not_change_the_smoothed_loss(code, draw, expect):
    logits, targets, pad_id = draw_scored(draw)
    loss = expect.tensor(code.label_smoothing_loss(logits, targets, 0.2, pad_id), ())
    rows, columns = len(targets), draw.integer(1, 4)
    garbage = draw(f"{rows} {columns} vocab", scale=3000.0)
    longer = (
        torch.cat([logits, garbage], dim=1),
        torch.cat([targets, targets.new_full((rows, columns), pad_id)], 1),
    )
    expect(code.label_smoothing_loss(*longer, 0.2, pad_id), loss)
    taller = torch.cat([logits, logits[:1]]), torch.cat([targets, torch.full_like(targets[:1], pad_id)])
    expect(code.label_smoothing_loss(*taller, 0.2, pad_id), loss)  # with a row of nothing but padding


@robust("label_smoothing_loss", 0.05)
@pytest.mark.parametrize("which", ["first", "last"])
def test_any_id_may_be_the_padding_of_the_smoothed_loss(code, draw, expect, which):
    logits = draw("batch target vocab")
    pad_id = 0 if which == "first" else draw.size("vocab") - 1
    targets = draw_tokens(draw, "target", pad_id)
    expect.agrees(code.label_smoothing_loss, reference.label_smoothing_loss, logits, targets, 0.2, pad_id)


@robust("label_smoothing_loss", 0.14)
def test_logits_of_size_ten_thousand_do_not_overflow(code, draw, expect):
    for dtype in (torch.float32, draw.dtype):
        logits, targets, pad_id = draw_scored(draw, dtype)
        inputs = (logits * 3000, targets, 0.2, pad_id)
        expect.agrees(code.label_smoothing_loss, reference.label_smoothing_loss, *inputs)


@robust("label_smoothing_loss", 0.05)
def test_logits_give_a_loss_as_exact_as_they_can(code, draw, expect):
    logits, targets, pad_id = draw_scored(draw)
    expect.exact(code.label_smoothing_loss, reference.label_smoothing_loss, logits, targets, 0.2, pad_id)
    logits, targets, pad_id = draw_scored(draw, torch.float32)
    expect.agrees(code.label_smoothing_loss, reference.label_smoothing_loss, logits, targets, 0.2, pad_id)


@robust("label_smoothing_loss", 0.03, structural=True)
@pytest.mark.parametrize("ones", ["batch", "target", "vocab"])
def test_any_size_of_the_logits_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    logits = draw("batch target vocab")
    pad_id = draw.size("vocab") - 1
    targets = torch.zeros(logits.shape[:2], dtype=torch.int64) + draw.integer(0, max(pad_id - 1, 0))
    for inputs in ((logits, targets), (logits[:1, :1], targets[:1, :1])):  # and a single target
        expect.agrees(code.label_smoothing_loss, reference.label_smoothing_loss, *inputs, 0.2, pad_id)


@robust("label_smoothing_loss", 0.08)
def test_logits_and_targets_need_not_be_contiguous(code, draw, expect):
    logits, targets, pad_id = draw_scored(draw)
    inputs = draw.non_contiguous(logits), draw.non_contiguous(targets), 0.2, pad_id
    expect.agrees(code.label_smoothing_loss, reference.label_smoothing_loss, *inputs)


@robust("label_smoothing_loss", 0.14)
def test_the_smoothed_loss_has_the_right_gradient(code, draw, expect):
    for smoothing in (0.0, 0.2):
        logits, targets, pad_id = draw_scored(draw)
        inputs = logits, targets, smoothing, pad_id
        expect.gradients(code.label_smoothing_loss, reference.label_smoothing_loss, *inputs)


@core("train_step", 0.65)
def test_one_update_worked_by_hand(code, draw, expect):
    draw.size("vocab=3")
    sizes = {"d_model": 4, "num_heads": 2, "d_ff": 5, "num_layers": 1}
    right = draw.module(transformer.Transformer, 4, 3, **sizes)
    with torch.no_grad():
        right.output.weight.zero_()
        right.output.bias.zero_()
    mine = code.earlier("ex11_transformer", "Transformer")(4, 3, **sizes).load(right)
    source, targets = torch.tensor([[3, 1]]), torch.tensor([[2, 1]])
    loss = code.train_step(mine, mine.optimizer(0.6), source, targets, 1, 0, NEVER_CLIPS)
    after = mine.parameters()
    expect(loss, math.log(3), what="the loss that train_step returns")
    bias = torch.tensor([-0.2, 0.1, 0.1], dtype=draw.dtype)
    expect(after["output.bias"], bias, what="output.bias after train_step")


@core("train_step", 0.95)
def test_the_loss_before_the_update_is_returned(code, draw, expect):
    for size in ("source=5", "target=5"):  # sources as long as targets must not be taken for them
        draw.size(size)
    batch = draw_batch(draw)
    mine, right = draw_model(code, draw, batch[3])
    logits = right(batch[0], decoding.shift_right(batch[1], batch[2])).detach()
    expected = decoding.sequence_loss(logits, batch[1], batch[3])
    loss = code.train_step(mine, mine.optimizer(0.3), *batch)
    expect(loss, float(expected), what="the loss that train_step returns")


@core("train_step", 0.95)
def test_every_parameter_moves_against_its_gradient(code, draw, expect):
    batch = draw_batch(draw)
    models = draw_model(code, draw, batch[3])
    expect_updates(code, expect, models, batch, times=2, within=1e-9, max_norm=NEVER_CLIPS)


@core("train_step", 0.65)
def test_old_gradients_are_forgotten(code, draw, expect):
    batch = draw_batch(draw)
    mine, right = draw_model(code, draw, batch[3])
    mine.set_gradients({name: draw(" ".join(map(str, p.shape))) for name, p in right.named_parameters()})
    expect_updates(code, expect, (mine, right), batch, within=1e-9, max_norm=NEVER_CLIPS)


@core("train_step", 0.95)
def test_long_gradients_are_shortened_together(code, draw, expect):
    batch = draw_batch(draw)
    mine, right = draw_model(code, draw, batch[3])
    max_norm = draw.number(0.1, 0.4) * length_of_gradient(right, *batch)
    expect_updates(code, expect, (mine, right), batch, times=2, max_norm=max_norm)


@core("train_step", 0.65)
def test_train_mode_is_on_before_the_forward_pass(code, draw, expect):
    batch = draw_batch(draw)
    models = draw_model(code, draw, batch[3], dropout=1.0)
    expect_updates(code, expect, models, batch)


@robust("train_step", 0.05)
def test_no_batch_is_too_long(code, draw, expect):
    for size in ("batch=1", "source=2", "target=1100"):
        draw.size(size)
    batch = draw_batch(draw)
    models = draw_model(code, draw, batch[3], dtype=torch.float32, d_model=3, num_heads=1)  # half the memory
    expect_updates(code, expect, models, batch, within=1e-5, max_norm=NEVER_CLIPS)


@robust("train_step", 0.08)
def test_short_gradients_stay_as_they_are(code, draw, expect):
    batch = draw_batch(draw)
    mine, right = draw_model(code, draw, batch[3])
    max_norm = draw.number(1.1, 1.5) * length_of_gradient(right, *batch)
    expect_updates(code, expect, (mine, right), batch, max_norm=max_norm)


@robust("train_step", 0.05)
def test_the_largest_norm_is_one_if_none_is_given(code, draw, expect):
    batch = draw_batch(draw)
    mine, right = draw_model(code, draw, batch[3])
    with torch.no_grad():
        right.output.weight.mul_(20)
    mine.load(right)
    expect_updates(code, expect, (mine, right), batch, lr=1.0)


@robust("train_step", 0.17)
def test_every_part_is_left_in_train_mode(code, draw, expect):
    batch = draw_batch(draw)
    mine, right = draw_model(code, draw, batch[3], dropout=1.0)
    loss = code.train_step(mine, mine.optimizer(0.3), *batch)
    training = mine.describe().training
    expected = reference.train_step(right, descent(right, 0.3), *batch)
    expect(loss, expected, within=1e-7, what="the loss that train_step returns")
    off = [name or "the model" for name, on in training.items() if not on]
    expect.that(not off, f"after train_step {', '.join(off[:1])} is in eval mode")


@robust("train_step", 0.14, structural=True)
def test_more_padding_does_not_change_an_update(code, draw, expect):
    source, targets, bos_id, pad_id = draw_batch(draw)
    mine, _ = draw_model(code, draw, pad_id)
    standing_still = mine.optimizer(0.0)
    loss = code.train_step(mine, standing_still, source, targets, bos_id, pad_id)
    padding = torch.full((len(source), draw.integer(1, 3)), pad_id)
    longer = torch.cat([source, padding], 1), torch.cat([targets, padding], 1)
    again = code.train_step(mine, standing_still, *longer, bos_id, pad_id)
    expect.that(isinstance(loss, float), "train_step returns a Python float", kind="type")
    expect(again, loss, what="the loss of the same batch with more padding")


@robust("train_step", 0.05)
def test_a_float32_model_stays_one(code, draw, expect):
    batch = draw_batch(draw)
    models = draw_model(code, draw, batch[3], dtype=torch.float32)
    expect_updates(code, expect, models, batch, within=1e-3)


@robust("train_step", 0.04)
@pytest.mark.parametrize("ones", ["batch", "source target"], ids=["one sentence", "one token"])
def test_any_size_of_the_batch_may_be_one(code, draw, expect, ones):
    for name in ones.split():
        draw.size(f"{name}=1")
    batch = draw_batch(draw)
    models = draw_model(code, draw, batch[3])
    expect_updates(code, expect, models, batch)


@robust("train_step", 0.05)
def test_source_and_targets_need_not_be_contiguous(code, draw, expect):
    source, targets, bos_id, pad_id = draw_batch(draw)
    models = draw_model(code, draw, pad_id)
    expect_updates(code, expect, models, (draw.non_contiguous(source), draw.non_contiguous(targets), bos_id, pad_id))


@robust("train_step", 0.08, structural=True)
def test_only_what_the_optimizer_holds_is_updated(code, draw, expect):
    batch = draw_batch(draw)
    mine, right = draw_model(code, draw, batch[3])
    encoder = mine.get_submodule("encoder")
    code.train_step(mine, encoder.optimizer(0.3), *batch, NEVER_CLIPS)
    reference.train_step(right, descent(right.encoder, 0.3), *batch, NEVER_CLIPS)
    expect_parameters(expect, mine.parameters(), right)


@robust("train_step", 0.08)
def test_dropout_is_drawn_anew_in_every_step(code, draw, expect):
    batch = draw_batch(draw)
    mine, _ = draw_model(code, draw, batch[3], dropout=0.5)
    standing_still = mine.optimizer(0.0)
    losses = [code.train_step(mine, standing_still, *batch) for _ in range(3)]
    text = "two steps in a row drop the same features: dropout is off, or its random numbers begin anew"
    expect.that(losses[0] != losses[1] != losses[2], text)


@robust("train_step", 0.14, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    logits, targets, pad_id = draw_scored(draw)
    expect.agrees(code.label_smoothing_loss, reference.label_smoothing_loss, logits, targets, 0.2, pad_id)
    batch = draw_batch(draw)
    mine, right = draw_model(code, draw, batch[3])
    loss = code.train_step(mine, mine.optimizer(0.3), *batch)
    expected = reference.train_step(right, descent(right, 0.3), *batch)
    expect(loss, expected, what="the loss that train_step returns")


@robust("train_step", 0.11, structural=True)
def test_inputs_and_global_state_are_left_alone(code, draw, expect):
    code.watch_random_state()
    source, targets, bos_id, pad_id = draw_batch(draw)
    code.warmup_rate(3, 16, 9)
    for dtype in (torch.float32, draw.dtype):
        logits = draw("batch target vocab", dtype=dtype)
        code.label_smoothing_loss(logits, targets, 0.2, pad_id)
        code.label_smoothing_loss(logits, torch.full_like(targets, pad_id), 0.2, pad_id)
    expect.no_side_effects()
    mine, _ = draw_model(code, draw, pad_id)
    code.train_step(mine, mine.optimizer(0.3), source, targets, bos_id, pad_id)
    expect.no_side_effects(may_draw=True, grad_mode=False)


@robust("train_step", 0.08, structural=True)
def test_no_library_call_does_the_work(code, draw, expect):
    code.watch_every_call()
    source, targets, bos_id, pad_id = draw_batch(draw)
    code.label_smoothing_loss(draw("batch target vocab"), targets, 0.2, pad_id)
    mine, _ = draw_model(code, draw, pad_id)
    code.train_step(mine, mine.optimizer(0.3), source, targets, bos_id, pad_id)
    expect.no_shortcuts()
