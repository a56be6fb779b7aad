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
    if d_model < 1 or length < 0:
        raise ValueError(f"need length >= 0 and d_model >= 1, not length {length} and d_model {d_model}")
    # Angles reach the thousands, where float32 is too coarse. The CPU has float64; not every device does.
    positions = torch.arange(length, device="cpu", dtype=torch.float64)  # (length,)
    exponents = torch.arange(0, d_model, 2, device="cpu", dtype=torch.float64) / d_model  # (pairs,)
    angles = positions.unsqueeze(-1) / base**exponents  # (length, 1) / (pairs,) -> (length, pairs)
    table = torch.empty(length, d_model, device=device, dtype=dtype)
    table[:, 0::2] = angles.sin().to(dtype)  # (length, pairs)
    table[:, 1::2] = angles[:, : d_model // 2].cos().to(dtype)  # (length, pairs), one fewer if d_model is odd
    return table


def add_positions(x: Tensor) -> Tensor:
    """Add to every token the row of its position, the same for every sequence of the batch.

    Args:
        x: (batch, length, d_model), embedded tokens. It is not modified.

    Returns:
        (batch, length, d_model), with x's device and dtype: x plus the table with base 10000.
    """
    _, length, d_model = x.shape
    table = sinusoidal_encoding(length, d_model, device=x.device, dtype=x.dtype)  # (length, d_model)
    return x + table  # (batch, length, d_model) + (length, d_model) -> (batch, length, d_model)
