"""The checks of exercise 7, in teaching order."""

import math

import pytest
import torch

from grader.authoring import core, needs, robust, shortcuts
from solutions import ex07_masked_attention as reference

pytestmark = shortcuts("F.scaled_dot_product_attention", "nn.MultiheadAttention", "F.multi_head_attention_forward")

ATTENTION = "batch query d_v; batch query key"
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
HALF_GRADIENT = {torch.float16: 0.05, torch.bfloat16: 0.4}
LARGE_SCORES = {torch.float32: 2e-3}  # what is left of float32 in the difference of two numbers of size 1e4
SUMS = "the sum of each row of the weights"
LONG = 1_100  # longer than the tables of textbooks
GARBAGE = {torch.float16: 100.0, torch.bfloat16: 100.0}
ALONE = ((1, 1), (2, 5))  # the length and the padded length of a batch of one sequence
MASKS = [pytest.param(name, marks=needs(name)) for name in ("padding_mask", "causal_mask", "decoder_mask")]
CAUSAL_LENGTHS = (1, 2, 3, 6, 7, 40)


def draw_inputs(draw, leading="batch", dtype=None):
    """q, k, v: every size another."""
    return [draw(f"{leading} {axes}", dtype=dtype) for axes in ("query d_k", "key d_k", "key d_v")]


def draw_allowed(draw, axes="batch query key"):
    """A mask. Every row has an allowed key and, where there are two keys, a forbidden one."""
    ranks = draw(axes).argsort(-1).argsort(-1)
    last = draw.tokens(" ".join(axes.split()[:-1]), max(1, ranks.size(-1) - 1))
    return ranks <= last.unsqueeze(-1)


def draw_ragged(draw, empty=False):
    """Lengths over the keys, and their mask (batch, 1, key); one row may have no key at all."""
    lengths = draw.lengths("batch", "key")
    if empty:
        lengths[lengths.argmax()] = 0
    return lengths, reference.padding_mask(lengths, draw.size("key"))


def spoiled(draw, tensor, hidden):
    """The same tensor with numbers of size 1e4 where `hidden`, in half precision 100."""
    garbage = GARBAGE.get(tensor.dtype, 1e4) * torch.where(
        draw(" ".join(str(size) for size in tensor.shape)) < 0, -1.0, 1.0
    )
    return torch.where(hidden, garbage.to(tensor.dtype), tensor)


def expect_zeros_for_empty_rows(code, draw, expect, dtype=None):
    """Rows without an allowed key, some and all of them, hold exact zeros."""
    q, k, v = draw_inputs(draw, dtype=dtype)
    allowed = draw_allowed(draw)
    nothing, everywhere = torch.zeros_like(allowed), torch.ones_like(k[..., :1], dtype=torch.bool)
    garbage = (spoiled(draw, k, everywhere), spoiled(draw, v, everywhere))
    expect.agrees(code.masked_attention, reference.masked_attention, q, k, v, allowed, axes=ATTENTION)
    expect.agrees(code.masked_attention, reference.masked_attention, q, *garbage, nothing, axes=ATTENTION)
    empty = draw.integer(0, allowed.size(1) - 1)
    allowed[0, empty] = False
    expect.agrees(code.masked_attention, reference.masked_attention, q, k, v, allowed, axes=ATTENTION)
    for call in code.calls[1:]:
        for result in call.value:
            exact = bool((result[0, empty] == 0).all())
            expect.that(exact, "a query with no allowed key gets something else than exactly 0")


@core("padding_mask", 0.65)
def test_padding_mask_worked_by_hand(code, draw, expect):
    expected = torch.tensor([[[1, 1, 0]], [[0, 0, 0]]]).bool()  # the lesson's
    expect(code.padding_mask(torch.tensor([2, 0]), 3), expected, axes="batch query key")
    expected = torch.tensor([[[1, 0, 0, 0]], [[1, 1, 1, 0]], [[1, 1, 1, 1]]]).bool()
    expect(code.padding_mask(torch.tensor([1, 3, 4]), 4), expected, axes="batch query key")


@core("padding_mask", 0.5)
def test_padding_mask_follows_lengths_and_padded_length(code, draw, expect):
    lengths, n = draw.lengths("batch", "key"), draw.size("key")
    for extra in (0, 2):
        expect.agrees(code.padding_mask, reference.padding_mask, lengths, n + extra, axes="batch query key")
    strided = draw.non_contiguous(lengths)
    expect.agrees(code.padding_mask, reference.padding_mask, strided, n, axes="batch query key")
    for one, longest in ALONE:
        one = torch.tensor([one])
        expect.agrees(code.padding_mask, reference.padding_mask, one, longest, axes="batch query key")


@robust("decoder_mask", 0.04, structural=True)
@pytest.mark.parametrize("name", MASKS)
def test_masks_are_bool_and_have_their_shapes(code, draw, expect, name):
    lengths, n = draw.lengths("batch", "key"), draw.size("key")
    arguments = (n,) if name == "causal_mask" else (lengths, n)
    shape = {"padding_mask": "batch 1 key", "causal_mask": "key key", "decoder_mask": "batch key key"}[name]
    mask = expect.tensor(getattr(code, name)(*arguments), draw.shape(shape))
    expect.that(mask.dtype == torch.bool, f"{name} returned {mask.dtype}, expected torch.bool", kind="dtype")


@robust("decoder_mask", 0.02, patience=6)  # a loop that fills it in entry by entry is right
@pytest.mark.parametrize("name", MASKS)
def test_masks_have_no_longest_sequence(code, draw, expect, name):
    arguments = (LONG,) if name == "causal_mask" else (torch.tensor([LONG - 5]), LONG)
    axes = "query key" if name == "causal_mask" else "batch query key"
    expect.agrees(getattr(code, name), getattr(reference, name), *arguments, axes=axes)


@core("causal_mask", 0.6)
def test_causal_mask_worked_by_hand(code, draw, expect):
    expected = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool()
    expect(code.causal_mask(3), expected, axes="query key")


@robust("causal_mask", 0.06)
def test_causal_mask_is_right_at_every_length(code, draw, expect):
    for n in CAUSAL_LENGTHS:
        expect.agrees(code.causal_mask, reference.causal_mask, n, axes="query key")


@robust("causal_mask", 0.06, structural=True)
def test_causal_mask_is_made_on_the_device_asked_for(code, draw, expect):
    for device in (torch.device(code.device), None):
        expect(code.causal_mask(3, device=device), reference.causal_mask(3), axes="query key")
    code.move_to_gpu()
    for device in (code.place, None):
        expect(code.causal_mask(3, device), reference.causal_mask(3), axes="query key")


@core("decoder_mask", 0.5)
def test_decoder_mask_worked_by_hand(code, draw, expect):
    expected = torch.tensor([[[1, 0, 0], [1, 1, 0], [1, 1, 0]]]).bool()  # the lesson's
    expect(code.decoder_mask(torch.tensor([2]), 3), expected, axes="batch query key")
    short = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    long = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    expected = torch.tensor([short, long]).bool()
    expect(code.decoder_mask(torch.tensor([2, 3]), 4), expected, axes="batch query key")


@core("decoder_mask", 0.45)
def test_decoder_mask_hides_padding_and_the_future(code, draw, expect):
    lengths, n = draw.lengths("batch", "key"), draw.size("key")
    for extra in (0, 2):
        expect.agrees(code.decoder_mask, reference.decoder_mask, lengths, n + extra, axes="batch query key")
    expect.agrees(code.decoder_mask, reference.decoder_mask, draw.non_contiguous(lengths), n, axes="batch query key")
    for some, longest in (*(([one], longest) for one, longest in ALONE), ([2, 4, 1, 3], 4)):  # as many rows as columns
        some = torch.tensor(some)
        expect.agrees(code.decoder_mask, reference.decoder_mask, some, longest, axes="batch query key")
        if len(some) == 1:  # a causal mask that is kept must not be written into
            kept = code.causal_mask(longest, torch.device(code.device))
            expect(kept, reference.causal_mask(longest), axes="query key", what="causal_mask after decoder_mask")


@robust("decoder_mask", 0.06)
def test_a_sequence_may_have_no_real_token(code, draw, expect):
    lengths, _ = draw_ragged(draw, empty=True)
    longest = draw.size("key")
    for some, n in ((lengths, longest), (torch.zeros_like(lengths), longest), (torch.tensor([0, 1]), 1)):
        expect.agrees(code.padding_mask, reference.padding_mask, some, n, axes="batch query key")
        expect.agrees(code.decoder_mask, reference.decoder_mask, some, n, axes="batch query key")


@core("masked_attention", 1)
def test_attention_worked_by_hand(code, draw, expect):
    log2, log3, log4, log5 = (math.log(n) for n in (2, 3, 4, 5))
    q = torch.tensor([[[2, 0, 0, 0]] * 3], dtype=draw.dtype)  # the lesson's
    k = torch.tensor([[[0, 0, 0, 0], [log3, 0, 0, 0], [log4, 0, 0, 0]]], dtype=draw.dtype)
    v = torch.tensor([[[8], [4], [1000]]], dtype=draw.dtype)
    allowed = torch.tensor([[[True, False, False], [True, True, False], [True, True, False]]])
    weights = torch.tensor([[[1, 0, 0], [1 / 4, 3 / 4, 0], [1 / 4, 3 / 4, 0]]], dtype=draw.dtype)
    output = torch.tensor([[[8], [5], [5]]], dtype=draw.dtype)
    expect(code.masked_attention(q, k, v, allowed), (output, weights), axes=ATTENTION)
    q = torch.tensor([[[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 2]]], dtype=draw.dtype)
    k = torch.tensor([[[log3, 0, 1, 0], [0, log4, 0, 0], [log5, log2, 1, log2]]], dtype=draw.dtype)
    v = torch.tensor([[[4, 0], [0, 6], [3, 9]]], dtype=draw.dtype)
    allowed = torch.tensor([[[True, True, False], [False, True, True], [True, True, True]]])
    weights = torch.tensor([[[3 / 4, 1 / 4, 0], [0, 2 / 3, 1 / 3], [1 / 4, 1 / 4, 1 / 2]]], dtype=draw.dtype)
    output = torch.tensor([[[3, 1.5], [1, 7], [2.5, 6]]], dtype=draw.dtype)
    expect(code.masked_attention(q, k, v, allowed), (output, weights), axes=ATTENTION)


@core("masked_attention", 0.6)
def test_scores_are_divided_by_the_root_of_d_k(code, draw, expect):
    draw.size("d_k=16")
    inputs = draw_inputs(draw)
    everything = torch.ones(draw.shape("batch query key"), dtype=torch.bool)
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, everything, axes=ATTENTION)


@core("masked_attention", 0.5)
def test_attention_obeys_any_mask(code, draw, expect):
    inputs = draw_inputs(draw)
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, draw_allowed(draw), axes=ATTENTION)


@core("masked_attention", 0.6, structural=True)
def test_forbidden_weights_are_exactly_zero(code, draw, expect):
    for dtype in DTYPES:
        allowed = draw_allowed(draw)
        _, weights = code.masked_attention(*draw_inputs(draw, dtype=dtype), allowed)
        forbidden = expect.tensor(weights, draw.shape("batch query key"))[~allowed]
        expect.that(bool((forbidden == 0).all()), "a weight is not exactly 0 where the key is not allowed")


@core("masked_attention", 0.5)
def test_allowed_weights_sum_to_one(code, draw, expect):
    _, weights = code.masked_attention(*draw_inputs(draw), draw_allowed(draw))
    shape = draw.shape("batch query key")
    sums = expect.tensor(weights, shape).sum(-1)
    expect(sums, torch.ones(shape[:2], dtype=draw.dtype), axes="batch query", what=SUMS)


@core("masked_attention", 1)
def test_a_query_with_no_allowed_key_gets_zeros(code, draw, expect):
    expect_zeros_for_empty_rows(code, draw, expect)


@core("masked_attention", 0.75)
def test_what_forbidden_positions_hold_changes_nothing(code, draw, expect):
    q, k, v = draw_inputs(draw)
    _, allowed = draw_ragged(draw, empty=True)
    hidden = ~allowed.transpose(1, 2)  # (batch, key, 1)
    right = expect.agrees(code.masked_attention, reference.masked_attention, q, k, v, allowed, axes=ATTENTION)
    for inputs in ((q, spoiled(draw, k, hidden), v), (q, k, spoiled(draw, v, hidden))):
        expect(code.masked_attention(*inputs, allowed), right, axes=ATTENTION)
        before, after = code.calls[0].value, code.calls[-1].value
        for one, other in zip(before, after, strict=True):
            expect(other, expect.tensor(one), within=1e-12, what="masked_attention with other padding")
    inputs = (q * 100, spoiled(draw, k, hidden), v, allowed)  # forbidden scores of about 1e6
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, axes=ATTENTION)


@core("masked_attention", 0.35)
def test_the_future_cannot_change_the_past(code, draw, expect):
    q, k, v = (draw(f"batch length {width}") for width in ("d_k", "d_k", "d_v"))
    n = draw.size("length")
    allowed, now = reference.causal_mask(n), draw.integer(1, n - 1)
    later = (torch.arange(n) >= now).unsqueeze(-1)  # (length, 1)
    before = code.masked_attention(q, k, v, allowed)
    after = code.masked_attention(q, spoiled(draw, k, later), spoiled(draw, v, later), allowed)
    right = reference.masked_attention(q, k, v, allowed)
    for mine, other, same in zip(before, after, right, strict=True):
        shape = tuple(same.shape)
        expect(expect.tensor(mine, shape), same)
        expect(expect.tensor(other, shape)[:, :now], mine[:, :now], what="what an earlier query gets")


@robust("masked_attention", 0.02, structural=True)
@pytest.mark.parametrize("dtype", DTYPES, ids=["float16", "bfloat16", "float32", "float64"])
def test_results_have_the_shape_and_dtype_asked_for(code, draw, expect, dtype):
    results = code.masked_attention(*draw_inputs(draw, dtype=dtype), draw_allowed(draw))
    expect.tuple_of(results, 2)
    for result, name, axes in zip(results, ("output", "weights"), ATTENTION.split(";"), strict=True):
        expect.tensor(result, draw.shape(axes), what=f"the {name} of masked_attention(q, k, v, allowed)")
        expect.same_dtype(result, dtype)


@robust("masked_attention", 0.03)
@pytest.mark.parametrize("dtype", DTYPES[:3], ids=["float16", "bfloat16", "float32"])
def test_a_query_with_no_allowed_key_gets_zeros_in_every_dtype(code, draw, expect, dtype):
    expect_zeros_for_empty_rows(code, draw, expect, dtype)


@robust("masked_attention", 0.02)
@pytest.mark.parametrize("many", ["query", "key"])
def test_attention_over_long_sequences(code, draw, expect, many):
    for axis in ("batch=1", f"{many}={LONG}"):
        draw.size(axis)
    inputs = draw_inputs(draw)
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, draw_allowed(draw), axes=ATTENTION)


@robust("masked_attention", 0.02, structural=True)
@pytest.mark.parametrize(
    "axes", ["batch query key", "batch 1 key", "1 query key", "query key", "key", "query 1", "batch 1 1", "1"]
)
def test_the_mask_is_broadcast(code, draw, expect, axes):
    inputs = draw_inputs(draw)
    allowed = draw_allowed(draw, axes) if "key" in axes else draw(axes) < 0.5
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, allowed, axes=ATTENTION)


@robust("masked_attention", 0.03)
@pytest.mark.parametrize(
    ("leading", "axes"),
    [
        ("", "query key"),
        ("batch head", "batch 1 1 key"),
        ("batch=3 head=3", "head query key"),
        ("batch group head", "head query key"),
    ],
    ids=["no axis", "two axes", "two of one size of which the mask has the last", "three of which the mask has one"],
)
def test_any_leading_axes_work(code, draw, expect, leading, axes):
    inputs, allowed = draw_inputs(draw, leading), draw_allowed(draw, axes)
    named = f"{leading} query d_v; {leading} query key"
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, allowed, axes=named)


@robust("masked_attention", 0.04)
def test_axes_of_equal_size_are_not_mixed_up(code, draw, expect):
    for axis in ("batch", "query", "key", "d_k", "d_v"):
        draw.size(f"{axis}=3")
    inputs, queries = draw_inputs(draw), torch.tensor([[True], [False], [False]])
    masks = [draw_allowed(draw, axes) for axes in ("batch query key", "query key", "batch 1 key", "key")]
    for allowed in (*masks, queries):
        expect.agrees(code.masked_attention, reference.masked_attention, *inputs, allowed, axes=ATTENTION)
    inputs, axes = draw_inputs(draw, "batch head=3"), "batch head query d_v; batch head query key"
    for mask in ("query key", "head query key", "batch 1 query key", "batch head query key", "1 key"):
        expect.agrees(code.masked_attention, reference.masked_attention, *inputs, draw_allowed(draw, mask), axes=axes)


@robust("masked_attention", 0.04)
@pytest.mark.parametrize("dtype", DTYPES[:3], ids=["float16", "bfloat16", "float32"])
def test_forbidden_garbage_is_harmless_in_narrow_dtypes(code, draw, expect, dtype):
    q, k, v = draw_inputs(draw, dtype=dtype)
    _, allowed = draw_ragged(draw, empty=True)
    hidden = ~allowed.transpose(1, 2)  # (batch, key, 1)
    inputs = (q, spoiled(draw, k, hidden), spoiled(draw, v, hidden), allowed)
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, axes=ATTENTION)


@robust("masked_attention", 0.05)
def test_scores_of_size_ten_thousand_do_not_overflow(code, draw, expect):
    allowed = torch.tensor([[[True, False, True, False], [True, True, False, False]]])
    for dtype in DTYPES:
        q = torch.tensor([[[200, 0, 0, 0], [-200, 0, 0, 0]]], dtype=dtype)
        k = torch.tensor([[[100, 0, 0, 0], [100, 0, 0, 0], [50, 0, 0, 0], [-100, 0, 0, 0]]], dtype=dtype)
        v = torch.tensor([[[4, 0], [2, 6], [3, 9], [5, 7]]], dtype=dtype)
        weights = torch.tensor([[[1, 0, 0, 0], [0.5, 0.5, 0, 0]]], dtype=dtype)
        output = torch.tensor([[[4, 0], [3, 3]]], dtype=dtype)
        expect(
            code.masked_attention(q, k, v, allowed), (output, weights), axes=ATTENTION, within=LARGE_SCORES.get(dtype)
        )
    q, k, v = draw_inputs(draw)
    inputs = (q * 100, k * 100, v * 1e3, draw_allowed(draw))
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, axes=ATTENTION)


@robust("masked_attention", 0.04)
@pytest.mark.parametrize("dtype", [*DTYPES[:3], None], ids=["float16", "bfloat16", "float32", "float64"])
def test_every_dtype_is_as_exact_as_it_can_be(code, draw, expect, dtype):
    inputs = draw_inputs(draw, dtype=dtype)
    agrees = expect.exact if dtype is None else expect.agrees
    agrees(code.masked_attention, reference.masked_attention, *inputs, draw_allowed(draw), axes=ATTENTION)


@robust("masked_attention", 0.02)
@pytest.mark.parametrize("ones", ["batch", "query", "key", "d_k", "d_v"])
def test_any_size_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    inputs, allowed = draw_inputs(draw), draw_allowed(draw)
    for mask in (allowed, allowed & (draw("batch query 1") < 0), torch.zeros_like(allowed)):
        expect.agrees(code.masked_attention, reference.masked_attention, *inputs, mask, axes=ATTENTION)


@robust("masked_attention", 0.06)
def test_inputs_need_not_be_contiguous(code, draw, expect):
    inputs = [draw.non_contiguous(tensor) for tensor in (*draw_inputs(draw), draw_allowed(draw))]
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, axes=ATTENTION)


@robust("masked_attention", 0.1)
def test_gradients_reach_every_input(code, draw, expect):
    inputs = draw_inputs(draw)
    for allowed in (draw_allowed(draw), torch.ones(draw.shape("query key"), dtype=torch.bool)):
        expect.gradients(code.masked_attention, reference.masked_attention, *inputs, allowed)


@robust("masked_attention", 0.1)
def test_gradients_are_finite_where_forbidden_positions_hold_garbage(code, draw, expect):
    q, k, v = draw_inputs(draw)
    _, allowed = draw_ragged(draw)
    hidden = ~allowed.transpose(1, 2)  # (batch, key, 1)
    inputs = (q, spoiled(draw, k, hidden), spoiled(draw, v, hidden), allowed)
    expect.gradients(code.masked_attention, reference.masked_attention, *inputs)


@robust("masked_attention", 0.1)
def test_gradients_are_finite_where_no_key_is_allowed(code, draw, expect):
    inputs, allowed = draw_inputs(draw), draw_allowed(draw)
    allowed[0, draw.integer(0, allowed.size(1) - 1)] = False
    expect.gradients(code.masked_attention, reference.masked_attention, *inputs, allowed)
    expect.gradients(code.masked_attention, reference.masked_attention, *inputs, torch.zeros_like(allowed))


@robust("masked_attention", 0.04)
@pytest.mark.parametrize("dtype", DTYPES[:3], ids=["float16", "bfloat16", "float32"])
def test_gradients_are_finite_in_narrow_dtypes(code, draw, expect, dtype):
    q, k, v = draw_inputs(draw, dtype=dtype)
    _, allowed = draw_ragged(draw, empty=True)
    hidden = ~allowed.transpose(1, 2)  # (batch, key, 1)
    inputs = (q, spoiled(draw, k, hidden), spoiled(draw, v, hidden), allowed)
    within = HALF_GRADIENT.get(dtype, 1e-4)
    expect.gradients(code.masked_attention, reference.masked_attention, *inputs, within=within)
    # Where nothing is allowed, every score is far below zero.
    inputs = (-q.abs(), k.masked_fill(hidden, 100), v.masked_fill(hidden, 100), allowed)
    call = code.masked_attention.call(inputs, {}, grad=True)
    right = reference.masked_attention(*inputs)
    expect(call.value, right, axes=ATTENTION)
    gradients, _ = code.backward(call, [torch.ones_like(right[0]), torch.zeros_like(right[1])])
    for name, gradient in zip("qkv", gradients, strict=True):
        finite = gradient is None or bool(expect.tensor(gradient).isfinite().all())
        expect.that(finite, f"the gradient of output.sum() with respect to {name} is not finite", kind="finite")


@robust("masked_attention", 0.08, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    lengths, n = draw.lengths("batch", "key"), draw.size("key")
    expect.agrees(code.padding_mask, reference.padding_mask, lengths, n, axes="batch query key")
    expect.agrees(code.decoder_mask, reference.decoder_mask, lengths, n, axes="batch query key")
    inputs = (*draw_inputs(draw), draw_allowed(draw))
    expect.agrees(code.masked_attention, reference.masked_attention, *inputs, axes=ATTENTION)


@robust("masked_attention", 0.06, structural=True)
def test_inputs_and_global_state_are_left_alone(code, draw, expect):
    code.watch_random_state()
    call_everything(code, draw)
    expect.no_side_effects()


@robust("masked_attention", 0.06, structural=True)
def test_no_library_call_does_the_work(code, draw, expect):
    code.watch_every_call()
    call_everything(code, draw)
    expect.no_shortcuts()


def call_everything(code, draw):
    """Every function of the exercise, in every dtype and under masks of several kinds."""
    lengths, padding = draw_ragged(draw, empty=True)
    code.padding_mask(lengths, draw.size("key"))
    code.causal_mask(draw.size("key"))
    code.decoder_mask(lengths, draw.size("key"))
    for dtype in DTYPES:
        for allowed in (padding, draw_allowed(draw), draw_allowed(draw, "query key")):
            code.masked_attention(*draw_inputs(draw, dtype=dtype), allowed)
    strided = [draw.non_contiguous(tensor) for tensor in (*draw_inputs(draw), draw_allowed(draw))]
    code.masked_attention(*strided)
