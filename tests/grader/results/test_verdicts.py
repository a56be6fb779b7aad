"""Outcomes become points and a verdict."""

from dataclasses import replace

from grader.results.verdicts import Outcome, settle
from grader.text import clean


def outcome(name, verdict, points, *, structural=False, device="cpu"):
    return Outcome(name, name, device, verdict, points, structural)


def test_structural_checks_earn_their_points_with_a_value_only():
    shape, value = outcome("shape", "pass", 2, structural=True), outcome("value", "fail", 8)
    assert settle("ex", [shape, value], 10).score == 0
    assert settle("ex", [shape, outcome("value", "pass", 8)], 10).score == 10


def test_points_are_shared_among_devices():
    found = [outcome("value", "pass", 10), outcome("value", "fail", 10, device="cuda")]
    result = settle("ex", found, 10)
    assert (result.score, result.verdict, [one.max_points for one in result.outcomes]) == (5, "fail", [5, 5])


def test_a_skipped_device_carries_no_points():
    found = [outcome("value", "pass", 10), outcome("value", "skip", 10, device="cuda")]
    result = settle("ex", found, 10)
    assert (result.score, result.verdict, [one.max_points for one in result.outcomes]) == (10, "pass", [10, 0])


def test_an_exercise_is_unwritten_only_if_every_check_is_and_an_unwritten_check_is_no_failure():
    one, two = outcome("a", "unwritten", 5), outcome("b", "unwritten", 5)
    assert settle("ex", [one, two], 10).verdict == "unwritten"
    mixed = settle("ex", [one, outcome("b", "pass", 5)], 10)
    assert (mixed.verdict, mixed.outcomes[0].verdict, mixed.score) == ("fail", "unwritten", 5)
    assert mixed.right_so_far
    assert mixed.first_failure is None
    wrong = settle("ex", [one, outcome("b", "fail", 5)], 10)
    assert not wrong.right_so_far
    assert wrong.first_failure.id == "b"


def test_the_core_passes_without_the_robust_checks():
    edge = replace(outcome("edge", "fail", 2), tier="robust")
    result = settle("ex", [outcome("a", "pass", 8), edge], 10)
    assert (result.core_passes, result.verdict, result.score) == (True, "fail", 8)
    assert not settle("ex", [outcome("a", "fail", 8), replace(edge, verdict="pass")], 10).core_passes


def test_an_error_has_no_score_and_nothing_run_is_an_error():
    assert settle("ex", [outcome("a", "error", 5), outcome("b", "pass", 5)], 10).score is None
    assert settle("ex", [], 10).verdict == "error"
    assert settle("ex", [outcome("a", "skip", 10)], 10).verdict == "error"


def test_messages_lose_control_characters_and_are_cut():
    assert clean("a\x1b[31mb\x00\tc\nd\u202e", 99) == "a[31mb\tc\nd"
    assert len(clean("é" * 5000, 2000).encode()) <= 2000
