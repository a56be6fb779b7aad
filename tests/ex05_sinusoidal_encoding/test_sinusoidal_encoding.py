"""The checks of exercise 5, in teaching order."""

from math import cos, sin

import pytest
import torch

from grader.authoring import core, robust
from solutions import ex05_sinusoidal_encoding as reference

LONG = 5000
TABLE = "position column"
BATCH = "batch position column"
# How far off an entry of the table may be. The last two: what float32 may be off, and a rounding on either side.
NEAR = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 1.5e-3, torch.bfloat16: 5e-3}
NAMES = {torch.float64: "float64", torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}
every_dtype = pytest.mark.parametrize("dtype", list(NEAR), ids=list(NAMES.values()))


def check_table(code, expect, length, d_model, dtype=torch.float64, **options):
    """The learner's table against the formula, in this dtype."""
    expected = reference.sinusoidal_encoding(length, d_model, dtype=torch.float64, **options)
    bound = torch.full_like(expected, NEAR[dtype] + 1e-7 * (dtype == torch.float32))
    table = code.sinusoidal_encoding(length, d_model, dtype=dtype, **options)
    expect(table, expected.to(dtype), axes=TABLE, within=bound)


def check_sum(code, expect, x):
    """The learner's sum against x plus the formula, in x's dtype."""
    expected = x.double() + reference.sinusoidal_encoding(x.size(1), x.size(2), dtype=torch.float64)
    bound = NEAR[x.dtype] + torch.finfo(x.dtype).eps * (1 + expected.abs())
    expect(code.add_positions(x), expected.to(x.dtype), axes=BATCH, within=bound)


@core("sinusoidal_encoding", 1.45)
def test_table_worked_by_hand(code, draw, expect):
    rows = [[sin(p), cos(p), sin(p / 10), cos(p / 10)] for p in (0, 1, 2)]  # the lesson's
    expected = torch.tensor(rows, dtype=torch.float64)
    table = code.sinusoidal_encoding(3, 4, base=100.0, dtype=torch.float64)
    expect(table, expected, axes=TABLE, within=torch.full_like(expected, 1e-6))
    rows = [[sin(p), cos(p), sin(p / 10), cos(p / 10), sin(p / 100), cos(p / 100)] for p in (0, 1, 2)]
    expected = torch.tensor(rows, dtype=torch.float64)
    table = code.sinusoidal_encoding(3, 6, base=1000.0, dtype=torch.float64)
    expect(table, expected, axes=TABLE, within=torch.full_like(expected, 1e-6))


@core("sinusoidal_encoding", 0.8)
def test_odd_table_worked_by_hand(code, draw, expect):
    rows = [[sin(p), cos(p), sin(p / 100)] for p in (0, 1, 2, 3)]
    expected = torch.tensor(rows, dtype=torch.float64)
    table = code.sinusoidal_encoding(4, 3, base=1000.0, dtype=torch.float64)
    expect(table, expected, axes=TABLE, within=torch.full_like(expected, 1e-6))


@core("sinusoidal_encoding", 0.4)
def test_position_zero_is_the_first_row(code, draw, expect):
    table = expect.tensor(code.sinusoidal_encoding(1, 5, dtype=torch.float64), (1, 5))
    expect(table, torch.tensor([[0, 1, 0, 1, 0]], dtype=torch.float64), axes=TABLE, within=1e-7)


@core("sinusoidal_encoding", 1.3)
def test_every_pair_of_columns_has_its_wave(code, draw, expect):
    for d_model, length in ((8, draw.integer(11, 20)), (draw.choice(2, 6, 10), draw.integer(11, 20)), (1100, 3)):
        for dtype in (torch.bfloat16, torch.float64):
            check_table(code, expect, length, d_model, dtype)


@core("sinusoidal_encoding", 0.4)
@pytest.mark.parametrize("d_model", [1, 5, 9], ids="width {}".format)
def test_an_odd_table_ends_with_a_sine(code, draw, expect, d_model):
    check_table(code, expect, draw.integer(11, 20), d_model)


@core("sinusoidal_encoding", 0.8)
def test_the_base_may_be_another(code, draw, expect):
    for base in (draw.number(20.0, 50.0), 2.0, 1e6):
        check_table(code, expect, draw.size("length"), 6, base=base)


@core("sinusoidal_encoding", 0.4)
def test_a_sine_and_its_cosine_belong_to_one_angle(code, draw, expect):
    length = draw.size("length")
    table = expect.tensor(code.sinusoidal_encoding(length, 8, dtype=torch.float64), (length, 8))
    squares = table[:, 0::2] ** 2 + table[:, 1::2] ** 2
    expect(squares, torch.ones(length, 4, dtype=torch.float64), axes="position pair", within=3e-6)


@robust("sinusoidal_encoding", 0.18, structural=True)
def test_table_has_a_row_for_each_position(code, draw, expect):
    length, d_model = draw.shape("length d_model")
    table = expect.tensor(code.sinusoidal_encoding(length, d_model), (length, d_model))
    expect.that(table.dtype == torch.float32, f"the table is {table.dtype}, expected torch.float32", kind="dtype")


@robust("sinusoidal_encoding", 0.04, structural=True)
@every_dtype
def test_table_has_the_dtype_asked_for(code, draw, expect, dtype):
    length, d_model = draw.shape("length d_model")
    table = expect.tensor(code.sinusoidal_encoding(length, d_model, dtype=dtype), (length, d_model))
    expect.that(table.dtype == dtype, f"the table is {table.dtype}, expected {dtype}", kind="dtype")


@robust("sinusoidal_encoding", 0.1)
@every_dtype
def test_five_thousand_positions_are_exact_enough(code, draw, expect, dtype):
    # The frequencies after the first are no round numbers. Few columns: a loop over entries has to be in time.
    check_table(code, expect, LONG, draw.choice(5, 6), dtype)


@robust("sinusoidal_encoding", 0.09, structural=True)
def test_no_position_gives_a_table_without_rows(code, draw, expect):
    for d_model, dtype in ((1, torch.float32), (4, torch.float64), (7, torch.float32)):
        expected = torch.zeros(0, d_model, dtype=dtype)
        expect(code.sinusoidal_encoding(0, d_model, dtype=dtype), expected, axes=TABLE)


@robust("sinusoidal_encoding", 0.05, structural=True)
@pytest.mark.parametrize(
    ("length", "d_model", "wrong"),
    [(23, 0, (0,)), (23, -14, (14,)), (-31, 6, (31,)), (-1, 6, (1,)), (0, 0, (0,)), (-31, 0, (31, 0))],
    ids=["d_model 0", "d_model negative", "length negative", "length -1", "only d_model", "both"],
)
def test_bad_sizes_raise_a_value_error_that_names_them(code, draw, expect, length, d_model, wrong):
    expect.raises(ValueError, code.sinusoidal_encoding, length, d_model, naming_one_of=wrong)


@robust("sinusoidal_encoding", 0.07, structural=True)
def test_table_is_made_on_the_device_asked_for(code, draw, expect):
    expected = torch.tensor([[0, 1, 0]], dtype=torch.float32)
    for device in (torch.device(code.device), None):
        expect(code.sinusoidal_encoding(1, 3, device=device), expected, axes=TABLE, within=1e-3)
    code.move_to_gpu()
    for device in (code.place, None):
        expect(code.sinusoidal_encoding(1, 3, 10000.0, device), expected, axes=TABLE, within=1e-3)


@robust("sinusoidal_encoding", 0.08, structural=True)
def test_table_requires_no_gradient(code, draw, expect):
    for dtype in NEAR:
        call = code.sinusoidal_encoding.call((3, 4), {"dtype": dtype})
        expect.that(not call.requires_grad, "the table requires a gradient: it is fixed, and nothing trains it")


@core("add_positions", 1.25)
def test_positions_are_added_to_the_tokens(code, draw, expect):
    check_sum(code, expect, draw("batch length d_model"))
    check_sum(code, expect, draw("batch length d_model", dtype=torch.float32))
    check_sum(code, expect, torch.zeros(draw.shape("batch length d_model"), dtype=draw.dtype))
    check_sum(code, expect, draw("4 4 4"))  # here a table turned over, or put along the batch, fits as well


@core("add_positions", 0.4, structural=True)
def test_every_sequence_gets_the_same_rows(code, draw, expect):
    batch, length, d_model = draw.shape("batch length d_model")
    sums = code.add_positions(torch.zeros(batch, length, d_model, dtype=torch.float64))
    expect.tensor(sums, (batch, length, d_model))
    expect(sums, sums[:1].expand(batch, -1, -1), axes=BATCH, within=1e-9, what="what is added to each sequence")


@robust("add_positions", 0.08)
@pytest.mark.parametrize("ones", ["batch", "length", "d_model"])
def test_any_size_may_be_one(code, draw, expect, ones):
    draw.size(f"{ones}=1")
    check_sum(code, expect, draw("batch length d_model"))
    check_sum(code, expect, draw("1 1 d_model"))


@robust("add_positions", 0.04)
@every_dtype
def test_sums_have_the_dtype_of_the_tokens(code, draw, expect, dtype):
    check_sum(code, expect, draw("batch length d_model", dtype=dtype))


@robust("add_positions", 0.04)
def test_long_sequences_get_positions_too(code, draw, expect):
    for dtype in reversed(NEAR):  # one shape: a table that is kept must not serve another dtype
        check_sum(code, expect, draw(f"batch=1 length={LONG} d_model=3", dtype=dtype))


@robust("add_positions", 0.04)
def test_tokens_need_not_be_contiguous(code, draw, expect):
    check_sum(code, expect, draw.non_contiguous(draw("batch length d_model")))


@robust("add_positions", 0.09)
def test_gradients_reach_the_tokens(code, draw, expect):
    for dtype in NEAR:
        x = draw("batch length d_model", dtype=dtype)
        within = 1e-6 if dtype == torch.float64 else 2 * NEAR[dtype] + 2 * torch.finfo(dtype).eps
        expect.gradients(code.add_positions, reference.add_positions, x, within=within)


@robust("add_positions", 0.09, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    x = draw("batch length d_model")
    expect.agrees(code.add_positions, reference.add_positions, x, axes=BATCH, within=1e-6)


@robust("add_positions", 0.06, structural=True)
def test_inputs_and_global_state_are_left_alone(code, draw, expect):
    code.watch_random_state()
    for dtype in NEAR:
        code.sinusoidal_encoding(*draw.shape("length d_model"), dtype=dtype)
        code.add_positions(draw("batch length d_model", dtype=dtype))
        code.add_positions(draw.non_contiguous(draw("1 length d_model", dtype=dtype)))
    expect.no_side_effects()
