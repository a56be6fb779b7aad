"""Exercise 7: masked attention: what may be seen.

A mask says which keys a query may attend to. You build, in this order: the mask that hides padding
(`padding_mask`), the mask that hides the future (`causal_mask`), both at once (`decoder_mask`), and
attention that obeys any mask (`masked_attention`).

A mask is always called `allowed`: bool, True = MAY be attended to. That is what
F.scaled_dot_product_attention means by its mask; nn.MultiheadAttention means the opposite.
Sequences are right-padded, any size may be 1, inputs may be non-contiguous and are not modified.

Not allowed, as each would do the whole exercise: F.scaled_dot_product_attention, nn.MultiheadAttention,
F.multi_head_attention_forward.

Source: Vaswani et al. 2017, "Attention Is All You Need", sections 3.2.1 and 3.2.3,
https://arxiv.org/abs/1706.03762
Lesson: exercises/ex07_masked_attention.md
"""

import torch
from torch import Tensor

from exercises.ex06_self_attention import attention_scores


def padding_mask(lengths: Tensor, max_length: int) -> Tensor:
    """Allow the real tokens of each sequence as keys.

    Args:
        lengths: (batch,) int64, 0 <= length <= max_length: how many tokens of each row are real.
        max_length: the padded length.

    Returns:
        (batch, 1, max_length) bool on lengths' device: True at real positions. The axis of size 1 is the
        query's: a key is hidden from every query or from none.
    """
    # TODO: your code
    raise NotImplementedError("padding_mask is unwritten")


def causal_mask(length: int, device: torch.device | str | None = None) -> Tensor:
    """Allow each query itself and what came before it.

    Args:
        length: how many positions; queries and keys are the same sequence.
        device: where the mask is made; None is torch's default.

    Returns:
        (length, length) bool: True where the key's position (column) <= the query's position (row).
    """
    # TODO: your code
    raise NotImplementedError("causal_mask is unwritten")


def decoder_mask(lengths: Tensor, max_length: int) -> Tensor:
    """Allow what is neither padding nor future.

    Args:
        lengths: (batch,) int64, 0 <= length <= max_length.
        max_length: the padded length.

    Returns:
        (batch, max_length, max_length) bool on lengths' device: True where BOTH masks are. Queries that are
        padding get no special treatment: they too may see the real keys that are not after them.
    """
    # TODO: your code
    raise NotImplementedError("decoder_mask is unwritten")


def masked_attention(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Attend to the allowed keys only, with scores divided by sqrt(d_k).

    Two things make this harder than it looks. A query may have no allowed key at all. And forbidden positions
    of k and v may hold any finite number, up to 1e4 in size, or up to 100 in half precision. float16 and
    bfloat16 may be computed in their own dtype or in a wider one.

    Args:
        q: (..., query, d_k), float16, bfloat16, float32 or float64, with any leading axes.
        k: (..., key, d_k), the same dtype and leading axes.
        v: (..., key, d_v), the same dtype and leading axes.
        allowed: bool, broadcastable to (..., query, key); True = may be attended to.

    Returns:
        output (..., query, d_v) and weights (..., query, key) in q's dtype and on its device. Weights are
        exactly 0 where not allowed and sum to 1 over the allowed keys; a query with no allowed key gets
        weights 0 and output 0. What k and v hold at forbidden positions changes neither. Gradients are
        finite everywhere, even for a query with no allowed key, and even where k or v hold such numbers.
        The softmax must not overflow for scores of size 1e4.
    """
    # TODO: your code
    raise NotImplementedError("masked_attention is unwritten")
