"""Exercise 2: sequence to sequence, with the input reversed.

Two LSTMs translate: one reads the source, its last state starts the other, which writes the target. Reading
the source backwards puts its first words next to the first words of the target. You build the reversal
(`reverse_source`), then the two methods of the model (`Seq2Seq.encode`, `Seq2Seq.forward`).

Sequences are right-padded, padding is a valid token id, lengths are (batch,) int64 on the tokens' device with
1 <= length <= padded length. Inputs may be non-contiguous and are not modified; any size may be 1. Results
are on the inputs' device; the model's have the dtype of its parameters, float32 or float64.

Source: Sutskever et al. 2014, "Sequence to Sequence Learning with Neural Networks", section 3.3 (reversing),
section 2 (the model), https://arxiv.org/abs/1409.3215
Lesson: exercises/ex02_reverse_input.md
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


def reverse_source(tokens: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the real tokens of every row; padding stays where it is, as it is.

    Args:
        tokens: (batch, source), any integer dtype, right-padded.
        lengths: (batch,) int64.

    Returns:
        (batch, source), tokens' dtype: the first lengths[b] entries of row b in reverse order, the rest as
        they were.
    """
    batch, source = tokens.shape
    positions = torch.arange(source, device=tokens.device)  # (source,)
    last = lengths.unsqueeze(-1) - 1  # (batch,) -> (batch, 1)
    taken_from = torch.where(positions <= last, last - positions, positions)  # (batch, source)
    rows = torch.arange(batch, device=tokens.device).unsqueeze(-1)  # (batch, 1)
    return tokens[rows, taken_from]  # (batch, 1), (batch, source) -> (batch, source)


class Seq2Seq(nn.Module):
    """An encoder LSTM and a decoder LSTM that meet in one state.

    Args:
        source_vocab: ids in the source language.
        target_vocab: ids in the target language.
        d_embedding: features of an embedded token.
        d_hidden: features of the state.
        reverse: whether the encoder reads the source backwards.
    """

    def __init__(
        self, source_vocab: int, target_vocab: int, d_embedding: int, d_hidden: int, reverse: bool = True
    ) -> None:  # given
        super().__init__()
        self.source_embedding = nn.Embedding(source_vocab, d_embedding)
        self.target_embedding = nn.Embedding(target_vocab, d_embedding)
        self.encoder = nn.LSTM(d_embedding, d_hidden, batch_first=True)
        self.decoder = nn.LSTM(d_embedding, d_hidden, batch_first=True)
        self.output = nn.Linear(d_hidden, target_vocab)
        self.reverse = reverse

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read the source, backwards if `self.reverse`, and keep the encoder's last state.

        The state belongs to the last REAL token read; the encoder never reads padding, so more of it, or
        other ids in it, changes nothing. Rows come in any order of length and keep their order.

        Args:
            source: (batch, source) int64, right-padded.
            lengths: (batch,) int64 on source's device.

        Returns:
            (h, c), each (1, batch, d_hidden): the layout in which nn.LSTM takes its first state.
        """
        if self.reverse:
            source = reverse_source(source, lengths)
        x = self.source_embedding(source)  # (batch, source) -> (batch, source, d_embedding)
        # Packing drops the padding. It wants its lengths on the CPU, wherever the tokens are.
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, (h, c) = self.encoder(packed)  # -> (1, batch, d_hidden), twice
        return h, c

    def forward(self, source: Tensor, lengths: Tensor, decoder_input: Tensor) -> Tensor:
        """Score every target token at every target position.

        The decoder starts from the encoder's last state and reads decoder_input from left to right.

        Args:
            source: (batch, source) int64, right-padded.
            lengths: (batch,) int64 on source's device, the lengths of the source.
            decoder_input: (batch, target) int64, what the decoder is fed.

        Returns:
            logits (batch, target, target_vocab); no softmax.
        """
        state = self.encode(source, lengths)
        x = self.target_embedding(decoder_input)  # (batch, target) -> (batch, target, d_embedding)
        outputs, _ = self.decoder(x, state)  # (batch, target, d_embedding) -> (batch, target, d_hidden)
        logits: Tensor = self.output(outputs)  # (batch, target, d_hidden) -> (batch, target, target_vocab)
        return logits
