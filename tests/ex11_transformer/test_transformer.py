"""The checks of exercise 11, in teaching order."""

from collections import Counter

import pytest
import torch

from grader.authoring import Mismatch, StubDecoder, core, needs, robust, shortcuts
from solutions import ex11_transformer as reference

pytestmark = shortcuts("nn.Transformer*")

SOURCE_VOCAB, TARGET_VOCAB, D_MODEL, PAD = 11, 13, 12, 3
MEMORY = "batch source d_model"
LOGITS = "batch target vocab"


def draw_model(draw, *, num_layers=1, dropout=0.0, pad_id=PAD, d_model=D_MODEL, num_heads=3):
    """The right model with drawn weights, and what it was made with."""
    made_with = (SOURCE_VOCAB, TARGET_VOCAB, d_model, num_heads, 7, num_layers, dropout, pad_id)
    return draw.module(reference.Transformer, *made_with), made_with


def draw_tokens(draw, axes, vocab, *, pad_id=PAD, ragged=True):
    """Real tokens, then padding in all rows but one; 0 is a real token unless it is the padding."""
    tokens = draw.tokens(axes, vocab - 1)
    tokens = tokens + (tokens >= pad_id)  # every id but pad_id
    if not ragged:
        return tokens
    lengths = draw.lengths(*axes.split())
    return tokens.masked_fill(torch.arange(tokens.size(1)) >= lengths.unsqueeze(1), pad_id)


def at_real_tokens(expect, values, tokens, shape, pad_id=PAD):
    """The values with 0 at padding, where any finite number is right."""
    values = expect.tensor(values, shape)
    if not bool(torch.isfinite(values).all()):
        raise Mismatch("the result holds numbers that are not finite", kind="finite")
    return values.masked_fill((tokens == pad_id).unsqueeze(-1), 0.0)


def shape_of(tokens, width):
    return (*tokens.shape, width)


def endings(rows, eos_id):
    """How long each row is, its eos included; one more than there is where none comes."""
    return [row.index(eos_id) + 1 if eos_id in row else len(row) + 1 for row in rows]


def pick_rows(ends, longest, early, count=8):
    """Rows that end at as many different steps as there are; early: none of them later than the last step but one."""
    turn, seen = {}, Counter()
    for row, end in enumerate(ends):
        if not early or end < longest:
            turn[row] = seen[end], end
            seen[end] += 1
    return sorted(sorted(turn, key=turn.__getitem__)[:count])


def make_wander(model, call, shift=0):
    """What the decoder says depends on what it reads; a word calls for the one `shift` ids above it, so strongly."""
    for name, parameter in model.decoder.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        elif "norm" in name:
            parameter.fill_(1.0)
    model.target_embedding.weight.mul_(0.5)
    model.output.weight.add_(model.target_embedding.weight.roll(shift, 0) * call)


def draw_writer(draw, *, dropout=0.0, longest=6, tries=1, early=False):
    """A model whose sentences wander, a source, and ids with which its rows end at different steps.

    Free-running sentences are written for many sources; then the eos is chosen among what they hold, and rows that end
    at different steps. Padding is never the most likely token. early: all rows end before the last step.
    """
    best = None
    while best is None or (tries > 0 and best[0][:2] != (3, 3)):
        tries -= 1
        model, made_with = draw_model(draw, dropout=dropout)
        with torch.no_grad():
            make_wander(model, 2.0, shift=1)  # a word calls for the next
            source, bos_id = draw_tokens(draw, "24 source=5", SOURCE_VOCAB), 1
            some = draw_tokens(draw, "24 6", TARGET_VOCAB, ragged=False)
            model.output.bias.sub_(model(source, some).mean((0, 1)))  # no word is likely everywhere
            model.output.bias[PAD] = -1e3
        free = model.generate(source, bos_id, -1, longest).tolist()
        for eos_id in range(TARGET_VOCAB):
            if eos_id in (PAD, bos_id):
                continue
            ends = endings(free, eos_id)
            rows = pick_rows(ends, longest, early)
            if len(rows) < 4:
                continue
            seen = max(len({*free[row][: ends[row] - 1]}) for row in rows)
            kinds = {ends[row] for row in rows}
            merit = (min(len(kinds), 3), min(seen, 3), max(kinds) < longest, min(kinds) > 1)
            if best is None or merit > best[0]:
                best = (merit, model, made_with, source[rows], bos_id, eos_id)
    return best[1:]


def draw_speaker(draw, *, ends, dropout=0.0):
    """A model that never says padding, and says the eos at once or never; a source, bos and eos."""
    model, made_with = draw_model(draw, dropout=dropout)
    bos_id, eos_id = 1, 2
    with torch.no_grad():
        model.output.bias[PAD] = -1e3
        model.output.bias[eos_id] = 1e3 if ends else -1e3
    return model, made_with, draw_tokens(draw, "batch source", SOURCE_VOCAB), bos_id, eos_id


# ------------------------------------------------------------------------------------------------ tokens to vectors


@core("Transformer.embed", 0.6)
@pytest.mark.parametrize("side", ["source", "target"])
def test_embed_scales_words_and_adds_positions(code, draw, expect, side):
    model, made_with = draw_model(draw)
    mine = code.Transformer(*made_with).load(model)
    tokens = draw_tokens(draw, "batch length", SOURCE_VOCAB)
    table = mine.get_submodule(f"{side}_embedding")
    right = model.get_submodule(f"{side}_embedding")
    expect(mine.embed(tokens, table), model.embed(tokens, right).detach(), axes="batch length d_model")


@core("Transformer.embed", 0.4, structural=True)
def test_dropout_falls_on_the_sum_of_word_and_position(code, draw, expect):
    model, made_with = draw_model(draw, dropout=1.0)
    mine = code.Transformer(*made_with).load(model.train())
    tokens = draw_tokens(draw, "batch length", SOURCE_VOCAB)
    embedded = mine.embed(tokens, mine.get_submodule("source_embedding"))
    expect(embedded, torch.zeros(*tokens.shape, D_MODEL, dtype=draw.dtype), axes="batch length d_model")


@robust("Transformer.embed", 0.09)
def test_half_of_what_is_embedded_is_dropped_once(code, draw, expect):
    model, made_with = draw_model(draw, dropout=0.5, d_model=64, num_heads=4)
    tokens = draw_tokens(draw, "batch=4 length=7", SOURCE_VOCAB)
    whole = model.embed(tokens, model.source_embedding).detach()
    mine = code.Transformer(*made_with).load(model.train())
    results = [expect.tensor(mine.embed(tokens, mine.get_submodule("source_embedding"))) for _ in range(2)]
    for result in results:
        expect(result, torch.where(expect.tensor(result, tuple(whole.shape)) == 0, 0.0, 2 * whole), axes=MEMORY)
    share = float((torch.stack(results) != 0).double().mean())
    # 3584 coins: a fair half differs from 1/2 by 0.06 once in 10^12 times.
    expect.that(abs(share - 0.5) < 0.06, f"with dropout=0.5, {share:.0%} of what is embedded survives, expected 50%")
    expect.that(not torch.equal(*results), "two forward passes dropped the same features: the dropout mask was reused")


def fed_after(bos_id, wrote):
    """What the decoder was fed, if each of these words was written after those before it."""
    first = torch.full((len(wrote), 1), bos_id)
    return torch.cat([first, wrote[:, :-1].long().clamp(0, TARGET_VOCAB - 1)], dim=1)


@robust("Transformer.decode", 0.02)
@pytest.mark.parametrize(
    "method", [pytest.param(m, marks=needs(f"Transformer.{m}")) for m in ("embed", "encode", "decode")]
)
def test_no_sentence_is_too_long_to_read(code, draw, expect, method):
    model, made_with = draw_model(draw, d_model=3, num_heads=1)
    mine = code.Transformer(*made_with).load(model.float())  # half the memory
    tokens = draw_tokens(draw, f"1 {4999 if method == 'embed' else 1100}", SOURCE_VOCAB, ragged=False)
    words = model.source_embedding
    if method == "embed":
        result, inputs = mine.embed(tokens, mine.get_submodule("source_embedding")), (tokens, words)
    else:
        inputs = (tokens,) if method == "encode" else (tokens, draw("1 2 3", dtype=torch.float32), tokens[:, :2])
        result = getattr(mine, method)(*inputs)
    with torch.no_grad():  # half the time
        right = getattr(model, method)(*inputs)
    expect(result, right, axes="batch length width", within=1e-3 if method == "embed" else 1e-5)


@core("Transformer.encode", 0.4)
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "padded"])
def test_encode_reads_words_and_not_padding(code, draw, expect, ragged):
    model, made_with = draw_model(draw, num_layers=2)
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB, ragged=ragged)
    shape = shape_of(source, D_MODEL)
    memory = at_real_tokens(expect, mine.encode(source), source, shape)
    expect(memory, at_real_tokens(expect, model.encode(source).detach(), source, shape), axes=MEMORY)


@robust("Transformer.decode", 0.05)
@pytest.mark.parametrize("side", [pytest.param("encode", marks=needs("Transformer.encode")), "decode"])
def test_both_sides_drop_once_and_nothing_but_what_is_embedded(code, draw, expect, side):
    width = 64
    made_with = (width, width, width, 4, 3, 1, 0.5, PAD)
    model = draw.module(reference.Transformer, *made_with)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embedding" not in name:  # sublayers add nothing, so both stacks are norms in a row
                parameter.fill_(float("norm" in name and "weight" in name))
        model.output.weight.copy_(torch.eye(width))
    tokens = draw_tokens(draw, "batch=4 length=7", width, ragged=False)
    memory = draw(f"batch length {width}")
    mine = code.Transformer(*made_with).load(model.train())
    result = mine.encode(tokens) if side == "encode" else mine.decode(tokens, memory, tokens)
    result = expect.tensor(result, shape_of(tokens, width))
    dropped = (result - result.mode(-1, keepdim=True).values).abs() < 1e-9  # what is 0 before a norm is equal after it
    share = float(dropped.double().mean())
    # 1792 coins: a fair half differs from 1/2 by 0.08 once in 10^11 times.
    expect.that(abs(share - 0.5) < 0.08, f"with dropout=0.5, {share:.0%} of what {side} embeds is lost, expected 50%")
    table = model.get_submodule("source_embedding" if side == "encode" else "target_embedding")
    with torch.no_grad():
        x = model.eval().embed(tokens, table).masked_fill(dropped, 0.0) * 2
        right = model.encoder(x) if side == "encode" else model.output(model.decoder(x, memory))
    expect(result, right, axes=MEMORY, within=1e-6)
    model, made_with = draw_model(draw, dropout=1.0)
    mine = code.Transformer(*made_with).load(model)
    mine.set_training({"": True, "dropout": True})  # both stacks stay in eval mode
    model.training = model.dropout.training = True
    tokens, memory = draw_tokens(draw, "batch length", SOURCE_VOCAB, ragged=False), draw(f"batch length {D_MODEL}")
    if side == "encode":
        expect.agrees(mine.encode, model.encode, tokens, axes=MEMORY)
    else:
        expect.agrees(mine.decode, model.decode, tokens, memory, tokens, axes=LOGITS)


@core("Transformer.decode", 0.2)
@pytest.mark.parametrize(
    "padded",
    ["nothing", "source", "target", "both"],
    ids=["no padding", "padded source", "padded target", "both padded"],
)
def test_decode_reads_memory_and_what_is_written(code, draw, expect, padded):
    model, made_with = draw_model(draw)
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB, ragged=padded in ("source", "both"))
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=padded in ("target", "both"))
    memory = draw(f"batch source {D_MODEL}")
    garbage = draw(f"batch source {D_MODEL}", scale=3e3).clamp(-1e4, 1e4)
    memory = torch.where((source != PAD).unsqueeze(-1), memory, garbage)
    shape = shape_of(decoder_input, TARGET_VOCAB)
    logits = at_real_tokens(expect, mine.decode(decoder_input, memory, source), decoder_input, shape)
    right = model.decode(decoder_input, memory, source).detach()
    expect(logits, at_real_tokens(expect, right, decoder_input, shape), axes=LOGITS)


@robust("Transformer.decode", 0.05)
def test_float64_and_float32_are_as_exact_as_they_can_be(code, draw, expect):
    model, made_with = draw_model(draw)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False)
    wide = draw(f"batch source {D_MODEL}")
    mine = code.Transformer(*made_with).load(model)
    expect.exact(mine.decode, model.decode, decoder_input, wide, source, axes=LOGITS)
    model.float()
    mine = code.Transformer(*made_with).load(model)
    memory = draw(f"batch source {D_MODEL}", dtype=torch.float32)
    expect.agrees(mine.decode, model.decode, decoder_input, memory, source, axes=LOGITS)


@robust("Transformer.decode", 0.09)
def test_gradients_reach_the_memory(code, draw, expect):
    model, made_with = draw_model(draw)
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False)
    expect.gradients(mine.decode, model.decode, decoder_input, draw(f"batch source {D_MODEL}"), source)


@core("Transformer.forward", 0.4)
@pytest.mark.parametrize("pad_id", [0, SOURCE_VOCAB - 1], ids=["first", "last"])
def test_forward_joins_both_sides(code, draw, expect, pad_id):
    model, made_with = draw_model(draw, num_layers=2, pad_id=pad_id)
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB, pad_id=pad_id)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, pad_id=pad_id)
    shape = shape_of(decoder_input, TARGET_VOCAB)
    logits = at_real_tokens(expect, mine(source, decoder_input), decoder_input, shape, pad_id)
    right = at_real_tokens(expect, model(source, decoder_input).detach(), decoder_input, shape, pad_id)
    expect(logits, right, axes=LOGITS)


@core("Transformer.forward", 0.45, structural=True)
def test_more_padding_changes_nothing(code, draw, expect):
    model, made_with = draw_model(draw)
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False)
    wider = [torch.nn.functional.pad(tokens, (0, 2), value=PAD) for tokens in (source, decoder_input)]
    before = expect.tensor(mine(source, decoder_input), shape_of(decoder_input, TARGET_VOCAB))
    after = expect.tensor(mine(*wider), shape_of(wider[1], TARGET_VOCAB))
    expect(after[:, :-2], before, axes=LOGITS, what="what forward says with two columns of padding more")


@core("Transformer.forward", 0.25, structural=True)
def test_the_future_cannot_change_the_past(code, draw, expect):
    model, made_with = draw_model(draw, num_layers=2)
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False)
    now = draw.integer(1, decoder_input.size(1) - 1)
    other = torch.where(torch.arange(decoder_input.size(1)) < now, decoder_input, (decoder_input + 1) % TARGET_VOCAB)
    other = torch.where(other == PAD, other + 1, other)
    shape = shape_of(decoder_input, TARGET_VOCAB)
    before = expect.tensor(mine(source, decoder_input), shape)
    after = expect.tensor(mine(source, other), shape)
    what = f"what forward says before position {now}, after the target changed from there on"
    expect(after[:, :now], before[:, :now], axes=LOGITS, what=what)


@robust("Transformer.forward", 0.09, structural=True)
def test_logits_have_one_score_for_each_word_of_the_target(code, draw, expect):
    model, made_with = draw_model(draw)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB, ragged=False)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False)
    expect.tensor(code.Transformer(*made_with).load(model)(source, decoder_input), (*decoder_input.shape, TARGET_VOCAB))


@robust("Transformer.forward", 0.08)
def test_source_and_target_of_one_shape_are_not_mixed_up(code, draw, expect):
    model, made_with = draw_model(draw, num_layers=2)
    mine = code.Transformer(*made_with).load(model)
    source, decoder_input = (draw_tokens(draw, "batch length", SOURCE_VOCAB, ragged=False) for _ in range(2))
    source[:, -1] = PAD  # but for its padding, which masks the source alone
    expect.agrees(mine, model, source, decoder_input, axes=LOGITS)
    memory = draw(f"batch length {D_MODEL}")
    expect.agrees(mine.decode, model.decode, decoder_input, memory, source, axes=LOGITS)


@robust("Transformer.forward", 0.05)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_dropout_is_at_work_in_train_mode_only(code, draw, expect, training):
    model, made_with = draw_model(draw, dropout=1.0)
    model.train(training)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False)
    mine = code.Transformer(*made_with).load(model)
    for _ in range(2):  # the first call must leave it in its mode
        expect.agrees(mine, model, source, decoder_input, axes=LOGITS)


@robust("Transformer.forward", 0.09)
def test_gradients_reach_every_parameter(code, draw, expect):
    model, made_with = draw_model(draw)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False)
    expect.gradients(code.Transformer(*made_with).load(model.train()), model, source, decoder_input)


@robust("Transformer.generate", 0.05)
@pytest.mark.parametrize(
    "ones", ["batch", "target", *[pytest.param(n, marks=needs("Transformer.forward")) for n in ("source", "d_model")]]
)
def test_any_size_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    sizes = {"d_model": 1, "num_heads": 1} if ones == "d_model" else {}
    model, made_with = draw_model(draw, **sizes)
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False)
    expect.agrees(mine, model, source, decoder_input, axes=LOGITS)
    if ones in ("batch", "target"):
        with torch.no_grad():
            model.output.bias[PAD] -= 1e3
        expect.agrees(mine.load(model).generate, model.generate, source, 1, 2, 1 if ones == "target" else 3)


@core("Transformer.generate", 1.7)
def test_generate_writes_the_most_likely_words(code, draw, expect):
    written = []
    for early in (False, True):
        model, made_with, source, bos_id, eos_id = draw_writer(draw, tries=3, early=early)
        mine = code.Transformer(*made_with).load(model)
        written.append((mine.generate(source, bos_id, eos_id, 6), model.generate(source, bos_id, eos_id, 6)))
    other = 4 if eos_id != 4 else 5
    written.append((mine.generate(source, other, eos_id, 6), model.generate(source, other, eos_id, 6)))
    for mine_wrote, right in written:
        expect(mine_wrote, right, axes="batch length")


@core("Transformer.generate", 0.4)
def test_generate_stops_at_max_length(code, draw, expect):
    model, made_with, source, bos_id, eos_id = draw_speaker(draw, ends=False)
    mine = code.Transformer(*made_with).load(model)
    expect.agrees(mine.generate, model.generate, source, bos_id, eos_id, draw.integer(2, 6), axes="batch length")
    expect.agrees(mine.generate, model.generate, source, eos_id, eos_id, 2, axes="batch length")  # one id for both


def draw_long(draw):
    """A model that writes many different words and neither 2 nor padding; what it was made with; a long batch."""
    model, made_with = draw_model(draw)
    source = draw_tokens(draw, "batch=2 source=37", SOURCE_VOCAB, ragged=False)
    decoder_input = draw_tokens(draw, "batch target=31", TARGET_VOCAB, ragged=False)
    with torch.no_grad():
        make_wander(model, -2.0)  # no word calls for itself
        model.output.bias.sub_(model(source, decoder_input).mean((0, 1)))  # no word is likely everywhere
        model.output.bias[[2, PAD]] = -1e3
    return model, made_with, source, decoder_input


@core("Transformer.generate", 0.4)
def test_generate_stops_after_the_last_row_has_ended(code, draw, expect):
    model, made_with, source, bos_id, eos_id = draw_speaker(draw, ends=True)
    mine = code.Transformer(*made_with).load(model)
    expect.agrees(mine.generate, model.generate, source, bos_id, eos_id, 5, axes="batch length")


@core("Transformer.generate", 0.4, structural=True)
def test_each_row_is_written_as_if_it_were_alone(code, draw, expect):
    model, made_with, source, bos_id, eos_id = draw_writer(draw)
    mine = code.Transformer(*made_with).load(model)
    row = draw.integer(0, len(source) - 1)
    real = source[row][source[row] != PAD].unsqueeze(0)
    expect.agrees(mine.generate, model.generate, real, bos_id, eos_id, 6, axes="batch length")


@core("Transformer.generate", 0.4)
def test_generate_works_in_eval_mode(code, draw, expect):
    model, made_with, source, bos_id, eos_id = draw_writer(draw, dropout=1.0)
    mine = code.Transformer(*made_with).load(model.train())
    expect.agrees(mine.generate, model.generate, source, bos_id, eos_id, 6, axes="batch length")


@robust("Transformer.generate", 0.1, structural=True)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_results_have_the_dtype_of_the_weights(code, draw, expect, dtype):
    model, made_with = draw_model(draw)
    mine = code.Transformer(*made_with).load(model.to(dtype))
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB)
    expect.same_dtype(mine.embed(source, mine.get_submodule("source_embedding")), dtype)
    expect.same_dtype(mine.encode(source), dtype)
    expect.same_dtype(mine(source, decoder_input), dtype)
    expect.same_dtype(mine.generate(source, 1, 2, 2), torch.int64)
    other = torch.float64 if dtype is torch.float32 and draw.dtype is torch.float64 else torch.float32
    expect.same_dtype(mine.load(model.to(other)).encode(source), other)  # a table of positions changes with the weights


@robust("Transformer.generate", 0.05)
def test_tokens_need_not_be_contiguous(code, draw, expect):
    model, made_with = draw_model(draw)
    mine = code.Transformer(*made_with).load(model)
    source = draw.non_contiguous(draw_tokens(draw, "batch source", SOURCE_VOCAB))
    decoder_input = draw.non_contiguous(draw_tokens(draw, "batch target", TARGET_VOCAB, ragged=False))
    expect.agrees(mine, model, source, decoder_input, axes=LOGITS)
    memory = draw.non_contiguous(draw(f"batch source {D_MODEL}"))
    expect.agrees(mine.decode, model.decode, decoder_input, memory, source, axes=LOGITS)
    with torch.no_grad():
        model.output.bias[PAD] -= 1e3
    other = draw.non_contiguous(draw_tokens(draw, "batch source", SOURCE_VOCAB))
    for tokens in (source, other):  # the second source has the first one's shape, and must not be taken for it
        expect.agrees(mine.load(model).generate, model.generate, tokens, 1, 2, 2, axes="batch length")
    expect.agrees(mine, model, other, decoder_input, axes=LOGITS)


@robust("Transformer.generate", 0.06)
def test_long_sentences_are_read_and_written_whole(code, draw, expect):
    for _ in range(3):  # where hardly any words are written, leaving out some of them shows in nothing
        model, made_with, source, decoder_input = draw_long(draw)
        mine = code.Transformer(*made_with).load(model)
        expect.agrees(mine, model, source, decoder_input, axes=LOGITS)
        few = source[:, :1]  # far more is written than was read
        wrote = expect.tensor(mine.generate(few, 1, 2, 26), (2, 26))
        fed = fed_after(1, wrote)
        expect(wrote, model(few, fed).argmax(-1), axes="batch length")  # each word follows from those before it
        if len(wrote.unique()) > 3:
            break
    expect.agrees(mine.generate, model.generate, source, 1, 2, 2, axes="batch length")


@robust("Transformer.generate", 0.06)
def test_no_sentence_is_too_long_to_write(code, draw, expect):
    longest, words = 1040, [word for word in range(TARGET_VOCAB) if word not in (2, PAD)]
    model, made_with = draw_model(draw, num_layers=0, d_model=1, num_heads=1)
    stub, first = StubDecoder(words, TARGET_VOCAB), words[1]  # what follows bos, which is 1
    with torch.no_grad():  # whoever has a decoder of their own writes another first word
        model.output.bias.copy_(torch.where(torch.arange(TARGET_VOCAB) == words[2], 1e6, 0.0))
    mine = code.Transformer(*made_with).load(model)
    mine.stub_decode(words, TARGET_VOCAB)
    source = draw_tokens(draw, "1 2", SOURCE_VOCAB, ragged=False)
    wrote = expect.tensor(mine.generate(source, 1, 2, longest), (1, longest))
    fed = fed_after(1, wrote)
    right = stub(fed, torch.zeros(()), source) if int(wrote[0, 0]) == first else model(source, fed)
    expect(wrote, right.argmax(-1), axes="batch length")  # each word follows from those before it


@robust("Transformer.generate", 0.1)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_generate_restores_the_mode_of_every_part(code, draw, expect, mode):
    model, made_with, source, bos_id, eos_id = draw_speaker(draw, ends=mode == "eval", dropout=1.0)
    mine = code.Transformer(*made_with).load(model.train(mode == "train"))
    before = mine.describe().training
    expect.agrees(mine.generate, model.generate, source, bos_id, eos_id, 2, axes="batch length")
    after = mine.describe().training
    logits = mine(source, source)  # shows in which mode each part was left
    changed = [name or "the model itself" for name in before if after.get(name) != before[name]]
    text = f"after generate, the training flag of {', '.join(changed[:3])} has changed"
    expect.that(not changed, text)
    shape = shape_of(source, TARGET_VOCAB)
    right = at_real_tokens(expect, model(source, source).detach(), source, shape)
    expect(at_real_tokens(expect, logits, source, shape), right, axes=LOGITS, what="what forward says after generate")


@robust("Transformer.generate", 0.09)
def test_generate_records_no_gradient(code, draw, expect):
    model, made_with, source, bos_id, eos_id = draw_speaker(draw, ends=False)
    mine = code.Transformer(*made_with).load(model)
    expect.records_no_gradient(mine.generate, source, bos_id, eos_id, 2)
    expect.keeps_grad_mode(mine.generate, source, bos_id, eos_id, 2)
    decoder_input = draw_tokens(draw, "batch target=3", TARGET_VOCAB, ragged=False)
    expect.gradients(mine, model, source, decoder_input)


@robust("Transformer.generate", 0.09, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    model, made_with = draw_model(draw)
    with torch.no_grad():
        model.output.bias[PAD] -= 1e3  # never said
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB)
    embedded = mine.embed(source, mine.get_submodule("source_embedding"))
    expect(embedded, model.embed(source, model.source_embedding).detach(), axes="batch source d_model")
    at_real_tokens(expect, mine(source, decoder_input), decoder_input, shape_of(decoder_input, TARGET_VOCAB))
    expect(mine.generate(source, 1, 2, 2), model.generate(source, 1, 2, 2), axes="batch length")


@robust("Transformer.generate", 0.1, structural=True)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_inputs_weights_and_global_state_are_left_alone(code, draw, expect, training):
    code.watch_random_state()
    model, made_with = draw_model(draw, dropout=0.5)
    mine = code.Transformer(*made_with).load(model.train(training))
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    decoder_input = draw_tokens(draw, "batch target", TARGET_VOCAB)
    mine.decode(decoder_input, draw(f"batch source {D_MODEL}"), source)
    mine(source, decoder_input)
    drawn = "torch's random state" in code.calls[-1].changed and not training
    expect.that(not drawn, "forward draws random numbers in eval mode")
    mine.generate(source, 1, 2, 2)
    drawn = "torch's random state" in code.calls[-1].changed
    expect.that(not drawn, "generate draws random numbers")
    expect.no_side_effects(may_draw=training)
    for name, values in mine.parameters().items():
        expect(values, model.get_parameter(name).detach(), what=f"the parameter {name} after these calls")


@robust("Transformer.generate", 0.1, structural=True)
def test_no_library_call_does_the_work(code, draw, expect):
    code.watch_every_call()
    model, made_with = draw_model(draw)
    mine = code.Transformer(*made_with).load(model)
    source = draw_tokens(draw, "batch source", SOURCE_VOCAB)
    mine(source, draw_tokens(draw, "batch target", TARGET_VOCAB))
    mine.generate(source, 1, 2, 2)
    expect.no_shortcuts()
