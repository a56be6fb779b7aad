"""Where two ways part: each kind of sentence once where it is true, and once where it is almost true."""

import pytest
import torch

from grader.diagnosis import first_step
from grader.diagnosis.first_step import Comparison, Step, Values, names_in, same
from grader.judging.exercise import CheckSettings, run_exercise
from grader.kit.variants import mistakes
from grader.source.file import Source

Q = torch.arange(12, dtype=torch.float64).reshape(3, 4).sin()
SCORES = Q @ Q.T + torch.arange(9, dtype=torch.float64).reshape(3, 3)
WEIGHTS = SCORES.softmax(-1)
NAMES = {1: "`scores`", 2: "`weights`", 3: "the result"}
TEXT = b"scores = q @ k.T\nweights = scores.softmax(-1)\nreturn weights @ v\n"


def steps(*values):
    """One a line."""
    return [Step(((number, "f"),), "op", value) for number, value in enumerate(values, 1)]


OURS = steps(SCORES, WEIGHTS, WEIGHTS @ Q)


def said(*theirs, given=None):
    found = Comparison(steps(*theirs), OURS, NAMES, given or {}, TEXT).first()
    return (found.line, found.text) if found is not None else None


def test_right_steps_part_nowhere():
    assert said(SCORES, WEIGHTS, WEIGHTS @ Q) is None
    assert said(SCORES.T, SCORES, WEIGHTS, WEIGHTS @ Q) is None, "a transpose on the way is no difference"


def test_another_way_that_comes_to_the_same_result_parts_nowhere():
    assert said(SCORES - SCORES.amax(-1, keepdim=True), WEIGHTS, WEIGHTS @ Q) is None


def test_the_first_result_that_differs_is_shown_with_its_line():
    line, text = said(SCORES, WEIGHTS.exp(), WEIGHTS.exp() @ Q)
    assert line == 2
    assert text == (
        "Up to line 1 `scores` agrees. "
        "Line 2 gives the first result that the reference does not have: weights = scores.softmax(-1)"
    )


def test_a_factor_is_said_and_something_near_it_is_not():
    assert said(SCORES, WEIGHTS * 4, WEIGHTS @ Q * 4)[1].endswith("\n`weights` is 0.25 times these values.")
    almost = WEIGHTS * 4
    almost[0, 0] += 1e-3
    assert "times" not in said(SCORES, almost, almost @ Q)[1]


def test_a_missing_addend_is_said_and_one_that_is_almost_it_is_not():
    x = torch.arange(9, dtype=torch.float64).reshape(3, 3).cos()
    assert "`weights` is these values plus x" in said(SCORES, WEIGHTS - x, Q, given={"x": x})[1]
    assert "`weights` is these values without x" in said(SCORES, WEIGHTS + x, Q, given={"x": x})[1]
    assert "plus" not in said(SCORES, WEIGHTS - x * 1.001, Q, given={"x": x})[1]


def test_another_axis_of_the_softmax_is_said():
    other = SCORES.softmax(0)
    assert "these values sum to 1 over axis 0, those of `weights` over axis 1".capitalize() in said(SCORES, other, Q)[1]
    assert "sum to 1" not in said(SCORES, other * 0.9, Q)[1]


def test_axes_in_another_order_are_said_where_the_right_order_never_comes():
    line, text = said(SCORES.T, SCORES.T.softmax(-1), Q.exp())
    assert (line, text) == (1, "Line 1 gives `scores` with its axes in another order: scores = q @ k.T")


def test_a_step_that_is_left_out_at_the_end_is_said():
    line, text = said(SCORES, WEIGHTS)
    assert line == 2
    assert text == "Line 2 gives a value that the reference computes on its way; it goes on from there."


def test_a_table_that_is_being_filled_in_differs_from_nothing():
    filling = [Step(((1, "f"),), "__setitem__", SCORES + 7), *steps(SCORES, WEIGHTS, WEIGHTS.exp())]
    line, _ = vars(Comparison(filling, OURS, NAMES, {}, TEXT).first()).values()
    assert line == 3


def test_a_table_that_is_only_made_differs_from_nothing_unless_it_is_the_result():
    made = Step(((1, "f"),), "new_zeros", torch.zeros(3, 3))
    parted = Comparison([made, *steps(SCORES, WEIGHTS, WEIGHTS.exp())], OURS, NAMES, {}, TEXT).first()
    assert parted.line == 3
    assert Comparison([made], OURS, NAMES, {}, TEXT).first().line == 1


def test_a_mask_that_says_the_opposite_on_the_way_is_the_same_and_one_that_is_the_result_is_not():
    mask = torch.ones(3, 3).tril().bool()

    def line(theirs, ours):
        found = Comparison(steps(*theirs), steps(*ours), NAMES, {}, TEXT).first()
        return found.line if found is not None else None

    assert line([~mask, WEIGHTS.exp()], [mask, SCORES, WEIGHTS]) == 2
    assert line([mask.flip(0), WEIGHTS.exp()], [mask, SCORES, WEIGHTS]) == 1
    assert line([SCORES, ~mask], [SCORES, mask]) == 2


def test_a_result_is_the_first_only_if_no_smaller_one_before_it_differs():
    small = torch.tensor([0.5])
    assert said(SCORES, small, WEIGHTS.exp())[1].endswith(
        "Line 3 gives a result that the reference does not have: return weights @ v"
    )
    ours = [*OURS, *steps(small)]
    found = Comparison(steps(SCORES, small, WEIGHTS.exp()), ours, NAMES, {}, TEXT).first()
    assert "Line 3 gives the first result that" in found.text


def test_a_step_inside_a_sound_function_is_judged_by_what_comes_out():
    def line(came_out):
        inside = [Step(((9, "sound"), (1, "f")), "op", value) for value in (SCORES + 7, came_out)]
        rest = [Step(((9, "sound"), (2, "f")), "op", WEIGHTS.exp())]
        return Comparison([*inside, *rest], OURS, NAMES, {}, TEXT, {"sound"}).first().line

    assert line(SCORES) == 2
    assert line(SCORES + 8) == 1


def test_numbers_that_are_only_repeated_are_no_difference():
    repeated = Step(((1, "f"),), "expand", SCORES.expand(2, 3, 3))
    assert Comparison([repeated, *steps(SCORES, WEIGHTS.exp())], OURS, NAMES, {}, TEXT).first().line == 2


def test_what_agrees_is_above_what_differs():
    ours, loop = steps(SCORES, WEIGHTS, WEIGHTS @ Q), Step(((1, "f"),), "op", WEIGHTS.exp())
    agreed = Step(((2, "f"),), "op", SCORES)
    assert Comparison([agreed, loop], ours, NAMES, {}, TEXT).first().text.startswith("Line 1 gives the first")


def test_few_numbers_prove_nothing():
    assert said(torch.ones(2), torch.zeros(1)) is None


def test_two_results_are_the_same_up_to_axes_of_size_one():
    def equal(one, other, *, turned):
        return same(Values(one), Values(other), turned=turned)

    assert equal(Q[None], Q[:, None], turned=False)
    assert not equal(Q, Q.T, turned=False)
    assert equal(Q, Q.T, turned=True)
    assert not equal(Q, Q.T.flip(0), turned=True)
    assert not equal(torch.ones(1, 2, 3, 4, 5), torch.ones(5, 4, 3, 2, 1) * 2, turned=True)
    far = torch.tensor([torch.inf, -torch.inf, torch.nan, 1.0])
    assert equal(far, far + 1e-9, turned=False)
    assert not equal(far, far.abs(), turned=False)
    assert not equal(Q + 0j, Q + 0j, turned=False)


def test_two_long_ways_are_compared_in_a_moment(monkeypatch):
    """A loop over a sequence makes hundreds of steps; all with all, tensor by tensor, took seconds."""
    looked = []
    monkeypatch.setattr(first_step, "_near", lambda a, b, near=first_step._near: looked.append(1) or near(a, b))
    theirs, ours = (steps(*(SCORES + number * way for number in range(300))) for way in (2, 3))
    Comparison(theirs, ours, {}, {}, b"x = 1\n" * 300).first()
    assert len(looked) < 3 * 300


def test_names_are_what_a_file_assigns_and_returns():
    assert names_in(b"def f(x):\n    y = x + 1\n    a, b = y\n    return (\n        y\n    )\n") == {
        2: "`y`",
        4: "the result",
        5: "the result",
        6: "the result",
    }


@pytest.mark.parametrize(
    ("number", "name", "words"),
    [
        (6, "softmax_over_queries", "These values sum to 1 over axis 1, those of `weights` over axis 2."),
        (6, "no_scaling", "the result is 0."),
    ],
)
def test_a_learners_file_is_followed_in_a_worker_too(session, exercise, workers, number, name, words):
    from grader.remote.transport import LocalTransport, WorkerTransport

    one = exercise(number)
    mistake = next(found for found in mistakes(one) if found.name == name)
    recogniser = session.recogniser(one)
    trusted = recogniser.trusted
    source = Source(one.slug, "<mine>", "mine", mistake.source, trusted.source.earlier, trusted.source.shortcuts)
    told = []
    for connect in (LocalTransport, lambda: WorkerTransport(workers)):
        settings = CheckSettings(3, connect=connect)
        result = run_exercise(session.checks[one.slug], source, trusted.reference, recogniser, settings)
        told.append(result.first_failure.step)
    assert told[0] == told[1]
    assert words in told[0][1]
    hidden = run_exercise(
        session.checks[one.slug], source, trusted.reference, recogniser, CheckSettings(3, hidden=True)
    )
    assert hidden.first_failure.step is None
