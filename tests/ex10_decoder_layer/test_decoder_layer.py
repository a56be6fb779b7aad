"""The checks of exercise 10, in teaching order."""

import pytest
import torch

from grader.authoring import core, demand_independent, fitting, kept, needs, robust, shortcuts
from solutions import ex10_decoder_layer as reference

pytestmark = shortcuts(
    "nn.Transformer*",
    "nn.LayerNorm",
    "F.layer_norm",
    "F.group_norm",
    "F.scaled_dot_product_attention",
    "nn.MultiheadAttention",
    "F.multi_head_attention_forward",
)

AXES = "batch target d_model"
PARTS = {
    "self": "self_attention.out_proj",
    "cross": "cross_attention.out_proj",
    "feed_forward": "feed_forward.linear_out",
}


def draw_inputs(draw, dtype=None):
    """x, memory and both masks: target padding and the future, source padding. Every size another."""
    x = draw("batch target d_model=12", dtype=dtype)
    memory = draw("batch source d_model", dtype=dtype)
    target, source = x.size(1), memory.size(1)
    past = torch.ones(target, target, dtype=torch.bool).tril()
    target_real = torch.arange(target) < draw.lengths("batch", "target").unsqueeze(1)
    source_real = torch.arange(source) < draw.lengths("batch", "source").unsqueeze(1)
    return x, memory, target_real.unsqueeze(1) & past, source_real.unsqueeze(1)


def draw_layer(draw, dropout=0.0):
    """The right layer with drawn weights, and what it was made with."""
    made_with = (draw.size("d_model=12"), draw.choice(2, 3, 4), draw.size("d_ff"), dropout)
    return draw.module(reference.DecoderLayer, *made_with), made_with


def draw_stack(draw, num_layers=2, dropout=0.0):
    """The right stack with drawn weights, and what it was made with."""
    made_with = (num_layers, draw.size("d_model=12"), draw.choice(2, 3, 4), draw.size("d_ff"), dropout)
    return draw.module(reference.Decoder, *made_with), made_with


def silence(layer, *parts):
    """Makes these sublayers add nothing."""
    with torch.no_grad():
        for part in parts:
            for parameter in layer.get_submodule(PARTS[part]).parameters():
                parameter.zero_()


@core("DecoderLayer.forward", 0.65)
def test_self_attention_obeys_the_mask_of_the_target(code, draw, expect):
    inputs = draw_inputs(draw)
    layer, made_with = draw_layer(draw)
    silence(layer, "cross", "feed_forward")
    expect.agrees(code.DecoderLayer(*made_with).load(layer), layer, *inputs, axes=AXES)


@core("DecoderLayer.forward", 0.65)
def test_cross_attention_reads_the_memory(code, draw, expect):
    inputs = draw_inputs(draw)
    layer, made_with = draw_layer(draw)
    silence(layer, "self", "feed_forward")
    expect.agrees(code.DecoderLayer(*made_with).load(layer), layer, *inputs, axes=AXES)


@core("DecoderLayer.forward", 0.35)
def test_feed_forward_comes_last(code, draw, expect):
    inputs = draw_inputs(draw)
    layer, made_with = draw_layer(draw)
    silence(layer, "self", "cross")
    expect.agrees(code.DecoderLayer(*made_with).load(layer), layer, *inputs, axes=AXES)


@core("DecoderLayer.forward", 0.3)
@pytest.mark.parametrize("source", ["shorter", "as long", "longer"])
def test_all_three_sublayers_work_together(code, draw, expect, source):
    target_size, source_size = {"shorter": (17, 3), "as long": (4, 4), "longer": (4, 17)}[source]
    draw.size(f"target={target_size}")
    draw.size(f"source={source_size}")
    inputs = draw_inputs(draw)
    layer, made_with = draw_layer(draw)
    expect.agrees(code.DecoderLayer(*made_with).load(layer), layer, *inputs, axes=AXES)


@core("DecoderLayer.forward", 0.7)
def test_dropout_falls_on_what_each_sublayer_adds(code, draw, expect):
    inputs = draw_inputs(draw)
    layer, made_with = draw_layer(draw, dropout=1.0)
    layer.train()
    expect.agrees(code.DecoderLayer(*made_with).load(layer), layer, *inputs, axes=AXES)


@robust("DecoderLayer.forward", 0.11, structural=True)
def test_output_has_one_vector_for_each_target_token(code, draw, expect):
    x, memory, _, _ = draw_inputs(draw)
    layer, made_with = draw_layer(draw)
    expect.tensor(code.DecoderLayer(*made_with).load(layer)(x, memory), draw.shape(AXES))


@robust("Decoder.forward", 0.12)
@pytest.mark.parametrize("what", [pytest.param("layer", marks=needs("DecoderLayer.forward")), "stack"])
def test_gradients_reach_every_input_and_parameter(code, draw, expect, what):
    inputs = draw_inputs(draw)
    right, made_with = draw_layer(draw) if what == "layer" else draw_stack(draw, 2)
    names = ("num_layers", "d_model", "num_heads", "d_ff")[what == "layer" :]
    given = dict(zip(names, made_with, strict=False))  # dropout is left out: nothing is dropped in train mode either
    make = code.DecoderLayer if what == "layer" else code.Decoder
    expect.gradients(make(**given).load(right.train()), right, *inputs)


@core("Decoder.__init__", 0.65, structural=True)
def test_no_two_layers_share_a_parameter(code, draw, expect):
    _, made_with = draw_stack(draw)
    shared = code.Decoder(*made_with).describe().shared
    names = " and ".join(shared[0][:2]) if shared else ""
    expect.that(not shared, f"{names} of Decoder are one and the same parameter")


@core("Decoder.forward", 0.35, structural=True)
@pytest.mark.parametrize("num_layers", [1, 3], ids=["one layer", "three layers"])
def test_stack_owns_the_parameters_of_all_its_layers(code, draw, expect, num_layers):
    x, memory, _, _ = draw_inputs(draw)
    stack, made_with = draw_stack(draw, num_layers)
    mine = code.Decoder(*made_with)
    mine(x.float(), memory.float())
    mine.load(stack)


@core("Decoder.forward", 0.3)
@pytest.mark.parametrize("num_layers", [1, 7], ids=["one layer", "seven layers"])
def test_each_layer_continues_from_the_one_before(code, draw, expect, num_layers):
    inputs = draw_inputs(draw)
    stack, made_with = draw_stack(draw, num_layers)
    expect.agrees(code.Decoder(*made_with).load(stack), stack, *inputs, axes=AXES)


@core("Decoder.forward", 0.7, structural=True)
def test_the_future_cannot_change_the_past(code, draw, expect):
    x, memory, _, source_allowed = draw_inputs(draw)
    past = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    stack, made_with = draw_stack(draw)
    mine = code.Decoder(*made_with).load(stack)
    now = draw.integer(1, x.size(1) - 1)
    other = x.clone()
    other[:, now:] = draw("batch target d_model")[:, now:]
    before = expect.tensor(mine(x, memory, past, source_allowed), draw.shape(AXES))
    after = expect.tensor(mine(other, memory, past, source_allowed), draw.shape(AXES))
    what = f"what the stack says before position {now}, after x changed from there on"
    expect(after[:, :now], before[:, :now], axes=AXES, what=what)


@core("Decoder.forward", 0.7)
def test_padding_in_the_source_cannot_change_anything(code, draw, expect):
    x, memory, target_allowed, source_allowed = draw_inputs(draw)
    stack, made_with = draw_stack(draw)
    mine = code.Decoder(*made_with).load(stack)
    real = source_allowed.transpose(1, 2)  # (batch, source, 1)
    garbage = torch.where(real, memory, draw("batch source d_model", scale=3e3).clamp(-1e4, 1e4))
    expect(
        mine(x, garbage, target_allowed, source_allowed),
        stack(x, memory, target_allowed, source_allowed).detach(),
        axes=AXES,
    )


@core("Decoder.forward", 0.35)
def test_nothing_is_dropped_in_eval_mode(code, draw, expect):
    code.watch_random_state()
    inputs = draw_inputs(draw)
    layer, made_with = draw_layer(draw, dropout=0.5)
    mine = code.DecoderLayer(*made_with).load(layer)
    for _ in range(2):  # the first call must leave it in eval mode
        expect.agrees(mine, layer, *inputs, axes=AXES)
        drawn = "torch's random state" in code.calls[-1].changed
        expect.that(not drawn, "DecoderLayer draws random numbers in eval mode")
    stack, made_with = draw_stack(draw, dropout=0.5)
    mine = code.Decoder(*made_with).load(stack)
    for _ in range(2):  # nor may a call remember what the one before was given
        expect.agrees(mine, stack, *draw_inputs(draw), axes=AXES)


@core("Decoder.forward", 0.35)
@pytest.mark.parametrize("part", ["self", "cross", "feed_forward"])
def test_only_what_a_sublayer_adds_is_dropped(code, draw, expect, part):
    made_with = (1, 4, 2, 3, 0.25)
    right = draw.module(reference.Decoder, *made_with).to(draw.dtype).train()
    silence(right.layers[0], *{"self": ["cross", "feed_forward"], "cross": ["feed_forward"]}.get(part, ["self"]))
    x, memory = draw("batch=3 target=12 d_model=4"), draw("batch source d_model")
    fates = outcomes(right.layers[0], x, memory, part, 1 / (1 - 0.25))
    draws = []
    for calls in (1, 2):
        mine = code.Decoder(*made_with).load(right)
        for _ in range(calls):
            fits = fitting(expect.tensor(mine(x, memory), draw.shape(AXES)), fates)
            text = "with dropout p an entry of what a sublayer adds must become 0, or 1 / (1 - p) times as large"
            fair = bool(fits.flatten(2).any(-1).all())
            expect.that(fair, f"{text}, and nothing else is dropped", kind="value")
            first = fits.flatten(3).any(-1).to(torch.uint8).argmax(-1)  # (batch, target)
            last = fits.flatten(2, 3).any(2).to(torch.uint8).argmax(-1)
            apart = part == "self" or bool((first != last).any())
            expect.that(apart, "two sublayers drop the same features: every dropout draws for itself", kind="value")
            draws.append(first if part == "self" else last)
    demand_independent(expect, draws, 4)


@robust("Decoder.forward", 0.12, structural=True)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_results_keep_the_dtype_of_the_input(code, draw, expect, dtype):
    inputs = draw_inputs(draw, dtype)[:2]
    layer, layer_made_with = draw_layer(draw)
    stack, stack_made_with = draw_stack(draw, 1)
    expect.same_dtype(code.DecoderLayer(*layer_made_with).load(layer.to(dtype))(*inputs), dtype)
    expect.same_dtype(code.Decoder(*stack_made_with).load(stack.to(dtype))(*inputs), dtype)


@robust("Decoder.forward", 0.04)
@pytest.mark.parametrize("sizes", ["target=1100 source=3", "target=2 source=1100"], ids=["target", "source"])
def test_no_sequence_is_too_long(code, draw, expect, sizes):
    for axis in ("batch=1", *sizes.split()):
        draw.size(axis)
    made_with = (1, 3, 1, 2)
    stack = draw.module(reference.Decoder, *made_with).float()  # half the memory
    inputs = [draw(f"batch {length} 3", dtype=torch.float32) for length in ("target", "source")]
    result = code.Decoder(*made_with).load(stack)(*inputs)
    with torch.no_grad():  # half the time
        expected = stack(*inputs)
    expect(result, expected, axes=AXES, within=1e-5)


@robust("Decoder.forward", 0.05)
def test_memory_as_long_as_the_target_is_not_mixed_up_with_it(code, draw, expect):
    for axis in ("target", "source"):
        draw.size(f"{axis}=4")
    x, memory, target_allowed, source_allowed = draw_inputs(draw)
    read = source_allowed & (torch.arange(4) <= 3 - torch.arange(4).unsqueeze(1))  # (batch, target, source)
    read[..., 0] = True
    for right, made_with in (draw_layer(draw), draw_stack(draw)):
        make = code.DecoderLayer if len(made_with) == 4 else code.Decoder
        mine = make(*made_with).load(right)
        expect.agrees(mine, right, x, memory, axes=AXES)
        expect.agrees(mine, right, x, memory, target_allowed, read, axes=AXES)


@robust("Decoder.forward", 0.06)
@pytest.mark.parametrize("masks", ["no mask", "one mask", "two axes", "three axes"])
def test_masks_may_be_left_out_or_broadcast(code, draw, expect, masks):
    x, memory, target_allowed, source_allowed = draw_inputs(draw)
    batch, target, source = x.size(0), x.size(1), memory.size(1)
    past = torch.ones(target, target, dtype=torch.bool).tril()
    window = (torch.arange(source) % 3 != torch.arange(target).unsqueeze(1) % 3) | (torch.arange(source) == 0)
    column = torch.arange(target).unsqueeze(0) != draw.integer(0, target - 1)  # one row for all queries
    given = {
        "no mask": [{}],
        "one mask": [{"target_allowed": past}, {"source_allowed": source_allowed}],
        "two axes": [{"target_allowed": column, "source_allowed": window}, {"target_allowed": past.flip(0)}],
        "three axes": [
            {
                "target_allowed": target_allowed[:1],
                "source_allowed": window & source_allowed.expand(batch, target, source),
            },
            {
                "target_allowed": target_allowed.any(-1, keepdim=True) & past[:, :1],
                "source_allowed": source_allowed[:1] & window,
            },
            {"source_allowed": window[:, -1:].unsqueeze(0)},
        ],
    }[masks]
    cases = [(memory, allowed) for allowed in given]
    if masks == "one mask":  # with a memory as long as x, one mask must not be taken for the other
        as_long = draw(AXES)
        cases += [(as_long, {"target_allowed": past}), (as_long, {"source_allowed": past})]
    layer, made_with = draw_layer(draw)
    mine = code.DecoderLayer(*made_with).load(layer)
    for read, allowed in cases:
        expect.agrees(mine, layer, x, read, **allowed, axes=AXES)
    stack, made_with = draw_stack(draw, 1)
    mine = code.Decoder(*made_with).load(stack)
    for allowed in given:
        expect.agrees(mine, stack, x, memory, **allowed, axes=AXES)


@robust("Decoder.forward", 0.11)
def test_stack_hands_dropout_to_its_layers(code, draw, expect):
    inputs = draw_inputs(draw)
    stack, made_with = draw_stack(draw, dropout=1.0)
    stack.train()
    expect.agrees(code.Decoder(*made_with).load(stack), stack, *inputs, axes=AXES)


@torch.no_grad()
def outcomes(right, x, memory, part, scale):
    """(batch, target, first, inside, last, d_model): all that x may become, one axis for each dropout."""
    written = right.self_attention(x, x, x)[0][:, :, None]
    after_self = right.norm_1(x[:, :, None] + written * kept(4, scale))  # (batch, target, first, d_model)
    if part == "self":
        return right.norm_3(right.norm_2(after_self))[:, :, :, None, None]
    if part == "cross":
        read = right.cross_attention(after_self.flatten(1, 2), memory, memory)[0].view_as(after_self)
        x = right.norm_2(after_self[:, :, :, None] + read[:, :, :, None] * kept(4, scale))
        return right.norm_3(x)[:, :, :, None]
    x = right.norm_1(x)
    read = right.cross_attention(x, memory, memory)[0][:, :, None]
    x = right.norm_2(x[:, :, None] + read * kept(4, scale))[:, :, :, None, None]
    inside = torch.relu(right.feed_forward.linear_in(x)) * kept(3, scale)[:, None]
    return right.norm_3(x + right.feed_forward.linear_out(inside) * kept(4, scale))


@robust("Decoder.forward", 0.11)
def test_float64_and_float32_are_as_exact_as_they_can_be(code, draw, expect):
    stack, made_with = draw_stack(draw)
    expect.exact(code.Decoder(*made_with).load(stack), stack, *draw_inputs(draw), axes=AXES)
    inputs = draw_inputs(draw, torch.float32)
    stack.float()
    expect.agrees(code.Decoder(*made_with).load(stack), stack, *inputs, axes=AXES)


@robust("Decoder.forward", 0.03)
@pytest.mark.parametrize("ones", ["batch", "target", "source", "d_ff"])
def test_any_size_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    for d_model, num_heads in ((12, 3), (1, 1)) if ones == "d_ff" else ((12, 3),):
        x, memory = draw(f"batch target {d_model}"), draw(f"batch source {d_model}")
        past = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
        made_with = (1, d_model, num_heads, draw.size("d_ff"))
        stack = draw.module(reference.Decoder, *made_with)
        expect.agrees(code.Decoder(*made_with).load(stack), stack, x, memory, past, axes=AXES)


@robust("Decoder.forward", 0.11)
def test_inputs_need_not_be_contiguous(code, draw, expect):
    inputs = [draw.non_contiguous(tensor) for tensor in draw_inputs(draw)]
    stack, made_with = draw_stack(draw)
    expect.agrees(code.Decoder(*made_with).load(stack), stack, *inputs, axes=AXES)


@robust("Decoder.forward", 0.11)
def test_a_position_that_may_see_nothing_stays_finite(code, draw, expect):
    x, memory, target_allowed, source_allowed = draw_inputs(draw)
    blind = target_allowed.clone()
    blind[0, draw.integer(0, x.size(1) - 1)] = False
    unread = source_allowed.clone()
    unread[-1] = False
    stack, made_with = draw_stack(draw)
    mine = code.Decoder(*made_with).load(stack)
    expect.agrees(mine, stack, x, memory, blind, unread, axes=AXES)
    expect.gradients(mine, stack, x, memory, blind, unread)


@robust("Decoder.forward", 0.12, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    inputs = draw_inputs(draw)
    stack, made_with = draw_stack(draw, 1)
    mine = code.Decoder(*made_with).load(stack)
    expect.agrees(mine, stack, *inputs, axes=AXES)
    expect.agrees(mine, stack, *inputs[:2], axes=AXES)


@robust("Decoder.forward", 0.12, structural=True)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_inputs_and_global_state_are_left_alone(code, draw, expect, training):
    code.watch_random_state()
    dtype = torch.float64 if training else torch.float32
    inputs = draw_inputs(draw, dtype)
    layer, layer_made_with = draw_layer(draw, dropout=0.5)
    stack, stack_made_with = draw_stack(draw, 1, dropout=0.5)
    code.DecoderLayer(*layer_made_with).load(layer.to(dtype).train(training))(*inputs)
    code.Decoder(*stack_made_with).load(stack.to(dtype).train(training))(*inputs)
    expect.no_side_effects(may_draw=training)


@robust("Decoder.forward", 0.12, structural=True)
def test_no_library_call_does_the_work(code, draw, expect):
    code.watch_every_call()
    inputs = draw_inputs(draw)
    layer, layer_made_with = draw_layer(draw)
    stack, stack_made_with = draw_stack(draw, 1)
    code.DecoderLayer(*layer_made_with).load(layer)(*inputs)
    code.Decoder(*stack_made_with).load(stack.train())(*inputs)
    expect.no_shortcuts()
