"""The solutions of exercises 7 and 8 against loops over single numbers and against torch's own attention."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solutions import ex07_masked_attention as masked
from solutions import ex08_multi_head as multi_head
from tests.grader.support.references import attention_by_loops, close, randn

HALVES = [torch.float16, torch.bfloat16]


@pytest.mark.parametrize(("lengths", "longest"), [([3, 0, 5], 5), ([1], 1), ([2, 1], 4)])
def test_masks_are_their_definitions(lengths: list[int], longest: int) -> None:
    positions = range(longest)
    real = [[[key < n for key in positions]] for n in lengths]
    past = [[key <= query for key in positions] for query in positions]
    both = [[[key <= query and key < n for key in positions] for query in positions] for n in lengths]
    for actual, expected in (
        (masked.padding_mask(torch.tensor(lengths), longest), real),
        (masked.causal_mask(longest), past),
        (masked.decoder_mask(torch.tensor(lengths), longest), both),
    ):
        assert actual.dtype == torch.bool
        assert actual.tolist() == expected


ALLOWED = torch.tensor([[True, False, True, True], [False, False, False, False], [False, True, False, False]])


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_masked_attention_is_loops_and_torchs_attention(leading: tuple[int, ...]) -> None:
    q, k, v = (randn(*leading, n, d, seed=n).requires_grad_() for n, d in ((3, 5), (4, 5), (4, 2)))
    output, weights = masked.masked_attention(q, k, v, ALLOWED)
    for index in np.ndindex(*leading):
        loop_output, loop_weights = attention_by_loops(q[index], k[index], v[index], ALLOWED)
        close(output[index], loop_output)
        close(weights[index], loop_weights)
    seeing = [0, 2]  # torch's attention is asked only about queries that see something
    expected = F.scaled_dot_product_attention(q[..., seeing, :], k, v, attn_mask=ALLOWED[seeing])
    close(output[..., seeing, :], expected)
    probe = randn(*output.shape, seed=3)
    gradients = torch.autograd.grad(output, (q, k, v), probe, retain_graph=True)
    wanted = torch.autograd.grad(expected, (q, k, v), probe[..., seeing, :])
    for gradient, want in zip(gradients, wanted, strict=True):
        close(gradient, want)


@pytest.mark.parametrize("shape", [(2, 1, 1, 4), (2, 1, 3, 4), (3, 1), (1, 1, 1, 1), (4,)])
def test_masked_attention_broadcasts_its_mask(shape: tuple[int, ...]) -> None:
    q, k, v = randn(2, 3, 3, 5) * 1e3, randn(2, 3, 4, 5) * 1e2, randn(2, 3, 4, 2)  # scores far below -1e4
    allowed = randn(*shape) > -0.5
    output, weights = masked.masked_attention(q, k, v, allowed)
    for index in np.ndindex(2, 3):
        loop = attention_by_loops(q[index], k[index], v[index], allowed.expand(2, 3, 3, 4)[index])
        close(output[index], loop[0])
        close(weights[index], loop[1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, *HALVES], ids=str)
def test_masked_attention_is_untouched_by_garbage_it_may_not_see(dtype: torch.dtype) -> None:
    q, k, v = (randn(2, n, 5, seed=n).to(dtype) for n in (3, 4, 4))
    allowed = torch.tensor([[True, False, True, False], [False] * 4, [True, False, False, False]])
    output, weights = masked.masked_attention(q, k, v, allowed)
    q[:, 1], k[:, 1], k[:, 3], v[:, 1], v[:, 3] = 1e4, 1e4, -1e4, -1e4, 1e4
    inputs = [tensor.requires_grad_() for tensor in (q, k, v)]
    same_output, same_weights = masked.masked_attention(*inputs, allowed)
    assert output.dtype == weights.dtype == dtype
    assert torch.equal(output, same_output)
    assert torch.equal(weights, same_weights)
    assert not weights[:, ~allowed].any()
    assert not output[:, 1].any()
    tolerance = 4 * torch.finfo(dtype).eps
    close(weights.sum(-1).double(), [[1, 0, 1]] * 2, tolerance)
    exact = masked.masked_attention(*(tensor.double() for tensor in (q, k, v)), allowed)
    close(same_output.double(), exact[0], tolerance)
    for gradient in torch.autograd.grad(same_output.sum() + same_weights.square().sum(), inputs):
        assert gradient.isfinite().all()
        assert gradient.any()
        assert not gradient[:, 1].any()


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_masked_attention_in_half_precision_survives_scores_beyond_its_range(dtype: torch.dtype) -> None:
    q = torch.tensor([[300.0, 300.0], [300.0, -300.0]], dtype=dtype)
    output, weights = masked.masked_attention(q, q, q, torch.ones(2, 2, dtype=torch.bool))
    close(weights.double(), [[1, 0], [0, 1]])
    close(output.double(), q.double())


@pytest.mark.parametrize("sizes", [(2, 3, 5, 4), (3, 2, 1, 1), (1, 1, 1, 1)])
def test_split_heads_and_concat_heads_move_single_numbers(sizes: tuple[int, int, int, int]) -> None:
    batch, heads, length, d_head = sizes
    x = randn(length, batch, heads * d_head).transpose(0, 1)
    split = multi_head.split_heads(x, heads)
    assert split.shape == (batch, heads, length, d_head)
    for b, h, t, n in np.ndindex(*split.shape):
        assert split[b, h, t, n] == x[b, t, h * d_head + n]
    assert torch.equal(multi_head.concat_heads(split), x)
    assert torch.equal(multi_head.concat_heads(split.contiguous()), x)


def test_split_heads_names_both_numbers_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"(?=.*\b10\b)(?=.*\b4\b)"):
        multi_head.split_heads(randn(2, 3, 10), 4)
    with pytest.raises(ValueError, match=r"(?=.*\b6\b)(?=.*\b4\b)"):
        multi_head.MultiHeadAttention(6, 4)(torch.zeros(1, 2, 6), torch.zeros(1, 2, 6), torch.zeros(1, 2, 6))


@pytest.mark.parametrize(
    "allowed",
    [
        None,
        ALLOWED[[0, 2, 0]],
        ALLOWED[[2]],
        torch.tensor([[[True] * 3 + [False]], [[True] + [False] * 3]]),
        torch.stack([ALLOWED[[0, 2, 2]], ALLOWED[[2, 0, 0]]]),
    ],
    ids=["none", "query-key", "one-key-mask", "padding", "batch-query-key"],
)
def test_multi_head_attention_is_torchs_with_the_same_weights(allowed: Tensor | None) -> None:
    module = multi_head.MultiHeadAttention(6, 3).double()
    oracle = nn.MultiheadAttention(6, 3, batch_first=True).double()
    parts = [module.q_proj, module.k_proj, module.v_proj]
    nn.init.normal_(module.out_proj.bias)
    oracle.in_proj_weight.data = torch.cat([part.weight.data for part in parts])
    oracle.in_proj_bias.data = torch.cat([nn.init.normal_(part.bias.data) for part in parts])
    oracle.out_proj.load_state_dict(module.out_proj.state_dict())
    inputs = [randn(2, n, 6, seed=seed).requires_grad_() for seed, n in enumerate((3, 4, 4))]
    forbidden = None if allowed is None else ~allowed.expand(2, 3, 4).repeat_interleave(3, dim=0)
    expected, expected_weights = oracle(*inputs, attn_mask=forbidden, average_attn_weights=False)
    output, weights = module(*inputs, allowed)
    close(output, expected)
    close(weights, expected_weights)
    probe = randn(2, 3, 6, seed=7)
    gradients = torch.autograd.grad(output, inputs, probe)
    for gradient, wanted in zip(gradients, torch.autograd.grad(expected, inputs, probe), strict=True):
        close(gradient, wanted)


def test_multi_head_attention_of_a_query_that_sees_nothing_is_the_output_bias() -> None:
    module = multi_head.MultiHeadAttention(4, 2).double()
    x = randn(2, 3, 4)
    x[:, 1] = 1e4
    x.requires_grad_()
    output, weights = module(x, x, x, ALLOWED[:, :3] & torch.tensor([True, False, True]))
    assert not weights[:, :, 1:].any()
    close(output[:, 1:], module.out_proj.bias.expand(2, 2, 4))
    for gradient in torch.autograd.grad(output.sum(), (x, *module.parameters())):
        assert gradient.isfinite().all()
