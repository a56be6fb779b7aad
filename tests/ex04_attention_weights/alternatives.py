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


@alternative
def dot_scores__bmm(query, keys):
    """bmm with the query as a column."""
    return torch.bmm(keys, query.unsqueeze(2)).squeeze(2)


@alternative
def dot_scores__row_times_matrix(query, keys):
    """The query as a row times the transposed keys."""
    return torch.matmul(query[:, None, :], keys.permute(0, 2, 1))[:, 0]


@alternative
def dot_scores__summed_products(query, keys):
    """Entry by entry, then summed; the query expanded."""
    return torch.sum(query.unsqueeze(1).expand_as(keys) * keys, dim=2)


@alternative
def additive_scores__bahdanau(query, keys, w_query, w_key, v):
    """The energies as (batch, source, d_attn), v as a column of a matrix."""
    energy = torch.tanh(torch.matmul(query, w_query.transpose(0, 1))[:, None] + torch.matmul(keys, w_key.t()))
    return energy.matmul(v.view(-1, 1)).squeeze(2)


@alternative
def additive_scores__batch_of_v(query, keys, w_query, w_key, v):
    """v repeated for the batch and multiplied by bmm, the query repeated for every word."""
    batch, source, _ = keys.size()
    projected = torch.einsum("bd,ad->ba", query, w_query)
    hidden = projected.repeat(1, source).view(batch, source, -1) + torch.einsum("bsd,ad->bsa", keys, w_key)
    return torch.bmm(v.repeat(batch, 1).unsqueeze(1), hidden.tanh().transpose(1, 2)).squeeze(1)


@alternative
def additive_scores__repeat_interleave(query, keys, w_query, w_key, v):
    """Every pair of query and key as one row."""
    rows = query.repeat_interleave(keys.size(1), dim=0) @ w_query.T + keys.flatten(0, 1) @ w_key.T
    return (rows.tanh() @ v).unflatten(0, keys.shape[:2])


@alternative
def additive_scores__position_by_position(query, keys, w_query, w_key, v):
    """A loop over the source."""
    scores = [((w_query @ query.T + w_key @ keys[:, t].T).tanh() * v[:, None]).sum(0) for t in range(keys.size(1))]
    return torch.stack(scores, dim=1)


@alternative
def attention_weights__masked_softmax(scores, lengths):
    """A mask of float32 positions; a large negative number written into a copy, as a textbook does."""
    mask = torch.arange(scores.size(1), dtype=torch.float32, device=scores.device)[None, :] < lengths[:, None]
    scores = scores.clone()
    scores[~mask] = -1e6
    return F.softmax(scores, dim=-1)


@alternative
def attention_weights__smallest_number(scores, lengths):
    """The smallest number of the dtype."""
    mask = torch.arange(scores.size(1), device=scores.device).expand_as(scores) >= lengths.unsqueeze(1)
    return torch.softmax(scores.masked_fill(mask, torch.finfo(scores.dtype).min), 1)


@alternative
def attention_weights__added(scores, lengths):
    """A mask of ones and zeros, and a billion taken away where it is 0."""
    mask = (torch.arange(scores.size(1)).to(lengths.device) < lengths[:, None]).type_as(scores)
    return torch.softmax(scores + (1.0 - mask) * -1e9, dim=-1)


@alternative
def attention_weights__mask_equals_zero(scores, lengths):
    """A mask built row by row on the CPU and moved with `is_cuda`."""
    mask = torch.zeros(scores.size())
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
    if scores.is_cuda:
        mask = mask.cuda()
    return torch.nn.Softmax(dim=-1)(scores.masked_fill(mask == 0, float("-inf")))


@alternative
def attention_weights__exponentials(scores, lengths):
    """The largest real score subtracted, exponentials, padding put to 0, divided by the sum."""
    real = torch.arange(scores.size(1), device=scores.device)[None] < lengths[:, None]
    largest = scores.masked_fill(~real, -1e30).max(dim=1, keepdim=True).values
    exponentials = torch.where(real, scores - largest, torch.full_like(scores, -1e30)).exp()
    return exponentials / exponentials.sum(1, keepdim=True)


@alternative
def context_vector__row_of_weights(weights, values):
    """bmm with the weights as a row."""
    return torch.bmm(weights.unsqueeze(1), values).squeeze(1)


@alternative
def context_vector__sum_by_einsum(weights, values):
    """einsum."""
    return torch.einsum("bs,bsd->bd", weights, values)


@alternative
def context_vector__running_sum(weights, values):
    """A running sum over the source."""
    context = torch.zeros_like(values[:, 0])
    for t in range(values.size(1)):
        context = context + weights[:, t : t + 1] * values[:, t]
    return context
