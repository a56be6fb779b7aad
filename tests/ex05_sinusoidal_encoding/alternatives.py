"""Other ways to be right in exercise 5."""

import math

import torch

from grader.authoring import alternative
from solutions import ex05_sinusoidal_encoding as reference


def checked(length, d_model):
    if d_model < 1:
        raise ValueError(f"d_model is {d_model}" + (f", length is {length}" if length < 0 else ""))
    if length < 0:
        raise ValueError(f"length is {length}")


@alternative
def sinusoidal_encoding__loops(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """One entry at a time, with Python's own sine and cosine."""
    checked(length, d_model)
    table = torch.zeros(length, d_model, dtype=torch.float64)
    wave = (math.sin, math.cos)
    for column in range(d_model):
        divisor = base ** ((column - column % 2) / d_model)
        values = [wave[column % 2](position / divisor) for position in range(length)]
        table[:, column] = torch.tensor(values, dtype=torch.float64)
    return table.to(device=device, dtype=dtype)


@alternative
def sinusoidal_encoding__exponentials_in_float32(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The usual exp of a logarithm, in float32 unless float64 is asked for; the odd column is cut off at the end."""
    checked(length, d_model)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    rates = torch.exp(torch.arange(0, d_model, 2, dtype=wide, device=device) * (-math.log(base) / d_model))
    angles = torch.arange(length, dtype=wide, device=device).unsqueeze(1) * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :d_model].to(dtype)


@alternative
def sinusoidal_encoding__power_in_float32(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Divides by a power; an nn.Parameter that needs no gradient at first."""
    checked(length, d_model)
    wide = torch.promote_types(dtype, torch.float32)
    columns = torch.arange(d_model, device=device)
    exponents = (columns - columns % 2).to(wide) / d_model
    angles = torch.arange(length, device=device, dtype=wide)[:, None] / torch.pow(base, exponents)
    table = torch.where(columns % 2 == 0, angles.sin(), angles.cos())
    return torch.nn.Parameter(table, requires_grad=False).data.to(dtype)


@alternative
def sinusoidal_encoding__cosine_is_a_shifted_sine(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Only sines: a quarter of a turn makes the cosines; numbers are numpy's until the end."""
    import numpy as np

    checked(length, d_model)
    columns = np.arange(d_model)
    angles = np.arange(length)[:, None] / base ** ((columns // 2 * 2) / d_model)
    return torch.from_numpy(np.sin(angles + columns % 2 * np.pi / 2)).to(device=device, dtype=dtype)


@alternative
def sinusoidal_encoding__turning_numbers(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Complex numbers on the unit circle: the imaginary part is the sine, the real part the cosine."""
    checked(length, d_model)
    rates = base ** (-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), rates)
    turned = torch.view_as_real(torch.polar(torch.ones_like(angles), angles)).flip(-1)
    return turned.reshape(length, 2 * len(rates))[:, :d_model].to(device=device, dtype=dtype)


@alternative
def add_positions__one_sequence_at_a_time(x):
    """Loops over the batch; the table is as wide as it can be and converted late."""
    table = reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=torch.float64).to(x.device)
    return torch.stack([(sequence.double() + table).to(x.dtype) for sequence in x])


@alternative
def add_positions__cut_from_a_long_table(x):
    """Cuts the rows out of a table of 5000, and prints."""
    table = reference.sinusoidal_encoding(5000, x.shape[-1], device=x.device, dtype=x.dtype)
    print("table", table.shape)
    return x + table[: x.shape[1]].unsqueeze(0).expand_as(x)
