"""The checks of exercise 9, in teaching order."""

from itertools import pairwise

import pytest
import torch

from grader.authoring import core, demand_independent, fitting, kept, needs, robust, shortcuts
from solutions import ex09_encoder_layer as reference

pytestmark = shortcuts(
    "nn.LayerNorm",
    "F.layer_norm",
    "F.group_norm",
    "nn.Transformer*",
    "F.scaled_dot_product_attention",
    "nn.MultiheadAttention",
    "F.multi_head_attention_forward",
)

TOKENS = "batch length d_model"
PARTS = ("LayerNorm", "FeedForward", "EncoderLayer", "Encoder")


def widths(draw):
    """d_model, num_heads and d_ff: no size of a check equals another."""
    heads, d_head = draw.size("head"), draw.size("d_head")
    return draw.size(f"d_model={heads * d_head}"), heads, draw.size("d_ff")


def pair(code, draw, part, *args, train=False, dtype=None, **kwargs):
    """The learner's module and the reference's, with the same random weights."""
    right = draw.module(getattr(reference, part), *args, **kwargs)
    right.to(dtype or draw.dtype).train(train)
    return getattr(code, part)(*args, **kwargs).load(right), right


def every_part(code, draw, *, layer=True, **options):
    """All four, as `pair` makes them; without the layer by itself three, the encoder having it too."""
    d_model, heads, d_ff = widths(draw)
    yield pair(code, draw, "LayerNorm", d_model, **options)
    yield pair(code, draw, "FeedForward", d_model, d_ff, **options)
    if layer:
        yield pair(code, draw, "EncoderLayer", d_model, heads, d_ff, **options)
    yield pair(code, draw, "Encoder", 1, d_model, heads, d_ff, **options)


def draw_mask(draw, axes="batch length length"):
    """Every query has an allowed key, and where there are more keys a forbidden one."""
    values = draw(axes)
    return values >= values.mean(-1, keepdim=True)


def fill(module, **values):
    """Sets parameters of a module, `linear_out_weight=0`, and leaves the others."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            for key, value in values.items():
                if name.replace(".", "_").endswith(key):
                    parameter.copy_(value if isinstance(value, torch.Tensor) else torch.full_like(parameter, value))


@core("LayerNorm.forward", 0.4)
def test_layer_norm_worked_by_hand(code, draw, expect):
    x = torch.tensor([[[0, 0, 4, 4]]], dtype=draw.dtype)  # the lesson's: variance 4; epsilon is small
    expected = torch.tensor([[[-1, -1, 1, 1]]], dtype=draw.dtype)
    expect(code.LayerNorm(4).load(reference.LayerNorm(4).to(draw.dtype))(x), expected, axes=TOKENS, within=1e-5)
    right = reference.LayerNorm(4, eps=5.0).to(draw.dtype)
    fill(right, weight=torch.tensor([3.0, 6, 9, 12]), bias=torch.tensor([1.0, 0, 0, -1]))
    x = torch.tensor([[[0, 0, 4, 4]], [[1, 5, 1, 5]]], dtype=draw.dtype)  # variance 4, and with eps 9
    expected = torch.tensor([[[-1, -4, 6, 7]], [[-1, 4, -6, 7]]], dtype=draw.dtype)
    expect(code.LayerNorm(4, eps=5.0).load(right)(x), expected, axes=TOKENS)


@core("LayerNorm.forward", 0.85)
def test_layer_norm_is_over_the_features_of_each_token(code, draw, expect):
    mine, right = pair(code, draw, "LayerNorm", draw.size("d_model"))
    expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)


@core("LayerNorm.forward", 0.4)
def test_eps_stands_inside_the_root(code, draw, expect):
    mine, right = pair(code, draw, "LayerNorm", draw.size("d_model"))
    expect.agrees(mine, right, draw(TOKENS, scale=1e-3), axes=TOKENS)
    expect.agrees(mine, right, draw("batch length 1").expand(draw.shape(TOKENS)), axes=TOKENS)


@robust("LayerNorm.forward", 0.1)
def test_gradients_are_finite_where_all_features_are_equal(code, draw, expect):
    mine, right = pair(code, draw, "LayerNorm", draw.size("d_model"))
    expect.gradients(mine, right, draw("batch length 1", scale=5).round().expand(draw.shape(TOKENS)))


@core("FeedForward.forward", 0.4)
def test_feed_forward_bends_between_its_two_maps(code, draw, expect):
    d_model, _, d_ff = widths(draw)
    mine, right = pair(code, draw, "FeedForward", d_model, d_ff)
    expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)


@core("FeedForward.forward", 0.4)
def test_feed_forward_drops_what_comes_out_of_the_relu(code, draw, expect):
    d_model, _, d_ff = widths(draw)
    mine, right = pair(code, draw, "FeedForward", d_model, d_ff, 1.0, train=True)
    expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)


@robust("FeedForward.forward", 0.04)
@pytest.mark.parametrize("leading", ["", "batch", "batch head length"], ids=["no axis", "one axis", "three axes"])
def test_norm_and_feed_forward_take_any_leading_axes(code, draw, expect, leading):
    d_model, _, d_ff = widths(draw)
    for mine, right in (pair(code, draw, "LayerNorm", d_model), pair(code, draw, "FeedForward", d_model, d_ff)):
        expect.agrees(mine, right, draw(f"{leading} d_model"), axes=f"{leading} d_model")


@robust("Encoder.forward", 0.1)
@pytest.mark.parametrize(
    "place", [pytest.param("inside", marks=needs("FeedForward.forward")), "attention", "feed_forward"]
)
def test_dropout_zeroes_some_entries_and_scales_the_others(code, draw, expect, place):
    rate, d_model = 0.25, 4
    x = draw(f"batch=3 length=12 {d_model}")
    if place == "inside":
        mine, right = pair(code, draw, "FeedForward", d_model, d_model, rate, train=True)
        fill(right, linear_in_weight=torch.eye(d_model), linear_out_weight=torch.eye(d_model))
        fill(right, linear_in_bias=0, linear_out_bias=0)
        x = torch.ones_like(x)
    else:
        mine, right = pair(code, draw, "Encoder", 1, d_model, 2, 3, rate, train=True)
        if place == "attention":
            fill(right, linear_out_weight=0, linear_out_bias=0)
        else:
            fill(right, linear_in_bias=2)  # hardly anything is 0 after the ReLU, where dropping shows in nothing
    actual = expect.tensor(mine.load(right)(x), draw.shape(f"batch length {d_model}"))
    fates = outcomes(right if place == "inside" else right.layers[0], x, 1 / (1 - rate), place)
    fits = fitting(actual, fates)
    what = {"inside": "what leaves the ReLU", "attention": "what the attention adds"}.get(place, "what a sublayer adds")
    text = (
        f"with dropout p an entry of {what} must become 0, or 1 / (1 - p) times as large, and nothing else is dropped"
    )
    expect.that(bool(fits.flatten(2).any(-1).all()), text, kind="value")
    first = fits.flatten(3).any(-1).to(torch.uint8).argmax(-1)  # (batch, length)
    last = fits.flatten(2, 3).any(2).to(torch.uint8).argmax(-1)
    for drawn in (first, last) if place == "feed_forward" else (first,):
        demand_independent(expect, [drawn], d_model)
    if place == "feed_forward":
        text = "both sublayers drop the same entries: every dropout draws for itself"
        expect.that(bool((first != last).any()), text, kind="value")


@core("EncoderLayer.forward", 0.85)
def test_encoder_layer_worked_by_hand(code, draw, expect):
    right = reference.EncoderLayer(4, 2, 2).to(draw.dtype).eval()
    eye = torch.eye(4)
    fill(right, weight=0, bias=0, norm_1_weight=1, norm_2_weight=1, v_proj_weight=eye.roll(-1, 0), out_proj_weight=eye)
    fill(right, linear_in_weight=torch.tensor([[0.0, 0, 1, 0], [1, 0, 0, 0]]))
    fill(right, linear_out_weight=torch.tensor([[2.0, 7], [0, 7], [0, 0], [-2, 0]]))
    x = torch.tensor([[[0, 0, 0, 4]]], dtype=draw.dtype)  # the attention finds (0, 0, 4, 0)
    mine = code.EncoderLayer(4, 2, 2).load(right)
    # (0, 0, 4, 4) -> (-1, -1, 1, 1); + (2, 0, 0, -2) -> (1, -1, 1, -1), which eps moves by a few millionths
    expected = torch.tensor([[[1, -1, 1, -1]]], dtype=draw.dtype)
    expect(mine(x), expected, axes=TOKENS, within=1e-4)


@core("EncoderLayer.forward", 0.85)
def test_each_sum_is_normalised_by_its_own_norm(code, draw, expect):
    mine, right = pair(code, draw, "EncoderLayer", *widths(draw))
    expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)


@core("EncoderLayer.forward", 0.1)
@pytest.mark.parametrize("axes", ["length length", "batch length length", "batch 1 length", "1 length"])
def test_an_encoder_layer_obeys_its_mask(code, draw, expect, axes):
    mine, right = pair(code, draw, "EncoderLayer", *widths(draw))
    expect.agrees(mine, right, draw(TOKENS), allowed=draw_mask(draw, axes), axes=TOKENS)


@core("EncoderLayer.forward", 0.8)
def test_results_of_both_sublayers_are_dropped_before_the_sum(code, draw, expect):
    mine, right = pair(code, draw, "EncoderLayer", *widths(draw), 1.0, train=True)
    expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)


@core("Encoder.__init__", 0.8, structural=True)
def test_layers_of_the_encoder_share_no_weights(code, draw, expect):
    mine, _ = pair(code, draw, "Encoder", 3, *widths(draw))
    names = mine.describe().shared
    pairs = names[0] if names else ("", "")
    expect.that(not names, f"two layers share one parameter: {pairs[0]} is {pairs[-1]}")


@torch.no_grad()
def outcomes(right, x, scale, place):
    """(batch, length, first, inside, last, d_model): all that x may become, one axis for each dropout."""
    if place == "inside":
        return kept(4, scale)[:, None, None].expand(*x.shape[:2], -1, -1, -1, -1)
    attended = right.self_attention(x, x, x)[0][:, :, None]
    x = right.norm_1(x[:, :, None] + attended * kept(4, scale))[:, :, :, None, None]
    if place == "attention":
        return right.norm_2(x)
    inside = torch.relu(right.feed_forward.linear_in(x)) * kept(3, scale)[:, None]
    return right.norm_2(x + right.feed_forward.linear_out(inside) * kept(4, scale))


@robust("Encoder.__init__", 0.1)
def test_dropout_is_drawn_anew_in_every_call(code, draw, expect):
    d_model, heads, d_ff = widths(draw)
    mine, _ = pair(code, draw, "EncoderLayer", d_model, heads, d_ff, 0.5, train=True)
    x, results = draw("9 9 d_model"), []
    for _ in range(3):
        code.Encoder(2, d_model, heads, d_ff)  # making a module must not turn the random numbers back
        results.append(expect.tensor(mine(x), tuple(x.shape)))
    repeated = any(bool(torch.equal(a, b)) for a, b in pairwise(results))
    expect.that(not repeated, "two calls in train mode drop exactly the same entries", kind="value")


@core("Encoder.forward", 0.8)
def test_layers_of_the_encoder_work_one_after_the_other(code, draw, expect):
    mine, right = pair(code, draw, "Encoder", 3, *widths(draw))
    expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)


@core("Encoder.forward", 0.8)
def test_every_layer_of_the_encoder_sees_the_mask(code, draw, expect):
    mine, right = pair(code, draw, "Encoder", 3, *widths(draw))
    masks = [draw_mask(draw, axes) for axes in ("batch length length", "batch 1 length", "length length")]
    some_queries = draw_mask(draw, "batch length").unsqueeze(-1)  # the others may attend to nothing
    for allowed in (*masks, draw_mask(draw, "1 length length"), some_queries):
        expect.agrees(mine, right, draw(TOKENS), allowed, axes=TOKENS)


@core("Encoder.forward", 0.25)
def test_what_padding_holds_changes_no_real_token(code, draw, expect):
    mine, right = pair(code, draw, "Encoder", 2, *widths(draw))
    lengths = draw.lengths("batch", "length")
    real = torch.arange(draw.size("length")) < lengths[:, None]  # (batch, length)
    x, shape = draw(TOKENS), draw.shape(TOKENS)
    clean = right(x, real[:, None]).detach()
    for garbage in (1e4, -1e4):
        result = expect.tensor(mine(x.masked_fill(~real[:, :, None], garbage), real[:, None]), shape)
        expect(result[real], clean[real], axes="token d_model", what="Encoder(x, allowed) at real tokens")


@robust("Encoder.forward", 0.1, structural=True)
def test_every_part_keeps_the_shape_of_its_input(code, draw, expect):
    for mine, _ in every_part(code, draw):
        expect.tensor(mine(draw(TOKENS)), draw.shape(TOKENS))


@robust("Encoder.forward", 0.04)
def test_a_mask_finds_its_axes_where_sizes_are_equal(code, draw, expect):
    for name in ("batch", "head", "length"):
        draw.size(f"{name}=3")
    mine, right = pair(code, draw, "Encoder", 2, *widths(draw))
    masks = [draw_mask(draw, axes) for axes in ("batch length length", "batch 1 length", "1 length")]
    for allowed in (torch.ones(3, 3, dtype=torch.bool).tril(), *masks):  # no two rows of the first are equal
        expect.agrees(mine, right, draw(TOKENS), allowed, axes=TOKENS)


@robust("Encoder.forward", 0.06)
def test_an_encoder_may_have_any_number_of_layers(code, draw, expect):
    d_model, heads, d_ff = widths(draw)
    for number, size in ((1, "5 17"), (7, "17 3")):
        mine, right = pair(
            code, draw, "Encoder", num_layers=number, d_model=d_model, num_heads=heads, d_ff=d_ff, dropout=0.0
        )
        expect.agrees(mine, right, draw(f"{size} d_model"), axes=TOKENS)


@robust("Encoder.forward", 0.04)
def test_no_sequence_is_too_long(code, draw, expect):
    # Of three numbers some are nearly equal, and the mean of squares less the squared mean loses digits: 16 are not.
    for axis in ("batch=1", "length=1100", "head=1", "d_head=16"):
        draw.size(axis)
    for mine, right in every_part(code, draw, layer=False, dtype=torch.float32):  # half the memory
        x = draw(TOKENS, dtype=torch.float32)
        result = mine(x)
        with torch.no_grad():  # half the time
            expected = right(x)
        expect(result, expected, axes=TOKENS, within=1e-5)


@robust("Encoder.forward", 0.11)
def test_dropout_does_nothing_in_eval_mode(code, draw, expect):
    d_model, heads, d_ff = widths(draw)
    for part, args in zip(PARTS[1:], ((), (heads,), (heads,)), strict=True):
        sizes = (2, d_model) if part == "Encoder" else (d_model,)
        mine, right = pair(code, draw, part, *sizes, *args, d_ff, dropout=0.5)
        for _ in range(2):  # the first call must leave it in eval mode
            expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)


@robust("Encoder.forward", 0.08)
def test_a_dropout_of_zero_does_nothing_in_train_mode(code, draw, expect):
    for mine, right in every_part(code, draw, train=True):
        expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)
        off = [name or "the module itself" for name, flag in mine.describe().training.items() if not flag]
        expect.that(not off, f"after a call in train mode {' and '.join(off[:2])} is in eval mode")


@robust("Encoder.forward", 0.1)
def test_dropout_reaches_every_layer_of_the_encoder(code, draw, expect):
    mine, right = pair(code, draw, "Encoder", 3, *widths(draw), 1.0, train=True)
    expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)


@robust("Encoder.forward", 0.06, structural=True)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_results_keep_the_dtype_of_the_input(code, draw, expect, dtype):
    for mine, _ in every_part(code, draw, layer=False, dtype=dtype):
        expect.same_dtype(mine(draw(TOKENS, dtype=dtype)), dtype)


@robust("Encoder.forward", 0.1)
def test_float64_and_float32_are_as_exact_as_they_can_be(code, draw, expect):
    for mine, right in every_part(code, draw, layer=False):
        expect.exact(mine, right, draw(TOKENS), axes=TOKENS)
    for mine, right in every_part(code, draw, layer=False, dtype=torch.float32):
        expect.agrees(mine, right, draw(TOKENS, dtype=torch.float32), axes=TOKENS)


@robust("Encoder.forward", 0.02)
@pytest.mark.parametrize("ones", ["batch", "length", "head", "d_ff", "head d_head"])
def test_any_size_may_be_one(code, draw, expect, ones):
    for name in ones.split():
        draw.size(f"{name}=1")
    for mine, right in every_part(code, draw, layer=False):
        expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)
    expect.agrees(mine, right, draw(TOKENS), draw_mask(draw), axes=TOKENS)


@robust("Encoder.forward", 0.06)
def test_inputs_need_not_be_contiguous(code, draw, expect):
    for mine, right in every_part(code, draw, layer=False):
        expect.agrees(mine, right, draw.non_contiguous(draw(TOKENS)), axes=TOKENS)
    expect.agrees(mine, right, draw.non_contiguous(draw(TOKENS)), draw.non_contiguous(draw_mask(draw)), axes=TOKENS)


@robust("Encoder.forward", 0.08)
def test_a_call_does_not_remember_the_last_one(code, draw, expect):
    mine, right = pair(code, draw, "Encoder", 2, *widths(draw))
    for allowed in (draw_mask(draw), draw_mask(draw), None):
        expect.agrees(mine, right, draw(TOKENS), allowed, axes=TOKENS)
    expect.agrees(mine, right, draw("2 9 d_model"), axes=TOKENS)


@robust("Encoder.forward", 0.11)
def test_gradients_reach_every_input_and_every_weight(code, draw, expect):
    for mine, right in every_part(code, draw, layer=False):
        expect.gradients(mine, right, draw(TOKENS))
    mine, right = pair(code, draw, "Encoder", 2, *widths(draw), train=True)
    expect.gradients(mine, right, draw(TOKENS), draw_mask(draw))


@robust("Encoder.forward", 0.1, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    for mine, right in every_part(code, draw, layer=False):
        expect.agrees(mine, right, draw(TOKENS), axes=TOKENS)
    expect.agrees(mine, right, draw(TOKENS), draw_mask(draw), axes=TOKENS)


@robust("Encoder.forward", 0.04, structural=True)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_inputs_weights_and_global_state_are_left_alone(code, draw, expect, training):
    code.watch_random_state()
    dtype = torch.float64 if training else torch.float32
    for mine, right in every_part(code, draw, layer=False, dtype=dtype, train=training):
        mine(draw(TOKENS, dtype=dtype))
        if mine.describe().name == "Encoder":
            mine(draw(TOKENS, dtype=dtype), draw_mask(draw, "batch 1 length"))
        after = mine.parameters()
        for name, parameter in right.named_parameters():
            expect(after.get(name), parameter.detach(), what=f"{name} after the call")
    expect.no_side_effects(may_draw=training)


@robust("Encoder.forward", 0.1, structural=True)
def test_no_library_call_does_the_work(code, draw, expect):
    code.watch_every_call()
    for mine, _ in every_part(code, draw, layer=False):
        mine(draw(TOKENS))
    mine(draw(TOKENS), draw_mask(draw))
    expect.no_shortcuts()
