"""Exercise 5: sinusoidal positional encoding.

Attention does not know the position of a token; the sum of its embedding and a pattern of waves does. You
build the table of waves (`sinusoidal_encoding`), then add it to a batch of embedded tokens (`add_positions`).

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.5, https://arxiv.org/abs/1706.03762
Lesson: exercises/ex05_sinusoidal_encoding.md
"""

import torch
from torch import Tensor


def sinusoidal_encoding(
    length: int,
    d_model: int,
    base: float = 10000.0,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Make the table whose row p is added to the token at position p.

    Columns come in pairs. Pair i, columns 2i and 2i + 1, holds the sine and the cosine of ONE angle:

        angle(p, i) = p / base^(2i / d_model)

    The first row is position 0. If d_model is odd, the last column is a sine without its cosine.

    Args:
        length: how many positions, at least 0; 0 gives a table without rows.
        d_model: how many columns, at least 1.
        base: the paper's 10000; a larger base makes the slowest wave longer.
        device: where the table is made; None is torch's default.
        dtype: the dtype of the table; whatever it is, compute in float32 or wider.

    Returns:
        (length, d_model), requiring no gradient. For length up to 5000 it is within 1e-6 of the formula in
        float64, within 1e-3 in float32, and as close as possible in float16 and bfloat16.

    Raises:
        ValueError: d_model < 1 or length < 0. The message contains each number that is wrong.
    """
    # TODO: your code
    raise NotImplementedError("sinusoidal_encoding is unwritten")


def add_positions(x: Tensor) -> Tensor:
    """Add to every token the row of its position, the same for every sequence of the batch.

    Args:
        x: (batch, length, d_model), embedded tokens. It is not modified.

    Returns:
        (batch, length, d_model), with x's device and dtype: x plus the table with base 10000.
    """
    # TODO: your code
    raise NotImplementedError("add_positions is unwritten")
