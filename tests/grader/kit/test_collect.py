"""A check's title is its name."""

from grader.kit.collect import title


def test_a_title_is_the_name_of_its_check():
    assert title("test_scores_are_divided_by_the_root_of_d_k") == "scores are divided by the root of d_k"
    assert title("test_any_size_may_be_one[batch]") == "any size may be one (batch)"
