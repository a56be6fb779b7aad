"""Other ways to be right in exercise 4."""

import torch
import torch.nn.functional as F

from grader.authoring import alternative


@alternative
def dot_scores__einsum(query, keys):
    """einsum."""
    return torch.einsum("bh,bsh->bs", query, keys)


@alternative
def dot_scores__loops(query, keys):
    """One sentence and one position at a time; prints."""
    print("source", keys.size(1))
    return torch.stack([torch.stack([key @ q for key in row]) for q, row in zip(query, keys, strict=True)])


@alternative
def additive_scores__linear(query, keys, w_query, w_key, v):
    """F.linear, the query repeated for each position."""
    projected = F.linear(query, w_query).unsqueeze(1).repeat(1, keys.size(1), 1)
    return F.linear(torch.tanh(projected + F.linear(keys, w_key)), v.unsqueeze(0)).squeeze(-1)


@alternative
def additive_scores__concatenated(query, keys, w_query, w_key, v):
    """Query and key side by side, times one wide matrix, and a product that is summed."""
    both = torch.cat([query[:, None].expand(-1, keys.size(1), -1), keys], dim=-1)
    wide = torch.cat([w_query, w_key], dim=-1)
    return ((both @ wide.t()).tanh() * v).sum(-1)


@alternative
def attention_weights__finite_fill(scores, lengths):
    """A large negative number where the reference has minus infinity."""
    allowed = torch.arange(scores.shape[1], device=scores.device)[None, :] < lengths[:, None]
    return F.softmax(torch.where(allowed, scores, torch.full_like(scores, -1e9)), dim=1)


@alternative
def attention_weights__own_softmax(scores, lengths):
    """A softmax written by hand, over the real positions alone, computed in float64."""
    real = torch.arange(scores.size(1), device=scores.device) < lengths.unsqueeze(1)
    kept = scores.double().masked_fill(~real, -torch.inf)
    exponentials = (kept - kept.amax(dim=1, keepdim=True)).exp()
    return (exponentials / exponentials.sum(dim=1, keepdim=True)).to(scores.dtype)


@alternative
def attention_weights__row_by_row(scores, lengths):
    """A softmax of each row's real part, filled up with zeros."""
    source = scores.size(1)
    rows = [F.pad(row[:n].softmax(0), (0, source - n)) for row, n in zip(scores, lengths.tolist(), strict=True)]
    return torch.stack(rows)


@alternative
def attention_weights__logsumexp(scores, lengths):
    """The exponential of scores minus their logsumexp: in float32 less exact near 1e4, but no overflow."""
    real = torch.arange(scores.size(1), device=scores.device) < lengths.unsqueeze(1)
    kept = scores.masked_fill(~real, -torch.inf)
    return (kept - kept.logsumexp(dim=1, keepdim=True)).exp()


@alternative
def context_vector__product_and_sum(weights, values):
    """Multiplied entry by entry, then summed."""
    return (weights[..., None] * values).sum(dim=1)


@alternative
def context_vector__baddbmm(weights, values):
    """The transposed product."""
    return torch.matmul(values.transpose(1, 2), weights.unsqueeze(2)).squeeze(2)
