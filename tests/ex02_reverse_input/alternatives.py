"""Other ways to be right in exercise 2."""

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

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


@alternative
def reverse_source__sliced_backwards(tokens, lengths):
    """Each row indexed by a range that counts down, the padding joined on again."""
    rows = []
    for row, length in zip(tokens, lengths, strict=True):
        rows.append(torch.cat([row[torch.arange(int(length) - 1, -1, -1)], row[int(length) :]]))
    return torch.stack(rows, dim=0)


@alternative
def reverse_source__numpy(tokens, lengths):
    """numpy's slices with a step of -1, there and back."""
    array = tokens.cpu().numpy().copy()
    for b, n in enumerate(lengths.cpu().numpy()):
        array[b, :n] = array[b, :n][::-1].copy()
    return torch.from_numpy(array).to(tokens.device)


@alternative
def reverse_source__two_indices(tokens, lengths):
    """Rows and columns as two index tensors; `is_cuda` decides where they are."""
    batch, source = tokens.size()
    columns = torch.arange(source).repeat(batch, 1)
    rows = torch.arange(batch).unsqueeze(1)
    if tokens.is_cuda:
        columns, rows = columns.cuda(), rows.cuda()
    last = lengths.view(-1, 1)
    columns = torch.where(columns < last, last - columns - 1, columns)
    return tokens[rows, columns]


@alternative
def reverse_source__rolled(tokens, lengths):
    """The whole row flipped, then rolled to its place, padding overwritten by what it was."""
    flipped = tokens.flip(dims=(1,))
    result = torch.empty_like(tokens)
    for i in range(tokens.size(0)):
        length = lengths[i].item()
        result[i] = torch.roll(flipped[i], shifts=length - tokens.size(1), dims=0)
        result[i, length:] = tokens[i, length:]
    return result


@alternative
def reverse_source__entry_by_entry(tokens, lengths):
    """One id at a time."""
    result = tokens.clone()
    for b in range(tokens.shape[0]):
        n = lengths[b].item()
        for t in range(n):
            result[b, t] = tokens[b, n - 1 - t]
    return result


@alternative
class Seq2Seq__sorted_and_put_back(reference.Seq2Seq):
    """Rows sorted for packing and put back, as it was done before packing did so itself; lengths as a list."""

    def encode(self, source, lengths):
        if self.reverse:
            source = reference.reverse_source(source, lengths)
        sorted_lengths, order = torch.sort(lengths, dim=0, descending=True)
        _, back = torch.sort(order, dim=0)
        embedded = self.source_embedding(source.index_select(0, order))
        packed = pack_padded_sequence(embedded, sorted_lengths.tolist(), batch_first=True)
        outputs, (hidden, cell) = self.encoder(packed)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True)
        return hidden.index_select(1, back), cell[:, back]


@alternative
class Seq2Seq__embedding_reversed(reference.Seq2Seq):
    """The embedded words are reversed, not their ids; the states of all positions are kept and picked from."""

    def encode(self, source, lengths):
        x = self.source_embedding(source)
        if self.reverse:
            place = torch.arange(source.size(1), device=source.device).expand_as(source)
            place = (lengths[:, None] - 1 - place).clamp(min=0)
            x = x.gather(1, place[..., None].expand_as(x))
        h = c = x.new_zeros(1, len(x), self.encoder.hidden_size)
        hs, cs = [], []
        for t in range(x.size(1)):
            _, (h, c) = self.encoder(x[:, t, None].contiguous(), (h, c))
            hs.append(h[0])
            cs.append(c[0])
        rows = torch.arange(len(x), device=x.device)
        return tuple(torch.stack(some)[lengths - 1, rows][None] for some in (hs, cs))


@alternative
class Seq2Seq__tutorial(reference.Seq2Seq):
    """The decoder fed one word at a time, each step's scores put beside the others; state unpacked and packed again."""

    def forward(self, source, lengths, decoder_input):
        hidden, cell = self.encode(source, lengths)
        outputs = []
        for t in range(decoder_input.shape[1]):
            embedded = self.target_embedding(decoder_input[:, t].unsqueeze(1))
            output, (hidden, cell) = self.decoder(embedded, (hidden, cell))
            outputs.append(self.output(output.squeeze(1)))
        return torch.stack(outputs, dim=1)
