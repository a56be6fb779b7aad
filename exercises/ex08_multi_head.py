"""Exercise 8: multi-head attention: split, attend, concatenate.

Several small attentions look for several things at once. You build, in this order: cutting d_model into
heads (`split_heads`), gluing the heads together again (`concat_heads`), and the module that projects,
splits, attends in every head, glues and projects once more (`MultiHeadAttention`).
Attention under a mask is exercise 7; import it, or write it again.

Inputs are float32 or float64, may be non-contiguous and are not modified; any size may be 1. Results have the
inputs' dtype and device and pass gradients to every input.

Not allowed, as each would do the whole exercise: F.scaled_dot_product_attention, nn.MultiheadAttention,
F.multi_head_attention_forward.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2, https://arxiv.org/abs/1706.03762
Lesson: exercises/ex08_multi_head.md
"""

import torch
from torch import Tensor, nn

from exercises.ex07_masked_attention import masked_attention


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Cut the last axis into heads and move the heads next to the batch.

    With d_head = d_model / num_heads, head 0 owns the first d_head features of every token, head 1 the next
    d_head, and so on. No head may see a feature of another, nor a feature of another token.

    Args:
        x: (batch, length, d_model).
        num_heads: how many heads, at least 1.

    Returns:
        (batch, head, length, d_head).

    Raises:
        ValueError: d_model is not divisible by num_heads. The message contains both numbers.
    """
    # TODO: your code
    raise NotImplementedError("split_heads is unwritten")


def concat_heads(x: Tensor) -> Tensor:
    """Glue the heads of each token together again: the inverse of `split_heads`.

    Args:
        x: (batch, head, length, d_head).

    Returns:
        (batch, length, head * d_head): for every token the features of head 0, then those of head 1, ...
    """
    # TODO: your code
    raise NotImplementedError("concat_heads is unwritten")


class MultiHeadAttention(nn.Module):
    """Attention in num_heads subspaces at once.

    Args:
        d_model: features of a token, in and out.
        num_heads: how many heads; each has d_model / num_heads features.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:  # given
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Project, split into heads, attend in each head, concatenate, project.

        q_proj, k_proj and v_proj are applied to query, key and value, and out_proj to the concatenated heads.
        Scores are divided by the square root of d_head, the width of ONE head; the softmax runs over the keys
        and must not overflow for scores of size 1e4.

        Args:
            query: (batch, query, d_model).
            key: (batch, key, d_model); there may be more or fewer keys than queries.
            value: (batch, key, d_model).
            allowed: bool, True = may be attended to, the same for every head. Two axes (query, key) or three
                axes (batch, query, key), where an axis may be 1 and is then broadcast. None: every query may
                attend to every key.

        Returns:
            output (batch, query, d_model) and weights (batch, head, query, key). Weights are exactly 0 where
            not allowed. A query with no allowed key has weights 0, so its output is out_proj of a zero
            vector. Gradients are finite everywhere, even for such a query. What key and value hold (finite,
            up to 1e4) where no query may look changes nothing.

        Raises:
            ValueError: d_model is not divisible by num_heads, from `split_heads`.
        """
        # TODO: your code
        raise NotImplementedError("forward is unwritten")
