"""Other ways to be right in exercise 1."""

import torch
import torch.nn.functional as F

from grader.authoring import alternative
from solutions import ex01_encoder as reference


@alternative
def lstm_cell__joined(x, h, c, w_x, w_h, bias):
    """One product of the token and h side by side; prints; returns a list."""
    print("shapes", x.shape, h.shape)
    z = F.linear(torch.cat([x, h], dim=1), torch.cat([w_x, w_h], dim=1), bias)
    i, f, g, o = z.unflatten(-1, (4, -1)).unbind(1)
    c = c * f.sigmoid() + i.sigmoid() * g.tanh()
    return [o.sigmoid() * c.tanh(), c]


@alternative
def lstm_cell__sliced(x, h, c, w_x, w_h, bias):
    """One small product for each gate, with einsum, and the sigmoid written as a tanh."""
    size = h.size(1)
    blocks = []
    for k in range(4):
        rows = slice(k * size, (k + 1) * size)
        one = torch.einsum("bd,kd->bk", x, w_x[rows]) + torch.einsum("bh,kh->bk", h, w_h[rows])
        blocks.append(one + bias[rows])
    gate = [(torch.tanh(z / 2) + 1) / 2 for z in blocks]
    c = gate[1] * c + gate[0] * torch.tanh(blocks[2])
    return gate[3] * torch.tanh(c), c


@alternative
def encode__row_by_row(x, lengths, w_x, w_h, bias):
    """One row after another, as far as its length; the padding is never touched."""
    batch, source, _ = x.shape
    outputs, hs, cs = [], [], []
    for row in range(batch):
        h = c = torch.zeros(1, w_h.shape[1], dtype=x.dtype, device=x.device)
        seen = []
        for t in range(lengths[row].item()):
            h, c = reference.lstm_cell(x[row, t : t + 1], h, c, w_x, w_h, bias)
            seen.append(h)
        rest = source - len(seen)
        outputs.append(F.pad(torch.cat(seen), (0, 0, 0, rest)))
        hs.append(h)
        cs.append(c)
    return torch.stack(outputs), (torch.cat(hs), torch.cat(cs))


@alternative
def encode__gathered(x, lengths, w_x, w_h, bias):
    """The token sums of all positions at once, padding zeroed first; the state picked from all states at the end."""
    batch, source, _ = x.shape
    real = (torch.arange(source, device=x.device)[None] < lengths[:, None]).to(x.dtype).unsqueeze(-1)
    z = (x * real).reshape(batch * source, -1) @ w_x.t()
    z = z.reshape(batch, source, -1)
    h = c = x.new_zeros((batch, w_h.size(-1)))
    hs, cs = [], []
    for t in range(source):
        i, f, g, o = torch.split(z[:, t] + h @ w_h.t() + bias, h.size(1), dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        hs.append(h)
        cs.append(c)
    hs, cs = torch.stack(hs, 1), torch.stack(cs, 1)
    rows = torch.arange(batch, device=x.device)
    return [hs * real, [hs[rows, lengths - 1], cs[rows, lengths - 1]]]


@alternative
def encode__blended(x, lengths, w_x, w_h, bias):
    """The state blended by a mask of ones and zeros; outputs written into a tensor of zeros."""
    batch, source, _ = x.shape
    h, c = torch.zeros_like(x[:, 0, :1]).repeat(1, w_h.size(1)), x.new_zeros(batch, w_h.size(1))
    outputs = x.new_zeros(batch, source, w_h.size(1))
    for t in range(source):
        m = (lengths > t).type_as(x)[:, None]
        new_h, new_c = reference.lstm_cell(x[:, t, :], h, c, w_x, w_h, bias)
        h, c = m * new_h + (1 - m) * h, m * new_c + (1 - m) * c
        outputs[:, t] = m * new_h
    return outputs, (h, c)


@alternative
def encode__packed(x, lengths, w_x, w_h, bias):
    """Rows sorted by length and put back; only the rows that still have tokens take a step."""
    order = torch.argsort(lengths, descending=True)
    back = torch.argsort(order)
    x, lengths = x[order], lengths[order]
    h, c = x.new_zeros(x.size(0), w_h.size(1)), x.new_zeros(x.size(0), w_h.size(1))
    outputs = []
    for t in range(x.size(1)):
        live = int((lengths > t).sum())
        if live == 0:
            outputs.append(torch.zeros_like(h))
            continue
        new_h, new_c = reference.lstm_cell(x[:live, t], h[:live], c[:live], w_x, w_h, bias)
        h, c = torch.cat([new_h, h[live:]]), torch.cat([new_c, c[live:]])
        outputs.append(torch.cat([new_h, torch.zeros_like(h[live:])]))
    return torch.stack(outputs, dim=1)[back], (h[back], c[back])


@alternative
def lstm_cell__addmm(x, h, c, w_x, w_h, bias):
    """Two products added by addmm, four slices of columns, sigmoids in place of what nobody else has."""
    hidden = h.shape[1]
    gates = torch.addmm(torch.addmm(bias, x, w_x.t()), h, w_h.t())
    i = gates[:, :hidden].sigmoid()
    f = gates[:, hidden : 2 * hidden].sigmoid()
    g = gates[:, 2 * hidden : 3 * hidden].tanh()
    o = gates[:, 3 * hidden :].sigmoid()
    c = torch.mul(f, c).add(i * g)
    return o * c.tanh(), c


@alternative
def lstm_cell__functional(x, h, c, w_x, w_h, bias):
    """F.linear twice, the bias in one of them, and split(hidden, 1)."""
    gates = F.linear(x, w_x, bias) + F.linear(h, w_h)
    ingate, forgetgate, cellgate, outgate = gates.split(h.size(1), 1)
    ingate, forgetgate, outgate = map(F.sigmoid, (ingate, forgetgate, outgate))
    cy = (forgetgate * c) + (ingate * F.tanh(cellgate))
    return outgate * F.tanh(cy), cy


@alternative
def lstm_cell__columns(x, h, c, w_x, w_h, bias):
    """Vectors as columns, as the papers write it: W x, transposed back at the end."""
    z = torch.mm(w_x, x.T) + torch.mm(w_h, h.T) + bias[:, None]
    i, f, g, o = z.view(4, -1, x.size(0))
    c = (torch.sigmoid(f) * c.T + torch.sigmoid(i) * torch.tanh(g)).T
    return (torch.sigmoid(o) * torch.tanh(c.T)).T, c


@alternative
def encode__as_far_as_the_longest(x, lengths, w_x, w_h, bias):
    """Time first, as far as the longest row; outputs in one tensor of zeros; the state written where it is live."""
    batch, source = x.shape[:2]
    outputs = torch.zeros(batch, source, w_h.shape[1], device=x.device, dtype=x.dtype)
    h = torch.zeros_like(outputs[:, 0])
    c = torch.zeros_like(h)
    for t, token in enumerate(x.transpose(0, 1)[: int(lengths.max())]):
        live = lengths > t
        new_h, new_c = reference.lstm_cell(token, h, c, w_x, w_h, bias)
        h = torch.where(live[:, None], new_h, h)
        c = torch.where(live[:, None], new_c, c)
        outputs[live, t] = new_h[live]
    return outputs, (h, c)


@alternative
def encode__live_rows_only(x, lengths, w_x, w_h, bias):
    """Only the rows that still have tokens take a step; their states are put back by index."""
    h = c = x.new_zeros(len(x), w_h.size(1))
    outputs = []
    for t in range(x.size(1)):
        rows = torch.nonzero(lengths > t).squeeze(1)
        new_h, new_c = reference.lstm_cell(x[rows, t], h[rows], c[rows], w_x, w_h, bias)
        h, c = h.index_copy(0, rows, new_h), c.index_copy(0, rows, new_c)
        outputs.append(torch.zeros_like(h).index_copy(0, rows, new_h))
    return torch.cat(outputs, dim=1).view(len(x), x.size(1), -1), (h, c)


@alternative
def encode__packed_sequence(x, lengths, w_x, w_h, bias):
    """A PackedSequence, walked through by its batch sizes, and padded again."""
    from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    h = c = x.new_zeros(x.size(0), w_h.size(1))
    outputs, ends = [], []
    for token in packed.data.split(packed.batch_sizes.tolist()):
        ended = slice(len(token), len(h))
        ends.insert(0, (h[ended], c[ended]))
        h, c = reference.lstm_cell(token, h[: len(token)], c[: len(token)], w_x, w_h, bias)
        outputs.append(h)
    ends.insert(0, (h, c))
    h, c = (torch.cat(parts)[packed.unsorted_indices] for parts in zip(*ends, strict=True))
    done = PackedSequence(torch.cat(outputs), packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
    return pad_packed_sequence(done, batch_first=True, total_length=x.size(1))[0], (h, c)


@alternative
def encode__loop_over_entries(x, lengths, w_x, w_h, bias):
    """Rows and tokens one by one, written into a tensor of zeros where they are real."""
    outputs = torch.zeros(x.size(0), x.size(1), w_h.size(1)).to(x)
    last_h, last_c = torch.zeros_like(outputs[:, 0]), torch.zeros_like(outputs[:, 0])
    for b in range(x.size(0)):
        h, c = x.new_zeros(1, w_h.size(1)), x.new_zeros(1, w_h.size(1))
        for t in range(x.size(1)):
            if t >= lengths[b]:
                break
            h, c = reference.lstm_cell(x[b, t].unsqueeze(0), h, c, w_x, w_h, bias)
            outputs[b, t] = h.squeeze(0)
        last_h[b], last_c[b] = h[0], c[0]
    return outputs, (last_h, last_c)
