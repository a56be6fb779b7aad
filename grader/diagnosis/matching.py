"""Which steps and calls of a learner's way are those of the reference's, by their values alone.

A step that has the value of a step of the reference's, up to the order of axes, is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grader.diagnosis.way import Shares, Step, Values, Way, equal, same

FILLED_IN = "__setitem__"
"""A tensor that is filled in bit by bit may still hold whatever was in memory: that it differs says nothing."""
MADE = ("zeros", "ones", "full")
"""A tensor of one number, `new_zeros` and `ones_like` too, holds nothing yet: that it differs says nothing."""
REPEATED = ("expand", "expand_as", "broadcast_to", "repeat", "tile")
"""What these give holds the numbers that were there before."""
SHARES = "softmax"
"""What the operations are called that give shares which sum to one."""
FEW = 3
"""Values that say nothing: a tensor of fewer numbers is taken for equal too easily."""


class Matching:
    """Two ways through one call.

    Args:
        their_way, our_way: the learner's and the reference's.
        mistaken: that of a file with the mistake that was recognised.

    Attributes:
        theirs, ours: their steps that tell something; a step is called by its place in these.
    """

    def __init__(self, their_way: Way, our_way: Way, mistaken: Way | None = None) -> None:
        self.their_way, self.our_way = their_way, our_way
        self.theirs = [step for step in their_way.steps if tells(step.value)]
        self.ours = [step for step in our_way.steps if tells(step.value)]
        self._mistaken = [step for step in mistaken.steps if tells(step.value)] if mistaken is not None else []
        self._unseen = _unseen(their_way.steps, our_way.steps)
        self._given = [Values(value) for value in their_way.given.values()]
        self._of_size = defaultdict[int, list[tuple[int, Step]]](list)
        """The reference's steps by their sizes: with a loop over a sequence there are hundreds on both sides."""
        for place, step in enumerate(self.ours):
            self._of_size[step.values.size].append((place, step))
        shares = [step.value for step in self.ours if SHARES in step.operation and self.comes_by(step)]
        self._shares = Shares(shares, [step.value for step in self.ours] if shares else [])

    def found(self, step: Step, *, turned: bool) -> int | None:
        """The reference's step with this value. A mask on the way may say the opposite: it means the same.

        Args:
            turned: whether its axes may stand in another order.
        """
        alike = self._of_size[step.values.size]
        found = next((i for i, other in alike if same(step.values, other.values, turned=turned)), None)
        if found is not None or step.value.dtype != torch.bool:
            return found
        opposite, last = Values(~step.value), len(self.ours) - 1
        masks = ((i, other) for i, other in alike if other.value.dtype == torch.bool and i != last)
        return next((i for i, other in masks if same(opposite, other.values, turned=turned)), None)

    @property
    def right_values(self) -> list[Values]:
        """The arguments, and what the reference computes."""
        return [*self._given, *(step.values for step in self.ours)]

    def has_as_many(self, step: Step) -> bool:
        """Whether some result of the reference's is of as many numbers."""
        return bool(self._of_size[step.values.size])

    def comes_by(self, wanted: Step) -> bool:
        """Whether the learner has this value of the reference's anywhere."""
        return any(same(step.values, wanted.values, turned=False) for step in self.theirs)

    def leads_back(self, place: int) -> bool:
        """Whether the reference's last value comes all the same: another way to be right so far."""
        return any(same(step.values, self.ours[-1].values, turned=False) for step in self.theirs[place + 1 :])

    def is_given(self, step: Step) -> bool:
        """Whether a step has the value of an argument."""
        return any(same(step.values, value, turned=True) for value in self._given)

    def holds_nothing_new(self, step: Step) -> bool:
        """Whether a step of the learner's fills in a tensor; or makes one or repeats one, and is not the last."""
        return step.operation == FILLED_IN or self.is_made(step)

    def is_made(self, step: Step) -> bool:
        """Whether a step of the learner's makes a tensor of one number or repeats one, and is not the last."""
        made = step.operation in REPEATED or step.operation.removeprefix("new_").removesuffix("_like") in MADE
        return made and step is not self.theirs[-1]

    def is_before_shares(self, step: Step) -> bool:
        """Whether shares that the reference asks torch for come of a step; to be asked of each in turn."""
        return self._shares.is_before_one(step.value)

    def is_of_the_mistake(self, step: Step) -> bool:
        """Whether a file with the mistake that was recognised has this value; so it is taken where none was."""
        return not self._mistaken or any(same(step.values, other.values, turned=True) for other in self._mistaken)

    def follows_from_another(self, value: Any) -> bool:
        """Whether a variable holds what a file with the mistake that was recognised computes nowhere."""
        says_something = isinstance(value, Tensor) and tells(value)
        return bool(self._mistaken) and says_something and not has(self._mistaken, value)

    def is_unseen(self, step: Step) -> bool:
        """Whether a step of the learner's that tells nothing, and that the reference does not have, came before."""
        return any(step is other for other in self._unseen)

    def twins(self, number: int) -> set[int]:
        """The reference's calls of the same function with the same arguments as this call of the learner's."""
        if not 0 <= number < len(self.their_way.calls):
            return set()
        call = self.their_way.calls[number]
        return {
            other
            for other, one in enumerate(self.our_way.calls)
            if one.name == call.name and one.is_part == call.is_part and not call.differences(one)
        }


def tells(value: Tensor) -> bool:
    """Whether a result says something: a few whole numbers are taken for equal too easily."""
    if value.numel() >= FEW or not value.is_floating_point():
        return value.numel() >= FEW
    return bool((value != value.round()).any())


def has(steps: Sequence[Step], value: Any) -> bool:
    """Whether one of these steps has this value, and it says something."""
    return isinstance(value, Tensor) and tells(value) and any(equal(step.value, value) for step in steps)


def _unseen(theirs: Sequence[Step], ours: Sequence[Step]) -> list[Step]:
    """The learner's steps after one that is not looked at and that the reference does not have: none is the first."""
    few = [step for step in ours if not tells(step.value)]
    for place, step in enumerate(theirs):
        if not tells(step.value) and not any(same(step.values, other.values, turned=False) for other in few):
            return list(theirs[place + 1 :])
    return []
