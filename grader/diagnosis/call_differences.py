"""Which call inside a learner's way differs from the reference's: its arguments, its place in the order, its mode."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from torch import Tensor

from grader.diagnosis.matching import Matching
from grader.diagnosis.statements import loop_line, methods_called
from grader.diagnosis.way import InnerCall, Step, Values, equal, is_piece
from grader.diagnosis.wording import FirstStep, Wording
from grader.worker.steps import IN_TRAINING, MODES


class CallDifferences:
    """The calls of two ways.

    Args:
        matching: the two.
        wording: what says it.
        source: the learner's file.
    """

    def __init__(self, matching: Matching, wording: Wording, source: str) -> None:
        self._matching, self._wording, self._source = matching, wording, source
        self._their_way, self._our_way = matching.their_way, matching.our_way

    def made(self) -> FirstStep | None:
        """A module that was made with another number than the reference's, or in another mode; of the ways through
        what made it."""
        for call in self._their_way.calls:
            odd = self.given_otherwise(call) if call.line and call.name.endswith(".__init__") else None
            if odd is not None and not isinstance(call.given[odd[2]], Tensor):
                return self._wording.given(*odd)
        modes = (self._mode(number, len(self._their_way.steps)) for number, _ in enumerate(self._their_way.calls))
        return next((found for found in modes if found is not None), None)

    def mode_before(self, step: Step) -> FirstStep | None:
        """The line around a step that put a module into another mode than the reference's before it."""
        place = self._their_way.place_of(step)
        modes = (self._mode(number, place) for number, _ in self._their_way.outwards(step.call))
        return next((found for found in modes if found is not None), None)

    def _mode(self, number: int, before: int) -> FirstStep | None:
        """The same of one call."""
        twins = self._matching.twins(number)
        right = [one.name for one in self._our_way.parts_of(min(twins))] if twins else []
        for call in self._their_way.parts_of(number) if twins else ():
            if call.name in MODES and call.before <= before and call.name not in right:
                return self._wording.only_called_here(call)
        return None

    def given_otherwise(self, call: InnerCall | None) -> tuple[InnerCall, InnerCall, str] | None:
        """A call, the reference's nearest call of the same function, and the first argument that differs; None where
        some call of the reference's was given the same, or there is none."""
        others = [one for one in self._our_way.calls if call and one.name == call.name and one.is_part == call.is_part]
        if call is None or not others:
            return None
        differences = [(one, call.differences(one)) for one in others]
        other, names = min(differences, key=lambda pair: len(pair[1]))
        return (call, other, names[0]) if names else None

    def given_on(self, line: int, number: int) -> FirstStep | None:
        """The first function that is called on a line with something else than the reference calls it with, and no
        piece of that.

        Args:
            number: the call in which the line stands.
        """
        for call in self._their_way.calls:
            odd = self.given_otherwise(call) if (call.line, call.outer) == (line, number) and not call.is_part else None
            if odd is not None and odd[1].line and not _is_given_in_pieces(*odd[:2]):
                return self._wording.given(*odd)
        return None

    def part_before(self, step: Step, line: int, number: int) -> FirstStep | None:
        """The first part of a module that was called in another order than the reference's, or with something else.

        Args:
            step: no part that was called later counts, unless it was called on the line.
            number: the call in which the line stands.
        """
        place, twins = self._their_way.place_of(step), self._matching.twins(number)
        if not twins:
            return None
        mine, right = self._their_way.parts_of(number), self._our_way.parts_of(min(twins))
        for one, other in zip_longest(mine, right):
            is_later = one is not None and one.before > place
            if one is None or other is None or one.name != other.name:
                return None if is_later else self._order(one, other, mine, right, line)
            if is_later and one.line != line:
                return None
            if names := one.differences(other):
                return None if _is_given_in_pieces(one, other) else self._wording.given(one, other, names[0])
        return None

    def part_out_of_order(self) -> FirstStep | None:
        """The first part that was called in another order in the whole call."""
        number = next((number for number, call in enumerate(self._their_way.calls) if not call.is_part), -1)
        twins = self._matching.twins(number)
        if not twins:
            return None
        mine, right = self._their_way.parts_of(number), self._our_way.parts_of(min(twins))
        for one, other in zip_longest(mine, right):
            if one is None or other is None or one.name != other.name:
                return self._order(one, other, mine, right, mine[-1].line if mine else 0)
        return None

    def _order(
        self,
        one: InnerCall | None,
        other: InnerCall | None,
        mine: Sequence[InnerCall],
        right: Sequence[InnerCall],
        line: int,
    ) -> FirstStep | None:
        """What the first two parts that differ say of the order.

        Args:
            one, other: the learner's part and the reference's; None where one side has no more.
            mine, right: all the parts of the two calls.
            line: where the learner's goes on.
        """
        if not mine:  # all is left to another function
            return None
        if other is not None and self._their_way.times_called(other.name) == 0:
            return self._left_out(one, other, mine, right, line)
        if one is None:
            return None
        if self._their_way.times_called(one.name) > self._our_way.times_called(one.name):
            last = [call for call in mine if call.name == one.name][-1]
            return self._wording.called_more_often(self._loop_of(last), one.name)
        calls = list(self._their_way.calls)
        place = next(number for number, call in enumerate(calls) if call is one)
        before = [call.name for call in calls[:place] if call.is_part]
        if other is None or other.name in before or one.name not in [call.name for call in right]:
            return None
        return self._wording.called_too_early(self._loop_of(one), one.name, other.name)

    def _left_out(
        self,
        one: InnerCall | None,
        other: InnerCall,
        mine: Sequence[InnerCall],
        right: Sequence[InnerCall],
        line: int,
    ) -> FirstStep | None:
        """A part of the reference's that the learner never calls; None where the file uses it in another way."""
        if methods_called(self._source, other.name) - {*IN_TRAINING, "parameters"}:
            return None
        given = next(iter(other.given.values()), None)
        place = next(number for number, call in enumerate(right) if call is other)
        earlier = mine[:place][-1:]
        since = earlier[0].before if earlier else 0
        after = [step for step in self._their_way.steps[since:] if step.call == mine[0].outer]
        inputs = [step for step in after if isinstance(given, Tensor) and equal(step.value, given)]
        nearest = inputs[0].line if inputs else one.line if one is not None else line
        loop = loop_line(self._source, nearest)
        if loop is not None:
            return self._wording.never_called_in(loop, other.name)
        return self._wording.never_called(nearest, other.name, is_input=bool(inputs), is_before=one is not None)

    def _loop_of(self, call: InnerCall) -> int:
        """The line of a call; where what is called is a loop's variable, the line that says what the loop runs over."""
        return loop_line(self._source, call.line) or call.line


def _is_given_in_pieces(one: InnerCall, other: InnerCall) -> bool:
    """Whether a part is given a row, or a position, of what the reference gives it at once."""
    pairs = [(one.given[name], other.given.get(name)) for name in one.given]
    tensors = [(a, b) for a, b in pairs if isinstance(a, Tensor) and isinstance(b, Tensor)]
    return any(is_piece(Values(a).plain, Values(b).plain) for a, b in tensors)
