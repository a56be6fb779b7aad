"""The checks of exercise 8, in teaching order."""

import math

import numpy as np
import pytest
import torch

from grader.authoring import core, robust, shortcuts
from solutions import ex08_multi_head as reference

pytestmark = shortcuts("F.scaled_dot_product_attention", "nn.MultiheadAttention", "F.multi_head_attention_forward")

ATTENTION = "batch query d_model; batch head query key"
MASKS = ("query key", "1 key", "batch query key", "1 query key", "batch 1 key", "1 1 key")
MASKS_OF_QUERIES = ("query 1", "1 1", "batch query 1", "batch 1 1")


def draw_widths(draw):
    """d_model and the number of heads: no size of a check equals another."""
    heads, d_head = draw.size("head"), draw.size("d_head")
    return draw.size(f"d_model={heads * d_head}"), heads


def draw_right(draw):
    """The reference with weights of its own."""
    return draw.module(reference.MultiHeadAttention, *draw_widths(draw))


def learners(code, right):
    """The learner's module with the same weights."""
    return code.MultiHeadAttention(right.q_proj.in_features, right.num_heads).load(right)


def draw_inputs(draw, dtype=None):
    """query, key and value: three different tensors, and more or fewer keys than queries."""
    return [draw(f"batch {axis} d_model", dtype=dtype) for axis in ("query", "key", "key")]


def draw_mask(draw, axes="batch query key"):
    """Where there is more than one key, every query has an allowed key and a forbidden one."""
    values = draw(axes)
    return values > (values.mean(-1, keepdim=True) if values.size(-1) > 1 else 0)


def hide_all_keys(allowed):
    """The same mask, where the first query of the first sequence may attend to nothing."""
    allowed = allowed.clone()
    allowed[0, 0] = False
    return allowed


def expect_zeros(expect, mine, right, query, key, value, allowed):
    """The right result, and weights that are 0 to the last bit where not allowed."""
    result = mine(query, key, value, allowed)
    expected = tuple(part.detach() for part in right(query, key, value, allowed))
    expect(result, expected, axes=ATTENTION)
    hidden = ~allowed[:, None].expand_as(expected[1])
    expect.that(bool((result[1][hidden] == 0).all()), "a weight is small but not 0 where nothing may be seen")


@core("split_heads", 0.45)
def test_splitting_worked_by_hand(code, draw, expect):
    x = torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]], [[10, 20, 30, 40], [50, 60, 70, 80]]], dtype=draw.dtype)
    x = torch.cat([x, -x[:, :1]], dim=1)  # three tokens
    expected = [
        [[[1, 2], [5, 6], [-1, -2]], [[3, 4], [7, 8], [-3, -4]]],
        [[[10, 20], [50, 60], [-10, -20]], [[30, 40], [70, 80], [-30, -40]]],
    ]
    expect(code.split_heads(x, 2), torch.tensor(expected, dtype=draw.dtype), axes="batch head length d_head")


@core("split_heads", 0.85)
def test_each_head_owns_a_contiguous_slice(code, draw, expect):
    _, heads = draw_widths(draw)
    x = draw("batch length d_model")
    expect.agrees(code.split_heads, reference.split_heads, x, heads, axes="batch head length d_head")


@robust("split_heads", 0.09, structural=True)
@pytest.mark.parametrize(("d_model", "heads"), [(8, 3), (3, 6)], ids=["8-into-3", "3-into-6"])
def test_a_width_that_does_not_divide_is_refused(code, draw, expect, d_model, heads):
    x = draw(f"batch length=6 d_model={d_model}")
    expect.raises(ValueError, code.split_heads, x, heads, naming=(d_model, heads))


@core("concat_heads", 0.45)
def test_concatenating_keeps_each_token_together(code, draw, expect):
    x = draw("batch head length d_head")
    expect.agrees(code.concat_heads, reference.concat_heads, x, axes="batch length d_model")


@core("concat_heads", 0.45)
def test_concatenating_undoes_splitting(code, draw, expect):
    _, heads = draw_widths(draw)
    x = draw("batch length d_model")
    split = expect.tensor(code.split_heads(x, heads), draw.shape("batch head length d_head"))
    expect(code.concat_heads(split), x, axes="batch length d_model")


@robust("concat_heads", 0.1, structural=True)
def test_heads_get_an_axis_of_their_own(code, draw, expect):
    _, heads = draw_widths(draw)
    x = draw("batch length d_model")
    split = code.split_heads(x, heads)
    expect.tensor(split, draw.shape("batch head length d_head"))
    glued = code.concat_heads(reference.split_heads(x, heads))
    expect.tensor(glued, draw.shape("batch length d_model"))


@core("MultiHeadAttention.forward", 0.85)
def test_attention_worked_by_hand(code, draw, expect):
    right = reference.MultiHeadAttention(8, 2).to(draw.dtype).eval()
    eye, half = torch.eye(8), torch.eye(4)
    add_and_subtract = torch.cat([torch.cat([half, half], dim=1), torch.cat([half, -half], dim=1)])
    state = {name: torch.zeros_like(parameter) for name, parameter in right.state_dict().items()}
    state |= {f"{name}.weight": eye for name in ("q_proj", "k_proj", "v_proj")}
    right.load_state_dict(state | {"out_proj.weight": add_and_subtract})
    query = torch.tensor([[[2, 0, 0, 0, 0, 0, 0, 2]]], dtype=draw.dtype)
    key = torch.zeros(1, 2, 8, dtype=draw.dtype)
    key[0, 0, 0], key[0, 1, 7] = math.log(3), math.log(4)
    value = torch.tensor([[[4, 0, 0, 0, 5, 0, 0, 0], [0, 4, 0, 0, 0, 5, 0, 0]]], dtype=draw.dtype)
    weights = torch.tensor([[[[3 / 4, 1 / 4]], [[1 / 5, 4 / 5]]]], dtype=draw.dtype)
    # The heads find (3, 1, 0, 0) and (1, 4, 0, 0); the last projection adds and subtracts them.
    output = torch.tensor([[[4, 5, 0, 0, 2, -3, 0, 0]]], dtype=draw.dtype)
    expect(learners(code, right)(query, key, value), (output, weights), axes=ATTENTION)


@core("MultiHeadAttention.forward", 1)
def test_each_head_attends_by_itself(code, draw, expect):
    right = draw_right(draw)
    expect.agrees(learners(code, right), right, *draw_inputs(draw), axes=ATTENTION)


@core("MultiHeadAttention.forward", 0.85)
def test_scores_are_divided_by_the_root_of_d_head(code, draw, expect):
    draw.size("head=3"), draw.size("d_head=7")
    right = draw_right(draw)
    expect.agrees(learners(code, right), right, *draw_inputs(draw), axes=ATTENTION)


@core("MultiHeadAttention.forward", 0.45)
def test_weights_of_each_head_sum_to_one_over_the_keys(code, draw, expect):
    right = draw_right(draw)
    result = learners(code, right)(*draw_inputs(draw))
    expect.tuple_of(result, 2)
    shape = draw.shape("batch head query key")
    weights = expect.tensor(result[1], shape, what="the weights of MultiHeadAttention(query, key, value)")
    ones = torch.ones(shape[:3], dtype=draw.dtype)
    expect(weights.sum(-1), ones, axes="batch head query", what="the sum of each head's row of the weights")


@core("MultiHeadAttention.forward", 0.15)
@pytest.mark.parametrize("axes", MASKS, ids=[axes.replace(" ", "-") for axes in MASKS])
def test_a_mask_holds_for_every_head(code, draw, expect, axes):
    right = draw_right(draw)
    inputs = draw_inputs(draw)
    expect.agrees(learners(code, right), right, *inputs, allowed=draw_mask(draw, axes), axes=ATTENTION)


@core("MultiHeadAttention.forward", 0.45)
def test_weights_are_exactly_zero_where_not_allowed(code, draw, expect):
    right = draw_right(draw)
    query, key, value = draw_inputs(draw)
    mine = learners(code, right)
    expect_zeros(expect, mine, right, query, key, value, draw_mask(draw))
    q, k = (reference.split_heads(part, right.num_heads) for part in (right.q_proj(query), right.k_proj(key)))
    scores = (q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))).detach()
    row, _, asks, lowest = np.unravel_index(int(scores.argmin()), scores.shape)
    allowed = draw_mask(draw)
    allowed[row, asks] = torch.arange(key.size(1)) == lowest  # of all scores the smallest
    scale = math.sqrt(3e4 / -float(scores.min()))  # makes it about -3e4
    expect_zeros(expect, mine, right, query * scale, key * scale, value, allowed)


@core("MultiHeadAttention.forward", 0.85)
def test_a_query_without_allowed_keys_gets_weights_of_zero(code, draw, expect):
    right = draw_right(draw)
    inputs, allowed = draw_inputs(draw), hide_all_keys(draw_mask(draw))
    expect_zeros(expect, learners(code, right), right, *inputs, allowed)


@core("MultiHeadAttention.forward", 0.45)
def test_what_forbidden_positions_hold_changes_nothing(code, draw, expect):
    right = draw_right(draw)
    query, key, value = draw_inputs(draw)
    allowed = draw_mask(draw, "batch 1 key")
    hidden = ~allowed.transpose(1, 2).expand_as(key)
    mine, clean = learners(code, right), right(query, key, value, allowed)
    for garbage in (1e4, -1e4):
        dirty = [part.masked_fill(hidden, garbage) for part in (key, value)]
        expect(mine(query, *dirty, allowed), tuple(part.detach() for part in clean), axes=ATTENTION)
    query = query * 100  # with the last garbage: forbidden scores of about 1e6
    expect(
        mine(query, *dirty, allowed), tuple(part.detach() for part in right(query, key, value, allowed)), axes=ATTENTION
    )


@robust("MultiHeadAttention.forward", 0.09)
def test_queries_and_keys_may_be_the_same_sequence(code, draw, expect):
    right = draw_right(draw)
    x = draw("batch length d_model")
    mine = learners(code, right)
    expect.agrees(mine, right, x, x, x, axes=ATTENTION)
    for axes in ("batch length length", "batch 1 length"):
        expect.agrees(mine, right, x, x, x, draw_mask(draw, axes), axes=ATTENTION)
    expect.agrees(mine, right, *(draw("batch length d_model") for _ in range(3)), axes=ATTENTION)  # nor mixed up


@robust("MultiHeadAttention.forward", 0.04)
@pytest.mark.parametrize("axes", MASKS[:5], ids=[axes.replace(" ", "-") for axes in MASKS[:5]])
def test_a_mask_finds_its_axes_where_sizes_are_equal(code, draw, expect, axes):
    for name in ("batch", "head", "query", "key"):
        draw.size(f"{name}=3")
    draw.size("d_head=2")
    right = draw_right(draw)
    inputs = draw_inputs(draw)
    expect.agrees(learners(code, right), right, *inputs, draw_mask(draw, axes), axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.04)
@pytest.mark.parametrize("axes", MASKS_OF_QUERIES, ids=[axes.replace(" ", "-") for axes in MASKS_OF_QUERIES])
def test_a_mask_may_say_the_same_of_every_key(code, draw, expect, axes):
    right = draw_right(draw)
    inputs, mine, allowed = draw_inputs(draw), learners(code, right), draw_mask(draw, axes)
    for mask in (allowed, ~allowed):
        expect.agrees(mine, right, *inputs, mask, axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.09)
def test_scores_of_size_ten_thousand_do_not_overflow(code, draw, expect):
    right = draw_right(draw)
    query, key, value = draw_inputs(draw)
    expect.agrees(learners(code, right), right, query * 100, key * 100, value, axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.09, structural=True)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_results_keep_the_dtype_of_the_input(code, draw, expect, dtype):
    right = draw_right(draw).to(dtype)
    inputs, mine = draw_inputs(draw, dtype), learners(code, right)
    split = reference.split_heads(inputs[0], right.num_heads)
    results = [code.split_heads(inputs[0], right.num_heads), code.concat_heads(split)]
    for result in (*results, *mine(*inputs), *mine(*inputs, hide_all_keys(draw_mask(draw)))):
        expect.same_dtype(result, dtype)


@robust("MultiHeadAttention.forward", 0.09)
def test_float64_and_float32_are_as_exact_as_they_can_be(code, draw, expect):
    right = draw_right(draw)
    expect.exact(learners(code, right), right, *draw_inputs(draw), draw_mask(draw), axes=ATTENTION)
    right.float()
    inputs = draw_inputs(draw, torch.float32)
    expect.agrees(learners(code, right), right, *inputs, draw_mask(draw), axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.02)
@pytest.mark.parametrize("ones", ["batch", "query", "key", "head", "d_head", "head d_head"])
def test_any_size_may_be_one(code, draw, expect, ones):
    for name in ones.split():
        draw.size(f"{name}=1")
    right = draw_right(draw)
    inputs, mine = draw_inputs(draw), learners(code, right)
    expect.agrees(code.split_heads, reference.split_heads, inputs[0], right.num_heads)
    expect.agrees(code.concat_heads, reference.concat_heads, draw("batch head query d_head"))
    expect.agrees(mine, right, *inputs, axes=ATTENTION)
    expect.agrees(mine, right, *inputs, draw_mask(draw), axes=ATTENTION)
    expect.agrees(mine, right, *inputs, draw_mask(draw, "query key"), axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.02)
@pytest.mark.parametrize(
    "sizes",
    ["batch=17 head=9 d_head=8", "batch=1 head=2 d_head=2 query=1100", "batch=1 head=2 d_head=2 key=1100"],
    ids=["heads", "queries", "keys"],
)
def test_no_size_is_too_large(code, draw, expect, sizes):
    for axis in sizes.split():
        draw.size(axis)
    right = draw_right(draw)
    query, key, value = draw_inputs(draw)
    allowed = draw_mask(draw, "batch 1 key")
    allowed[..., -2:] = True
    query = query * 0.1  # no key takes it all
    expect.agrees(code.split_heads, reference.split_heads, query, right.num_heads)
    expect.agrees(code.concat_heads, reference.concat_heads, draw("batch head query d_head"))
    expect.agrees(learners(code, right), right, query, key, value, allowed, axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.08)
def test_inputs_need_not_be_contiguous(code, draw, expect):
    right = draw_right(draw)
    inputs = [draw.non_contiguous(tensor) for tensor in draw_inputs(draw)]
    split = draw.non_contiguous(draw("batch head query d_head"))
    expect.agrees(code.split_heads, reference.split_heads, inputs[0], right.num_heads)
    expect.agrees(code.concat_heads, reference.concat_heads, split)
    expect.agrees(learners(code, right), right, *inputs, draw.non_contiguous(draw_mask(draw)), axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.09)
def test_a_call_knows_nothing_of_other_calls_and_modules(code, draw, expect):
    right = draw_right(draw)
    mine = learners(code, right)
    learners(code, draw.module(reference.MultiHeadAttention, right.q_proj.in_features, 1))
    for masked in (True, False, True):
        inputs = draw_inputs(draw)
        expect.agrees(mine, right, *inputs, draw_mask(draw) if masked else None, axes=ATTENTION)
    longer = [draw(f"{axis} d_model") for axis in ("2 9", "2 8", "2 8")]
    expect.agrees(mine, right, *longer, axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.2)
def test_gradients_reach_every_input_and_every_weight(code, draw, expect):
    _, heads = draw_widths(draw)
    expect.gradients(code.split_heads, reference.split_heads, draw("batch length d_model"), heads)
    expect.gradients(code.concat_heads, reference.concat_heads, draw("batch head length d_head"))
    right = draw_right(draw)
    expect.gradients(learners(code, right), right, *draw_inputs(draw))
    expect.gradients(learners(code, right.train()), right, *draw_inputs(draw), draw_mask(draw))


@robust("MultiHeadAttention.forward", 0.09)
def test_gradients_are_finite_where_nothing_is_allowed(code, draw, expect):
    right = draw_right(draw)
    query, key, value = draw_inputs(draw)
    allowed = draw_mask(draw, "batch 1 key").expand(draw.shape("batch query key"))
    hidden = ~allowed[:, :1].transpose(1, 2).expand_as(key)
    dirty = [part.masked_fill(hidden, 1e4) for part in (key, value)]
    expect.gradients(learners(code, right), right, query, *dirty, hide_all_keys(allowed))


@robust("MultiHeadAttention.forward", 0.09, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    right = draw_right(draw)
    inputs, mine = draw_inputs(draw), learners(code, right)
    expect.agrees(code.split_heads, reference.split_heads, inputs[0], right.num_heads)
    expect.agrees(code.concat_heads, reference.concat_heads, draw("batch head length d_head"))
    for allowed in (None, draw_mask(draw)):
        expect.agrees(mine, right, *inputs, allowed, axes=ATTENTION)


@robust("MultiHeadAttention.forward", 0.09, structural=True)
def test_inputs_weights_and_global_state_are_left_alone(code, draw, expect):
    code.watch_random_state()
    for dtype in (torch.float32, torch.float64):
        right = draw_right(draw).to(dtype)
        inputs, mine = draw_inputs(draw, dtype), learners(code, right)
        code.split_heads(inputs[0], right.num_heads)
        code.concat_heads(draw("batch head query d_head", dtype=dtype))
        mine(*inputs)
        mine(*inputs, hide_all_keys(draw_mask(draw)))
        for axes in ("query key", "batch 1 key"):
            mine(*inputs, draw_mask(draw, axes))
        strided = [draw.non_contiguous(tensor) for tensor in (*inputs, draw_mask(draw))]
        code.split_heads(strided[0], right.num_heads)
        code.concat_heads(draw.non_contiguous(draw("batch head query d_head", dtype=dtype)))
        mine(*strided)
        after = mine.parameters()
        for name, parameter in right.named_parameters():
            expect(after.get(name), parameter.detach(), what=f"{name} after the call")
    expect.no_side_effects()


@robust("MultiHeadAttention.forward", 0.09, structural=True)
def test_no_library_call_does_the_work(code, draw, expect):
    code.watch_every_call()
    right = draw_right(draw)
    inputs, mine = draw_inputs(draw), learners(code, right)
    code.split_heads(inputs[0], right.num_heads)
    code.concat_heads(draw("batch head query d_head"))
    mine(*inputs)
    mine(*inputs, hide_all_keys(draw_mask(draw)))
    expect.no_shortcuts()
