"""Where two ways part: each kind of sentence once where it is true, and once where it is almost true."""

import pytest
import torch

from grader.diagnosis import way
from grader.diagnosis.comparison import Comparison
from grader.diagnosis.way import Assignment, InnerCall, Step, Way
from grader.diagnosis.wording import FirstStep
from grader.protocol.messages import StepsTaken
from grader.source.file import File

Q = torch.arange(12, dtype=torch.float64).reshape(3, 4).sin()
SCORES = Q @ Q.T + torch.arange(9, dtype=torch.float64).reshape(3, 3)
WEIGHTS = SCORES.softmax(-1)
NAMES = {1: "`scores`", 2: "`weights`", 3: "the right result"}
TEXT = b"scores = q @ k.T\nweights = scores.softmax(-1)\nreturn weights @ v\n"
NOTEBOOK = b"# %% cell 2\nscores = q @ k.T\n\n# %% cell 5\nweights = scores.softmax(-1)\nreturn weights @ v\n"


def file(text, **more):
    return File("ex.py", text, **more)


FILE = file(TEXT)


def steps(*values):
    """One a line."""
    return [Step(number, "op", value) for number, value in enumerate(values, 1)]


OURS = steps(SCORES, WEIGHTS, WEIGHTS @ Q)


def said(*theirs, given=None):
    found = Comparison(Way(steps(*theirs), given=given or {}), Way(OURS), NAMES, FILE).first()
    return (found.line, found.text) if found is not None else None


def test_right_steps_part_nowhere():
    assert said(SCORES, WEIGHTS, WEIGHTS @ Q) is None
    assert said(SCORES.T, SCORES, WEIGHTS, WEIGHTS @ Q) is None, "a transpose on the way is no difference"


def test_another_way_that_comes_to_the_same_result_parts_nowhere():
    assert said(SCORES - SCORES.amax(-1, keepdim=True), WEIGHTS, WEIGHTS @ Q) is None


def test_a_softmax_made_by_hand_that_is_right_differs_nowhere():
    """What comes before its weights is no value of the reference's, which asks torch for all of it."""
    largest = SCORES.amax(-1, keepdim=True)
    exponentials = (SCORES - largest).exp()
    total = exponentials.sum(-1, keepdim=True)

    ours = Way([OURS[0], Step(2, "softmax", WEIGHTS), OURS[2]])

    def line(*theirs):
        found = Comparison(Way(steps(SCORES, *theirs)), ours, NAMES, FILE).first()
        return found and found.line

    right = [largest, SCORES - largest, exponentials, total]
    assert line(*right, WEIGHTS, Q) == 7
    assert line(*right, total + 1, WEIGHTS, Q) == 6, "that is none of its steps"
    assert line(SCORES.amin(-1, keepdim=True), WEIGHTS, Q) == 2
    assert line(*right, exponentials / (total + 1), Q) == 2, "the weights never come: nothing is known to be right"


def test_the_first_result_that_differs_is_shown_with_its_line():
    line, text = said(SCORES, WEIGHTS.exp(), WEIGHTS.exp() @ Q)
    assert line == 2
    assert text == (
        "Up to line 1 `scores` agrees. "
        "Line 2 gives the first result that the reference does not have: weights = scores.softmax(-1)"
    )


def test_what_agrees_is_called_the_references_where_the_file_calls_it_otherwise():
    def told(text):
        theirs = Way(steps(SCORES, WEIGHTS * 4, WEIGHTS @ Q * 4))
        return Comparison(theirs, Way(OURS), NAMES, file(text)).first().text

    assert told(TEXT).startswith("Up to line 1 `scores` agrees. Line 2 gives")
    assert told(TEXT).endswith("\n`weights` is 0.25 times these values.")
    other = TEXT.replace(b"scores", b"s").replace(b"weights", b"w")
    assert told(other).startswith("Line 1 still gives the reference's `scores`. Line 2 gives")
    assert told(other).endswith("\nThe reference's `weights` is 0.25 times these values.")


def test_up_to_a_line_without_a_name_the_values_agree_only_if_none_before_differs():
    def told(*between):
        way = Way(steps(SCORES, *between, WEIGHTS.exp()))
        return Comparison(way, Way(OURS), {}, FILE).first().text

    assert told().startswith("Up to line 1 the values agree with the reference's. Line 2 gives the first result")
    assert told(torch.tensor([2.0])).startswith("Line 3 gives a result that the reference does not have: ")


def test_a_value_of_the_references_that_has_no_name_is_called_so():
    def told(names, *theirs):
        return Comparison(Way(steps(*theirs)), Way(OURS), names, FILE).first().text

    turned = "Line 1 gives a value of the reference's with its axes in another order: scores = q @ k.T"
    assert told({}, SCORES.T, SCORES.T.softmax(-1), Q.exp()) == turned
    ours = turned.replace("a value of the reference's", "the right result")
    assert told({1: "the right result"}, SCORES.T, SCORES.T.softmax(-1), Q.exp()) == ours
    assert told({}, SCORES, WEIGHTS * 4, WEIGHTS @ Q * 4).endswith(
        "\nThe reference's next value is 0.25 times these values."
    )


def test_a_step_is_called_after_its_line_only_if_it_is_what_the_line_gives():
    """`weights = scores.softmax(-1).round(...)` is not called `weights` before it is rounded."""

    def told(*more, held=WEIGHTS):
        ours = Way(
            [OURS[0], OURS[1], *more, OURS[2]], (), [Assignment(2, 0, "weights", held, 2)] if held is not None else []
        )
        theirs = Way(steps(SCORES, WEIGHTS * 4, WEIGHTS @ Q * 4))
        return Comparison(theirs, ours, NAMES, FILE).first().text.splitlines()[1]

    assert told() == "`weights` is 0.25 times these values."
    assert told(held=None) == "`weights` is 0.25 times these values."
    assert told(held=WEIGHTS.exp()) == "The reference's next value is 0.25 times these values."
    assert told(Step(2, "round", WEIGHTS.exp()), held=None) == "The reference's next value is 0.25 times these values."


def test_in_a_notebook_each_place_has_its_cell():
    lines = 2, 5, 6
    theirs = Way([Step(line, "op", value) for line, value in zip(lines, (SCORES, WEIGHTS.exp(), WEIGHTS), strict=True)])

    def told(definitions_only):
        found = Comparison(theirs, Way(OURS), NAMES, file(NOTEBOOK, definitions_only=definitions_only)).first()
        return found.line, found.text

    assert told(True) == (
        5,
        "Up to cell 2, line 1 `scores` agrees. "
        "Cell 5, line 1 gives the first result that the reference does not have: weights = scores.softmax(-1)",
    )
    assert told(False)[1].startswith("Up to line 2 `scores` agrees. Line 5 gives"), "a file may have such a line, too"


def test_a_factor_is_said_and_something_near_it_is_not():
    assert said(SCORES, WEIGHTS * 4, WEIGHTS @ Q * 4)[1].endswith("\n`weights` is 0.25 times these values.")
    almost = WEIGHTS * 4
    almost[0, 0] += 1e-3
    assert "times" not in said(SCORES, almost, almost @ Q)[1]


def test_a_missing_addend_is_said_and_one_that_is_almost_it_is_not():
    x = torch.arange(9, dtype=torch.float64).reshape(3, 3).cos()
    assert "`weights` is these values plus `x`" in said(SCORES, WEIGHTS - x, Q, given={"x": x})[1]
    assert "`weights` is these values without `x`" in said(SCORES, WEIGHTS + x, Q, given={"x": x})[1]
    assert "plus" not in said(SCORES, WEIGHTS - x * 1.001, Q, given={"x": x})[1]


def test_another_axis_of_the_softmax_is_said():
    other = SCORES.softmax(0)
    assert "these values sum to 1 over axis 0, those of `weights` over axis 1".capitalize() in said(SCORES, other, Q)[1]
    assert "sum to 1" not in said(SCORES, other * 0.9, Q)[1]


def test_shares_over_the_same_axis_are_no_difference_of_axes():
    sharper = (SCORES * 2).softmax(-1)
    assert "sum to 1" not in said(SCORES, sharper, Q)[1]
    assert "over axis 0, those of `weights` over axis 1" in said(SCORES, (SCORES * 2).softmax(0), Q)[1]


def test_a_relation_needs_several_numbers_that_differ():
    ones = torch.ones(3, 3, dtype=torch.float64)
    assert "plus" not in said(SCORES, WEIGHTS - ones, Q, given={"x": ones})[1], "any number is a multiple of one"
    x = SCORES.cos()
    assert "plus `x`" in said(SCORES, WEIGHTS - x, Q, given={"x": x})[1]

    def told(wrong, right):
        found = Comparison(Way(steps(SCORES, wrong, Q)), Way(steps(SCORES, right, Q.exp())), NAMES, FILE).first()
        return found.text

    few, more = torch.tensor([0.3, 0.7, 1.1]), torch.tensor([0.3, 0.7, 1.1, 1.9])
    assert "times these values" in told(more * 2, more)
    assert "times these values" not in told(few * 2, few), "of so few numbers it is taken for true too easily"
    endless = torch.tensor([0.3, 0.7, 1.1, torch.inf])
    assert "times these values" not in told(endless * 2, endless)


def test_axes_in_another_order_are_said_where_the_right_order_never_comes():
    line, text = said(SCORES.T, SCORES.T.softmax(-1), Q.exp())
    assert (line, text) == (1, "Line 1 gives `scores` with its axes in another order: scores = q @ k.T")


def test_a_step_that_is_left_out_at_the_end_is_said():
    line, text = said(SCORES, WEIGHTS)
    assert line == 2
    assert text == "Line 2 gives a value that the reference computes too; the reference then goes on."


def test_what_is_left_out_after_what_agrees_is_said_where_it_is_simple():
    """What follows is another value: of what agreed before it is seen what is missing."""
    half = [SCORES, SCORES / 2, WEIGHTS]

    def told(*theirs, ours=half):
        found = Comparison(Way(steps(*theirs)), Way(steps(*ours)), {1: "`scores`", 2: "`halved`"}, FILE).first()
        return found.line, found.text

    agrees = "Up to line 1 `scores` agrees. "
    skipped = "The reference goes on from there: the reference's `halved` is 0.5 times these values."
    assert told(SCORES, SCORES.sin()) == (1, agrees + skipped)
    assert "goes on" not in told(SCORES, SCORES.sin(), ours=[SCORES, SCORES / 2 + Q[:, :3], WEIGHTS])[1]
    theirs = [Step(1, "op", SCORES), Step(1, "sin", SCORES.sin())]
    found = Comparison(Way(theirs), Way(steps(*half)), {1: "`scores`", 2: "`halved`"}, FILE).first()
    stops = "Line 1 gives a value that the reference computes too; the reference then goes on: "
    assert found.text == f"{stops}the reference's `halved` is 0.5 times these values.", "on one line nothing is before"


def test_a_value_that_is_not_the_last_is_said_with_what_is_missing():
    def told(last):
        found = Comparison(Way(steps(SCORES)), Way(steps(SCORES, last)), {2: "the right result"}, FILE).first()
        return found.text

    stops = "Line 1 gives a value that the reference computes too; the reference then goes on"
    assert told(SCORES / 2) == f"{stops}: the right result is 0.5 times these values."
    assert told(SCORES / 2 + Q[:, :3]) == f"{stops}."


def test_a_part_that_is_never_called_is_placed_before_or_after_what_else_is_done():
    wrong = [*COMPUTED[:2], Step(4, "norm", (X + A).exp(), 0)]
    calls = [FORWARD, ATTEND, InnerCall("norm_2", 4, 0, NORM_2.given, True, 2)]
    right = [FORWARD, ATTEND, InnerCall("norm_1", 3, 0, {"0": A.sinh()}, True, 2), NORM_2]

    def told(theirs, ours):
        found = Comparison(Way(wrong, theirs, (), RIGHT.given), Way(COMPUTED, ours, (), RIGHT.given), {}, file(LAYER))
        return found.first().text.partition(": ")[0].rpartition(". ")[2]

    said = "`norm_1` is never called; the reference calls it"
    assert told(calls, right) == f"{said} before line 4"
    assert told(calls, [*right[:2], NORM_2, right[2]]) == f"{said} after line 4"
    assert "never" not in told([*calls[:2], right[2], calls[2]], right)


def test_a_part_that_a_loop_leaves_out_is_said_where_the_loop_begins():
    text = b"def forward(self, x):\n    for layer in self.layers[1:]:\n        x = layer(x)\n    return x\n"
    first, second = (InnerCall(f"layers.{n}", 3, 0, {"0": X}, True) for n in range(2))
    whole = InnerCall("Stack.forward", 0, -1, {"x": X})

    def told(theirs, text=text):
        ours = Way(steps(A, A.exp()), [whole, first, second], (), {"x": X})
        return Comparison(Way([Step(3, "op", A.sinh(), 0)], theirs, (), {"x": X}), ours, {}, file(text)).first()

    loop = "`layers.0` is never called. Line 2: for layer in self.layers[1:]:"
    assert told([whole, second]) == FirstStep(2, loop)
    assert "never" not in told([whole, first, second]).text
    plain = text.replace(b"layer(x)", b"self.second(x)")
    assert told([whole, second], plain).text.startswith("`layers.0` is never called; the reference calls it before")


def test_a_tensor_that_a_variable_is_set_to_is_said_to_be_another():
    text = b"q = x\nscores = q @ k.T\nreturn scores\n"
    call = [InnerCall("f", 0, -1, {})]
    right = Way(steps(Q, SCORES), call, [Assignment(1, 0, "q", Q, 1)])

    def told(value):
        theirs = Way([Step(2, "op", SCORES.exp(), 0)], call, [Assignment(1, 0, "q", value, 0)])
        return Comparison(theirs, right, {}, file(text)).first().text

    assert told(X + 1) == "Line 1 sets `q`, which the reference sets to something else: q = x"
    assert told(Q).startswith("Line 2 gives")
    assert told(4) == "Line 1 sets `q` to `4`; in the reference it is a tensor of shape (3, 4): q = x"


def test_a_step_that_the_reference_only_words_otherwise_is_not_left_out():
    """It goes on by giving its result another form; the learner's result is the same."""

    def told(returned):
        both = [InnerCall("f", 0, -1, {})]
        theirs = Way(steps(SCORES, WEIGHTS), both, [Assignment(2, 0, "return", returned, 2)])
        ours = Way(OURS, both, [Assignment(3, 0, "return", WEIGHTS, 2)])
        return Comparison(theirs, ours, NAMES, FILE).first()

    assert told(WEIGHTS) is None
    assert told(WEIGHTS + 1).line == 2

    def told_of_two(*returned):
        both = [InnerCall("f", 0, -1, {})]
        theirs = [Assignment(2, 0, f"return[{place}]", value, 2) for place, value in enumerate(returned)]
        ours = [Assignment(3, 0, f"return[{place}]", value, 2) for place, value in enumerate((WEIGHTS, SCORES))]
        found = Comparison(Way(steps(SCORES, WEIGHTS), both, theirs), Way(OURS, both, ours), NAMES, FILE).first()
        return found and found.text.partition(": ")[0]

    assert told_of_two(WEIGHTS, SCORES) is None
    assert told_of_two(WEIGHTS, SCORES + 1) == "Line 2 returns a second result that differs from the reference's"
    stops = "Line 2 gives a value that the reference computes too; the reference then goes on."
    assert told_of_two(WEIGHTS) == stops, "one is missing"


def test_a_factor_of_one_is_none():
    mine = (WEIGHTS * 1.00001).float().double()
    assert "times" not in said(SCORES, mine, mine @ Q)[1]


def test_a_table_that_is_being_filled_in_differs_from_nothing():
    filling = [Step(1, "__setitem__", SCORES + 7), *steps(SCORES, WEIGHTS, WEIGHTS.exp())]
    line, _ = vars(Comparison(Way(filling), Way(OURS), NAMES, FILE).first()).values()
    assert line == 3


def test_a_table_that_is_only_made_differs_from_nothing_unless_it_is_the_result():
    made = Step(1, "new_zeros", torch.zeros(3, 3))
    parted = Comparison(Way([made, *steps(SCORES, WEIGHTS, WEIGHTS.exp())]), Way(OURS), NAMES, FILE).first()
    assert parted.line == 3
    assert Comparison(Way([made]), Way(OURS), NAMES, FILE).first().line == 1


def test_a_mask_that_says_the_opposite_on_the_way_is_the_same_and_one_that_is_the_result_is_not():
    mask = torch.ones(3, 3).tril().bool()

    def line(theirs, ours):
        found = Comparison(Way(steps(*theirs)), Way(steps(*ours)), NAMES, FILE).first()
        return found.line if found is not None else None

    assert line([~mask, WEIGHTS.exp()], [mask, SCORES, WEIGHTS]) == 2
    assert line([mask.flip(0), WEIGHTS.exp()], [mask, SCORES, WEIGHTS]) == 1
    assert line([SCORES, ~mask], [SCORES, mask]) == 2


def test_a_result_is_the_first_only_if_none_that_is_not_looked_at_differs_before_it():
    small = torch.tensor([2.0])
    assert said(SCORES, small, WEIGHTS.exp())[1].endswith(
        "Line 3 gives a result that the reference does not have: return weights @ v"
    )
    ours = [*OURS, *steps(small)]
    found = Comparison(Way(steps(SCORES, small, WEIGHTS.exp())), Way(ours), NAMES, FILE).first()
    assert "Line 3 gives the first result that" in found.text


def test_a_step_inside_a_sound_function_is_judged_by_what_comes_out():
    calls = [InnerCall("f", 0, -1, {}), InnerCall("sound", 1, 0, {})]

    def line(came_out):
        inside = [Step(9, "op", value, 1) for value in (SCORES + 7, came_out)]
        way = Way([*inside, Step(2, "op", WEIGHTS.exp(), 0)], calls)
        return Comparison(way, Way(OURS), NAMES, FILE, {"sound"}).first().line

    assert line(SCORES) == 2
    assert line(SCORES + 8) == 1


@pytest.mark.parametrize("operation", ["expand", "repeat"])
def test_numbers_that_are_only_repeated_are_no_difference(operation):
    repeated = Step(1, operation, SCORES.expand(2, 3, 3))
    assert Comparison(Way([repeated, *steps(SCORES, WEIGHTS.exp())]), Way(OURS), NAMES, FILE).first().line == 2


def test_a_part_that_is_given_one_row_after_the_other_is_not_given_other_values():
    rows = [InnerCall("norm_1", 3, 0, {"0": row}, True, 2) for row in X + A]
    wrong = [*COMPUTED[:2], Step(4, "norm", (X + A).exp(), 0)]
    assert about(wrong, [FORWARD, ATTEND, *rows, NORM_2]) == (
        4,
        "Up to line 3 the values agree with the reference's. "
        "Line 4 gives the first result that the reference does not have",
    )
    others = [InnerCall("norm_1", 3, 0, {"0": row + 1}, True, 2) for row in X + A]
    assert "`norm_1`" in about(wrong, [FORWARD, ATTEND, *others, NORM_2])[1]


def test_calls_of_a_sound_function_on_one_line_are_told_apart():
    """A stack calls its layers in a loop."""
    calls = [InnerCall("f", 0, -1, {}), InnerCall("sound", 1, 0, {}), InnerCall("sound", 1, 0, {})]

    def line(first):
        made = [Step(9, "op", first, 1), Step(9, "op", SCORES, 2), Step(2, "op", WEIGHTS.exp(), 0)]
        return Comparison(Way(made, calls), Way(OURS), NAMES, FILE, {"sound"}).first().line

    assert line(SCORES + 7) == 1
    assert line(SCORES) == 2


def test_what_agrees_is_above_what_differs():
    way = Way([Step(2, "op", SCORES), Step(1, "op", WEIGHTS.exp())])
    assert Comparison(way, Way(OURS), NAMES, FILE).first().text.startswith("Line 1 gives the first")


def test_few_numbers_prove_nothing():
    assert said(torch.ones(2), torch.zeros(1)) is None
    assert Comparison(Way(steps(WEIGHTS)), Way(steps(torch.ones(1))), NAMES, FILE).first() is None


def test_two_long_ways_are_compared_in_a_moment(monkeypatch):
    """A loop over a sequence makes hundreds of steps; all with all, tensor by tensor, took seconds."""
    looked = []
    monkeypatch.setattr(way, "near", lambda a, b, near=way.near: looked.append(1) or near(a, b))
    theirs, ours = (steps(*(SCORES + number * way for number in range(300))) for way in (2, 3))
    Comparison(Way(theirs), Way(ours), {}, file(b"x = 1\n" * 300)).first()
    assert len(looked) < 3 * 300


# ---------------------------------------------------------------------------------- calls, variables, what is returned

LAYER = b"""def forward(self, x, mask):
    a = self.attend(x, mask)
    x = self.norm_1(x + a)
    return self.norm_2(x + self.feed(x))
"""
X, A, MASK = Q, Q.cos(), Q > 0
FORWARD = InnerCall("Layer.forward", 0, -1, {"x": X, "mask": MASK})
ATTEND = InnerCall("attend", 2, 0, {"0": X, "1": MASK}, True, 0)
NORM_1 = InnerCall("norm_1", 3, 0, {"0": X + A}, True, 2)
NORM_2 = InnerCall("norm_2", 4, 0, {"0": A.exp()}, True, 3)
COMPUTED = [Step(2, "attend", A, 0), Step(3, "add", X + A, 0), Step(3, "norm", (X + A).tanh(), 0)]
RIGHT = Way(COMPUTED, [FORWARD, ATTEND, NORM_1, NORM_2], [Assignment(2, 0, "a", A, 1)], {"x": X, "mask": MASK})


def about(steps, calls, assigned=(), text=LAYER, sound=()):
    """What is said of a layer beside the right one."""
    theirs = Way(steps, calls, assigned, {"x": X, "mask": MASK})
    found = Comparison(theirs, RIGHT, {}, file(text), sound).first()
    return (found.line, found.text.partition(": ")[0]) if found is not None else None


WRONG = [COMPUTED[0], Step(3, "norm", A.tanh(), 0)]


def test_a_part_that_is_given_something_else_is_said_with_both():
    given = InnerCall("norm_1", 3, 0, {"0": A}, True, 1)
    line, text = about(WRONG, [FORWARD, ATTEND, given, NORM_2])
    assert line == 3
    assert text.endswith("Line 3 gives `norm_1` `a`; the reference gives it `x` plus `a`")
    assert "norm_1" not in about(WRONG, [FORWARD, ATTEND, NORM_1, NORM_2])[1], "it was given the same"


def test_where_neither_value_has_a_name_that_is_said_in_few_words():
    given = InnerCall("norm_1", 3, 0, {"0": A * 7}, True, 1)
    right = Way(COMPUTED, [FORWARD, ATTEND, InnerCall("norm_1", 3, 0, {"0": A * 5}, True, 2)], (), RIGHT.given)
    found = Comparison(Way(WRONG, [FORWARD, ATTEND, given]), right, {}, file(LAYER)).first()
    assert found.text.endswith("Line 3 gives `norm_1` other values than the reference does: x = self.norm_1(x + a)")
    inner, other = (InnerCall("Layer.forward", 3, 0, {"x": A * number}) for number in (7, 5))
    theirs, ours = (
        Way([Step(9, "op", A.sin() * number, 1)], [FORWARD, call]) for number, call in ((1, inner), (2, other))
    )
    found = Comparison(theirs, ours, {}, file(LAYER)).first()
    assert found.text.startswith("Line 3 calls Layer.forward with another `x` than the reference does: ")
    theirs = Way(theirs.steps, theirs.calls, (), {"x": X})
    found = Comparison(theirs, ours, {}, file(LAYER)).first()
    assert found.text.startswith("Line 3 calls Layer.forward with another `x`; the reference gives it `x`: ")
    theirs = Way(theirs.steps, theirs.calls, (), {"x": A * 7})
    found = Comparison(theirs, ours, {}, file(LAYER)).first()
    assert found.text.startswith("Line 3 calls Layer.forward with `x` as `x`; the reference gives it another value: ")


def test_a_part_that_comes_too_early_is_said():
    early, wrong = [InnerCall("norm_1", 2, 0, {"0": X}, True, 0), ATTEND], [Step(2, "norm", X.tanh(), 0)]
    said = "Line 2 calls `norm_1` where the reference calls `attend` first"
    assert about(wrong, [FORWARD, *early]) == (2, said)
    inside = InnerCall("attend", 2, 5, {"0": X, "1": MASK}, True, 0)
    assert "first in" not in about(wrong, [FORWARD, inside, *early])[1], "it was called before"
    assert about(wrong, [FORWARD, inside, *early])[1] != said


def test_a_part_that_is_never_called_is_said_where_its_input_is_computed():
    calls = [FORWARD, ATTEND, InnerCall("norm_2", 4, 0, {"0": X + A}, True, 2)]
    wrong = [*COMPUTED[:2], Step(4, "norm", (X + A).exp(), 0)]
    line, text = about(wrong, calls)
    assert (line, text.endswith("`norm_1` is never called; the reference gives it what is computed on line 3")) == (
        3,
        True,
    )
    elsewhere = [*calls, InnerCall("norm_1", 9, 7, {"0": X}, True, 3)]
    assert "never" not in about(wrong, elsewhere)[1], "it is called in another function"


def test_the_last_value_with_its_axes_in_another_order_is_said_and_one_on_the_way_alone_is_not():
    line, text = said(SCORES, WEIGHTS, (WEIGHTS @ Q).T)
    assert (line, text) == (3, "Line 3 gives the right result with its axes in another order: return weights @ v")
    assert "axes" not in said(SCORES, WEIGHTS.T)[1]


def test_where_no_more_is_computed_a_part_that_is_left_out_is_said():
    after = "`norm_1` is never called; the reference calls it after line 2"
    assert about(COMPUTED[:1], [FORWARD, ATTEND]) == (2, after)
    stops = "Line 2 gives a value that the reference computes too; the reference then goes on"
    assert about(COMPUTED[:1], [FORWARD, ATTEND, NORM_1, NORM_2]) == (2, stops)


def test_where_every_value_agrees_a_part_that_is_left_out_is_said():
    after = "`norm_2` is never called; the reference calls it after line 3"
    assert about(COMPUTED, [FORWARD, ATTEND, NORM_1]) == (3, after)
    assert about(COMPUTED, [FORWARD, ATTEND, NORM_1, NORM_2]) is None


def test_what_a_function_computes_to_its_end_is_its_callers_to_go_on_from():
    calls = [InnerCall("f", 0, -1, {}), InnerCall("g", 2, 0, {"q": Q})]

    def line(*inside):
        ours = Way([*(Step(9, "op", value, 1) for value in inside), Step(3, "op", Q.exp(), 0)], calls)
        return Comparison(Way([Step(9, "op", SCORES, 1)], calls), ours, {}, file(TEXT + b"\n" * 9)).first().line

    assert line(SCORES) == 2
    assert line(SCORES, WEIGHTS) == 9, "the function itself goes on"


def test_what_agrees_is_the_last_of_the_references_that_was_come_by():
    line, text = said(SCORES, WEIGHTS, SCORES, Q.exp())
    assert (line, text.partition(" gives")[0]) == (4, "Up to line 2 `weights` agrees. Line 4")
    line, text = said(SCORES, WEIGHTS, Q.exp())
    assert (line, text.partition(" gives")[0]) == (3, "Up to line 2 `weights` agrees. Line 3")


def test_axes_in_another_order_that_come_of_what_was_given_are_their_callers():
    def told(given):
        calls = [InnerCall("f", 0, -1, {}), InnerCall("g", 2, 0, {"q": given})]
        ours = Way(OURS, [calls[0], InnerCall("g", 2, 0, {"q": Q})])
        theirs = Way([Step(9, "op", SCORES.T, 1), Step(3, "op", Q.exp(), 0)], calls)
        return Comparison(theirs, ours, NAMES, file(TEXT + b"\n" * 9)).first().text

    assert told(Q.T).startswith("Line 2 calls g with another `q` than the reference does")
    assert told(Q).startswith("Line 9 gives `scores` with its axes in another order")


def test_a_variable_is_looked_up_around_a_comprehension():
    text = b"k = x\nrows = [row @ k for row in q]\nreturn rows\n"
    right = Way(steps(Q, SCORES), [InnerCall("f", 0, -1, {})], [Assignment(1, 0, "k", Q, 1)])

    def line(value, name="<listcomp>"):
        calls = [InnerCall("f", 0, -1, {}), InnerCall(name, 2, 0, {})]
        theirs = Way([Step(2, "op", SCORES.exp(), 1)], calls, [Assignment(1, 0, "k", value, 0)])
        return Comparison(theirs, right, {}, file(text)).first().line

    assert line(X + 1) == 1
    assert line(Q) == 2
    assert line(X + 1, "helper") == 2, "another function's variables are others"


def test_a_part_of_another_class_that_is_given_something_else_is_not_at_fault_but_its_caller():
    def told(given):
        part = InnerCall("norm_1", 3, 0, {"0": given}, True, 1)
        inside = InnerCall("MyNorm.forward", 3, 0, {"x": given})
        return about([*COMPUTED[:2], Step(9, "norm", A.tanh(), 3)], [FORWARD, ATTEND, part, inside])

    assert told(A)[0] == 3
    assert told(A)[1].endswith("Line 3 gives `norm_1` `a`; the reference gives it `x` plus `a`")
    assert told(X + A)[0] == 9


def test_where_a_part_is_given_a_variable_that_was_set_otherwise_that_is_where_it_begins():
    def told(value):
        calls = [FORWARD, ATTEND, InnerCall("norm_1", 3, 0, {"0": X + value}, True, 1)]
        return about([COMPUTED[0], Step(4, "norm", A.tanh(), 0)], calls, [Assignment(2, 0, "a", value, 1)])

    assert told(A.exp()) == (2, "Line 2 sets `a`, which the reference sets to something else")
    assert told(A)[0] == 4


def test_a_part_that_is_called_later_on_another_line_is_not_what_differs():
    def told(line, before):
        later = InnerCall("norm_1", line, 0, {"0": A}, True, before)
        return about([COMPUTED[0], Step(4, "op", A.tanh(), 0)], [FORWARD, ATTEND, later, NORM_2])[1]

    assert "gives `norm_1`" in told(3, 1), "it was called before"
    assert "gives `norm_1`" in told(4, 2), "on this line"
    assert "gives `norm_1`" not in told(5, 2)


def test_a_part_that_the_reference_calls_elsewhere_comes_neither_too_early_nor_too_often():
    more = InnerCall("extra", 2, 0, {"0": X}, True, 0)
    wrong = [Step(2, "norm", X.tanh(), 0)]
    elsewhere = InnerCall("extra", 9, 7, {"0": X}, True, 0)
    right = Way(COMPUTED, [FORWARD, ATTEND, NORM_1, NORM_2, elsewhere], (), RIGHT.given)

    def told(*calls):
        found = Comparison(Way(wrong, [FORWARD, *calls], (), RIGHT.given), right, {}, file(LAYER)).first()
        return found.text.partition(": ")[0]

    inside = InnerCall("attend", 9, 5, {"0": X}, True, 0)
    assert told(more, inside) == "Line 2 gives the first result that the reference does not have"
    early = InnerCall("norm_1", 2, 0, {"0": X}, True, 0)
    assert told(early, ATTEND) == "Line 2 calls `norm_1` where the reference calls `attend` first"


def test_only_a_call_on_the_line_that_returns_is_looked_at():
    outer = InnerCall("f", 0, -1, {})

    def told(line, number=0):
        calls = [outer, InnerCall("g", line, number, {"n": 5}), InnerCall("h", 2, 0, {})]
        theirs = Way([Step(9, "op", SCORES[0], 1)], calls, [Assignment(2, 0, "return", SCORES[0], 1)])
        ours = Way(OURS, [outer, InnerCall("g", 2, 0, {"n": 6})], [Assignment(2, 0, "return", SCORES, 3)])
        return Comparison(theirs, ours, NAMES, FILE).first().text

    assert told(2).startswith("Line 2 calls g with `5` as `n`")
    assert told(3).startswith("Line 2 returns"), "on another line"
    assert told(2, 2).startswith("Line 2 returns"), "in another function"


def test_a_part_of_which_a_method_is_called_is_not_called_never():
    calls = [FORWARD, ATTEND, InnerCall("norm_2", 4, 0, {"0": X + A}, True, 2)]
    wrong = [*COMPUTED[:2], Step(4, "norm", (X + A).exp(), 0)]
    text = LAYER + b"    norm_1.train()\n"
    assert "never" in about(wrong, calls, text=text)[1]
    assert "never" not in about(wrong, calls, text=text.replace(b"train", b"scaled"))[1]


def test_a_part_that_is_called_more_often_is_said():
    again = InnerCall("norm_1", 4, 0, {"0": (X + A).tanh()}, True, 3)
    wrong, said = [*COMPUTED, Step(4, "norm", (X + A).tanh().tanh(), 0)], "calls `norm_1` more often than the reference"
    assert said in about(wrong, [FORWARD, ATTEND, NORM_1, again, NORM_2])[1]
    assert said not in about(wrong, [FORWARD, ATTEND, NORM_1, NORM_2])[1]


def test_a_function_that_is_given_something_else_is_not_at_fault_but_its_caller():
    inner = InnerCall("Layer.forward", 9, 0, {"x": X, "mask": None})
    line, text = about([Step(2, "attend", A.sin(), 1)], [FORWARD, inner])
    assert (line, text) == (9, "Line 9 calls Layer.forward with `None` as `mask`; the reference gives it `mask`")
    alike = InnerCall("Layer.forward", 9, 0, {"x": X, "mask": MASK})
    assert about([Step(2, "attend", A.sin(), 1)], [FORWARD, alike])[0] == 2


def test_a_function_that_passes_its_own_checks_is_not_at_fault_where_the_reference_never_calls_it():
    helper = InnerCall("helper", 3, 0, {"x": X})
    wrong = [Step(7, "op", A.sin(), 1)]
    assert about(wrong, [FORWARD, helper], sound={"helper"})[0] == 3
    assert about(wrong, [FORWARD, helper])[0] == 7


def test_a_variable_with_another_value_than_the_references_of_that_name_is_where_it_begins():
    text = b"d_k = q.size(1)\nscores = q @ k.T\nreturn scores / d_k\n"
    right = Way(steps(SCORES, SCORES / 2), [InnerCall("f", 0, -1, {"q": Q})], [Assignment(1, 0, "d_k", 2, 0)])
    wrong = [Step(2, "op", SCORES, 0), Step(3, "op", SCORES / 3, 0)]

    def told(value, name="d_k"):
        theirs = Way(wrong, right.calls, [Assignment(1, 0, name, value, 0)])
        found = Comparison(theirs, right, {}, file(text)).first()
        return found.line, found.text

    assert told(3) == (1, "Line 1 sets `d_k` to `3`; in the reference it is `2`: d_k = q.size(1)")
    assert told("self.x") == (1, "Line 1 sets `d_k` to `self.x`; in the reference it is `2`: d_k = q.size(1)")
    assert told(2)[0] == 3, "it is the same"
    assert told(3, "other")[0] == 3, "the reference has no variable of that name"


def test_a_variable_that_holds_what_the_reference_has_on_its_way_is_not_where_it_begins():
    """`x` is one name for many things, and each file has its own order of them."""
    text = b"x = q @ k.T\nx = x.softmax(-1)\nreturn x @ v\n"
    call = InnerCall("f", 0, -1, {"q": Q})
    right = Way(
        [Step(1, "op", SCORES, 0), Step(2, "op", WEIGHTS, 0, origins=(0,)), Step(3, "op", WEIGHTS @ Q, 0)],
        [call],
        [Assignment(2, 0, "x", WEIGHTS, 2)],
    )

    def line(wrong, *held, ours=right):
        theirs = [Step(1, "op", SCORES, 0), Step(3, "op", wrong, 0)]
        set_to = [Assignment(number, 0, "x", value, 1) for number, value in enumerate(held, 1)]
        return Comparison(Way(theirs, [call], set_to), ours, {}, file(text)).first().line

    wrong = SCORES.exp()
    assert line(wrong, WEIGHTS, SCORES) == 3, "the name is set more often than by the reference"
    assert line(wrong, WEIGHTS, SCORES.cos()) == 2, "the reference has no such value"
    assert line(wrong, SCORES) == 3, "the reference's is made of it"
    assert line(wrong, SCORES.cos()) == 1
    assert line(wrong, WEIGHTS.reshape(-1)) == 3, "the same numbers in another shape"
    assert line(wrong, WEIGHTS[1]) == 3, "one row of them"
    assert line(wrong, WEIGHTS[1] + 1) == 1
    assert line(wrong, WEIGHTS.T.reshape(-1)) == 1, "in another order"
    apart = Way([Step(one.line, "op", one.value, 0) for one in right.steps], right.calls, right.assigned)
    assert line(wrong, SCORES, ours=apart) == 1, "the reference's is not made of it: another value in its place"


def test_only_variables_of_the_same_call_are_compared():
    text = b"def helper(x):\n    k = x\nk = q.size(1)\nscores = q @ k.T\n"
    calls = [InnerCall("f", 0, -1, {"q": Q}), InnerCall("helper", 3, 0, {"x": X})]
    wrong = [Step(4, "op", SCORES.exp(), 0)]

    def line(mine, right):
        theirs = Way(wrong, calls, [Assignment(*one, 0) for one in mine])
        return (
            Comparison(theirs, Way(OURS, calls, [Assignment(*one, 0) for one in right]), NAMES, file(text)).first().line
        )

    assert line([(3, 0, "k", 5)], [(3, 0, "k", 4)]) == 3
    assert line([(3, 0, "k", 5)], [(2, 1, "k", 4)]) == 4, "the reference sets it in another function"
    assert line([(2, 1, "k", 5)], [(3, 0, "k", 4)]) == 4, "the learner's file sets it in another function"


def test_a_variable_that_is_used_as_the_references_is_where_it_begins():
    """Nothing that was left to do is done with it: `x` lacks its softmax."""
    text = b"x = q @ k.T\nreturn x @ v\n"
    call = InnerCall("f", 0, -1, {"q": Q})
    computed = [Step(1, "op", SCORES, 0), Step(1, "softmax", WEIGHTS, 0, origins=(0,))]
    right = Way(
        [*computed, Step(2, "matmul", WEIGHTS @ Q, 0, origins=(1,))], [call], [Assignment(1, 0, "x", WEIGHTS, 2)]
    )

    def line(operation):
        theirs = [computed[0], Step(2, operation, SCORES.exp(), 0, origins=(0,))]
        return Comparison(Way(theirs, [call], [Assignment(1, 0, "x", SCORES, 1)]), right, {}, file(text)).first().line

    assert line("matmul") == 1
    assert line("sigmoid") == 2, "what should be a softmax"


def test_a_result_that_comes_of_a_call_with_something_else_is_that_calls():
    """It is a piece of the reference's: no step differs."""
    outer = InnerCall("f", 0, -1, {})

    def told(mine, right, value=SCORES[0], called_by=2):
        theirs = Way(
            [Step(9, "op", value, 1)], [outer, InnerCall("g", 2, 0, mine)], [Assignment(2, 0, "return", value, 1)]
        )
        ours = Way(OURS, [outer, InnerCall("g", called_by, 0, right)], [Assignment(2, 0, "return", SCORES, 3)])
        return Comparison(theirs, ours, NAMES, FILE).first().text

    assert told({"n": 5}, {"n": 6}).startswith("Line 2 calls g with `5` as `n`; the reference gives it `6`")
    assert told({"n": 6}, {"n": 6}).startswith("Line 2 returns")
    assert told({"n": 5}, {"n": 6}, called_by=0).startswith("Line 2 returns"), "the reference does not call it"
    assert told({"x": Q[0]}, {"x": Q}).startswith("Line 2 returns"), "it is given a piece"


def test_a_variable_that_is_returned_too_early_is_where_it_begins():
    text = b"x = q @ k.T\ny = 0\nreturn x\n"
    call = InnerCall("f", 0, -1, {"q": Q})
    computed = [Step(1, "op", SCORES, 0), Step(2, "op", WEIGHTS, 0, origins=(0,))]

    def line(value, *names):
        set_to = [Assignment(1, 0, name, value, 2) for name in names]
        return Way(computed, [call], [*set_to, Assignment(3, 0, "return", value, 2)])

    found = Comparison(line(SCORES, "x"), line(WEIGHTS, "x"), {}, file(text)).first()
    assert (found.line, found.text[:18]) == (1, "Line 1 sets `x`, w")
    assert Comparison(line(SCORES, "y"), line(WEIGHTS, "x"), {}, file(text)).first().line == 3


def test_what_is_returned_is_compared_where_all_that_is_computed_agrees():
    def told(*values):
        returned = [Assignment(3, 0, f"return[{number}]", value, 2) for number, value in enumerate(values)]
        theirs = Way(steps(SCORES, WEIGHTS), [InnerCall("f", 0, -1, {})], returned)
        both = [Assignment(2, 0, "weights", WEIGHTS, 2), Assignment(1, 0, "scores", SCORES, 1)]
        right = [Assignment(3, 0, "return[0]", SCORES, 2), Assignment(3, 0, "return[1]", WEIGHTS, 2)]
        ours = Way(steps(SCORES, WEIGHTS), [InnerCall("f", 0, -1, {})], [*both, *right])
        found = Comparison(theirs, ours, NAMES, FILE).first()
        return found and found.text.partition(": ")[0]

    assert told(WEIGHTS, SCORES) == "Line 3 returns `weights` as its first result; the reference returns `scores`"
    assert told(SCORES, WEIGHTS) is None
    more = "Line 3 returns a second result that has 3 axes; the right one has 2"
    assert told(SCORES, WEIGHTS[None]) == more
    sizes = "Line 3 returns a second result that has shape (2, 3); the reference's has shape (3, 3)"
    assert told(SCORES, WEIGHTS[:2]) == sizes, "as many axes of other sizes"


def test_a_result_through_which_no_gradient_flows_is_said():
    def told(*flows):
        theirs = [Step(number, "op", value, -1, flow) for number, (value, flow) in enumerate(flows, 1)]
        ours = [Step(step.line, "op", step.value, -1, True) for step in OURS]
        found = Comparison(Way(theirs), Way(ours), NAMES, FILE).first()
        return found and (found.line, found.text.partition(": ")[0])

    values = [step.value for step in OURS]
    assert told(*zip(values, (True, False, False), strict=True)) == (
        2,
        "Line 2 gives a result through which no gradient flows back",
    )
    assert told(*zip(values, (True, True, True), strict=True)) is None


MADE = b"""class Layer:
    def __init__(self, d, dropout=0.1):
        self.norm = Norm(d, dropout)
        torch.manual_seed(0)
"""
WHOLE, PART_OF_IT = "Layer.__init__", "Norm.__init__"


def made(theirs, ours, text=MADE):
    """What is said of two ways in which a layer was made; each is calls."""

    def way(calls):
        return Way([], calls, [Assignment(4, 0, "return", None, 0)])

    found = Comparison(way(theirs), way(ours), {}, file(text)).first_made()
    return found and (found.line, found.text)


def test_what_a_module_is_made_with_is_said_where_it_is_another_number():
    def calls(value):
        return [InnerCall(WHOLE, 0, -1, {"d": 3}), InnerCall(PART_OF_IT, 3, 0, {"d": 3, "dropout": value})]

    said = "Line 3 makes Norm with `0` as `dropout`; the reference gives it `0.5`: self.norm = Norm(d, dropout)"
    assert made(calls(0.0), calls(0.5)) == (3, said)
    assert made(calls(0.5), calls(0.5)) is None
    assert made(calls(Q), calls(Q + 1)) is None, "a tensor says nothing of how a module was made"


def test_another_default_is_said_and_what_was_given_is_none():
    def calls(name, value):
        return [InnerCall(WHOLE, 0, -1, {"d": 3, name: value})]

    said = "Line 2: `dropout` is `0.1` where it is not given; in the reference it is `0`: "
    assert made(calls("dropout", 0.1), calls("dropout", 0.0)) == (2, said + "def __init__(self, d, dropout=0.1):")
    assert made(calls("dropout", 0.1), calls("dropout", 0.1)) is None
    assert made(calls("d", 4), calls("d", 3)) is None, "it has no default: it was given"


def test_a_mode_that_the_reference_does_not_set_is_said():
    def calls(*names):
        return [InnerCall(WHOLE, 0, -1, {}), *(InnerCall(name, 4, 0, {}, True) for name in names)]

    said = "Line 4 calls `manual_seed`, which the reference does not: torch.manual_seed(0)"
    assert made(calls("manual_seed"), calls()) == (4, said)
    assert made(calls("manual_seed"), calls("manual_seed")) is None
    assert made(calls("norm"), calls()) is None, "it leaves everything else as it is"


def test_a_mode_is_said_before_the_values_that_follow_from_it():
    mode = InnerCall("eval", 2, 0, {}, True, 0)
    assert about(WRONG, [FORWARD, mode, ATTEND, NORM_1, NORM_2]) == (
        2,
        "Line 2 calls `eval`, which the reference does not",
    )
    late = InnerCall("eval", 2, 0, {}, True, 2)
    assert "eval" not in about(WRONG, [FORWARD, ATTEND, NORM_1, late, NORM_2])[1], "it came after the values"


def test_of_two_calls_that_begin_otherwise_nothing_is_said():
    """A module that an earlier call left in another mode; a check that went on to another call."""
    wrong = [Step(2, "op", SCORES + 1, 0)]
    ours = InnerCall("Layer.forward", 0, -1, {"self.training": False, "x": X})
    for given in ({"self.training": True, "x": X}, {"self.training": False, "x": X + 1}):
        theirs, ours = (
            InnerCall("Layer.forward", 0, -1, given),
            InnerCall("Layer.forward", 0, -1, {"self.training": False, "x": X}),
        )
        assert Comparison(Way(wrong, [theirs]), Way(OURS, [ours]), NAMES, FILE).first() is None
    assert Comparison(Way(wrong, [ours]), Way(OURS, [ours]), NAMES, FILE).first() is not None


def test_another_part_as_an_argument_is_said_by_its_name():
    def told(part):
        inner = InnerCall("Layer.embed", 2, 0, {"table": f"self.{part}"})
        right = InnerCall("Layer.embed", 2, 0, {"table": "self.source"})
        theirs = Way([Step(9, "op", A.sin(), 1)], [FORWARD, inner])
        found = Comparison(theirs, Way(COMPUTED, [FORWARD, right]), {}, file(LAYER)).first()
        return found.line, found.text

    line, text = told("target")
    assert (line, text.partition(": ")[0]) == (
        2,
        "Line 2 calls Layer.embed with `self.target` as `table`; the reference gives it `self.source`",
    )
    assert told("source")[0] == 9


def test_in_a_loop_a_variable_is_compared_time_by_time():
    text = b"for t in range(2):\n    token = best[t]\n    scores = step(token)\n"
    tokens = [torch.arange(4) + number for number in range(2)]

    def told(*values):
        sets = [Assignment(2, 0, "token", value, number) for number, value in enumerate(values)]
        right = [Assignment(2, 0, "token", value, number) for number, value in enumerate(tokens)]
        call = [InnerCall("f", 0, -1, {})]
        theirs = Way([Step(3, "op", SCORES, 0), Step(3, "op", SCORES / 3, 0)], call, sets)
        found = Comparison(theirs, Way(steps(SCORES, SCORES / 2), call, right), {}, file(text)).first()
        return found.line

    assert told(tokens[0], tokens[0]) == 2, "the second time it should be another"
    assert told(*tokens) == 3
    assert told(tokens[0]) == 3, "set less often it may be anything that the reference sets it to"


def test_what_keeps_gradients_from_being_recorded_is_the_line_that_says_so():
    text = b"with torch.no_grad():\n    scores = q @ k.T\nweights = scores.softmax(-1)\n"
    ours = [Step(step.line, "op", step.value, -1, True) for step in OURS]

    def told(line, operation="op"):
        theirs = [Step(line, operation, SCORES), *ours[1:]]
        found = Comparison(Way(theirs), Way(ours), NAMES, file(text)).first()
        return found.line, found.text.partition(": ")[0]

    assert told(2) == (1, "Line 1 keeps gradients from being recorded")
    assert told(3) == (3, "Line 3 gives a result through which no gradient flows back")
    assert told(2, "detach") == (2, "Line 2 gives a result through which no gradient flows back"), "there it is cut off"


def test_what_is_detached_is_said_only_where_the_reference_detaches_nothing():
    cut = Step(2, "detach", Q[:1, :1])
    ours = [Step(step.line, "op", step.value, -1, True) for step in OURS]

    def told(right):
        found = Comparison(Way([cut, *ours]), Way(right), NAMES, FILE).first()
        return found and found.line

    assert told(ours) == 2
    assert told([cut, *ours]) is None


def test_a_result_that_has_no_name_is_said_to_be_returned_by_its_line():
    def told(value):
        theirs = Way(steps(SCORES, WEIGHTS), [InnerCall("f", 0, -1, {})], [Assignment(3, 0, "return[1]", value, 2)])
        ours = Way(steps(SCORES, WEIGHTS), [InnerCall("f", 0, -1, {})], [Assignment(3, 0, "return[1]", Q, 2)])
        found = Comparison(theirs, ours, NAMES, FILE).first()
        return found and found.text

    assert told(Q + 1) == "Line 3 returns a second result that differs from the reference's: return weights @ v"
    assert told(Q) is None


def test_a_value_of_an_arguments_name_is_the_new_one():
    call = [InnerCall("f", 0, -1, {"x": X})]

    def told(value):
        theirs = Way(steps(X + 1, X + 2), call, [Assignment(3, 0, "return", value, 2)], {"x": X})
        sets = [Assignment(1, 0, "x", X + 1, 1), Assignment(2, 0, "x", X + 2, 2), Assignment(3, 0, "return", X + 2, 2)]
        found = Comparison(theirs, Way(steps(X + 1, X + 2), call, sets, {"x": X}), {}, FILE).first()
        return found and found.text.partition(": ")[0]

    assert told(X) == "Line 3 returns the argument `x`; the reference returns the new `x`"
    assert told(X + 1) == "Line 3 returns a result that differs from the reference's, which is the new `x`"


def returns(value, right, name="return", *, text=TEXT, sets=()):
    """What is said of a result where all that was computed agrees; the reference sets these variables on its way."""
    call = [InnerCall("f", 0, -1, {})]
    assigned = [Assignment(2, 0, *one, 2) for one in sets]
    theirs = Way(steps(SCORES, WEIGHTS), call, [Assignment(3, 0, name, value, 2)])
    ours = Way(steps(SCORES, WEIGHTS), call, [*assigned, Assignment(3, 0, name, right, 2)])
    found = Comparison(theirs, ours, NAMES, file(text)).first()
    return found and found.text.partition(": ")[0].removeprefix("Line 3 ")


def test_a_result_with_its_axes_in_another_order_is_said():
    assert returns(Q.T, Q) == "returns a result that is the reference's with its axes in another order"
    assert returns(Q.T + 1, Q) == "returns a result that has shape (4, 3); the reference's has shape (3, 4)"
    assert (
        returns(SCORES.T + 1, SCORES + 1) == "returns a result that is the reference's with its axes in another order"
    )
    almost = (SCORES.T + 1).index_fill(0, torch.tensor([0]), 7.0)
    assert returns(almost, SCORES + 1) == "returns a result that differs from the reference's"


def test_a_result_of_the_references_name_only_differs():
    """Else it would be said that `x` is returned where the reference returns `x`."""
    text = TEXT.replace(b"return weights @ v", b"return x")
    sets = [("x", Q + 1)]
    assert returns(Q, Q + 1, text=text, sets=sets) == "returns a result that differs from the reference's"
    assert returns(Q, Q + 1, sets=sets) == "returns a result that differs from the reference's, which is `x`"


def test_a_named_result_with_another_number_of_axes_is_said_with_its_name():
    text = TEXT.replace(b"weights @ v", b"h.unsqueeze(0)")
    axes = "which has 3 axes; the right result has 2"
    assert returns(X[None], X, text=text, sets=[("h", X[None])]) == f"returns `h`, {axes}"
    assert (
        returns(X[None], X, "return[1]", text=text, sets=[("h", X[None])])
        == f"returns `h` as its second result, {axes}"
    )
    assert returns(X[None], X, text=text) == "returns a result that has 3 axes; the right one has 2"
    assert returns(X[0], X) == "returns a result that has 1 axis; the right one has 2"


def test_how_an_argument_is_called_in_a_sentence():
    def told(mine, right):
        calls = [[FORWARD, InnerCall("norm_1", 3, 0, given, True, 1)] for given in (mine, right)]
        theirs, ours = Way(WRONG, calls[0], (), RIGHT.given), Way(COMPUTED, calls[1], (), RIGHT.given)
        return Comparison(theirs, ours, {}, file(LAYER)).first().text.partition(": ")[0].rpartition(". ")[2]

    assert told({"0": X}, {"0": A}) == "Line 3 gives `norm_1` `x`; the reference gives it something else"
    second = "Line 3 gives `norm_1` `mask` as argument 2; the reference gives it `x`"
    assert told({"0": X, "1": MASK}, {"0": X, "1": X}) == second
    by_name = "Line 3 gives `norm_1` `mask` as `allowed`; the reference gives it `None`"
    assert told({"0": X, "allowed": MASK}, {"0": X, "allowed": None}) == by_name
    assert told({"0": A}, {"0": X}) == "Line 3 gives `norm_1` other values; the reference gives it `x`"


def test_a_part_of_a_result_is_called_by_its_place():
    whose = "returns a second result whose part 1 differs from the reference's"
    assert returns(Q, Q + 1, "return[1][0]") == whose
    assert returns(WEIGHTS, Q, "return[1][0]", sets=[("weights", WEIGHTS)]) == (
        "returns `weights` as part 1 of its second result; the reference returns something else"
    )
    assert returns(Q, Q, "return[1][0]") is None


def test_a_function_that_ends_without_a_return_is_said_to():
    passes = TEXT.replace(b"return weights @ v", b"pass")
    assert returns(None, Q, text=passes) == "The function ends at line 3 and returns nothing"
    assert returns(None, Q) == "returns `None`; the reference returns something else"
    assert returns(None, None, text=passes) is None


def test_of_several_values_of_one_variable_the_first_and_the_last_have_names():
    sets, text = [("h", X), ("h", X + 1), ("h", X + 2)], TEXT.replace(b"weights @ v", b"h")
    assert returns(X, A, sets=sets, text=text) == "returns the first `h`; the reference returns something else"
    assert returns(X + 2, A, sets=sets, text=text) == "returns the last `h`; the reference returns something else"
    assert returns(X + 1, A, sets=sets, text=text) == "returns a result that differs from the reference's"
    assert returns(X, A, sets=[("h", X)] * 2, text=text) == "returns `h`; the reference returns something else"


def test_of_two_names_of_a_value_that_is_said_which_the_line_reads():
    sets, text = [("h", X), ("weights", X)], TEXT.replace(b"weights @ v", b"weights")
    assert returns(X, A, sets=sets, text=text) == "returns `weights`; the reference returns something else"
    other = text.replace(b"return weights", b"return h")
    assert returns(X, A, sets=sets, text=other) == "returns `h`; the reference returns something else"


def test_whose_variable_it_is_is_said_where_the_line_does_not_read_it():
    sets = [("h", X), ("x", A)]
    assert returns(X, A, sets=sets) == "returns the reference's `h`; the reference returns `x`"
    text = TEXT.replace(b"weights @ v", b"h")
    assert returns(X, A, sets=sets, text=text) == "returns `h`; the reference returns `x`"


def given_to_norm(mine, right, *, calls=(), sets=()):
    """What is said of a layer whose `norm_1` is given something else; inside it the reference makes these calls."""
    theirs = Way(WRONG, [FORWARD, *calls, InnerCall("norm_1", 3, 0, {"0": mine}, True, 1)], (), RIGHT.given)
    ours = [FORWARD, *calls, InnerCall("norm_1", 3, 0, {"0": right}, True, 2)]
    return Comparison(theirs, Way(COMPUTED, ours, sets, RIGHT.given), {}, file(LAYER)).first().text.partition(": ")[0]


def test_what_a_call_returns_is_called_so_and_what_it_sets_inside_has_no_name():
    attend = [InnerCall("attend", 2, 0, {"0": X}, True, 0), InnerCall("Attention.forward", 2, 0, {"x": X}, False, 0)]
    helper = [InnerCall("scores", 2, 0, {"q": X})]

    def told(calls, *sets):
        return given_to_norm(A.exp(), A.sinh(), calls=calls, sets=[Assignment(9, *one, 1) for one in sets])

    assert told(attend, (2, "return", A.sinh())).endswith("; the reference gives it what `attend` returns")
    assert told(attend, (2, "return", A.exp())).endswith(
        "`norm_1` what `attend` returns; the reference gives it something else"
    )
    assert told(helper, (1, "return", A.sinh())).endswith("; the reference gives it what scores returns")
    assert told(helper, (1, "inside", A.sinh())).endswith("gives `norm_1` other values than the reference does")
    again = (1, "return", A.sinh()), (2, "return", A)
    assert told(helper * 2, *again).endswith("other values than the reference does"), "one of two calls"
    deeper = [*helper, InnerCall("scores", 9, 1, {"q": X})]
    assert told(deeper, (2, "return", A.sinh())).endswith("other values than the reference does"), "of another function"


def test_what_is_one_number_everywhere_is_called_after_nothing_that_the_line_does_not_read():
    """Zeros come of many things."""
    zeros, sets = torch.zeros(3, 4), [("h", torch.zeros(3, 4))]
    assert returns(zeros, Q, sets=sets) == "returns a result that differs from the reference's"
    text = TEXT.replace(b"weights @ v", b"h")
    assert returns(zeros, Q, sets=sets, text=text) == "returns `h`; the reference returns something else"
    one, sets = torch.tensor([[2.5]]), [("h", torch.tensor([[2.5]]))]
    assert returns(one, one + 1, sets=sets) == "returns the reference's `h`; the reference returns something else"


def test_in_another_function_an_argument_of_the_whole_call_is_said_to_be_of_that():
    inner = InnerCall("Layer.read", 9, 0, {})
    calls = [FORWARD, inner, InnerCall("norm_1", 3, 1, {"0": X}, True, 1)]
    right = Way(COMPUTED, [FORWARD, inner, InnerCall("norm_1", 3, 1, {"0": A}, True, 2)], (), RIGHT.given)
    theirs = Way([Step(3, "norm", A.tanh(), 1)], calls, (), RIGHT.given)
    assert "gives `norm_1` `x` of Layer.forward;" in Comparison(theirs, right, {}, file(LAYER)).first().text
    right = Way(COMPUTED, right.calls, [Assignment(2, 0, "a", A, 1)], RIGHT.given)
    said = "gives `norm_1` `x` of Layer.forward; the reference gives it `a` of Layer.forward: "
    assert said in Comparison(theirs, right, {}, file(LAYER)).first().text
    assert "gives `norm_1` `x`;" in given_to_norm(X, A)


FILLED = b"""table = torch.zeros(3, 4)
table[:, 0::2] = angles.sin()
table[:, 1::2] = angles.cos()
return table
"""


def test_the_line_that_fills_in_wrong_entries_is_said():
    right = torch.stack([X[:, 0], A[:, 0], X[:, 1], A[:, 1]], 1)
    even, odd = torch.tensor([1, 0, 1, 0]), torch.tensor([0, 1, 0, 1])

    def told(*filled, right=right):
        made = [Step(1, "zeros", torch.zeros(3, 4).double(), 0)]
        made += [Step(2 + n, "__setitem__", value, 0, origins=(n,)) for n, value in enumerate(filled)]
        way = Way(made, [InnerCall("f", 0, -1, {})], [Assignment(4, 0, "return", filled[-1], 3)])
        ours = Way(steps(right), [InnerCall("f", 0, -1, {})], [Assignment(4, 0, "return", right, 1)])
        found = Comparison(way, ours, {}, file(FILLED)).first()
        return found and (found.line, found.text.partition(": ")[0])

    said = "fills in entries of the result that differ from the reference's"
    assert told(right * even + 7 * even, right + 7 * even) == (2, f"Line 2 {said}")
    assert told(right * even, right + odd) == (3, f"Line 3 {said}")
    assert told(right * even, right) is None
    assert told(right * even + 7 * even, right) is None, "the wrong entries are filled in once more"
    assert told(right * even)[1] == "Line 4 returns a result that differs from the reference's", "never filled in"


def test_what_another_table_is_filled_in_with_is_not_what_the_result_is():
    right = torch.stack([X[:, 0], A[:, 0], X[:, 1], A[:, 1]], 1)
    even, odd = torch.tensor([1, 0, 1, 0]), torch.tensor([0, 1, 0, 1])
    call = [InnerCall("f", 0, -1, {})]

    def line(*made, returned):
        way = Way(made, call, [Assignment(4, 0, "return", returned, len(made))])
        ours = Way(steps(right), call, [Assignment(4, 0, "return", right, 1)])
        return Comparison(way, ours, {}, file(FILLED + b"other[0] = 7\n")).first().line

    zeros = Step(1, "zeros", torch.zeros(3, 4).double(), 0)
    first = Step(2, "__setitem__", right * even, 0, origins=(0,))
    wrong = right * even + odd
    second = Step(3, "__setitem__", wrong, 0, origins=(1,))
    assert line(zeros, first, second, returned=wrong) == 3
    other = Step(5, "__setitem__", wrong + 7, 0, origins=(2,))
    assert line(zeros, first, second, other, returned=wrong) == 3, "what comes later is another table"
    row = Step(1, "arange", torch.arange(2).double(), 0)
    filled = Step(3, "__setitem__", wrong, 0, origins=(0, 1, 2))
    assert line(row, zeros, Step(2, "__setitem__", right * even, 0, origins=(1,)), filled, returned=wrong) == 3
    alone = Step(3, "__setitem__", wrong, 0)
    assert line(row, alone, returned=wrong) == 4, "what was in memory before is not known"


def test_what_was_too_large_to_be_kept_is_not_said_to_be_none():
    given = InnerCall("norm_1", 3, 0, {"0": X, "1": MASK}, True, 1)

    def told(right):
        ours = Way(COMPUTED, [FORWARD, ATTEND, InnerCall("norm_1", 3, 0, right, True, 2)], (), RIGHT.given)
        theirs = Way(WRONG, [FORWARD, ATTEND, given], (), RIGHT.given)
        return Comparison(theirs, ours, {}, file(LAYER)).first().text.partition(": ")[0].partition("reference's. ")[2]

    assert told({"0": X}) == "Line 3 gives `norm_1` `mask` as argument 2; the reference gives it something else"
    assert told({"0": X, "1": None}) == "Line 3 gives `norm_1` `mask` as argument 2; the reference gives it `None`"


def test_none_for_an_argument_that_may_be_left_out_is_no_difference():
    plain, none = (InnerCall("norm_1", 3, 0, given, True, 1) for given in ({"0": X}, {"0": X, "1": None}))
    assert none.differences(plain) == []
    assert InnerCall("norm_1", 3, 0, {"0": X, "1": MASK}, True, 1).differences(plain) == ["1"]


def test_arguments_are_compared_by_name_where_one_was_too_large_to_be_kept():
    kept = InnerCall("f", 3, 0, {"x": X, "mask": MASK, "n": 3})
    assert kept.differences(InnerCall("f", 3, 0, {"x": X, "n": 3})) == []
    assert kept.differences(InnerCall("f", 3, 0, {"x": X, "n": 4})) == ["n"]
    assert kept.differences(InnerCall("f", 3, 0, {"a": X, "b": MASK, "c": 4})) == ["n"], (
        "they are only called otherwise"
    )


def test_a_mode_in_which_a_function_is_called_is_said_in_words():
    def told(mode, right):
        inner, other = (InnerCall("Layer.encode", 3, 0, {"self.training": one, "x": X}) for one in (mode, right))
        theirs = Way([Step(9, "op", A.sin(), 1)], [FORWARD, inner])
        return Comparison(theirs, Way(COMPUTED, [FORWARD, other]), {}, file(LAYER)).first().text.partition(": ")[0]

    assert told(True, False) == "Line 3 calls Layer.encode in train mode; the reference calls it in eval mode"
    assert told(False, True) == "Line 3 calls Layer.encode in eval mode; the reference calls it in train mode"
    assert "mode" not in told(True, True)


def test_where_functions_differ_nothing_is_said_to_agree_up_to_a_line():
    text = b"def f(x):\n    scores = x + 1\n\n\ndef g(x):\n    return f(x) * 2\n"
    theirs = Way([Step(2, "op", SCORES), Step(6, "op", WEIGHTS.exp())])
    assert Comparison(theirs, Way(OURS), NAMES, file(text)).first().text.startswith("Line 6 gives")
    same = text.replace(b"\n\n\ndef g(x):\n    return f(x) * 2", b"\n    #\n    #\n    #\n    return 0")
    assert Comparison(theirs, Way(OURS), NAMES, file(same)).first().text.startswith("Up to line 2 ")


def test_a_claim_that_makes_no_sense_says_nothing_and_breaks_nothing():
    """What a worker tells is its learner's to invent."""
    odd = {"x": [Q], "²": 1 << 80, "n": float("nan"), "m": MASK}
    taken = StepsTaken(
        [(-5, 7, "op", SCORES + 1, True, [0, -3]), (10**9, -9, "op", SCORES.to(torch.complex64), False, [0, 10**9])],
        [("f" * 999, 3, 0, odd, True), ("Layer.forward", 3, 1, odd, False), ("norm_1", 1, 1, {"²": X}, True)],
        [(1, 1, "x", 1 << 80, 0), (1, 1, "return[²]", {"a": Q}, 0), (2, 9, "q", "a" * 999, -1)],
    )
    taken = taken._replace(calls=[(*call, 0) for call in taken.calls])
    theirs = way.way_of(taken, {"x": X})
    assert max(len(call.name) for call in theirs.calls) < 50
    found = Comparison(theirs, RIGHT, {}, file(LAYER), ()).first()
    assert found is None or len(found.text) < 1_000
