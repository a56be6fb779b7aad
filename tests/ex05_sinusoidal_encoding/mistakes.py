"""Wrong variants of exercise 5, the likeliest first."""

import torch

from grader.authoring import device_mistake, mistake
from solutions import ex05_sinusoidal_encoding as reference

WIDE = torch.float64


def positions_of(length, dtype=WIDE):
    return torch.arange(length).to(dtype).unsqueeze(-1)


def exponents_of(d_model, dtype=WIDE):
    """(pairs,): 0, 2, 4, ... over d_model."""
    return torch.arange(0, d_model, 2).to(dtype) / d_model


def woven(sines, cosines, d_model, device=None, dtype=torch.float32):
    """Angles of the sines and of the cosines, one column of each in turn."""
    table = torch.stack([sines.sin(), cosines.cos()], dim=-1).flatten(1)
    return table[:, :d_model].to(device=device, dtype=dtype)


def table_of(length, d_model, exponents, base=10000.0, device=None, dtype=torch.float32):
    reference.sinusoidal_encoding(length, d_model)
    angles = positions_of(length) / base**exponents
    return woven(angles, angles, d_model, device, dtype)


# ----------------------------------------------------------------------------------------------------- add_positions


@mistake
def add_positions__by_batch(x):
    """Rows of the table are given to the sequences of the batch. They belong to the positions in a sequence."""
    return x + reference.sinusoidal_encoding(x.size(0), x.size(2), dtype=x.dtype).to(x.device).unsqueeze(1)


@mistake
def add_positions__in_place(x):
    """The positions are added in place, so the caller's tensor changes too."""
    with torch.no_grad():
        x += reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=x.dtype).to(x.device)
    return x * 1


@mistake
def add_positions__tokens_scaled(x):
    """The tokens are multiplied by sqrt(d_model) first. Exercise 11 does that elsewhere."""
    return reference.add_positions(x * x.size(-1) ** 0.5)


@mistake
def add_positions__tokens_lost(x):
    """Only the table is returned: the tokens themselves are gone."""
    return reference.add_positions(x * 0)


@mistake
def add_positions__multiplied(x):
    """The tokens are multiplied by the table. It should be added."""
    return x * reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=x.dtype).to(x.device)


@mistake
def add_positions__not_added(x):
    """The tokens come back as they were: no position is added."""
    return x * 1


@mistake
def add_positions__subtracted(x):
    """The table is subtracted. It should be added."""
    return x * 2 - reference.add_positions(x)


@mistake
def add_positions__counted_from_the_end(x):
    """The positions run backwards: the first row belongs to the first token."""
    return x + reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=x.dtype).to(x.device).flip(0)


@mistake
def add_positions__same_row_for_every_token(x):
    """Every token gets the row of the last position. Each position has a row of its own."""
    return x + reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=x.dtype).to(x.device)[-1:]


@mistake
def add_positions__counted_across_the_batch(x):
    """The positions go on counting from one sequence to the next. Each sequence begins at position 0."""
    table = reference.sinusoidal_encoding(x.size(0) * x.size(1), x.size(2), dtype=x.dtype).to(x.device)
    return x + table.view(x.shape)


@mistake
def add_positions__zero_tokens_left_out(x):
    """A token that is all zeros gets no position. Every position has its row of the table."""
    return x + reference.sinusoidal_encoding(*x.shape[1:], device=x.device, dtype=x.dtype) * (x != 0).any(-1, True)


@mistake
def add_positions__float32_table(x):
    """The table is float32 whatever the tokens are, so tokens of half precision come back as float32."""
    return x + reference.sinusoidal_encoding(x.size(1), x.size(2)).to(x.device)


@mistake
def add_positions__float32_returned(x):
    """The sum is converted to float32, whatever the dtype of the input."""
    return reference.add_positions(x).float()


@mistake
def add_positions__squeezed(x):
    """Axes of size 1 are squeezed away, so a batch of one sentence loses its batch axis."""
    return reference.add_positions(x).squeeze()


@mistake
def add_positions__needs_contiguous_tokens(x):
    """`view` is used on the tokens, which fails for a tensor that is not contiguous in memory."""
    return reference.add_positions(x.view(-1).view(x.shape))


@mistake
def add_positions__even_width_only(x):
    """The sum fails for tokens of odd width."""
    return reference.add_positions(x.view(*x.shape[:2], x.size(2) // 2, 2).flatten(2))


@mistake
def add_positions__table_of_fixed_length(x):
    """The rows are cut out of a table of fixed length, so a longer sequence fails."""
    return x + reference.sinusoidal_encoding(1024, x.size(2), dtype=x.dtype).to(x.device)[: x.size(1)]


@mistake
def add_positions__tokens_detached(x):
    """The tokens are cut off from the graph, so their embedding can't be trained."""
    return reference.add_positions(x.detach())


@mistake
def add_positions__narrow_tokens_detached(x):
    """Tokens narrower than float64 are cut off from the graph, so their embedding can't be trained."""
    return reference.add_positions(x if x.dtype == WIDE else x.detach())


# --------------------------------------------------------------------------------------------- sinusoidal_encoding


@mistake
def sinusoidal_encoding__exponent_doubled(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The exponent is doubled: the even column's number is 2i already, and it is multiplied by 2 again."""
    return table_of(length, d_model, 2 * exponents_of(d_model), base, device, dtype)


@mistake
def sinusoidal_encoding__exponent_doubled_for_each_column(
    length, d_model, base=10000.0, device=None, dtype=torch.float32
):
    """Each column has an angle of its own, with twice its number in the exponent. i counts the pairs: columns 2i and
    2i + 1 share the angle with 2i in the exponent."""
    reference.sinusoidal_encoding(length, d_model)
    exponents = 2 * exponents_of(d_model)
    sines = positions_of(length) / base**exponents
    cosines = positions_of(length) / base ** (exponents + 2 / d_model)
    return woven(sines, cosines, d_model, device, dtype)


@mistake
def sinusoidal_encoding__exponent_halved(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The exponent is i / d_model, where i counts pairs. It should be 2i / d_model."""
    return table_of(length, d_model, exponents_of(d_model) / 2, base, device, dtype)


@mistake
def sinusoidal_encoding__cosine_has_its_own_angle(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Each column has an angle of its own. The cosine belongs to the same angle as the sine to its left."""
    reference.sinusoidal_encoding(length, d_model)
    exponents = exponents_of(d_model)
    sines = positions_of(length) / base**exponents
    cosines = positions_of(length) / base ** (exponents + 1 / d_model)
    return woven(sines, cosines, d_model, device, dtype)


@mistake
def sinusoidal_encoding__cosine_of_the_next_pair(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The cosine uses the angle of the next pair, 2(i + 1), and not that of the sine to its left."""
    reference.sinusoidal_encoding(length, d_model)
    exponents = exponents_of(d_model)
    sines = positions_of(length) / base**exponents
    cosines = positions_of(length) / base ** (exponents + 2 / d_model)
    return woven(sines, cosines, d_model, device, dtype)


@mistake
def sinusoidal_encoding__two_blocks(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """All sines are on the left and all cosines on the right. They should alternate."""
    table = reference.sinusoidal_encoding(length, d_model, base, device, dtype)
    return torch.cat([table[:, 0::2], table[:, 1::2]], dim=-1)


@mistake
def sinusoidal_encoding__cosine_first(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Sines and cosines are swapped: the even columns, beginning with column 0, should be sines."""
    reference.sinusoidal_encoding(length, d_model)
    angles = positions_of(length) / base ** exponents_of(d_model)
    quarter = torch.pi / 2
    return woven(angles + quarter, angles - quarter, d_model, device, dtype)


@mistake
def sinusoidal_encoding__sines_only(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Every column is a sine. The odd columns should be cosines."""
    reference.sinusoidal_encoding(length, d_model)
    angles = positions_of(length) / base ** exponents_of(d_model)
    return woven(angles, angles - torch.pi / 2, d_model, device, dtype)


@mistake
def sinusoidal_encoding__one_frequency(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Every pair has the same frequency: the exponent became 0, as happens with integer division."""
    return table_of(length, d_model, exponents_of(d_model) * 0, base, device, dtype)


@mistake
def sinusoidal_encoding__multiplied_by_the_power(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The position is multiplied by the power of the base, so waves get faster and faster. It should be divided."""
    return table_of(length, d_model, -exponents_of(d_model), base, device, dtype)


@mistake
def sinusoidal_encoding__counted_from_one(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The first row is that of position 1. Positions are counted from 0."""
    return reference.sinusoidal_encoding(length + 1 if length >= 0 else length, d_model, base, device, dtype)[1:]


@mistake
def sinusoidal_encoding__first_pair_skipped(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The exponents begin with 2 / d_model, so the fastest wave is missing. The first pair has exponent 0."""
    return table_of(length, d_model, exponents_of(d_model) + 2 / d_model, base, device, dtype)


@mistake
def sinusoidal_encoding__slowest_wave_has_the_base(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The exponents are spread from 0 to exactly 1, over d_model - 2. The paper divides by d_model."""
    stretched = exponents_of(d_model) * (d_model / max(1, d_model - 2))
    return table_of(length, d_model, stretched, base, device, dtype)


@mistake
def sinusoidal_encoding__base_of_one_thousand(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The base is 1000 by default. The paper's base is 10000."""
    return reference.sinusoidal_encoding(length, d_model, 1000.0 if base == 10000.0 else base, device, dtype)


@mistake
def sinusoidal_encoding__base_ignored(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The base is always 10000: the argument `base` is not used."""
    return reference.sinusoidal_encoding(length, d_model, 10000.0, device, dtype)


@mistake
def sinusoidal_encoding__whole_turns(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The angle is multiplied by 2 pi. The paper's angle is already in radians."""
    reference.sinusoidal_encoding(length, d_model)
    angles = 2 * torch.pi * positions_of(length) / base ** exponents_of(d_model)
    return woven(angles, angles, d_model, device, dtype)


@mistake
def sinusoidal_encoding__share_of_the_length(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Positions are divided by the length, so the same position means something else in a longer sentence."""
    reference.sinusoidal_encoding(length, d_model)
    angles = positions_of(length) / max(1, length) / base ** exponents_of(d_model)
    return woven(angles, angles, d_model, device, dtype)


@mistake
def sinusoidal_encoding__integer_table(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The waves are written into a table of integers, so only -1, 0 and 1 are left of them."""
    return reference.sinusoidal_encoding(length, d_model, base, device, WIDE).long().to(dtype)


@mistake
def sinusoidal_encoding__transposed(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Rows and columns are swapped: a row should belong to a position."""
    return reference.sinusoidal_encoding(length, d_model, base, device, dtype).T


@mistake
def sinusoidal_encoding__batch_axis(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The table has an axis of size 1 in front. It should be (length, d_model)."""
    return reference.sinusoidal_encoding(length, d_model, base, device, dtype).unsqueeze(0)


@mistake
def sinusoidal_encoding__odd_fails(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """An odd d_model fails: there is one cosine fewer than there are sines."""
    if d_model < 1 or length < 0:
        raise ValueError(f"length {length}, d_model {d_model}")
    angles = positions_of(length) / base ** exponents_of(d_model)
    table = torch.empty(length, d_model, device=device, dtype=dtype)
    table[:, 0::2] = angles.sin().to(dtype)
    table[:, 1::2] = angles.cos().to(dtype)
    return table


@mistake
def sinusoidal_encoding__odd_refused(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """An odd d_model is refused. It is allowed: the last column is then a sine without its cosine."""
    if d_model % 2:
        raise ValueError(f"d_model is odd: {d_model}, length {abs(length)}")
    return reference.sinusoidal_encoding(length, d_model, base, device, dtype)


@mistake
def sinusoidal_encoding__odd_made_even(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """For an odd d_model a table with one more column is made and cut, so every exponent is a little too small."""
    even = d_model + 1 if d_model % 2 and d_model > 0 else d_model
    return reference.sinusoidal_encoding(length, even, base, device, dtype)[:, :d_model]


@mistake
def sinusoidal_encoding__odd_column_left_empty(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """For an odd d_model the last column stays 0. It should be a sine."""
    table = reference.sinusoidal_encoding(length, d_model, base, device, dtype)
    if d_model % 2:
        table[:, -1] = 0
    return table


@mistake
def sinusoidal_encoding__odd_ends_with_a_cosine(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """For an odd d_model the last column is a cosine. The cosine is the one that is left out."""
    table = reference.sinusoidal_encoding(length, d_model, base, device, dtype)
    if d_model % 2:
        wider = positions_of(length) / base ** exponents_of(d_model)[-1:]
        table[:, -1:] = wider.cos().to(dtype)
    return table


@mistake
def sinusoidal_encoding__whole_angles(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The angles are rounded down to whole numbers, as the division `//` does."""
    reference.sinusoidal_encoding(length, d_model)
    angles = positions_of(length) // base ** exponents_of(d_model)
    return woven(angles, angles, d_model, device, dtype)


@mistake
def sinusoidal_encoding__computed_in_float32(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The angles are computed in float32 even for a float64 table. At large positions that is too coarse."""
    reference.sinusoidal_encoding(length, d_model)
    angles = positions_of(length, torch.float32) / base ** exponents_of(d_model, torch.float32)
    return woven(angles, angles, d_model, device, dtype)


@mistake
def sinusoidal_encoding__computed_in_the_dtype(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The angles are computed in the dtype of the table. In half precision, large positions become the same number."""
    reference.sinusoidal_encoding(length, d_model)
    angles = positions_of(length, dtype) / base ** exponents_of(d_model, dtype)
    return woven(angles, angles, d_model, device, dtype)


@mistake
def sinusoidal_encoding__positions_in_half(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Positions and angles are computed in bfloat16, which holds whole numbers exactly only up to 256."""
    reference.sinusoidal_encoding(length, d_model)
    angles = positions_of(length, torch.bfloat16).to(WIDE) / base ** exponents_of(d_model)
    return woven(angles, angles, d_model, device, dtype)


@mistake
def sinusoidal_encoding__dtype_ignored(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The table is always float32: the argument `dtype` is not used."""
    return reference.sinusoidal_encoding(length, d_model, base, device)


@mistake
def sinusoidal_encoding__float64_returned(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The table is float64, in which it was computed: it is not converted to the dtype asked for."""
    return reference.sinusoidal_encoding(length, d_model, base, device, WIDE)


@device_mistake
def sinusoidal_encoding__device_ignored(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The table is always made on the default device: the argument `device` is not used."""
    return reference.sinusoidal_encoding(length, d_model, base, None, dtype)


@mistake
def sinusoidal_encoding__trainable(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The table requires a gradient, so training would change it. It is fixed."""
    return reference.sinusoidal_encoding(length, d_model, base, device, dtype).requires_grad_()


@mistake
def sinusoidal_encoding__few_rows(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The table never has more than a fixed number of rows. No length is named as the longest."""
    return reference.sinusoidal_encoding(min(length, 1024), d_model, base, device, dtype)


@mistake
def sinusoidal_encoding__length_zero_refused(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """A length of 0 is refused. It is allowed and gives a table without rows."""
    if length < 1 or d_model < 1:
        raise ValueError(f"length {length}, d_model {d_model}")
    return reference.sinusoidal_encoding(length, d_model, base, device, dtype)


@mistake
def sinusoidal_encoding__sizes_not_checked(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Bad sizes are not checked here: torch raises an error of its own, or an empty table is returned."""
    if d_model < 1:
        return torch.empty(length, d_model, device=device, dtype=dtype)
    return table_of(length, d_model, exponents_of(d_model), base, device, dtype) if length >= 0 else torch.ones(length)


@mistake
def sinusoidal_encoding__asserted(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Bad sizes raise an AssertionError. They should raise a ValueError."""
    assert d_model >= 1, f"d_model {d_model}, length {length}"
    assert length >= 0, f"length {length}"
    return reference.sinusoidal_encoding(length, d_model, base, device, dtype)


@mistake
def sinusoidal_encoding__numbers_not_named(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The ValueError does not say which numbers are wrong."""
    if d_model < 1 or length < 0:
        raise ValueError("length and d_model must be positive")
    return reference.sinusoidal_encoding(length, d_model, base, device, dtype)


@mistake
def sinusoidal_encoding__only_a_bad_width_named(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """The ValueError about a bad length names d_model, which is right. It should name the length."""
    if d_model < 1 or length < 0:
        raise ValueError(f"d_model must be at least 1, not {d_model}")
    return reference.sinusoidal_encoding(length, d_model, base, device, dtype)


@mistake
def sinusoidal_encoding__half_is_trainable(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """In half precision the table requires a gradient. It is fixed in every dtype."""
    table = reference.sinusoidal_encoding(length, d_model, base, device, dtype)
    return table.requires_grad_(dtype in (torch.float16, torch.bfloat16))


@mistake
def sinusoidal_encoding__minus_one_accepted(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """A length of -1 is treated as 0. It should be refused like every negative length."""
    return reference.sinusoidal_encoding(0 if length == -1 else length, d_model, base, device, dtype)


@mistake
def sinusoidal_encoding__default_dtype_changed(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """torch's default dtype is changed globally and not restored."""
    table = reference.sinusoidal_encoding(length, d_model, base, device, dtype)
    torch.set_default_dtype(torch.float64)
    return table


@device_mistake
def add_positions__table_on_the_cpu(x):
    """The table is made on the default device, the CPU. It must be on the device of x."""
    return x + reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=x.dtype)


@device_mistake
def add_positions__device_of_the_machine(x):
    """The table is put on a GPU if the machine has one, else on the CPU. It must be on the device of x."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return (x.to(device) + reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=x.dtype, device=device)).clone()


@device_mistake
def sinusoidal_encoding__exponents_on_the_cpu(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Positions are made on the requested device but exponents on the default one, so they cannot be combined."""
    reference.sinusoidal_encoding(length, d_model)
    positions = torch.arange(length, dtype=WIDE, device=device).unsqueeze(-1)
    angles = positions / base ** exponents_of(d_model)
    return woven(angles, angles, d_model, device, dtype)


@mistake
def add_positions__batch_counted_where_it_fits(x):
    """If the batch is as large as the length, the table is laid along the batch. Its rows belong to the tokens."""
    table = reference.sinusoidal_encoding(x.size(1), x.size(2), device=x.device, dtype=x.dtype)
    return x + (table.unsqueeze(1) if x.size(0) == x.size(1) else table)


@mistake
def add_positions__table_turned_over_where_it_fits(x):
    """If the length equals d_model, rows and columns of the table are swapped."""
    table = reference.sinusoidal_encoding(x.size(1), x.size(2), device=x.device, dtype=x.dtype)
    return x + (table.T if x.size(1) == x.size(2) else table)


@mistake
def sinusoidal_encoding__at_most_1024_columns(length, d_model, base=10000.0, device=None, dtype=torch.float32):
    """Columns after a fixed number stay 0. No width is named as the largest: take it from d_model."""
    table = reference.sinusoidal_encoding(length, d_model, base, device, dtype)
    table[:, 1024:] = 0
    return table
