"""Exercise 11: the whole Transformer.

All parts exist; you connect them: tokens to vectors (`embed`), the source side (`encode`), the target side
(`decode`), both for training (`forward`), and writing sentences without a teacher (`generate`).
Positions are exercise 5, masks 7, the stacks 9 and 10, greedy decoding 3; import what you need.

Tokens are (batch, length) int64, right-padded with pad_id, with at least one real token per row; any size may
be 1, inputs may be non-contiguous and are not modified. Results are on the tokens' device; floating ones have
the dtype of the model's parameters, float32 or float64. Weights are loaded by name.
Not allowed, as each would do most of the exercise: every nn.Transformer class.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3, figure 1, https://arxiv.org/abs/1706.03762
Lesson: exercises/ex11_transformer.md
"""

import math

import torch
from torch import Tensor, nn

from exercises.ex03_teacher_forcing import greedy_decode
from exercises.ex05_sinusoidal_encoding import add_positions
from exercises.ex07_masked_attention import causal_mask
from exercises.ex09_encoder_layer import Encoder
from exercises.ex10_decoder_layer import Decoder


class Transformer(nn.Module):
    """An encoder and a decoder, with attention in both and between them. Both languages share pad_id."""

    def __init__(
        self,
        source_vocab: int,
        target_vocab: int,
        d_model: int = 64,
        num_heads: int = 4,
        d_ff: int = 128,
        num_layers: int = 2,
        dropout: float = 0.0,
        pad_id: int = 0,
    ) -> None:  # given
        super().__init__()
        self.source_embedding = nn.Embedding(source_vocab, d_model)
        self.target_embedding = nn.Embedding(target_vocab, d_model)
        for embedding in (self.source_embedding, self.target_embedding):
            nn.init.normal_(embedding.weight, std=d_model**-0.5)  # times sqrt(d_model): of the positions' size
        self.encoder = Encoder(num_layers, d_model, num_heads, d_ff, dropout)
        self.decoder = Decoder(num_layers, d_model, num_heads, d_ff, dropout)
        self.output = nn.Linear(d_model, target_vocab)
        self.dropout = nn.Dropout(dropout)
        self.pad_id = pad_id

    def embed(self, tokens: Tensor, embedding: nn.Embedding) -> Tensor:
        """Turn tokens into vectors that know their place: (batch, length) -> (batch, length, d_model).

        Look tokens up in embedding (`source_embedding` or `target_embedding`), multiply by sqrt(d_model), add
        the positions of exercise 5, and apply `dropout` to the sum.
        """
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)  # -> (batch, length, d_model)
        return self.dropout(add_positions(x))

    def encode(self, source: Tensor) -> Tensor:
        """Read the source: (batch, source) -> memory (batch, source, d_model).

        No position attends to padding, so more of it changes no real position. At padding positions memory
        holds any finite numbers.
        """
        allowed = (source != self.pad_id).unsqueeze(1)  # (batch, source) -> (batch, 1, source)
        return self.encoder(self.embed(source, self.source_embedding), allowed)

    def decode(self, decoder_input: Tensor, memory: Tensor, source: Tensor) -> Tensor:
        """Score the next token at every target position.

        A position attends to itself, to what came before it and to the whole source, but never to padding.

        Args:
            decoder_input: (batch, target) int64, what the decoder is fed.
            memory: (batch, source, d_model), what `encode` made of source.
            source: (batch, source) int64, which says where memory is padding.

        Returns:
            logits (batch, target, target_vocab), no softmax; at padding positions any finite numbers.
        """
        past = causal_mask(decoder_input.size(1), device=decoder_input.device)  # (target, target)
        target_allowed = (decoder_input != self.pad_id).unsqueeze(1) & past  # -> (batch, target, target)
        source_allowed = (source != self.pad_id).unsqueeze(1)  # (batch, source) -> (batch, 1, source)
        x = self.embed(decoder_input, self.target_embedding)  # (batch, target) -> (batch, target, d_model)
        x = self.decoder(x, memory, target_allowed, source_allowed)
        return self.output(x)  # (batch, target, d_model) -> (batch, target, target_vocab)

    def forward(self, source: Tensor, decoder_input: Tensor) -> Tensor:
        """Encode, then decode: (batch, source), (batch, target) -> logits (batch, target, target_vocab)."""
        return self.decode(decoder_input, self.encode(source), source)

    def generate(self, source: Tensor, bos_id: int, eos_id: int, max_length: int) -> Tensor:
        """Write sentences greedily: at each step, every row's most likely next token given what it has.

        Works in eval mode, so dropout is off; afterwards the model is in the mode it was in, every submodule
        with it. No gradient is recorded.

        Args:
            source: (batch, source) int64.
            bos_id, eos_id: the target tokens that begin and end a sentence.
            max_length: the largest number of columns, at least 1.

        Returns:
            (batch, length) int64 without bos: each row through its first eos, then pad_id, as long as the longest row.
        """

        def step(tokens: Tensor, prefix: Tensor) -> tuple[Tensor, Tensor]:
            prefix = torch.cat([prefix, tokens.to(prefix.device).unsqueeze(1)], dim=1)  # one longer
            return self.decode(prefix, memory, source)[:, -1], prefix  # (batch, target_vocab), (batch, target)

        was = self.training
        self.eval()
        with torch.no_grad():
            memory = self.encode(source)
            written = greedy_decode(step, source[:, :0], len(source), bos_id, eos_id, self.pad_id, max_length)
        self.train(was)
        return written
