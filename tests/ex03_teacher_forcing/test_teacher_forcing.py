"""The checks of exercise 3, in teaching order.

`step` belongs to the check: it answers from a table, and every call to it is on record. Which position of the table
it has reached is known only to its state, so a state that is lost or used twice shows in the answers.
"""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from grader.authoring import Mismatch, Opaque, StubStep, core, kind_of, robust
from solutions import ex03_teacher_forcing as reference


def start():
    """The state before the first step: position 0, no row finished."""
    return Opaque((0, ()))


def decoder(table, eos_id=-1):
    """A step that answers from table[position, row, token]. What a row is fed after its eos makes no difference."""
    longest, batch, vocab, _ = table.shape
    answers, says_eos = table.flatten(0, 2), (table.argmax(-1) == eos_id).flatten().tolist()

    def step(tokens, state):
        if not isinstance(state, Opaque):
            raise Mismatch(f"step is given {kind_of(state)} as its state, expected what was handed in or returned")
        position, finished = state.value
        if position >= longest:
            raise Mismatch(f"step is called more than {times(longest)}", kind="rule")
        ids = look_at(tokens, batch, vocab, finished)
        at = [(position * batch + row) * vocab + token for row, token in enumerate(ids)]
        ended = [row for row in range(batch) if row in finished or says_eos[at[row]]]
        return answers.index_select(0, torch.tensor(at)), Opaque((position + 1, ended))

    return step


LONG = 1_100


def storyteller(draw, vocab, ends_with=None):
    """A step for one row whose words, one of the first three each, follow from what it is fed: a thousand calls of it
    cost little."""
    words = draw.tokens(f"{LONG} {vocab}", 3).tolist()
    return StubStep(words if ends_with is None else [*words[:-1], [ends_with] * vocab], vocab)


def look_at(tokens, batch, vocab, finished=()):
    """Demands one int64 token for each row, and a valid id where the row is not finished. 0 stands for the others."""
    if type(tokens) is not torch.Tensor or tokens.shape != (batch,):
        raise Mismatch(f"step is fed {kind_of(tokens)}, expected a Tensor of shape ({batch},)", kind="shape")
    if tokens.dtype != torch.int64:
        raise Mismatch(f"step is fed tokens of dtype {tokens.dtype}, expected torch.int64", kind="dtype")
    ids = [0 if row in finished else token for row, token in enumerate(tokens.tolist())]
    if not all(0 <= token < vocab for token in ids):
        raise Mismatch(f"step is fed {tokens.tolist()}, expected ids from 0 to {vocab - 1}", kind="value")
    return ids


def fed(code):
    """(batch, steps): the tokens that the last call fed."""
    calls = code.calls[-1].fed
    if not calls:
        raise Mismatch(f"{code.calls[-1].text} never calls step", kind="rule")
    return torch.stack([tokens for tokens, _ in calls], dim=1)


def draw_training(draw, dtype=None):
    """A table, targets and bos. The table's favourite is never the true token, whatever is fed."""
    table = draw("target batch vocab vocab", dtype=dtype)
    targets = draw.tokens("batch target", draw.size("vocab"))
    truth = targets.T[:, :, None, None].expand(-1, -1, draw.size("vocab"), 1)
    return table.scatter(3, truth, -10.0), targets, draw.integer(0, draw.size("vocab") - 1)


def draw_loss(draw, dtype=None, pad_id=None):
    """Logits, targets of unequal lengths, one of them full, and the id of padding."""
    vocab = draw.size("vocab")
    pad_id = draw.integer(0, vocab - 1) if pad_id is None else pad_id
    targets = (pad_id + draw.tokens("batch target", vocab, low=min(1, vocab - 1))) % vocab
    padding = torch.arange(draw.size("target")) >= draw.lengths("batch", "target")[:, None]
    return draw("batch target vocab", scale=2.0, dtype=dtype), targets.masked_fill(padding, pad_id), pad_id


def draw_sentences(draw, ends, ids=None, max_length=8, vocab=7):
    """A table whose row b first prefers eos at position ends[b], and again later; the ids and the limit."""
    bos_id, eos_id, pad_id = draw.permutation(vocab)[:3].tolist() if ids is None else ids
    table = draw(f"{max_length} {len(ends)} {vocab} {vocab}")
    for row, end in enumerate(ends):
        table[:end, row, :, eos_id] = -10.0
        table[end : end + 3 : 2, row, :, eos_id] = 10.0
    return table, (bos_id, eos_id, pad_id, max_length)


def coins(code, table, targets):
    """(target - 1,): whether the true token was fed, for every later step of the last call."""
    tokens = fed(code)
    if tokens.shape != targets.shape:
        raise Mismatch(f"step is called {tokens.size(1)} times for {targets.size(1)} targets", kind="rule")
    before = torch.arange(targets.size(1) - 1)
    guess = table.argmax(-1)[before, torch.arange(len(targets))[:, None], tokens[:, :-1]]
    true, guessed = (tokens[:, 1:] == targets[:, :-1]).all(0), (tokens[:, 1:] == guess).all(0)
    if not bool((true | guessed).all()):
        step = 2 + int((~(true | guessed)).to(torch.uint8).argmax())
        raise Mismatch(f"step {step} is fed neither the truth in every row nor the guess in every row", kind="value")
    return true


def times(number):
    return "once" if number == 1 else f"{number} times"


def draw_telling(draw):
    """A step for one row whose answer tells what it was fed, after a target 3 or 4, after a guess 5 or 6; the targets,
    0 to 2, and bos."""
    words = torch.cat([3 + draw.tokens("target 3", 2), 5 + draw.tokens("target 4", 2)], dim=1)
    return StubStep(words.tolist(), 7), draw.tokens("1 target", 3), draw.integer(0, 2)


def coins_of(logits, step, targets, bos_id):
    """(target - 1,): whether the true token was fed, for every later step, as the answers of such a step tell."""
    if type(logits) is not torch.Tensor or logits.shape != (*targets.shape, step.vocab):
        shape = (*targets.shape, step.vocab)
        raise Mismatch(f"decode_loop returned {kind_of(logits)}, expected a Tensor of shape {shape}", kind="shape")
    told = logits.argmax(-1)[0]
    true = told[1:] < 5
    tokens = torch.where(true, targets[0, :-1], told[:-1])
    for number, (token, answer) in enumerate(zip([bos_id, *tokens.tolist()], told.tolist(), strict=True)):
        if step.words[number][token] != answer:
            fed = "is not fed bos_id" if number == 0 else "is fed neither the truth nor the guess"
            raise Mismatch(f"step {number + 1} {fed}", kind="value")
    return true


def fed_every_way(code, table, targets, bos_id):
    """What step is fed by default, at ratio 1, at ratio 0 and by coins. All of it together tells mistakes apart."""
    ways = ((), (1.0,), (0.0,), (0.5, seeded(5)))
    return [code.decode_loop(decoder(table), start(), targets, bos_id, *way) is None or fed(code) for way in ways]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@core("shift_right", 0.75)
def test_decoder_input_worked_by_hand(code, draw, expect):
    targets = torch.tensor([[4, 3, 2], [5, 2, 0]])
    expect(code.shift_right(targets, 1), torch.tensor([[1, 4, 3], [1, 5, 2]]), axes="batch target")


@core("shift_right", 0.2)
@pytest.mark.parametrize("bos_id", [0, 8], ids=["bos_id 0", "bos_id 8"])
def test_decoder_input_is_bos_and_then_the_previous_targets(code, draw, expect, bos_id):
    code.watch_random_state()
    targets = draw.non_contiguous(draw.tokens("batch target", 9))
    for part in (targets, targets[:1], targets[:, :1]):
        expect.agrees(code.shift_right, reference.shift_right, part, bos_id, axes="batch target")
    expect.no_side_effects()


@robust("shift_right", 0.1, structural=True)
def test_decoder_input_has_the_shape_and_dtype_of_the_targets(code, draw, expect):
    shifted = expect.tensor(code.shift_right(draw.tokens("batch target", 9), 1), draw.shape("batch target"))
    expect.same_dtype(shifted, torch.int64)


@core("decode_loop", 0.75)
def test_forcing_feeds_bos_and_then_the_true_tokens(code, draw, expect):
    draw.size("target=7")
    table, targets, bos_id = draw_training(draw)
    default, forced, _, _ = fed_every_way(code, table, targets, bos_id)
    for tokens in (default, forced):
        expect(tokens, reference.shift_right(targets, bos_id), axes="batch step", what="what step is fed")


@core("decode_loop", 0.7, structural=True)
def test_without_forcing_each_step_is_fed_the_guess_before_it(code, draw, expect):
    draw.size("target=7")
    table, targets, bos_id = draw_training(draw)
    table = table + 1e3  # a softmax must not overflow on the way to the guess
    _, _, tokens, _ = fed_every_way(code, table, targets, bos_id)
    free = reference.decode_loop(decoder(table), start(), targets, bos_id, 0.0).argmax(-1)
    expect(tokens, reference.shift_right(free, bos_id), axes="batch step", what="what step is fed")


@core("decode_loop", 0.35, structural=True)
def test_each_step_is_handed_the_state_of_the_step_before(code, draw, expect):
    table, targets, bos_id = draw_training(draw)
    steps = draw.size("target")
    code.decode_loop(decoder(table), start(), targets, bos_id, 0.0)
    reached = [state.value[0] for _, state in code.calls[-1].fed]
    expect.that(reached == list(range(steps)), f"step is handed states {reached}, expected 0 to {steps - 1} in order")


@core("decode_loop", 0.35)
@pytest.mark.parametrize("ratio", [0.0, 1.0], ids=["free", "forced"])
def test_logits_of_all_steps_are_returned_in_order(code, draw, expect, ratio):
    for dtype in (torch.float64, torch.float32):
        table, targets, bos_id = draw_training(draw, dtype if draw.dtype is torch.float64 else None)
        inputs = (decoder(table), start(), draw.non_contiguous(targets), bos_id, ratio)
        expect.agrees(code.decode_loop, reference.decode_loop, *inputs, axes="batch target vocab")


@core("decode_loop", 0.45)
def test_one_coin_decides_for_the_whole_batch(code, draw, expect):
    draw.size("target=40")
    table, targets, bos_id = draw_training(draw)
    code.decode_loop(decoder(table), start(), targets[:, :5], bos_id, 1.0)
    tossed = []
    for seed in draw.permutation(99)[:3].tolist():
        logits = code.decode_loop(decoder(table), start(), targets, bos_id, 0.5, seeded(seed))
        tossed.append(int(coins(code, table, targets).sum()))
        right = table[torch.arange(40), torch.arange(len(targets))[:, None], fed(code)]
        expect(logits, right, axes="batch target vocab")
    # 39 fair coins fall on one side less than once in 10^11 runs.
    text = "with ratio 0.5 the same kind of token is fed at all 40 steps: there is no coin for each step"
    expect.that(not {0, 39} & set(tossed), text, kind="value")


@core("decode_loop", 0.45)
def test_the_truth_is_fed_as_often_as_the_ratio_says(code, draw, expect):
    draw.size("target=46")
    step, targets, bos_id = draw_telling(draw)
    tossed = []
    for seed in draw.permutation(99)[:12].tolist():
        logits = code.decode_loop(step, 0, targets, bos_id, 0.7, seeded(seed))
        tossed.append(coins_of(logits, step, targets, bos_id))
    # Each of these four goes wrong less than once in 10^7 runs with one coin for each step.
    # 378 of 540 on average, standard deviation 11.
    coin = torch.stack(tossed)
    forced, counts = int(coin.sum()), coin.sum(1).tolist()
    text = f"with ratio 0.7 the truth is fed at {forced} of 540 later steps, expected about 378"
    expect.that(321 <= forced <= 435, text, kind="value")
    text = f"with ratio 0.7 the truth is fed at {counts[0]} of 45 later steps with every generator, not by coins"
    expect.that(len(set(counts)) > 1, text, kind="value")
    # 222 of 528 on average, standard deviation 13.
    changes = int((coin[:, 1:] != coin[:, :-1]).sum())
    text = f"with ratio 0.7 truth and guess change places at {changes} of 528 steps, expected about 222"
    expect.that(153 <= changes <= 291, text, kind="value")
    # The same number in both halves on average, the standard deviation of their difference 11.
    early, late = int(coin[:, :22].sum()), int(coin[:, -22:].sum())
    text = f"with ratio 0.7 the truth is fed {early} times in the first half of the steps and {late} in the second"
    expect.that(abs(early - late) <= 57, text, kind="value")


@core("decode_loop", 0.55)
def test_the_coins_follow_the_generator_and_nothing_else(code, draw, expect):
    code.watch_random_state()
    draw.size("target=24")
    table, targets, bos_id = draw_training(draw)
    tossed = []
    for default, seed in enumerate((11, 12, 13, 11)):
        code.seed_default_generators(default)
        code.decode_loop(decoder(table), start(), targets, bos_id, 0.5, seeded(seed))
        tossed.append(coins(code, table, targets).tolist())
    expect.no_side_effects()
    expect.that(tossed[0] == tossed[3], "generators with the same seed give different coins")
    expect.that(any(other != tossed[0] for other in tossed[1:3]), "generators with different seeds give the same coins")


@robust("decode_loop", 0.05)
@pytest.mark.parametrize("ones", ["batch", "target", "vocab"])
def test_any_size_of_the_loop_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    table, targets, bos_id = draw_training(draw)
    for ratio in (0.0, 1.0):
        inputs = (decoder(table), start(), targets, bos_id, ratio)
        expect.agrees(code.decode_loop, reference.decode_loop, *inputs, axes="batch target vocab")
        expect.gradients(code.decode_loop, reference.decode_loop, *inputs)
        expect.that(fed(code).shape == targets.shape, f"step is not called once per target: {targets.size(1)} times")


@robust("decode_loop", 0.1)
def test_without_a_generator_the_coins_follow_the_default_one(code, draw, expect):
    code.watch_random_state()
    draw.size("target=24")
    table, targets, bos_id = draw_training(draw)
    tossed = []
    for seed in (11, 12, 13, 11):
        code.seed_default_generators(seed)
        code.decode_loop(decoder(table), start(), targets, bos_id, 0.5)
        tossed.append(coins(code, table, targets).tolist())
        moved = "torch's random state" in code.calls[-1].changed
        expect.that(moved, "without a generator, no coin comes from torch's default one")
    expect.no_side_effects(may_draw=True)
    expect.that(tossed[0] == tossed[3], "after the same torch.manual_seed the coins differ")
    expect.that(any(other != tossed[0] for other in tossed[1:3]), "after any torch.manual_seed the coins are the same")


@robust("decode_loop", 0.09)
@pytest.mark.parametrize("ratio", [0.0, 1.0], ids=["free", "forced"])
def test_gradients_pass_through_every_step(code, draw, expect, ratio):
    table, targets, bos_id = draw_training(draw)
    inputs = (decoder(table), start(), targets, bos_id, ratio)
    expect.gradients(code.decode_loop, reference.decode_loop, *inputs)
    steps = code.calls[-1].recorded
    expect.that(steps == targets.size(1), "decode_loop calls step with gradients switched off, so it cannot be trained")
    table = table[:, :, :1].expand_as(table)  # whatever the coins say, the logits are the same
    expect.gradients(code.decode_loop, reference.decode_loop, decoder(table), start(), targets, bos_id, 0.5, seeded(3))
    rows = torch.arange(table.size(1))

    def step(tokens, state):
        memory = state[0] if isinstance(state, tuple) else state
        logits = table[int(memory[0]), rows, tokens] + memory.sum()
        return logits, (memory + 1,) if isinstance(state, tuple) else memory + 1

    for first in (torch.zeros(3, dtype=draw.dtype), (torch.zeros(3, dtype=draw.dtype),)):
        call = code.decode_loop.call((step, first, targets, bos_id, ratio), {}, grad=True)
        text = "decode_loop hands step a state that is cut off from the step before: no gradient flows back through it"
        expect.that(all(all(attached) for attached in call.attached), text, kind="value")


@core("sequence_loss", 0.55)
def test_loss_worked_by_hand(code, draw, expect):
    eighths = [[[1, 1, 1, 4, 1], [1, 1, 1, 4, 1], [1, 1, 4, 1, 1]]]  # the lesson's row 0, forced
    logits = (torch.tensor(eighths, dtype=draw.dtype) / 8).log()
    expected = torch.tensor(5 * math.log(2) / 3, dtype=draw.dtype)
    expect(code.sequence_loss(logits, torch.tensor([[4, 3, 2]]), 0), expected)
    eighths = [[[1, 1, 4, 1, 1], [1, 1, 4, 1, 1], [4, 1, 1, 1, 1]], [[1, 1, 1, 4, 1], [1, 4, 1, 1, 1], [1, 1, 1, 1, 4]]]
    logits = (torch.tensor(eighths, dtype=draw.dtype) / 8).log()
    targets = torch.tensor([[4, 2, 0], [3, 0, 0]])
    expect(code.sequence_loss(logits, targets, 0), torch.tensor(5 * math.log(2) / 3, dtype=draw.dtype))


@core("sequence_loss", 0.2)
@pytest.mark.parametrize("pad_id", [0, 2], ids=["pad_id 0", "pad_id 2"])
def test_loss_is_the_mean_over_all_real_targets(code, draw, expect, pad_id):
    draw.size("vocab=5")
    for dtype in (draw.dtype, torch.float32):
        logits, targets, _ = draw_loss(draw, dtype, pad_id)
        agrees = expect.exact if dtype is torch.float64 else expect.agrees
        agrees(code.sequence_loss, reference.sequence_loss, logits, targets, pad_id)
        expect.agrees(
            code.sequence_loss,
            reference.sequence_loss,
            draw.non_contiguous(logits),
            draw.non_contiguous(targets),
            pad_id,
        )


@core("sequence_loss", 0.55)
def test_columns_of_padding_never_change_the_loss(code, draw, expect):
    logits, targets, pad_id = draw_loss(draw)
    columns = draw("batch columns vocab", scale=1e3).clamp(-1e4, 1e4)
    padding = torch.full(columns.shape[:2], pad_id)
    longer = (torch.cat([logits, columns], dim=1), torch.cat([targets, padding], dim=1), pad_id)
    expect(code.sequence_loss(*longer), reference.sequence_loss(logits, targets, pad_id))
    empty = torch.cat([targets, torch.full_like(targets[:1], pad_id)])  # a row of nothing but padding
    expect.agrees(code.sequence_loss, reference.sequence_loss, torch.cat([logits, logits[:1]]), empty, pad_id)
    expect.gradients(code.sequence_loss, reference.sequence_loss, *longer)


@robust("sequence_loss", 0.07, structural=True)
def test_a_single_real_target_is_enough(code, draw, expect):
    logits, targets, pad_id = draw_loss(draw)
    row = draw.integer(0, targets.size(0) - 1)
    lonely = torch.full_like(targets, pad_id)
    lonely[row, 0] = (pad_id + 1) % draw.size("vocab")
    for scale in (1, 100):
        logits[row, 0] *= scale
        expect.agrees(code.sequence_loss, reference.sequence_loss, logits, lonely, pad_id)


@robust("sequence_loss", 0.17)
def test_without_a_real_target_the_loss_is_zero_with_a_finite_gradient(code, draw, expect):
    for dtype in (draw.dtype, torch.float32):
        logits, targets, pad_id = draw_loss(draw, dtype)
        targets = torch.full_like(targets, pad_id)
        call = code.sequence_loss.call((logits, targets, pad_id), {}, grad=True)
        expect(call.value, torch.zeros((), dtype=dtype))
        expect.that(call.requires_grad, f"{call.text} is cut off from logits: backward() on it raises an error")
        expect.gradients(code.sequence_loss, reference.sequence_loss, logits, targets, pad_id)


@robust("sequence_loss", 0.08)
def test_logits_of_size_ten_thousand_do_not_overflow(code, draw, expect):
    for dtype in (draw.dtype, torch.float32):
        logits, targets, pad_id = draw_loss(draw, dtype)
        logits = (logits * 5e3).clamp(-1e4, 1e4)
        expect.agrees(code.sequence_loss, reference.sequence_loss, logits, targets, pad_id)


@robust("sequence_loss", 0.07)
def test_any_size_of_the_loss_may_be_one(code, draw, expect):
    for ones in ("batch", "target", "vocab"):
        for size in ("batch=3", "target=4", "vocab=5", f"{ones}=1"):
            draw.size(size)
        inputs = draw_loss(draw)
        expect.agrees(code.sequence_loss, reference.sequence_loss, *inputs)
        expect.gradients(code.sequence_loss, reference.sequence_loss, *inputs)


@robust("sequence_loss", 0.09)
def test_gradients_of_the_loss_reach_the_logits(code, draw, expect):
    expect.gradients(code.sequence_loss, reference.sequence_loss, *draw_loss(draw))


@robust("sequence_loss", 0.05)
def test_no_target_is_too_long(code, draw, expect):
    table, targets, bos_id = draw_training(draw)
    inputs = (decoder(table), start(), targets, bos_id, 0.0)
    expect.agrees(code.decode_loop, reference.decode_loop, *inputs, axes="batch target vocab")
    targets = draw.tokens(f"1 {LONG}", 3)
    expect.agrees(code.shift_right, reference.shift_right, targets, 3, axes="batch target")
    story = storyteller(draw, 4)
    right = one_hot(torch.tensor([story.writes(3)]), 4).to(torch.float64)
    expect(code.decode_loop(story, 0, targets, 3, 0.0), right, axes="batch target vocab")
    for pad_id in (3, 0):
        inputs = (draw(f"2 {LONG} 4"), targets.expand(2, -1), pad_id)
        expect.agrees(code.sequence_loss, reference.sequence_loss, *inputs)


@robust("sequence_loss", 0.07, structural=True)
def test_inputs_and_global_state_are_left_alone(code, draw, expect):
    code.watch_random_state()
    table, targets, bos_id = draw_training(draw)
    code.shift_right(targets, bos_id)
    for ratio in (0.0, 1.0):
        code.decode_loop(decoder(table), start(), targets, bos_id, ratio, seeded(1))
    for dtype in (draw.dtype, torch.float32):
        code.sequence_loss(*draw_loss(draw, dtype))
    expect.no_side_effects()


@core("greedy_decode", 0.7)
def test_greedy_decoding_worked_by_hand(code, draw, expect):
    favourite = torch.tensor([[3, 3, 3, 2, 3], [4, 4, 3, 2, 3]])
    table = one_hot(favourite, 5).to(draw.dtype).expand(9, -1, -1, -1)
    both = code.greedy_decode(decoder(table, 2), start(), 2, 1, 2, 0, 9)
    alone = code.greedy_decode(decoder(table[:, :1], 2), start(), 1, 1, 2, 0, 9)
    expect(both, torch.tensor([[3, 2, 0], [4, 3, 2]]), axes="batch length", what="the result for two rows")
    expect(alone, torch.tensor([[3, 2]]), axes="batch length", what="the result for one row")


@core("greedy_decode", 0.7)
def test_each_row_ends_with_its_own_eos_and_then_pad(code, draw, expect):
    ends = (draw.permutation(4) + torch.tensor([0, 1, 1, 1])).tolist()
    table, limits = draw_sentences(draw, ends)
    inputs = (decoder(table, limits[1]), start(), 4, *limits)
    right = expect.agrees(code.greedy_decode, reference.greedy_decode, *inputs, axes="batch length")
    tokens, running = fed(code), (right == limits[1]).cumsum(1) == 0
    expect(tokens[:, 0], torch.full((4,), limits[0]), axes="batch", what="what the first step is fed")
    steps = tokens.size(1)
    expect.that(steps == right.size(1), f"step is called {steps} times for a result of length {right.size(1)}")
    later = torch.where(running[:, :-1], right[:, :-1], tokens[:, 1:])
    expect(tokens[:, 1:], later, axes="batch step", what="what the later steps are fed")


@robust("greedy_decode", 0.07)
@pytest.mark.parametrize("length", [1, 4, 8], ids="at most {}".format)
def test_decoding_stops_with_the_last_row_or_at_the_longest_length(code, draw, expect, length):
    ends = [length - 1, draw.integer(0, length - 1), draw.integer(0, length - 1)]
    for limit in (length, 8):
        for last in (length - 1, 8 if limit == length else length - 1):
            table, limits = draw_sentences(draw, [last, *ends[1:]], max_length=limit)
            inputs = (decoder(table + 1e3, limits[1]), start(), 3, *limits)
            expect.agrees(code.greedy_decode, reference.greedy_decode, *inputs, axes="batch length")
            steps = fed(code).size(1)
            expect.that(steps == length, f"step is called {steps} times for a result of length {length}")


@robust("greedy_decode", 0.07)
def test_long_sentences_are_written_whole(code, draw, expect):
    table, limits = draw_sentences(draw, [draw.integer(3, 4), 5])
    inputs = (decoder(table, limits[1]), start(), 2, *limits)
    expect.agrees(code.greedy_decode, reference.greedy_decode, *inputs, axes="batch length")
    story = storyteller(draw, 5, ends_with=4)
    right = torch.tensor([story.writes(3)])
    expect(code.greedy_decode(story, 0, 1, 3, 4, 0, LONG + 1), right, axes="batch length")


@robust("greedy_decode", 0.05)
@pytest.mark.parametrize(
    "ids", [(1, 2, 2), (3, 3, 0), (5, 0, 5), (4, 4, 4)], ids="bos {0[0]} eos {0[1]} pad {0[2]}".format
)
def test_special_ids_may_be_equal_and_may_stand_in_a_sentence(code, draw, expect, ids):
    table, limits = draw_sentences(draw, [2, 5, 6, 3], ids)
    for position, token in enumerate((ids[2], ids[0])):
        if token != ids[1]:
            table[position, :, :, token] = 20.0
    inputs = (decoder(table, limits[1]), start(), 4, *limits)
    expect.agrees(code.greedy_decode, reference.greedy_decode, *inputs, axes="batch length")


@robust("greedy_decode", 0.05, structural=True)
@pytest.mark.parametrize("ones", ["batch", "vocab"])
def test_one_row_or_one_token_can_be_decoded(code, draw, expect, ones):
    ids, ends, vocab = (None, [draw.integer(1, 6)], 7) if ones == "batch" else ((0, 0, 0), [0, 0, 0], 1)
    table, limits = draw_sentences(draw, ends, ids, vocab=vocab)
    inputs = (decoder(table, limits[1]), start(), len(ends), *limits)
    expect.agrees(code.greedy_decode, reference.greedy_decode, *inputs, axes="batch length")


@robust("greedy_decode", 0.07, structural=True)
def test_decoding_records_no_gradient(code, draw, expect):
    code.watch_random_state()
    table, limits = draw_sentences(draw, [1, 3, 2])
    expect.records_no_gradient(code.greedy_decode, decoder(table, limits[1]), start(), 3, *limits)
    expect.no_side_effects()


@robust("greedy_decode", 0.06)
@pytest.mark.parametrize("kind", ["countdown_with_none", "pair_of_tensors"], ids=["None in the end", "two tensors"])
def test_a_state_may_be_anything(code, draw, expect, kind):
    table, targets, bos_id = draw_training(draw)
    eos_id, steps = draw.integer(0, draw.size("vocab") - 1), draw.size("target")
    table[..., eos_id] = -20.0
    numbers = [*range(steps - 1, -1, -1), steps]
    numbers[1] = None

    def step(tokens, state):
        look_at(tokens, table.size(1), table.size(2))
        if kind == "pair_of_tensors":
            position, notes = state
        else:
            position = numbers.index(state)
        if position >= steps:
            raise Mismatch(f"step is called more than {times(steps)}", kind="rule")
        if kind == "pair_of_tensors":
            return table[int(position), rows, tokens] + notes.sum(), (position + 1, notes * 2)
        return table[position, rows, tokens], numbers[position + 1]

    rows = torch.arange(table.size(1))
    first = numbers[0] if kind == "countdown_with_none" else (torch.tensor([0]), draw("1 2 3"))
    expect.agrees(code.decode_loop, reference.decode_loop, step, first, targets, bos_id, axes="batch target vocab")
    written = (step, first, table.size(1), bos_id, eos_id, 0, steps)
    expect.agrees(code.greedy_decode, reference.greedy_decode, *written, axes="batch length")


@robust("greedy_decode", 0.1, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    table, targets, bos_id = draw_training(draw)
    expect.agrees(code.shift_right, reference.shift_right, targets, bos_id, axes="batch target")
    for ratio in (0.0, 0.5, 1.0):
        right = reference.decode_loop(decoder(table), start(), targets, bos_id, ratio, seeded(1))
        mine = code.decode_loop(decoder(table), start(), targets, bos_id, ratio, seeded(1))
        expect.tensor(mine, tuple(right.shape)) if ratio == 0.5 else expect(mine, right, axes="batch target vocab")
    expect.agrees(code.sequence_loss, reference.sequence_loss, *draw_loss(draw))
    table, limits = draw_sentences(draw, [1, 3, 2])
    written = reference.greedy_decode(decoder(table, limits[1]), start(), 3, *limits)
    expect(code.greedy_decode(decoder(table, limits[1]), start(), 3, *limits), written, axes="batch length")
