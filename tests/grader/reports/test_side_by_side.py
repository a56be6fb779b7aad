"""The picture of a difference in characters."""

import torch

from grader.reports import heatmap
from grader.results.tensor_diff import picture


def drawn(yours, expected, axes):
    found = picture(yours, expected, yours != expected, (yours != expected).nonzero()[0].tolist(), axes)
    return heatmap.lines(found)


def test_two_tables_stand_side_by_side_on_one_scale():
    expected = torch.tensor([[0.0, 0.5, 1.0], [1.0, 0.0, 0.5]])
    assert drawn(expected * 0, expected, ["query", "key"]) == [
        "rows are query, columns key",
        "  yours       expected",
        "                + @",
        "              @   +",
        "  from 0 (blank) to 1 (@): .:-=+*#%@",
    ]


def test_what_is_not_a_number_has_a_sign_of_its_own():
    expected = torch.tensor([[0.0, 0.5, 1.0], [1.0, 0.0, 0.5]])
    yours = expected.clone()
    yours[0, 0], yours[1, 1] = float("nan"), float("-inf")
    lines = drawn(yours, expected, ["query", "key"])
    assert lines[2].startswith("  ? + @")
    assert lines[3].startswith("  @ ! +")
    assert lines[-1].endswith("? is not a number, ! is infinite")


def test_a_part_of_a_large_tensor_says_which_part():
    expected = torch.rand(3, 40, 50)
    yours = expected.clone()
    yours[2, 39, 0] += 9
    lines = drawn(yours, expected, ["batch", "query", "key"])
    assert lines[0] == "batch 2: rows are query 24 to 39 of 40, columns key 0 to 15 of 50"
    assert max(map(len, lines)) <= 76, "fits on 80 columns behind four blanks"
    assert all(line.isascii() for line in lines)


def test_a_row_a_single_value_and_a_constant_need_no_picture():
    row = torch.rand(1, 9)
    assert drawn(row + 1, row, ["batch", "key"]) == []
    small = torch.rand(2, 2)
    assert drawn(small + 1, small, ["query", "key"]) == []
