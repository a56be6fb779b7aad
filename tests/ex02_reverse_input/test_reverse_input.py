"""The checks of exercise 2, in teaching order."""

import pytest
import torch

from grader.authoring import core, kind_of, robust
from solutions import ex02_reverse_input as reference

SOURCE_VOCAB = 11
STATE = "layer batch d_hidden; layer batch d_hidden"
INTEGERS = {str(t)[6:]: t for t in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)}
SIZES = ("batch", "source", "target", "target_vocab", "d_embedding", "d_hidden")


def draw_source(draw):
    """Ragged source rows; their padding holds ids like any others, and the first real token has id 0."""
    source = draw.tokens("batch source", SOURCE_VOCAB)
    source[:, 0] = 0
    return source, draw.lengths()


def draw_target(draw):
    """What the decoder is fed; id 0 comes first."""
    decoder_input = draw.tokens("batch target", draw.size("target_vocab"))
    decoder_input[:, 0] = 0
    return decoder_input


def draw_model(code, draw, dtype=None, training=False, **options):
    """The learner's model and the reference with the same weights."""
    sizes = [SOURCE_VOCAB, *(draw.size(name) for name in ("target_vocab", "d_embedding", "d_hidden"))]
    right = draw.module(reference.Seq2Seq, *sizes, **options).to(dtype or draw.dtype)
    right.train(training)
    return code.Seq2Seq(*sizes, **options).load(right), right


def real_positions(source, lengths):
    return torch.arange(source.size(1)) < lengths.unsqueeze(-1)


@core("reverse_source", 1)
def test_reversal_worked_by_hand(code, draw, expect):
    tokens = torch.tensor([[5, 6, 7, 0], [8, 9, 0, 0]])  # the lesson's
    expected = torch.tensor([[7, 6, 5, 0], [9, 8, 0, 0]])
    expect(code.reverse_source(tokens, torch.tensor([3, 2])), expected, axes="batch source")
    tokens = torch.tensor([[5, 0, 7, 9, 9, 8], [1, 2, 3, 4, 5, 6], [3, 4, 3, 4, 3, 4], [6, 2, 0, 0, 1, 0]])
    expected = torch.tensor([[7, 0, 5, 9, 9, 8], [6, 5, 4, 3, 2, 1], [3, 4, 3, 4, 3, 4], [0, 0, 2, 6, 1, 0]])
    expect(code.reverse_source(tokens, torch.tensor([3, 6, 1, 4])), expected, axes="batch source")


@core("reverse_source", 0.7)
def test_the_real_tokens_are_reversed(code, draw, expect):
    source, lengths = draw_source(draw)
    mine = expect.tensor(code.reverse_source(source, lengths), draw.shape("batch source"))
    real = real_positions(source, lengths)
    expect(mine[real], reference.reverse_source(source, lengths)[real], axes="token")


@core("reverse_source", 0.7)
def test_padding_stays_where_it_is(code, draw, expect):
    source, lengths = draw_source(draw)
    source = torch.cat([source, draw.tokens("batch 2", SOURCE_VOCAB, low=1)], dim=1)
    mine = expect.tensor(code.reverse_source(source, lengths), tuple(source.shape))
    padding = ~real_positions(source, lengths)
    expect(mine[padding], source[padding], axes="padding")


@robust("reverse_source", 0.11, structural=True)
def test_reversing_keeps_the_shape(code, draw, expect):
    source, lengths = draw_source(draw)
    source = torch.cat([source, draw.tokens("batch 2", SOURCE_VOCAB)], dim=1)
    expect.tensor(code.reverse_source(source, lengths), tuple(source.shape))


@robust("reverse_source", 0.06)
@pytest.mark.parametrize("dtype", INTEGERS.values(), ids=INTEGERS)
def test_any_integer_dtype_is_kept(code, draw, expect, dtype):
    code.watch_random_state()
    source, lengths = draw_source(draw)
    expect.agrees(code.reverse_source, reference.reverse_source, source.to(dtype), lengths, axes="batch source")
    expect.no_side_effects()


@robust("reverse_source", 0.11)
def test_long_rows_and_large_ids_are_reversed_too(code, draw, expect):
    draw.size("source=1100")
    source, lengths = draw_source(draw)
    for tokens in (source.to(torch.int8), source.to(torch.uint8), source + (1 << 60)):
        right = expect.agrees(code.reverse_source, reference.reverse_source, tokens, lengths, axes="batch source")
        same = torch.equal(code.calls[-1].value, right)
        expect.that(same, "reverse_source(tokens, lengths) changes ids that a float cannot hold", kind="value")


@core("Seq2Seq.encode", 1.05)
def test_the_source_is_read_forwards_if_not_reversed(code, draw, expect):
    mine, right = draw_model(code, draw, reverse=False)
    source, lengths = draw_source(draw)
    lengths = torch.full_like(lengths, source.size(1))
    expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)


@core("Seq2Seq.encode", 1.05)
def test_the_source_is_read_backwards_by_default(code, draw, expect):
    mine, right = draw_model(code, draw)
    source, lengths = draw_source(draw)
    lengths = torch.full_like(lengths, source.size(1))
    expect.agrees(code.reverse_source, reference.reverse_source, source, lengths, axes="batch source")
    expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)


@core("Seq2Seq.encode", 0.7)
@pytest.mark.parametrize("reverse", [True, False], ids=["backwards", "forwards"])
def test_the_state_belongs_to_the_last_real_token(code, draw, expect, reverse):
    draw.size("source=7"), draw.size("batch=5")
    mine, right = draw_model(code, draw, reverse=reverse)
    source, _ = draw_source(draw)
    lengths = torch.tensor([1, 3, 5, 7, 3])[draw.permutation(5)]
    expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)


@robust("Seq2Seq.encode", 0.11, structural=True)
def test_the_state_has_an_axis_for_the_layer(code, draw, expect):
    mine, _ = draw_model(code, draw)
    state = mine.encode(*draw_source(draw))
    text = f"encode returned {kind_of(state)}, expected the two states h and c"
    expect.that(isinstance(state, (tuple, list)) and len(state) == 2, text, kind="type")
    for name, half in zip("hc", state, strict=True):
        expect.tensor(half, draw.shape("1 batch d_hidden"), what=f"{name} of encode(source, lengths)")


@robust("Seq2Seq.encode", 0.06)
def test_gradients_reach_what_the_encoder_learns(code, draw, expect):
    for reverse in (True, False):
        mine, right = draw_model(code, draw, training=True, reverse=reverse)  # on a GPU, LSTMs have none in eval mode
        expect.gradients(mine.encode, right.encode, *draw_source(draw))


@core("Seq2Seq.forward", 0.7)
def test_padding_changes_nothing(code, draw, expect):
    for reverse in (True, False):
        mine, right = draw_model(code, draw, reverse=reverse)
        source, lengths = draw_source(draw)
        expected = right.encode(source, lengths)
        other = torch.where(real_positions(source, lengths), source, draw.tokens("batch source", SOURCE_VOCAB))
        more = torch.cat([source, draw.tokens("batch 3", SOURCE_VOCAB)], dim=1)
        for padded in (other, more):
            expect(mine.encode(padded, lengths), expected, axes=STATE)
        expect.agrees(mine.encode, right.encode, more[:1], lengths[:1], axes=STATE)
        logits = (more, lengths, draw_target(draw))
        expect.agrees(mine, right, *logits, axes="batch target target_vocab")


@core("Seq2Seq.forward", 1.05)
def test_the_decoder_starts_from_the_encoders_state(code, draw, expect):
    mine, right = draw_model(code, draw)
    source, lengths = draw_source(draw)
    expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)
    expect.agrees(mine, right, source, lengths, draw_target(draw), axes="batch target target_vocab")
    forwards = draw_model(code, draw, reverse=False)
    expect.agrees(*forwards, source, lengths, draw_target(draw), axes="batch target target_vocab")


@core("Seq2Seq.forward", 0.35)
def test_a_later_target_token_changes_no_earlier_logits(code, draw, expect):
    draw.size("target=6")
    mine, right = draw_model(code, draw)
    source, lengths = draw_source(draw)
    decoder_input = draw_target(draw)
    changed = torch.cat([decoder_input[:, :3], 1 - decoder_input[:, 3:].clamp(max=1)], dim=1)
    expected = right(source, lengths, decoder_input)[:, :3]
    for fed in (changed, changed[:, :3]):
        logits = expect.tensor(mine(source, lengths, fed), (*fed.shape, draw.size("target_vocab")))
        expect(logits[:, :3], expected, axes="batch target target_vocab")


@robust("Seq2Seq.forward", 0.11, structural=True)
def test_logits_score_every_target_token(code, draw, expect):
    mine, _ = draw_model(code, draw)
    expect.tensor(mine(*draw_source(draw), draw_target(draw)), draw.shape("batch target target_vocab"))


@robust("Seq2Seq.forward", 0.12)
def test_the_order_of_the_rows_does_not_matter(code, draw, expect):
    draw.size("batch=4"), draw.size("source=5")
    mine, right = draw_model(code, draw)
    source, _ = draw_source(draw)
    lengths, decoder_input = torch.tensor([1, 5, 2, 4]), draw_target(draw)
    expected = right(source, lengths, decoder_input)
    for order in (torch.arange(4), torch.tensor([3, 2, 1, 0]), draw.permutation(4)):
        logits = mine(source[order], lengths[order], decoder_input[order])
        expect(logits, expected[order], axes="batch target target_vocab")


@robust("Seq2Seq.forward", 0.06)
@pytest.mark.parametrize("ones", SIZES)
def test_any_size_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    mine, right = draw_model(code, draw)
    source, lengths = draw_source(draw)
    expect.agrees(code.reverse_source, reference.reverse_source, source, lengths, axes="batch source")
    expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)
    expect.agrees(mine, right, source, lengths, draw_target(draw), axes="batch target target_vocab")


@robust("Seq2Seq.forward", 0.06)
def test_equal_sizes_are_not_confused(code, draw, expect):
    for name in SIZES:
        draw.size(f"{name}={SOURCE_VOCAB}")  # as many words in both languages as well
    mine, right = draw_model(code, draw)
    source, lengths = draw_source(draw)
    expect.agrees(code.reverse_source, reference.reverse_source, source, lengths, axes="batch source")
    expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)
    expect.agrees(mine, right, source, lengths, draw_target(draw), axes="batch target target_vocab")


@robust("Seq2Seq.forward", 0.12)
def test_inputs_need_not_be_contiguous(code, draw, expect):
    mine, right = draw_model(code, draw)
    source, lengths, decoder_input = (draw.non_contiguous(t) for t in (*draw_source(draw), draw_target(draw)))
    expect.agrees(code.reverse_source, reference.reverse_source, source, lengths, axes="batch source")
    expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)
    expect.agrees(mine, right, source, lengths, decoder_input, axes="batch target target_vocab")


@robust("Seq2Seq.forward", 0.06)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_results_have_the_dtype_of_the_model(code, draw, expect, dtype):
    mine, right = draw_model(code, draw, dtype)
    source, lengths = draw_source(draw)
    for training in (False, True):
        mine.load(right.train(training))
        expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)
        expect.agrees(mine, right, source, lengths, draw_target(draw), axes="batch target target_vocab")


@robust("Seq2Seq.forward", 0.06)
def test_no_sentence_is_too_long(code, draw, expect):
    draw.size("batch=1")
    mine, right = draw_model(code, draw)
    expect.agrees(mine, right, *draw_source(draw), draw_target(draw), axes="batch target target_vocab")
    for name in ("source", "target"):
        draw.size(f"{name}=1100")
    for bias in (right.encoder.bias_ih_l0, right.decoder.bias_ih_l0):
        bias.data[draw.size("d_hidden") : 2 * draw.size("d_hidden")] = 30.0  # a forget gate that keeps all it has read
    mine.load(right.float())  # in float32 a thousand steps cost torch's LSTM little
    inputs = draw_source(draw)
    for ours, theirs, axes in ((right.encode, mine.encode, STATE), (right, mine, "batch target target_vocab")):
        with torch.no_grad():
            expected = ours(*inputs)
        expect(theirs(*inputs), expected, axes=axes, within=1e-3)
        inputs = (*inputs, draw_target(draw))


@robust("Seq2Seq.forward", 0.12)
def test_gradients_of_the_logits_reach_every_weight(code, draw, expect):
    mine, right = draw_model(code, draw, training=True)
    source, lengths = draw_source(draw)
    expect.gradients(mine.encode, right.encode, source, lengths)
    expect.gradients(mine, right, source, lengths, draw_target(draw))


@robust("Seq2Seq.forward", 0.12, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    mine, right = draw_model(code, draw)
    source, lengths = draw_source(draw)
    expect.agrees(code.reverse_source, reference.reverse_source, source, lengths, axes="batch source")
    expect.agrees(mine.encode, right.encode, source, lengths, axes=STATE)
    expect.agrees(mine, right, source, lengths, draw_target(draw), axes="batch target target_vocab")


@robust("Seq2Seq.forward", 0.12, structural=True)
def test_inputs_and_global_state_are_left_alone(code, draw, expect):
    code.watch_random_state()
    source, lengths = draw_source(draw)
    decoder_input = draw_target(draw)
    models = [draw_model(code, draw, reverse=reverse) for reverse in (True, False)]
    code.calls.clear()  # making a model draws its first weights
    for change in (lambda tensor: tensor, draw.non_contiguous):
        code.reverse_source(change(source), change(lengths))
    for training, (mine, right) in zip((True, False), models, strict=True):
        mine.load(right.train(training))
        mine.encode(source, lengths)
        mine(source, lengths, decoder_input)
        flags = mine.describe().training.values()
        expect.that(set(flags) == {training}, "Seq2Seq changed its own training flag")
        weights = mine.parameters()
        same = all(torch.equal(weights[name], value) for name, value in right.named_parameters())
        expect.that(same, "Seq2Seq changed its own weights")
    expect.no_side_effects()
