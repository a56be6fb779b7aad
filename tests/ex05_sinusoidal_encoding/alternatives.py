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


@alternative
def sinusoidal_encoding__annotated(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Sines and cosines written into every other column of zeros, the exponentials in float64."""
    if d_model < 1:
        raise ValueError(f"d_model must be at least 1, got {d_model}")
    if length < 0:
        raise ValueError(f"length must not be negative, got {length}")
    pe = torch.zeros(length, d_model, dtype=torch.float64)
    position = torch.arange(0, length, dtype=torch.float64).unsqueeze(1)
    div_term = torch.exp(torch.arange(0, d_model, 2).double() * -(math.log(base) / d_model))
    pe[:, 0::2] = torch.sin(position * div_term)
    pe[:, 1::2] = torch.cos(position * div_term)[:, : d_model // 2]
    return pe.to(dtype).to(device)


@alternative
def sinusoidal_encoding__angle_of_each_column(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """numpy: one angle for each column, halved by a whole division; sine and cosine written over the angles."""
    import numpy as np

    checked(length, d_model)
    angle_rates = 1 / np.power(base, (2 * (np.arange(d_model)[np.newaxis, :] // 2)) / np.float64(d_model))
    angles = np.arange(length)[:, np.newaxis] * angle_rates
    angles[:, 0::2] = np.sin(angles[:, 0::2])
    angles[:, 1::2] = np.cos(angles[:, 1::2])
    return torch.tensor(angles, dtype=dtype, device=device)


@alternative
def sinusoidal_encoding__numpy_loops(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """numpy, one pair of entries at a time; the ValueError says which number is wrong, one at a time."""
    import numpy as np

    if length < 0:
        raise ValueError(f"negative length: {length}")
    if d_model <= 0:
        raise ValueError(f"d_model is not positive: {d_model}")
    table = np.zeros((length, d_model))
    for k in range(length):
        for i in range((d_model + 1) // 2):
            denominator = np.power(base, 2 * i / d_model)
            table[k, 2 * i] = np.sin(k / denominator)
            if 2 * i + 1 < d_model:
                table[k, 2 * i + 1] = np.cos(k / denominator)
    return torch.as_tensor(table).to(dtype=dtype, device=device)


@alternative
def sinusoidal_encoding__lists(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """A list of rows, as in many tutorials."""
    checked(length, d_model)
    if length == 0:
        return torch.zeros(0, d_model, dtype=dtype, device=device)

    def angles_of(position):
        return [position / base ** (2 * (column // 2) / d_model) for column in range(d_model)]

    rows = torch.tensor([angles_of(position) for position in range(length)], dtype=torch.float64)
    rows[:, 0::2], rows[:, 1::2] = rows[:, 0::2].sin(), rows[:, 1::2].cos()
    return rows.to(dtype).to(device)


@alternative
def sinusoidal_encoding__textbook(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """A batch axis that is taken away at the end; positions reshaped into a column and divided by a power."""
    checked(length, d_model)
    table = torch.zeros((1, length, d_model), dtype=torch.float64)
    x = torch.arange(length, dtype=torch.float64).reshape(-1, 1) / torch.pow(
        base, torch.arange(0, d_model, 2, dtype=torch.float64) / d_model
    )
    table[:, :, 0::2] = torch.sin(x)
    table[:, :, 1::2] = torch.cos(x if d_model % 2 == 0 else x[:, :-1])
    return table.squeeze(0).to(device=device, dtype=dtype)


@alternative
def sinusoidal_encoding__scalar_tensors(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """One entry at a time, each through a tensor of its own: slow, and right."""
    checked(length, d_model)
    table = torch.zeros(length, d_model, dtype=dtype, device=device)
    for position in range(length):
        for column in range(d_model):
            angle = torch.tensor(position / base ** ((column - column % 2) / d_model), dtype=torch.float64)
            table[position, column] = torch.sin(angle) if column % 2 == 0 else torch.cos(angle)
    return table


@alternative
def add_positions__is_cuda(x):
    """A table made on the CPU and moved with `.cuda()` where x is there."""
    table = reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=x.dtype)
    if x.is_cuda:
        table = table.cuda()
    return x + table


@alternative
def add_positions__buffer(x):
    """A table with a batch axis, cut, marked as no parameter, moved by `.to(x)`."""
    _, length, width = x.shape
    pe = reference.sinusoidal_encoding(max(length, 8), width, dtype=torch.float64).unsqueeze(0)
    return x + pe[:, : x.size(1)].requires_grad_(False).to(x)


@alternative
def add_positions__word_by_word(x):
    """A loop over the positions."""
    table = reference.sinusoidal_encoding(x.size(1), x.size(2), device=x.device, dtype=x.dtype)
    return torch.stack([x[:, t] + table[t] for t in range(x.size(1))], dim=1)


@alternative
def add_positions__name_of_the_device(x):
    """The device as a word."""
    device = "cuda" if x.is_cuda else "cpu"
    return torch.add(x, reference.sinusoidal_encoding(*x.shape[1:], 10000.0, device, x.dtype))
