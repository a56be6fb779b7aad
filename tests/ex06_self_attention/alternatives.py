"""Other ways to be right in exercise 6."""

import math

import torch
import torch.nn.functional as F

from grader.authoring import alternative
from solutions import ex06_self_attention as reference


@alternative
def project_qkv__one_matrix(x, w_q, w_k, w_v):
    """One product with the three matrices side by side, split afterwards."""
    joint = x @ torch.cat([w_q, w_k, w_v], dim=-1)
    return joint.split([w_q.size(-1), w_k.size(-1), w_v.size(-1)], dim=-1)


@alternative
def attention_scores__einsum(q, k):
    """einsum, and the scale applied to the query first."""
    return torch.einsum("...qd,...kd->...qk", q * q.size(-1) ** -0.5, k)


@alternative
def attention_scores__loops(q, k):
    """One dot product at a time."""
    scale = q.size(-1) ** 0.5
    rows = [
        torch.stack([(q[..., i, :] * k[..., j, :]).sum(-1) / scale for j in range(k.size(-2))], dim=-1)
        for i in range(q.size(-2))
    ]
    return torch.stack(rows, dim=-2)


@alternative
def self_attention__own_softmax(x, w_q, w_k, w_v):
    """A softmax written by hand, its maximum subtracted; prints; returns a list."""
    print("shapes", x.shape)
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    scores = reference.attention_scores(q, k)
    exponentials = (scores - scores.amax(-1, keepdim=True)).exp()
    weights = exponentials / exponentials.sum(-1, keepdim=True)
    return [torch.einsum("bqk,bkd->bqd", weights, v), weights]


@alternative
def attention_scores__fourth_roots(q, k):
    """Both sides are divided by the fourth root of d_k; the leading axes are merged and split again."""
    root = q.size(-1) ** 0.25
    flat_q, flat_k = (t.reshape(-1, *t.shape[-2:]) / root for t in (q, k))
    return torch.bmm(flat_q, flat_k.mT).reshape(*q.shape[:-1], k.size(-2))


@alternative
def self_attention__one_sentence_at_a_time(x, w_q, w_k, w_v):
    """A loop over the batch, everything written again inside it."""
    outputs, weights = [], []
    for tokens in x:
        scores = (tokens @ w_q) @ (tokens @ w_k).T / w_q.size(1) ** 0.5
        weights.append((scores - scores.logsumexp(1, keepdim=True)).exp())
        outputs.append((weights[-1][:, :, None] * (tokens @ w_v)[None]).sum(1))
    return torch.stack(outputs), torch.stack(weights)


@alternative
def project_qkv__matmul(x, w_q, w_k, w_v):
    """torch.matmul, a list."""
    return [torch.matmul(x, w) for w in (w_q, w_k, w_v)]


@alternative
def project_qkv__linear(x, w_q, w_k, w_v):
    """F.linear with the matrices transposed into its layout."""
    return F.linear(x, w_q.t()), F.linear(x, w_k.t()), F.linear(x, w_v.t())


@alternative
def project_qkv__einsum(x, w_q, w_k, w_v):
    """einsum."""
    return tuple(torch.einsum("bld,dk->blk", x, w) for w in (w_q, w_k, w_v))


@alternative
def project_qkv__flat(x, w_q, w_k, w_v):
    """All tokens as one list of rows."""
    rows = x.reshape(-1, x.shape[-1])
    return tuple(rows.mm(w).view(x.shape[0], x.shape[1], w.shape[1]) for w in (w_q, w_k, w_v))


@alternative
def project_qkv__tensordot(x, w_q, w_k, w_v):
    """tensordot over the features."""
    q, k, v = (torch.tensordot(x, w, dims=([2], [0])) for w in (w_q, w_k, w_v))
    return q, k, v


@alternative
def attention_scores__annotated(q, k):
    """matmul, math.sqrt."""
    return torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(q.size(-1))


@alternative
def attention_scores__numpy_root(q, k):
    """numpy's root, divided in place of the product."""
    import numpy as np

    scores = torch.matmul(q, torch.transpose(k, -1, -2))
    scores /= np.sqrt(k.shape[-1])
    return scores


@alternative
def attention_scores__root_as_a_tensor(q, k):
    """The root of a tensor that has the dtype and device of q."""
    d_k = torch.tensor(k.size(-1), dtype=q.dtype, device=q.device)
    return (q @ k.mT) * torch.rsqrt(d_k)


@alternative
def attention_scores__broadcast(q, k):
    """Every query beside every key, multiplied and summed; scaled by a power."""
    return (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(dim=-1).mul(k.size(-1) ** -0.5)


@alternative
def attention_scores__linear(q, k):
    """The queries scaled first, the keys' axes swapped."""
    q = q / float(q.shape[-1]) ** 0.5
    return torch.matmul(q, k.swapaxes(-1, -2))


@alternative
def self_attention__textbook(x, w_q, w_k, w_v):
    """F.softmax, bmm, everything written out."""
    queries, keys, values = torch.matmul(x, w_q), torch.matmul(x, w_k), torch.matmul(x, w_v)
    d = queries.shape[-1]
    scores = torch.bmm(queries, keys.transpose(1, 2)) / math.sqrt(d)
    attention = F.softmax(scores, dim=-1)
    return torch.bmm(attention, values), attention


@alternative
def self_attention__module_softmax(x, w_q, w_k, w_v):
    """nn.Softmax, einsum with other letters, scores from the learner's own functions."""
    query, key, value = reference.project_qkv(x, w_q, w_k, w_v)
    p_attn = torch.nn.Softmax(dim=2)(reference.attention_scores(query, key))
    return torch.einsum("nqk,nkd->nqd", [p_attn, value]), p_attn


@alternative
def self_attention__maximum_detached(x, w_q, w_k, w_v):
    """A softmax by hand, its maximum found by max and cut off from the graph."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    scores = reference.attention_scores(q, k)
    numerator = torch.exp(scores - scores.max(dim=-1, keepdim=True)[0].detach())
    weights = numerator / torch.sum(numerator, dim=-1, keepdim=True)
    return torch.matmul(weights, v), weights


@alternative
def self_attention__query_by_query(x, w_q, w_k, w_v):
    """One query after another, as a lesson begins; a list of contexts stacked."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    contexts, weights = [], []
    for t in range(x.size(1)):
        score = (q[:, t : t + 1] * k).sum(-1) / q.size(-1) ** 0.5
        weight = torch.softmax(score, dim=-1)
        weights.append(weight)
        contexts.append((weight.unsqueeze(-1) * v).sum(1))
    return torch.stack(contexts, 1), torch.stack(weights, 1)


@alternative
def self_attention__entry_by_entry(x, w_q, w_k, w_v):
    """Loops over sentences, queries and keys: slow, and right."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    outputs, weights = [], []
    for b in range(x.size(0)):
        for i in range(x.size(1)):
            row = torch.stack([torch.dot(q[b, i], k[b, j]) / math.sqrt(q.size(-1)) for j in range(x.size(1))])
            weights.append(row.softmax(dim=0))
            outputs.append(weights[-1] @ v[b])
    return torch.stack(outputs).view(*x.shape[:2], -1), torch.stack(weights).view(*x.shape[:2], -1)


@alternative
def self_attention__log_softmax(x, w_q, w_k, w_v):
    """The exponential of log_softmax, the output as a transposed product."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = reference.attention_scores(q, k).log_softmax(-1).exp()
    return (v.transpose(1, 2) @ weights.transpose(1, 2)).transpose(1, 2), weights
