"""Other ways to be right in exercise 7."""

import torch

from grader.authoring import alternative


def wide_scores(q, k):
    wide = torch.promote_types(q.dtype, torch.float32)
    return torch.einsum("...qd,...kd->...qk", q.to(wide) * q.size(-1) ** -0.5, k.to(wide))


@alternative
def padding_mask__loops(lengths, max_length):
    """A list of rows, one after the other."""
    rows = [[[position < length for position in range(max_length)]] for length in lengths.tolist()]
    return torch.tensor(rows, dtype=torch.bool, device=lengths.device)


@alternative
def padding_mask__cumulative(lengths, max_length):
    """Counts up along a row of ones and compares with <=."""
    counted = torch.ones(len(lengths), 1, max_length, dtype=torch.long, device=lengths.device).cumsum(-1)
    return counted.le(lengths.view(-1, 1, 1))


@alternative
def causal_mask__inverted_triu(length, device=None):
    """Not the future: the complement of the upper triangle above the diagonal, as 0 and 1 at first."""
    return torch.triu(torch.ones(length, length), diagonal=1).eq(0).to(device or "cpu")


@alternative
def causal_mask__comparison(length, device=None):
    """Key positions in a row, query positions in a column."""
    positions = torch.arange(length, device=device)
    return positions[None, :] <= positions[:, None]


@alternative
def decoder_mask__by_positions(lengths, max_length):
    """One loop over the rows of the batch that fills in a triangle."""
    allowed = torch.zeros(len(lengths), max_length, max_length, dtype=torch.bool, device=lengths.device)
    for row, length in enumerate(lengths.tolist()):
        for query in range(max_length):
            allowed[row, query, : min(query + 1, length)] = True
    return allowed


@alternative
def masked_attention__minus_infinity_but_for_empty_rows(q, k, v, allowed):
    """Minus infinity where a row has an allowed key, 0 where it has none; zeros put in afterwards; a list."""
    some = allowed.any(-1, keepdim=True)
    scores = wide_scores(q, k).masked_fill(~allowed & some, -torch.inf)
    weights = torch.where(allowed, torch.softmax(scores, dim=-1), 0.0)
    return [torch.einsum("...qk,...kd->...qd", weights, v.to(weights.dtype)).to(q.dtype), weights.to(q.dtype)]


@alternative
def masked_attention__nan_to_num_behind_masked_fill(q, k, v, allowed):
    """Minus infinity everywhere; NaN becomes 0, and masked_fill's own gradient is 0 where it filled."""
    weights = torch.softmax(wide_scores(q, k).masked_fill(~allowed, -torch.inf), dim=-1).nan_to_num(0.0)
    return (weights @ v.to(weights.dtype)).to(q.dtype), weights.to(q.dtype)


@alternative
def masked_attention__large_negative_number(q, k, v, allowed):
    """-1e9 is added to forbidden scores, and forbidden weights are multiplied by 0."""
    scores = wide_scores(q, k)
    scores = scores + (1 - allowed.to(scores.dtype)) * -1e9
    weights = torch.softmax(scores, dim=-1) * allowed
    return (weights @ v.to(weights.dtype)).to(q.dtype), weights.to(q.dtype)


@alternative
def masked_attention__own_softmax(q, k, v, allowed):
    """A softmax by hand over the allowed scores, its divisor kept away from 0."""
    scores = wide_scores(q, k)
    shifted = scores - scores.masked_fill(~allowed, -1e30).amax(-1, keepdim=True)
    exponentials = shifted.masked_fill(~allowed, -1e30).exp() * allowed
    total = exponentials.sum(-1, keepdim=True)
    weights = exponentials / torch.where(total == 0, torch.ones_like(total), total)
    return (weights @ v.to(weights.dtype)).to(q.dtype), weights.to(q.dtype)


@alternative
def masked_attention__narrow_throughout(q, k, v, allowed):
    """Computed in the dtype that came in, with the lowest number of that dtype."""
    scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
    scores = torch.where(allowed, scores, torch.finfo(q.dtype).min)
    weights = torch.where(allowed, torch.softmax(scores, dim=-1), 0.0).to(q.dtype)
    return weights @ v, weights


@alternative
def masked_attention__one_query_at_a_time(q, k, v, allowed):
    """Loops over the leading axes and the queries, and looks at the allowed keys alone."""
    leading, keys = q.shape[:-2], k.size(-2)
    full = allowed.expand(*leading, q.size(-2), keys).reshape(-1, q.size(-2), keys)
    outputs, weights = [], []
    flat = [tensor.reshape(-1, *tensor.shape[-2:]) for tensor in (q, k, v)]
    for some_q, some_k, some_v, mask in zip(*flat, full, strict=True):
        for row, may in zip(some_q, mask, strict=True):
            seen = may.nonzero().squeeze(-1)
            share = torch.softmax((some_k[seen].double() @ row.double()) / len(row) ** 0.5, dim=0)
            outputs.append((share @ some_v[seen].double()).to(q.dtype))
            weights.append(torch.zeros(keys, dtype=share.dtype, device=q.device).index_copy(0, seen, share))
    shape = (*leading, q.size(-2))
    return torch.stack(outputs).view(*shape, v.size(-1)), torch.stack(weights).view(*shape, keys).to(q.dtype)
