"""What the tests of the references share: comparison, inputs, and attention one number at a time."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor


def close(actual: Tensor, expected: Any, tolerance: float = 1e-10) -> None:
    expected = expected.detach().numpy() if isinstance(expected, Tensor) else np.asarray(expected)
    assert tuple(actual.shape) == expected.shape
    np.testing.assert_allclose(actual.detach().numpy(), expected, tolerance, tolerance, equal_nan=False)


def randn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 31 * sum(shape))
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def attention_by_loops(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor) -> tuple[Any, Any]:
    """One sequence, one score at a time: q (query, d_k), k (key, d_k), v (key, d_v), allowed (query, key)."""
    weights = np.zeros((len(q), len(k)))
    for i in range(len(q)):
        seen = [j for j in range(len(k)) if allowed[i, j]]
        scores = [sum(a * b for a, b in zip(q[i].tolist(), k[j].tolist(), strict=True)) for j in seen]
        powers = [math.exp((score - max(scores)) / math.sqrt(q.shape[1])) for score in scores]
        for j, power in zip(seen, powers, strict=True):
            weights[i, j] = power / sum(powers)
    return weights @ v.detach().numpy(), weights
