"""Exercise 10: the decoder: masked self-attention, then cross-attention.

A decoder layer first looks at what has been written, then at the source. You build one layer
(`DecoderLayer`) and the stack (`Decoder`), whose `__init__` you write too.
Multi-head attention is exercise 8; feed-forward and norm are exercise 9; import them.

Inputs are float32 or float64, may be non-contiguous and are not modified; any size may be 1. Results have the
inputs' dtype and device and pass gradients to every floating input. Names of submodules are fixed:
weights are loaded by name.

Not allowed, as each would do most of the exercise: every nn.Transformer class, nn.LayerNorm, F.layer_norm,
F.group_norm, F.scaled_dot_product_attention, nn.MultiheadAttention, F.multi_head_attention_forward.

Source: Vaswani et al. 2017, "Attention Is All You Need", sections 3.1 and 3.2.3,
https://arxiv.org/abs/1706.03762
Lesson: exercises/ex10_decoder_layer.md
"""

from torch import Tensor, nn

from exercises.ex08_multi_head import MultiHeadAttention
from exercises.ex09_encoder_layer import FeedForward, LayerNorm


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention, feed-forward, each inside a residual connection that ends in a norm.

    Args:
        d_model: features of a token, in and out.
        num_heads: heads of both attentions.
        d_ff: features inside the feed-forward network.
        dropout: the probability in every dropout of the layer.
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.0) -> None:  # given
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.cross_attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.norm_1 = LayerNorm(d_model)
        self.norm_2 = LayerNorm(d_model)
        self.norm_3 = LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        target_allowed: Tensor | None = None,
        source_allowed: Tensor | None = None,
    ) -> Tensor:
        """Apply the three sublayers in order, POST-norm as in the paper.

        1. Self-attention over x, under target_allowed; ends in norm_1.
        2. Cross-attention: queries from the target, keys and values from memory, under source_allowed; ends
           in norm_2.
        3. Feed-forward; ends in norm_3.

        Each sublayer's result goes through `dropout`, is added to what the sublayer was given, and the sum is
        normalised.

        Args:
            x: (batch, target, d_model), the target side.
            memory: (batch, source, d_model), the encoder's result; source may differ from target.
            target_allowed: bool, (target, target) or (batch, target, target); True = may be attended to.
            source_allowed: bool, (target, source) or (batch, target, source).
                In both masks an axis may be 1 and is then broadcast; None allows everything.

        Returns:
            (batch, target, d_model).
        """
        written, _ = self.self_attention(x, x, x, target_allowed)  # (batch, target, d_model)
        x = self.norm_1(x + self.dropout(written))
        read, _ = self.cross_attention(x, memory, memory, source_allowed)  # (batch, target, d_model)
        x = self.norm_2(x + self.dropout(read))
        output: Tensor = self.norm_3(x + self.dropout(self.feed_forward(x)))
        return output


class Decoder(nn.Module):
    """A stack of decoder layers; the paper has 6."""

    def __init__(self, num_layers: int, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.0) -> None:
        """Make `self.layers`: num_layers (at least 1) DecoderLayers, each made with the other arguments.

        The layers are independent: no two share a parameter (equal initial values are fine). All of their
        parameters belong to the stack: `parameters()` lists them and `.to()` moves them.
        """
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        target_allowed: Tensor | None = None,
        source_allowed: Tensor | None = None,
    ) -> Tensor:
        """Send x through all layers in order. Every layer sees the same memory and the same masks.

        Args:
            x: (batch, target, d_model).
            memory: (batch, source, d_model).
            target_allowed, source_allowed: as in `DecoderLayer.forward`.

        Returns:
            (batch, target, d_model).
        """
        for layer in self.layers:
            x = layer(x, memory, target_allowed, source_allowed)
        return x
