"""What an LSTM remembers: the gradient that reaches each earlier word, for the learner's `encode`."""

import torch

from exercises.ex01_encoder import encode
from exercises.lab_training import guarded

D_IN, HIDDEN = 16, 32


def weights(seed):
    """Draws as nn.LSTM does, uniformly within 1 / sqrt(hidden); and the generator."""
    random, bound = torch.Generator().manual_seed(seed), HIDDEN**-0.5

    def draw(*shape):
        return (torch.rand(*shape, generator=random, dtype=torch.float64) * 2 - 1) * bound

    return draw, random


@guarded
def gradients(seed, steps):
    """How long the gradient of the last state is at each word: {"rnn", "lstm", "forget"}, each (steps + 1,).

    Entry k belongs to the word k steps before the last one.
    """
    found = {}
    for kind in ("rnn", "lstm", "forget"):
        draw, random = weights(seed)
        x = torch.randn(8, steps + 1, D_IN, generator=random, dtype=torch.float64, requires_grad=True)
        towards = torch.randn(8, HIDDEN, generator=random, dtype=torch.float64)
        if kind == "rnn":
            w_x, w_h, bias = draw(HIDDEN, D_IN), draw(HIDDEN, HIDDEN), draw(HIDDEN)
            h = x.new_zeros(8, HIDDEN)
            for position in range(steps + 1):
                h = torch.tanh(x[:, position] @ w_x.T + h @ w_h.T + bias)
        else:
            w_x, w_h, bias = draw(4 * HIDDEN, D_IN), draw(4 * HIDDEN, HIDDEN), draw(4 * HIDDEN)
            if kind == "forget":
                bias[HIDDEN : 2 * HIDDEN] = 2.0
            _, (h, _) = encode(x, torch.full((8,), steps + 1), w_x, w_h, bias)
        (gradient,) = torch.autograd.grad((h * towards).sum(), x)
        found[kind] = gradient.norm(dim=-1).mean(0).flip(0)  # (batch, word, d_in) -> (word,)
    return found
