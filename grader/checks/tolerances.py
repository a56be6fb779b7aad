"""How far off a value may be: by dtype, by device, by the rounding error of correct code; each with its reason."""

from __future__ import annotations

import torch
from torch import Tensor

EXACT = 1e-9
"""What a check of accuracy allows in float64. Correct code differs from a float64 oracle by at most 5.4e-12 (every
operation of the course, 1,000 random shapes each)."""

WITHIN = {
    # What the other checks allow: who computes something inside in float32 is right to seven digits, and fails the
    # exercise's check of accuracy alone.
    torch.float64: 1e-6,
    torch.complex128: 1e-6,
    # float32 without an error-scaled bound, for small hand-worked numbers only: worst measured 2e-6.
    torch.float32: 1e-5,
    # Attention, computed in half precision throughout, against float64: worst measured 2e-3 and 2.1e-2.
    torch.float16: 8e-3,
    torch.bfloat16: 6e-2,
}
"""How far a value may be off, per dtype, times 1 + the size of the expected value."""

ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""The floor under an error-scaled bound, times 1 + the size of the expected value: a few units in the last place."""

ERROR_FACTOR = 10.0
"""An error-scaled bound is this many times the reference's own error in the same dtype. 4 never failed correct code
in 18 operations x 400 shapes; 10 leaves room for another order of summation."""


SLACK = {
    # The figures above were measured here, and here a simulated GPU computes.
    "cpu": 1.0,
    "gpu": 1.0,
    # Measured on an H200 with torch 2.11: the references and 93 other right ways, two seeds, all checks. The largest
    # error was 0.06 of the CPU's bound in float64 and 0.53 in float32 (there 0.04 and 0.55). That holds as long as
    # float32 is not cut to TF32, which is off in torch for products of matrices, and switched off for the LSTM of
    # cuDNN by the process that runs the code. Twice, as other cards sum in another order.
    "cuda": 2.0,
    # Measured nowhere, and torch's documentation promises no equal bits. mps has no float64, so all that runs there
    # has float32's bounds.
    "mps": 10.0,
}
"""How many times wider a bound is where the code worked on this device."""


def widen(tensor: Tensor) -> Tensor:
    """float64 of a floating or integer tensor: exact for every dtype but int64 beyond 2^53."""
    return tensor.detach().to(torch.complex128 if tensor.is_complex() else torch.float64)


def bounds(expected: Tensor, dtype: torch.dtype, within: float | Tensor | None, device: str) -> Tensor:
    """How far each entry may be off: a tensor `within` as it is, a number or the dtype's times 1 + the entry's size."""
    if isinstance(within, Tensor):
        return within.to(torch.float64).nan_to_num(posinf=0.0)
    factor = within if within is not None else WITHIN.get(dtype, 0.0)
    return factor * SLACK[device] * (1 + expected.abs().nan_to_num(posinf=0.0))


def error_scaled(expected: Tensor, same_dtype: Tensor, dtype: torch.dtype, device: str = "cpu") -> Tensor:
    """A bound per entry from the error that the reference itself makes in this dtype.

    Args:
        expected: the reference in float64.
        same_dtype: the reference in `dtype`, on the CPU.
        device: where the value was computed that is compared.
    """
    floor = SLACK[device] * ROUNDING[dtype] * (1 + expected.abs())
    if expected.numel() == 0:
        return floor
    return floor + SLACK[device] * ERROR_FACTOR * (widen(same_dtype) - expected).abs().max().nan_to_num()
