"""Exercise 4: attention weights: looking back at the source.

One vector is not enough for a long sentence. With attention the decoder, at every step, scores all the
encoder's states (`dot_scores` or `additive_scores`), turns the scores into weights (`attention_weights`), and
mixes the states by them (`context_vector`).

Sequences are right-padded with any finite numbers up to 1e4 in size; lengths are (batch,) int64 on the
scores' device with 1 <= length <= source. Inputs are float32 or float64, may be non-contiguous and are not
modified; any size may be 1. Results have the inputs' dtype and device and pass gradients to all of them.

Source: Bahdanau et al. 2015, section 3.1 and appendix A.1.2, https://arxiv.org/abs/1409.0473;
Luong et al. 2015, section 3.1, https://arxiv.org/abs/1508.04025
Lesson: exercises/ex04_attention_weights.md
"""

import torch
from torch import Tensor


def dot_scores(query: Tensor, keys: Tensor) -> Tensor:
    """Score each source position by its dot product with the query. Nothing is scaled.

    Args:
        query: (batch, hidden), the decoder's state.
        keys: (batch, source, hidden), the encoder's states.

    Returns:
        (batch, source).

    Source: Luong et al. 2015, section 3.1, "dot".
    """
    scores = keys @ query.unsqueeze(-1)  # (batch, source, hidden) x (batch, hidden, 1) -> (batch, source, 1)
    return scores.squeeze(-1)  # (batch, source, 1) -> (batch, source)


def additive_scores(query: Tensor, keys: Tensor, w_query: Tensor, w_key: Tensor, v: Tensor) -> Tensor:
    """Score each source position with a small network: v . tanh(w_query q + w_key k).

    Args:
        query: (batch, d_query), the decoder's state.
        keys: (batch, source, d_key), the encoder's states; d_key may differ from d_query.
        w_query: (d_attn, d_query), applied to the query.
        w_key: (d_attn, d_key), applied to every key.
        v: (d_attn,), turns d_attn features into one score.

    Returns:
        (batch, source).

    Source: Bahdanau et al. 2015, appendix A.1.2.
    """
    projected_query = query @ w_query.T  # (batch, d_query) x (d_query, d_attn) -> (batch, d_attn)
    projected_keys = keys @ w_key.T  # (batch, source, d_key) x (d_key, d_attn) -> (batch, source, d_attn)
    features = torch.tanh(projected_query.unsqueeze(1) + projected_keys)  # (batch, source, d_attn)
    return features @ v  # (batch, source, d_attn) x (d_attn,) -> (batch, source)


def attention_weights(scores: Tensor, lengths: Tensor) -> Tensor:
    """Turn scores into weights: a softmax over the real source positions of each row.

    Args:
        scores: (batch, source); at padding any finite number, which must have no effect. Scores of size
            1e4 must not overflow.
        lengths: (batch,) int64, how many source positions of each row are real.

    Returns:
        (batch, source): exactly 0 on padding, and every row sums to 1.
    """
    positions = torch.arange(scores.size(1), device=scores.device)  # (source,)
    padding = positions >= lengths.unsqueeze(-1)  # (source,) >= (batch, 1) -> (batch, source)
    return torch.softmax(scores.masked_fill(padding, -torch.inf), dim=-1)


def context_vector(weights: Tensor, values: Tensor) -> Tensor:
    """Mix the values of the source positions by their weights.

    Args:
        weights: (batch, source).
        values: (batch, source, d_value), usually the encoder's states.

    Returns:
        (batch, d_value): for each row the weighted sum of its values.
    """
    row = weights.unsqueeze(1)  # (batch, source) -> (batch, 1, source)
    context = row @ values  # (batch, 1, source) x (batch, source, d_value) -> (batch, 1, d_value)
    return context.squeeze(1)  # (batch, 1, d_value) -> (batch, d_value)
