"""Exercise 1: the encoder: a sequence becomes one vector.

You build one step of an LSTM (`lstm_cell`), then the loop that reads a batch of sequences and ends in one
vector for each, the context (`encode`).

Sequences are right-padded: row b holds lengths[b] real tokens, then padding, which may be any finite numbers
up to 1e4 in size. Inputs are float32 or float64, may be non-contiguous and are not modified. Any size may
be 1. Results have the inputs' dtype and device and pass gradients to every floating input.

Not allowed, as each would do the whole exercise: nn.LSTM, nn.LSTMCell, and every nn.GRU and nn.RNN class.

Source: Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate of
Gers et al. 2000, https://doi.org/10.1162/089976600300015015. The equations: documentation of nn.LSTMCell.
Lesson: exercises/ex01_encoder.md
"""

import torch
from torch import Tensor


def lstm_cell(x: Tensor, h: Tensor, c: Tensor, w_x: Tensor, w_h: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Read one token: update what the cell remembers, and decide what it shows.

    w_x x + w_h h + bias stacks four blocks of `hidden` rows each, in PyTorch's order: input gate i, forget
    gate f, cell candidate g, output gate o. The gates go through a sigmoid, the candidate through a tanh.

        c' = f * c + i * g        h' = o * tanh(c')

    Args:
        x: (batch, d_in), one token per row.
        h: (batch, hidden), what the cell showed after the previous token.
        c: (batch, hidden), what it remembered then.
        w_x: (4*hidden, d_in).
        w_h: (4*hidden, hidden).
        bias: (4*hidden,); nn.LSTMCell has two, which are added.

    Returns:
        (h', c'), each (batch, hidden).
    """
    gates = x @ w_x.T + h @ w_h.T + bias  # (batch, d_in), (batch, hidden) -> (batch, 4*hidden)
    i, f, g, o = gates.chunk(4, dim=-1)  # (batch, 4*hidden) -> four times (batch, hidden)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return h, c


def encode(x: Tensor, lengths: Tensor, w_x: Tensor, w_h: Tensor, bias: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Read every sequence from left to right, starting with h and c at zero, and stop at its end.

    A row's state is frozen after its last REAL token: what padding holds changes neither the outputs nor the
    state nor any gradient.

    Args:
        x: (batch, source, d_in), right-padded.
        lengths: (batch,) int64 on x's device, 1 <= length <= source.
        w_x: (4*hidden, d_in), as in `lstm_cell`.
        w_h: (4*hidden, hidden).
        bias: (4*hidden,).

    Returns:
        outputs (batch, source, hidden): h after each real token, exactly 0 at padding; and the pair (h, c),
        each (batch, hidden), after each row's last real token. This pair is the fixed-size context.
    """
    batch, source, _ = x.shape
    h = c = x.new_zeros(batch, w_h.size(1))  # (batch, hidden)
    outputs: list[Tensor] = []
    for position in range(source):
        real = (position < lengths).unsqueeze(-1)  # (batch,) -> (batch, 1)
        next_h, next_c = lstm_cell(x[:, position], h, c, w_x, w_h, bias)
        h, c = torch.where(real, next_h, h), torch.where(real, next_c, c)
        outputs.append(next_h.masked_fill(~real, 0.0))
    return torch.stack(outputs, dim=1), (h, c)  # source times (batch, hidden) -> (batch, source, hidden)
