"""Whether a step that the reference does not have may be right all the same: what comes of it shows that.

Shares made step by step, a right value that is made of it, the second of two results, one row of many.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from grader.diagnosis.matching import Matching, tells
from grader.diagnosis.way import Step, is_piece

NEAR_BY = 3
"""Steps in which a mask is made of numbers, or one of another."""
PAIRS = ("max", "min", "topk", "sort")
"""What these give is two results, of which one may be of no use."""


class OtherWays:
    """The steps of a learner's way that may be right all the same.

    Args:
        matching: that way and the reference's.

    Attributes:
        are_some: whether there are results before that the reference does not have and that may be right.
    """

    def __init__(self, matching: Matching) -> None:
        self._matching, self._steps = matching, matching.their_way.steps
        self.are_some = False
        self._follow = _made_of_them(self._steps)
        self._come_by: set[int] = set()
        self._pieces: set[int] = set()
        """The places of what is cut out of what is right, and of what is made of that."""

    def come_by(self, place: int) -> None:
        """The learner's way has come by this step of the reference's."""
        self._come_by.add(place)

    def may_be_right(self, step: Step) -> bool:
        """Whether a step that the reference does not have may be right; to be asked of each in turn."""
        if self._matching.is_before_shares(step):
            return True
        is_so = self._comes_right(step) or self._is_one_of_a_pair(step) or self._is_in_pieces(step)
        self.are_some |= is_so
        return is_so

    def _comes_right(self, step: Step) -> bool:
        """Whether something of the reference's that was not there before is made of it: another way to be right.

        Whole numbers and masks say that only of what is near them: later they may be right for another reason.
        """
        made, last = set[int](), {self._matching.their_way.place_of(step)}
        for away in range(len(self._follow)):
            last = {place for before in last for place in self._follow[before]} - made
            if not last:
                break
            made |= last
            new = [self._steps[place] for place in last]
            telling = [one for one in new if one.value.is_floating_point() or away < NEAR_BY]
            if any(self._is_right_at_last(one) for one in telling):
                return True
        return False

    def _is_right_at_last(self, step: Step) -> bool:
        """Whether a step is one of the reference's to which nothing has come before."""
        if not (tells(step.value) and _varies(step.value)) or self._matching.is_made(step):
            return False
        found = self._matching.found(step, turned=False)
        return found is not None and found not in self._come_by

    def _is_one_of_a_pair(self, step: Step) -> bool:
        """Whether the other result of the same operation is the reference's."""
        if step.operation not in PAIRS:
            return False
        place = self._matching.their_way.place_of(step)
        around = self._steps[max(0, place - 1) : place + 2]
        same_call = [one for one in around if one is not step and _comes_with(one, step)]
        return any(self._matching.found(one, turned=False) is not None for one in same_call)

    def _is_in_pieces(self, step: Step) -> bool:
        """Whether a step goes row by row, or position by position, where the reference has all of them at once: whether
        such a piece is right is seen when they are joined.

        Whole numbers, masks and what is all alike are pieces of too much: they must be one of several.
        """
        place = self._matching.their_way.place_of(step)
        is_so = self._may_be_a_row(step) and any(
            is_piece(step.values.plain, whole.plain) for whole in self._matching.right_values
        )
        if not is_so and self._pieces & set(step.origins):
            is_so = not self._matching.has_as_many(step)
        if is_so:
            self._pieces.add(place)
        return is_so

    def _may_be_a_row(self, step: Step) -> bool:
        """Whether a step's numbers tell enough, or its line gives several results of its kind."""
        if step.value.is_floating_point() and bool((step.value != step.value.flatten()[0]).any()):
            return True
        kinds = [(one.line, one.operation, one.value.shape) for one in self._steps]
        return kinds.count((step.line, step.operation, step.value.shape)) > 1


def _made_of_them(steps: Sequence[Step]) -> list[set[int]]:
    """For each step the places of those that are made of it."""
    follow: list[set[int]] = [set() for _ in steps]
    for place, step in enumerate(steps):
        for origin in step.origins:
            follow[origin].add(place)
    return follow


def _varies(value: Tensor) -> bool:
    """Whether its rows differ: rows that are all alike may be made of no matter what, as by a ReLU that gives zeros."""
    rows = value.reshape(-1, value.shape[-1] if value.dim() > 1 else 1)
    return bool((rows != rows[:1]).any())


def _comes_with(one: Step, other: Step) -> bool:
    """Whether two steps that follow each other are results of one operation."""
    parts = [(step.line, step.call, step.operation, step.origins) for step in (one, other)]
    return parts[0] == parts[1]
