"""A head built by hand over the learner's table of positions: it looks one word back."""

import torch

from exercises.ex05_sinusoidal_encoding import sinusoidal_encoding
from exercises.lab_training import guarded

BASE = 10000.0


def turn(d_model, steps):
    """The matrix with table[p] @ turn(d_model, k) = table[p + k], for every p."""
    matrix = torch.zeros(d_model, d_model, dtype=torch.float64)
    for i in range(0, d_model, 2):
        angle = torch.tensor(steps / BASE ** (i / d_model), dtype=torch.float64)
        sine, cosine = angle.sin(), angle.cos()
        matrix[i, i], matrix[i, i + 1] = cosine, -sine
        matrix[i + 1, i], matrix[i + 1, i + 1] = sine, cosine
    return matrix


@guarded
def look_back(seed, length, d_model, sharpness, sizes):
    """How much weight the head puts on the word before, for words of each size, and how often it is the largest.

    Returns:
        {"table" (length, d_model), "error" () of the turning, "weight" (sizes,), "share" (sizes,)}.
    """
    table = sinusoidal_encoding(length, d_model, dtype=torch.float64)
    w_q = sharpness * turn(d_model, -1)
    error = (table[1:] @ turn(d_model, -1) - table[:-1]).abs().max()
    random = torch.Generator().manual_seed(seed)
    words = torch.randn(64, length, d_model, generator=random, dtype=torch.float64)
    weights, shares = [], []
    before = torch.arange(length - 1)
    for size in sizes:
        x = table + size * words
        found = torch.softmax((x @ w_q) @ x.transpose(-2, -1) / d_model**0.5, dim=-1)[:, 1:]
        weights.append(found[:, before, before].mean())
        shares.append((found.argmax(-1) == before).double().mean())
    return {"table": table, "error": error, "weight": torch.stack(weights), "share": torch.stack(shares)}
