"""The picture of a difference in characters."""

import torch

from grader.reports import side_by_side
from grader.results.tensor_diff import picture


def drawn(yours, expected, axes):
    found = picture(yours, expected, yours != expected, (yours != expected).nonzero()[0].tolist(), axes)
    return side_by_side.lines(found) if found is not None else []


def test_numbers_stand_side_by_side_and_wrong_ones_are_marked():
    expected = torch.tensor([[10, 20, 30], [40, 50, 60]])
    yours = expected.clone()
    yours[0, 1] = -7
    assert drawn(yours, expected, ["query", "key"]) == [
        "rows are query, columns key; * is wrong",
        "   yours         expected",
        "    0   1   2     0   1   2",
        "0  10  -7* 30    10  20  30",
        "1  40  50  60    40  50  60",
    ]


def test_a_row_by_itself_has_no_index_and_a_mask_is_shown_as_it_is():
    expected = torch.tensor([True, False, True])
    assert drawn(~expected, expected, ["key"]) == [
        "columns are key; * is wrong",
        "  yours      expected",
        "  0  1  2    0  1  2",
        "  0* 1* 0*   1  0  1",
    ]


def test_wide_tables_stand_one_below_the_other():
    expected = torch.arange(16, dtype=torch.float64).reshape(2, 8) + 0.125
    yours = expected.clone()
    yours[1, 7] = 0
    lines = drawn(yours, expected, ["query", "key"])
    assert [lines[1].strip(), lines[5].strip()] == ["yours", "expected"]
    assert lines[4].endswith("0*")
    assert lines[3][1:] == lines[7][1:], "both tables are aligned"
    assert max(map(len, lines)) <= 76


def test_wrong_numbers_have_the_digits_that_tell_them_from_the_right_ones():
    expected = torch.full((2, 2), 0.5556)
    yours = expected.clone()
    yours[0, 0] = 0.5558
    assert any("0.5558*" in line and "0.5556" in line for line in drawn(yours, expected, ["query", "key"]))
    yours[0, 0] = 0.55561
    assert drawn(yours, expected, ["query", "key"]) == [], "both sides would print the same"


def test_a_table_larger_than_the_screen_is_drawn_in_shades():
    expected = torch.zeros(12, 3)
    expected[:, 1], expected[:, 2] = 0.5, 1
    assert drawn(expected.flip(1), expected, ["query", "key"])[:3] == [
        "rows are query, columns key",
        "  yours       expected",
        "  @ +           + @",
    ]
    assert drawn(expected.flip(1), expected, ["query", "key"])[-1] == "  from 0 (blank) to 1 (@): .:-=+*#%@"


def test_what_is_not_a_number_has_a_sign_of_its_own_in_shades():
    expected = torch.zeros(12, 3)
    expected[:, 1], expected[:, 2] = 0.5, 1
    yours = expected.clone()
    yours[0, 0], yours[1, 1] = float("nan"), float("-inf")
    lines = drawn(yours, expected, ["query", "key"])
    assert lines[2].startswith("  ? + @")
    assert lines[3].startswith("    ! @")
    assert lines[-1].endswith("? is not a number, ! is infinite")


def test_a_part_of_a_large_tensor_says_which_part():
    expected = torch.rand(3, 40, 50)
    yours = expected.clone()
    yours[2, 39, 0] += 9
    lines = drawn(yours, expected, ["batch", "query", "key"])
    assert lines[0] == "batch 2: rows are query 24 to 39 of 40, columns key 0 to 15 of 50"
    assert max(map(len, lines)) <= 76, "fits on 80 columns behind four blanks"
    assert all(line.isascii() for line in lines)


def test_two_values_need_no_picture():
    two = torch.rand(1, 2)
    assert drawn(two + 1, two, ["query", "key"]) == []
