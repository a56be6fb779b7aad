"""Other ways to be right in exercise 7."""

import math

import numpy
import torch
import torch.nn.functional as F

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


@alternative
def padding_mask__row_by_row(lengths, max_length):
    """A mask of zeros, of which each row's beginning is set."""
    mask = torch.zeros(len(lengths), 1, max_length, dtype=torch.bool, device=lengths.device)
    for row, length in enumerate(lengths):
        mask[row, 0, :length] = True
    return mask


@alternative
def padding_mask__complement(lengths, max_length):
    """ESPnet's way: the mask of padding first, by comparison of two expanded tensors, then its complement."""
    positions = torch.arange(0, max_length, dtype=torch.int64, device=lengths.device)
    expanded = positions.unsqueeze(0).expand(lengths.size(0), max_length)
    is_padding = expanded >= lengths.unsqueeze(-1)
    return (~is_padding).unsqueeze(1)


@alternative
def causal_mask__annotated_transformer(length, device=None):
    """subsequent_mask of The Annotated Transformer, without its axis for the batch."""
    subsequent_mask = torch.triu(torch.ones(length, length, device=device), diagonal=1).type(torch.uint8)
    return subsequent_mask == 0


@alternative
def causal_mask__minus_infinity(length, device=None):
    """nn.Transformer.generate_square_subsequent_mask, turned into bool."""
    return torch.triu(torch.full((length, length), float("-inf"), device=device), diagonal=1) == 0


@alternative
def causal_mask__numpy(length, device=None):
    """numpy's triangle."""
    return torch.from_numpy(numpy.tril(numpy.ones((length, length), dtype=bool))).to(device or torch.device("cpu"))


@alternative
def causal_mask__rows_in_a_loop(length, device=None):
    """A loop that sets the beginning of each row."""
    mask = torch.zeros((length, length), dtype=torch.bool, device=device)
    for i in range(length):
        mask[i, : i + 1] = 1
    return mask


@alternative
def decoder_mask__two_comparisons(lengths, max_length):
    """Two comparisons of positions, joined by logical_and."""
    steps = torch.arange(max_length, device=lengths.device)
    no_peeking = steps.view(1, 1, -1) <= steps.view(1, -1, 1)
    return torch.logical_and(steps[None, None] < lengths[:, None, None], no_peeking)


@alternative
def decoder_mask__multiplied(lengths, max_length):
    """The masks as numbers 0 and 1, multiplied, and back to bool."""
    padding = (torch.arange(max_length, device=lengths.device)[None, :] < lengths[:, None]).long()[:, None, :]
    return (padding * torch.tril(torch.ones_like(padding[:1].expand(-1, max_length, -1)))).bool()


@alternative
def masked_attention__plain(q, k, v, allowed):
    """The plain way, all in the dtype that came in: minus infinity, softmax, and zeros for rows without a key."""
    scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(q.size(-1))
    scores = scores.masked_fill(~allowed, float("-inf"))
    weights = F.softmax(scores, dim=-1)
    weights = weights.masked_fill(~allowed.any(dim=-1, keepdim=True), 0.0)
    return torch.matmul(weights, v), weights


@alternative
def masked_attention__plain_nan_to_num(q, k, v, allowed):
    """The plain way of The Annotated Transformer with minus infinity, and nan_to_num."""
    d_k = q.size(-1)
    scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(d_k)
    p_attn = scores.masked_fill(allowed == 0, float("-inf")).softmax(dim=-1)
    p_attn = torch.nan_to_num(p_attn, nan=0.0)
    return torch.matmul(p_attn, v), p_attn


@alternative
def masked_attention__softmax_in_float32(q, k, v, allowed):
    """As transformers does it: only the softmax is wide; weights and values meet in the dtype that came in."""
    weights = torch.matmul(q, k.transpose(-2, -1)) * q.shape[-1] ** -0.5
    weights = torch.where(allowed, weights, torch.finfo(weights.dtype).min)
    wide = torch.promote_types(q.dtype, torch.float32)
    weights = F.softmax(weights, dim=-1, dtype=wide).to(q.dtype) * allowed
    return torch.matmul(weights, v), weights


@alternative
def masked_attention__where_twice(q, k, v, allowed):
    """`where` before the softmax and after it, with minus infinity."""
    att = (q @ k.mT) * (1.0 / math.sqrt(k.size(-1)))
    att = torch.where(allowed, att, -math.inf)
    att = torch.where(allowed, torch.softmax(att, dim=-1), 0.0)
    return att @ v, att


@alternative
def masked_attention__rows_opened_and_closed(q, k, v, allowed):
    """Rows without a key see everything for the softmax, and get zeros afterwards."""
    blind = allowed.sum(dim=-1, keepdim=True) == 0
    scores = torch.einsum("...ik,...jk->...ij", q, k).div(math.sqrt(q.shape[-1]))
    scores = scores.masked_fill(torch.logical_not(allowed | blind), float("-inf"))
    weights = torch.softmax(scores, dim=-1).masked_fill(blind, 0)
    return torch.einsum("...ij,...jv->...iv", weights, v), weights
