"""Returns values of every kind: nested without end, huge, sparse, quantized, foreign."""
import itertools

import torch

loop = []
loop.append(loop)
VALUES = itertools.cycle(
    [
        loop,
        [0] * 100_000,
        {1: 2},
        2**100,
        torch.zeros(2, 2).to_sparse(),
        torch.zeros(1).expand(10**10),
        torch.nn.Linear(2, 2),
        b"x" * 10_000_000,
        "x" * 10_000_000,
        (None, torch.float64, torch.device("cpu")),
        torch.zeros(2, dtype=torch.complex64).conj(),
        object(),
        type,
        float("nan"),
        lambda: 0,
    ]
)
everywhere(lambda *a, **k: next(VALUES))
