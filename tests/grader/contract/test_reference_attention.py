"""The solutions of exercises 4 to 6 against loops over single numbers and against torch's own attention."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from solutions import ex04_attention_weights as weights_of
from solutions import ex05_sinusoidal_encoding as encoding
from solutions import ex06_self_attention as self_attention
from tests.grader.support.references import attention_by_loops, close, randn

HALVES = [torch.float16, torch.bfloat16]


@pytest.mark.parametrize("sizes", [(2, 5, 3, 7, 4), (3, 2, 5, 4, 1), (1, 1, 1, 1, 1)])
def test_attention_over_the_source_is_the_formula(sizes: tuple[int, int, int, int, int]) -> None:
    batch, source, hidden, d_key, d_attn = sizes
    query, keys, wide_keys = randn(batch, hidden), randn(batch, source, hidden), randn(batch, source, d_key)
    w_query, w_key, v = randn(d_attn, hidden), randn(d_attn, d_key), randn(d_attn)
    dots, sums, contexts = np.zeros((batch, source)), np.zeros((batch, source)), np.zeros((batch, d_key))
    weights = randn(batch, source, seed=8)
    for b in range(batch):
        for s in range(source):
            dots[b, s] = sum(float(query[b, n] * keys[b, s, n]) for n in range(hidden))
            features = np.tanh(w_query.numpy() @ query[b].numpy() + w_key.numpy() @ wide_keys[b, s].numpy())
            sums[b, s] = float(v.numpy() @ features)
            contexts[b] += float(weights[b, s]) * wide_keys[b, s].numpy()
    close(weights_of.dot_scores(query, keys), dots)
    close(weights_of.additive_scores(query, wide_keys, w_query, w_key, v), sums)
    close(weights_of.context_vector(weights, wide_keys), contexts)


def test_attention_weights_are_a_softmax_over_the_real_positions() -> None:
    scores, lengths = (randn(3, 5) * 1e4).requires_grad_(), [2, 5, 1]
    scores.data[0] = torch.tensor([-1e4, -1e4 - 1, 1e4, -1e4, 5.0])
    weights = weights_of.attention_weights(scores, torch.tensor(lengths))
    for row, n in enumerate(lengths):
        close(weights[row, :n], F.softmax(scores[row, :n], dim=-1))
        assert not weights[row, n:].any()
    (weights * randn(3, 5, seed=3)).sum().backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert not scores.grad[0, 2:].any()


@pytest.mark.parametrize(
    ("length", "d_model", "base"),
    [
        (7, 6, 1e4),
        (5, 7, 1e4),
        (4, 1, 1e4),
        (1, 8, 1e4),
        (0, 3, 1e4),
        (9, 5, 17.0),
        (5000, 10, 1e4),
    ],
)
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


@pytest.mark.parametrize(
    ("length", "d_model", "wrong"),
    [
        (3, 0, ["0"]),
        (-4, 6, ["-4"]),
        (-17, -29, ["-17", "-29"]),
    ],
)
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


@pytest.mark.parametrize("sizes", [(2, 5, 6, 4, 3), (3, 4, 2, 7, 5), (1, 1, 1, 1, 1)])
def test_self_attention_is_loops_and_torchs_attention(sizes: tuple[int, int, int, int, int]) -> None:
    batch, length, d_model, d_k, d_v = sizes
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
    wanted = torch.autograd.grad(expected, (x, *projections), probe)
    for gradient, want in zip(gradients, wanted, strict=True):
        close(gradient, want)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3), (1, 2, 2)])
def test_attention_scores_take_any_leading_axes(leading: tuple[int, ...]) -> None:
    q, k = randn(*leading, 3, 4), randn(*leading, 5, 4, seed=1)
    scores = self_attention.attention_scores(q, k)
    assert scores.shape == (*leading, 3, 5)
    for index in np.ndindex(*leading, 3, 5):
        *front, i, j = index
        products = [float(q[(*front, i, n)] * k[(*front, j, n)]) for n in range(4)]
        close(scores[index], sum(products) / 2)


def test_self_attention_does_not_overflow() -> None:
    x = torch.tensor([[[100.0], [99.0], [-100.0]]])
    one = torch.ones(1, 1)
    _, weights = self_attention.self_attention(x, one, one, one)
    close(weights, [[[1, 0, 0], [1, 0, 0], [0, 0, 1]]], 1e-6)
