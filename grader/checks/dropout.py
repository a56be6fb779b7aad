"""What dropout may leave of a vector, and whether its mask is new for every call, sentence, token and feature."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import torch
from torch import Tensor

from grader.checks.expect import Expect


def kept(width: int, scale: float = 1.0) -> Tensor:
    """(2 ** width, width): all that dropout may leave of ones, the first row nothing and the last everything."""
    return torch.tensor(list(product([0, 1], repeat=width)), dtype=torch.float64) * scale


def fitting(actual: Tensor, fates: Tensor) -> Tensor:
    """Which masks each token may have had; none where its vector fits no mask.

    Args:
        actual: (batch, target, width).
        fates: (batch, target, ..., width), one axis for each dropout.

    Returns:
        bool (batch, target, ...).
    """
    batch, target, *dropouts, width = fates.shape
    met = actual.to(fates.dtype).reshape(batch * target, 1, width)
    far = torch.cdist(met, fates.reshape(batch * target, -1, width), p=1.0)
    return (far < 1e-8).view(batch, target, *dropouts)


def demand_independent(expect: Expect, draws: Sequence[Tensor], width: int) -> None:
    """Demands a new mask in each call, and that sentences, tokens and features are dropped apart, with dropout 0.25.

    Args:
        expect: what is said of a failure goes through it.
        draws: (batch, target) for each call: which row of `kept(width)` each token met.
        width: the number of features.
    """
    fresh = all(bool((a != b).any()) for a, b in pairwise(draws))
    text = "two forward passes in train mode dropped the same features: the dropout mask was reused"
    expect.that(fresh, text, kind="value")
    text = "two sentences lost the same features: each needs its own mask"
    expect.that(bool((draws[0] != draws[0][:1]).any()), text, kind="value")
    drawn = torch.cat([*draws])  # (call and batch, target)
    text = "two tokens lost the same features: each needs its own mask"
    expect.that(bool((drawn != drawn[:, :1]).any()), text, kind="value")
    mixed = bool(((drawn > 0) & (drawn < 2**width - 1)).any())
    expect.that(mixed, "dropout drops whole tokens; each feature must be dropped independently", kind="value")
    share = float(kept(width)[drawn].mean())
    expect.that(share > 0.5, f"with dropout 0.25, {share:.0%} of the features are kept, expected 75%", kind="value")
