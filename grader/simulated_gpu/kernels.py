"""The fused LSTM cell of a GPU, for which the CPU has no kernel: what `grader/pretend.py` computes `nn.LSTM` with."""

from __future__ import annotations

import torch
from torch import Tensor


def lstm_cell(
    from_input: Tensor, from_hidden: Tensor, c: Tensor, bias: Tensor | None = None, other_bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """New h, new c and, for the way back, the four gates: `aten::_thnn_fused_lstm_cell`."""
    stacked = from_input + from_hidden
    for one in (bias, other_bias):
        stacked = stacked if one is None else stacked + one
    i, f, g, o = stacked.chunk(4, dim=1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g
    return o * c.tanh(), c, torch.cat([i, f, g, o], dim=1)


def lstm_cell_backward(
    grad_h: Tensor | None, grad_c: Tensor | None, old_c: Tensor, c: Tensor, gates: Tensor, has_bias: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The gradients of what the gates were before their sigmoids, of the old c, of the bias."""
    grad_h = torch.zeros_like(c) if grad_h is None else grad_h
    grad_c = torch.zeros_like(c) if grad_c is None else grad_c
    i, f, g, o = gates.chunk(4, dim=1)
    shown = c.tanh()
    grad_c = grad_c + grad_h * o * (1 - shown * shown)
    inner = [grad_c * g * i * (1 - i), grad_c * old_c * f * (1 - f), grad_c * i * (1 - g * g)]
    stacked = torch.cat([*inner, grad_h * shown * o * (1 - o)], dim=1)
    return stacked, grad_c * f, stacked.sum(0) if has_bias else None
