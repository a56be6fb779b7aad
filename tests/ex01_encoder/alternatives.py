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
