"""Exercise 9: the encoder: feed-forward, residual, norm, stack.

You build layer normalisation (`LayerNorm`), the network that every token goes through on its own
(`FeedForward`), one layer (`EncoderLayer`), and the stack (`Encoder`), whose `__init__` you write too. Import
exercise 8.

Inputs are float32 or float64, may be non-contiguous and are not modified; any size may be 1. Results have the
inputs' dtype and device and pass gradients on. Weights are loaded by name, so names of submodules are fixed.

Not allowed, as each would do most of the exercise: nn.LayerNorm, F.layer_norm, F.group_norm, every
nn.Transformer class, F.scaled_dot_product_attention, nn.MultiheadAttention, F.multi_head_attention_forward.

Source: Vaswani et al. 2017, "Attention Is All You Need", sections 3.1, 3.3 and 5.4,
https://arxiv.org/abs/1706.03762; Ba et al. 2016, "Layer Normalization", https://arxiv.org/abs/1607.06450
Lesson: exercises/ex09_encoder_layer.md
"""

import torch
from torch import Tensor, nn

from exercises.ex08_multi_head import MultiHeadAttention


class LayerNorm(nn.Module):
    """Shift and scale every token to mean 0 and variance 1, then to what `weight` and `bias` say."""

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:  # given
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last axis alone, then multiply by weight and add bias. Shapes are kept.

        x is (..., d_model). The variance is the biased one: the mean of the squared deviations, divided by
        d_model and not by d_model - 1. eps is added to it inside the root: equal features stay finite.
        """
        # TODO: your code
        raise NotImplementedError("forward is unwritten")


class FeedForward(nn.Module):
    """Two linear maps with a ReLU between, to d_ff features and back, the same for every token."""

    def __init__(self, d_model: int, d_ff: int, dropout: float = 0.0) -> None:  # given
        super().__init__()
        self.linear_in = nn.Linear(d_model, d_ff)
        self.linear_out = nn.Linear(d_ff, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Widen, ReLU, drop, narrow, in this order: (..., d_model), same shape. No token sees another."""
        # TODO: your code
        raise NotImplementedError("forward is unwritten")


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward, each inside a residual connection that ends in a norm."""

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.0) -> None:  # given
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.norm_1 = LayerNorm(d_model)
        self.norm_2 = LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Apply both sublayers, POST-norm as in the paper: the norm comes after the sum.

        Each sublayer's result goes through `dropout`, is added to what the sublayer was given, and the sum is
        normalised: with norm_1 after self-attention (x is query, key and value), with norm_2 after
        feed-forward.

        Args:
            x: (batch, length, d_model).
            allowed: bool, (length, length) or (batch, length, length), where an axis may be 1; True = may be
                attended to. None: everything.

        Returns:
            (batch, length, d_model).
        """
        # TODO: your code
        raise NotImplementedError("forward is unwritten")


class Encoder(nn.Module):
    """A stack of encoder layers; the paper has 6."""

    def __init__(self, num_layers: int, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.0) -> None:
        """Make `self.layers`: num_layers (at least 1) EncoderLayers, each made with the other arguments.

        The layers are independent: no two share a parameter (equal initial values are fine). All of their
        parameters belong to the stack: `parameters()` lists them and `.to()` moves them.
        """
        # TODO: your code
        raise NotImplementedError("__init__ is unwritten")

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Send x (batch, length, d_model) through all layers in order, under the same mask; same shape."""
        # TODO: your code
        raise NotImplementedError("forward is unwritten")
