"""Which steps that the reference does not have are right all the same."""

import torch

from grader.diagnosis.comparison import Comparison
from grader.diagnosis.way import Assignment, InnerCall, Step, Way
from grader.source.file import File

Q = torch.arange(12, dtype=torch.float64).reshape(3, 4).sin()
SCORES = Q @ Q.T + torch.arange(9, dtype=torch.float64).reshape(3, 3)
WEIGHTS = SCORES.softmax(-1)
NAMES = {1: "`scores`", 2: "`weights`", 3: "the right result"}
FILE = File("ex.py", b"scores = q @ k.T\nweights = scores.softmax(-1)\nreturn weights @ v\n")


def steps(*values):
    """One a line."""
    return [Step(number, "op", value) for number, value in enumerate(values, 1)]


OURS = steps(SCORES, WEIGHTS, WEIGHTS @ Q)


def parted(*theirs, ours=OURS):
    """The line at which steps part from the reference's, where what they are made of is known."""
    found = Comparison(Way(theirs), Way(ours), NAMES, FILE).first()
    return found.line if found is not None else None


def test_what_a_right_value_is_made_of_is_another_way_to_be_right():
    odd, wrong = SCORES.cos(), Step(9, "op", WEIGHTS.exp())
    begin = [Step(1, "op", SCORES), Step(5, "op", odd)]
    assert parted(*begin, Step(6, "op", WEIGHTS, origins=(1,)), wrong) == 9
    assert parted(*begin, Step(6, "op", odd.sin(), origins=(1,)), Step(7, "op", WEIGHTS, origins=(2,)), wrong) == 9
    assert parted(*begin, Step(6, "op", WEIGHTS, origins=(0,)), wrong) == 5, "it is not made of that"
    again = [Step(1, "op", SCORES), Step(5, "op", odd), Step(6, "op", SCORES, origins=(1,))]
    assert parted(*again, wrong) == 5, "that was there before"
    made = [*begin, Step(6, "zeros_like", WEIGHTS, origins=(1,))]
    assert parted(*made, wrong) == 5, "only the shape is taken of it"


def test_what_may_be_right_for_another_reason_shows_nothing():
    alike = torch.ones(3, 1) * SCORES[0]
    ours = [Step(1, "op", SCORES), Step(2, "op", alike), Step(3, "op", WEIGHTS)]
    odd = Step(5, "op", SCORES.cos())
    assert parted(odd, Step(6, "op", alike, origins=(0,)), Step(9, "op", Q), ours=ours) == 5, "all rows are alike"
    mask = SCORES > 1
    ours = [Step(1, "op", SCORES), Step(2, "op", mask), Step(3, "op", WEIGHTS)]
    way = [odd, *(Step(6 + number, "op", SCORES.cos() * number, origins=(number - 1,)) for number in range(1, 4))]
    assert parted(*way[:2], Step(7, "op", mask, origins=(1,)), Step(9, "op", Q), ours=ours) == 9
    assert parted(*way, Step(7, "op", mask, origins=(3,)), Step(9, "op", Q), ours=ours) == 5, "a mask, far from it"


def test_of_two_results_one_may_be_of_no_use():
    indices, values = torch.tensor([2, 0, 1]), torch.tensor([5.5, 6.5, 7.5])
    ours = [Step(1, "op", SCORES), Step(2, "argmax", indices), Step(3, "op", WEIGHTS)]
    pair = [Step(5, "max", values, origins=(0,)), Step(5, "max", indices, origins=(0,))]
    assert parted(Step(1, "op", SCORES), *pair, Step(9, "op", Q), ours=ours) == 9
    assert parted(Step(1, "op", SCORES), pair[0], Step(9, "op", Q), ours=ours) == 5
    other = Step(5, "max", indices, origins=())
    assert parted(Step(1, "op", SCORES), pair[0], other, Step(9, "op", Q), ours=ours) == 5, "of another call"


def test_what_goes_row_by_row_is_judged_where_the_rows_are_joined():
    rows = [Step(5, "unbind", row) for row in SCORES]
    odd = [Step(6, "exp", row.exp()[:2], origins=(number,)) for number, row in enumerate(SCORES)]
    few = [Step(6, "exp", torch.cat([row, row]).exp(), origins=(number,)) for number, row in enumerate(SCORES)]
    joined = Step(7, "stack", WEIGHTS * 3, origins=(3, 4, 5))
    assert parted(*rows, *few, joined) == 7
    assert parted(*rows, *odd, joined) == 7, "two numbers say nothing"
    assert parted(*rows, *[Step(6, "exp", step.value) for step in few], joined) == 6, "not made of the rows"
    joined = Step(7, "stack", WEIGHTS * 3, origins=(0, 1, 2))
    text = Comparison(Way([*rows, joined]), Way(OURS), NAMES, FILE).first().text
    assert "gives a result" in text, "it is not the first"


def test_a_row_of_a_mask_is_one_of_several():
    mask = torch.arange(4) >= torch.tensor([[2], [4], [4]])
    ours = [*OURS[:1], Step(2, "op", mask), *OURS[1:]]
    row, wrong = Step(5, "ge", mask[1]), Step(6, "op", WEIGHTS.exp())
    assert parted(OURS[0], row, wrong, ours=ours) == 5
    assert parted(OURS[0], Step(5, "ge", mask[0]), wrong, ours=ours) == 5
    assert parted(OURS[0], Step(5, "ge", WEIGHTS[0]), wrong, ours=ours) == 6, "fractions tell enough"
    assert (
        parted(OURS[0], Step(5, "ge", torch.ones(3) / 8), wrong, ours=[*ours, Step(4, "op", torch.ones(3, 3) / 8)]) == 5
    )
    assert parted(OURS[0], row, Step(5, "ge", mask[2]), wrong, ours=ours) == 6


def test_of_a_mistake_that_is_recognised_the_step_that_follows_from_it_is_shown():
    """What neither the reference nor the mistake has is the learner's own way."""
    own, wrong = Step(5, "op", SCORES.cos()), Step(6, "op", WEIGHTS.exp())

    def told(*mistaken, held=()):
        theirs = Way([Step(1, "op", SCORES), own, wrong], [InnerCall("f", 0, -1, {})], held)
        ours = Way(OURS, [InnerCall("f", 0, -1, {})], [Assignment(2, 0, "weights", WEIGHTS, 2)])
        text = File("ex.py", b"\n" * 4 + b"a = b\nreturn weights\n")
        return Comparison(theirs, ours, {}, text, (), Way(mistaken) if mistaken else None).first()

    assert told().line == 5
    assert (told(*steps(SCORES, WEIGHTS.exp())).line, told(*steps(SCORES, SCORES.cos())).line) == (6, 5)
    assert "gives a result" in told(*steps(WEIGHTS.exp())).text, "it is not the first"
    assert told(*steps(SCORES.sin())).line == 5, "nothing of the mistake is there"
    own, held = Step(6, "op", SCORES.cos(), 0), [Assignment(2, 0, "weights", SCORES.tan(), 1)]
    assert told(held=held).line == 2
    assert told(*steps(SCORES, WEIGHTS.exp()), held=held).line == 6, "the mistake sets it to something else"
