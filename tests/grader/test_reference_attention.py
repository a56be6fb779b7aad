"""The solutions of exercises 5 to 8 against loops over single numbers and against torch's own attention."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solutions import ex05_sinusoidal_encoding as encoding
from solutions import ex06_self_attention as self_attention
from solutions import ex07_masked_attention as masked
from solutions import ex08_multi_head as multi_head

HALVES = [torch.float16, torch.bfloat16]


def close(actual: Tensor, expected: Any, tolerance: float = 1e-10) -> None:
    expected = expected.detach().numpy() if isinstance(expected, Tensor) else np.asarray(expected)
    assert tuple(actual.shape) == expected.shape
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=tolerance, atol=tolerance, equal_nan=False)


def randn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 31 * sum(shape))
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def attention_by_loops(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """One sequence, one number at a time: q (query, d_k), k (key, d_k), v (key, d_v), allowed (query, key)."""
    weights = np.zeros((len(q), len(k)))
    for i in range(len(q)):
        seen = [j for j in range(len(k)) if allowed[i, j]]
        scores = [sum(a * b for a, b in zip(q[i].tolist(), k[j].tolist(), strict=True)) for j in seen]
        powers = [math.exp((score - max(scores)) / math.sqrt(q.shape[1])) for score in scores]
        for j, power in zip(seen, powers, strict=True):
            weights[i, j] = power / sum(powers)
    return weights @ v.detach().numpy(), weights


@pytest.mark.parametrize(("length", "d_model", "base"), [
    (7, 6, 10000.0), (5, 7, 10000.0), (4, 1, 10000.0), (1, 8, 10000.0), (0, 3, 10000.0), (9, 5, 17.0), (5000, 10, 10000.0),
])
def test_sinusoidal_encoding_is_the_formula(length: int, d_model: int, base: float) -> None:
    expected = np.zeros((length, d_model))
    for p in range(length):
        for column in range(d_model):
            angle = p / base ** ((column - column % 2) / d_model)
            expected[p, column] = math.cos(angle) if column % 2 else math.sin(angle)
    default = encoding.sinusoidal_encoding(length, d_model, base)
    assert default.dtype == torch.float32
    close(default, expected.astype(np.float32), 1e-6)
    close(encoding.sinusoidal_encoding(length, d_model, base, dtype=torch.float64), expected)
    for dtype in HALVES:
        half = encoding.sinusoidal_encoding(length, d_model, base, dtype=dtype)
        assert half.dtype == dtype
        close(half.double(), torch.tensor(expected).reshape(length, d_model).to(dtype).double(), 1e-12)


@pytest.mark.parametrize(("length", "d_model", "wrong"), [(3, 0, ["0"]), (-4, 6, ["-4"]), (-17, -29, ["-17", "-29"])])
def test_sinusoidal_encoding_names_every_bad_size(length: int, d_model: int, wrong: list[str]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is what the next line looks at
        encoding.sinusoidal_encoding(length, d_model)
    assert set(wrong) <= set(str(caught.value).split())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_add_positions_adds_the_same_table_to_every_row(dtype: torch.dtype) -> None:
    x = randn(5, 3, 6).transpose(0, 1).to(dtype).requires_grad_()
    before = x.detach().clone()
    actual = encoding.add_positions(x)
    assert actual.dtype == dtype
    for b in range(3):
        for p in range(5):
            waves = [(math.cos if n % 2 else math.sin)(p / 10000 ** ((n - n % 2) / 6)) for n in range(6)]
            close(actual[b, p].double(), before[b, p].double() + torch.tensor(waves), 1e-6)
    assert torch.equal(x.detach(), before)
    assert torch.equal(torch.autograd.grad(actual.sum(), x)[0], torch.ones_like(x))


@pytest.mark.parametrize(("batch", "length", "d_model", "d_k", "d_v"), [(2, 5, 6, 4, 3), (3, 4, 2, 7, 5), (1, 1, 1, 1, 1)])
def test_self_attention_is_loops_and_torchs_attention(batch: int, length: int, d_model: int, d_k: int, d_v: int) -> None:
    x = randn(length, batch, d_model).transpose(0, 1).requires_grad_()
    projections = [randn(d_model, d, seed=n).requires_grad_() for n, d in enumerate((d_k, d_k, d_v))]
    q, k, v = self_attention.project_qkv(x, *projections)
    for actual, projection in zip((q, k, v), projections, strict=True):
        close(actual, np.einsum("blm,md->bld", x.detach().numpy(), projection.detach().numpy()))
    output, weights = self_attention.self_attention(x, *projections)
    everything = torch.ones(length, length, dtype=torch.bool)
    for b in range(batch):
        loop_output, loop_weights = attention_by_loops(q[b], k[b], v[b], everything)
        close(output[b], loop_output)
        close(weights[b], loop_weights)
    expected = F.scaled_dot_product_attention(q, k, v)
    probe = randn(*output.shape, seed=6)
    gradients = torch.autograd.grad(output, (x, *projections), probe, retain_graph=True)
    for gradient, wanted in zip(gradients, torch.autograd.grad(expected, (x, *projections), probe), strict=True):
        close(gradient, wanted)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3), (1, 2, 2)])
def test_attention_scores_take_any_leading_axes(leading: tuple[int, ...]) -> None:
    q, k = randn(*leading, 3, 4), randn(*leading, 5, 4, seed=1)
    scores = self_attention.attention_scores(q, k)
    assert scores.shape == (*leading, 3, 5)
    for index in np.ndindex(*leading, 3, 5):
        *front, i, j = index
        close(scores[index], sum(float(a * b) for a, b in zip(q[(*front, i)], k[(*front, j)], strict=True)) / 2)


def test_self_attention_does_not_overflow() -> None:
    x = torch.tensor([[[100.0], [99.0], [-100.0]]])
    one = torch.ones(1, 1)
    _, weights = self_attention.self_attention(x, one, one, one)
    close(weights, [[[1, 0, 0], [1, 0, 0], [0, 0, 1]]], 1e-6)


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
    q, k, v = randn(2, 3, 3, 5), randn(2, 3, 4, 5), randn(2, 3, 4, 2)
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


@pytest.mark.parametrize(("batch", "heads", "length", "d_head"), [(2, 3, 5, 4), (3, 2, 1, 1), (1, 1, 1, 1)])
def test_split_heads_and_concat_heads_move_single_numbers(batch: int, heads: int, length: int, d_head: int) -> None:
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


@pytest.mark.parametrize("allowed", [
    None, ALLOWED[[0, 2]].repeat(2, 1)[:3], ALLOWED[[2]], torch.tensor([[True, True, True, False]]).expand(2, 1, 4),
    torch.stack([ALLOWED[[0, 2, 2]], ALLOWED[[2, 0, 0]]]),
], ids=["none", "query-key", "one-key-mask", "padding", "batch-query-key"])
def test_multi_head_attention_is_torchs_with_the_same_weights(allowed: Tensor | None) -> None:
    module, oracle = multi_head.MultiHeadAttention(6, 3).double(), nn.MultiheadAttention(6, 3, batch_first=True).double()
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
