"""Other ways to be right in exercise 2."""

import torch
from torch.nn.utils.rnn import pack_sequence

from grader.authoring import alternative
from solutions import ex02_reverse_input as reference


@alternative
def reverse_source__row_by_row(tokens, lengths):
    """One row after another, into a copy."""
    print("lengths", lengths)
    result = tokens.clone()
    for row in range(tokens.size(0)):
        n = int(lengths[row])
        result[row, :n] = tokens[row, :n].flip(0)
    return result


@alternative
def reverse_source__gathered(tokens, lengths):
    """gather with the remainder of a division as position; the padding chosen by a mask."""
    positions = torch.arange(tokens.size(1), device=tokens.device).expand(tokens.shape)
    index = (lengths.unsqueeze(1) - 1 - positions) % lengths.unsqueeze(1)
    return torch.where(positions < lengths.unsqueeze(1), tokens.gather(1, index), tokens)


@alternative
def reverse_source__sorted(tokens, lengths):
    """Positions sorted by a key that counts down in the real part and up in the padding."""
    positions = torch.arange(tokens.size(1), device=tokens.device)
    key = torch.where(positions < lengths[:, None], -positions, positions)
    return torch.take_along_dim(tokens, key.argsort(dim=1), dim=1)


@alternative
def reverse_source__lists(tokens, lengths):
    """Python lists there and back."""
    rows = [row[:n][::-1] + row[n:] for row, n in zip(tokens.tolist(), lengths.tolist(), strict=True)]
    return torch.tensor(rows, dtype=tokens.dtype, device=tokens.device)


@alternative
class Seq2Seq__rows_alone(reference.Seq2Seq):
    """Each row is read alone, as far as its length; the state comes back as a list."""

    def encode(self, source, lengths):
        hs, cs = [], []
        for row, n in zip(source, lengths.tolist(), strict=True):
            tokens = row[:n].flip(0) if self.reverse else row[:n]
            _, (h, c) = self.encoder(self.source_embedding(tokens)[None])
            hs.append(h)
            cs.append(c)
        return [torch.cat(hs, dim=1), torch.cat(cs, dim=1)]

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input)


@alternative
class Seq2Seq__frozen_step_by_step(reference.Seq2Seq):
    """One position at a time; a row that is over keeps its state. The decoder steps too, in a helper."""

    def _steps(self, lstm, x, state, lengths):
        outputs = []
        for t in range(x.size(1)):
            output, (h, c) = lstm(x[:, t : t + 1], state)
            live = (t < lengths)[None, :, None]
            state = (torch.where(live, h, state[0]), torch.where(live, c, state[1]))
            outputs.append(output)
        return torch.cat(outputs, dim=1), state

    def encode(self, source, lengths):
        if self.reverse is True:
            source = reference.reverse_source(source, lengths)
        x = self.source_embedding(source)
        zeros = x.new_zeros(1, x.size(0), self.encoder.hidden_size)
        return self._steps(self.encoder, x, (zeros, zeros), lengths)[1]

    def forward(self, source, lengths, decoder_input):
        x = self.target_embedding(decoder_input)
        every = torch.full_like(lengths, x.size(1))
        return self.output(self._steps(self.decoder, x, self.encode(source, lengths), every)[0])


@alternative
class Seq2Seq__pack_sequence(reference.Seq2Seq):
    """Embedded rows of their own lengths, packed as a list."""

    def encode(self, source, lengths):
        rows = [self.source_embedding(row[: int(n)]) for row, n in zip(source, lengths, strict=True)]
        rows = [row.flip(0) if self.reverse else row for row in rows]
        return self.encoder(pack_sequence(rows, enforce_sorted=False))[-1]
