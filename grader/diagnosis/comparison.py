"""Where two ways through one call part: the first of the learner's steps, calls or results that is not the reference's.

What is said follows from the values alone: the first step that has the value of none of the reference's is where they
part. Where every value agrees, the calls, what is returned and the gradients are looked at.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from grader.diagnosis.call_differences import CallDifferences
from grader.diagnosis.filled_in import filled_in_otherwise
from grader.diagnosis.matching import Matching
from grader.diagnosis.other_ways import OtherWays
from grader.diagnosis.statements import function_at, has_default, loop_line, without_gradient
from grader.diagnosis.variable_differences import set_otherwise
from grader.diagnosis.way import Assignment, InnerCall, Step, Way, equal
from grader.diagnosis.wording import FirstStep, Wording
from grader.source.file import File, Source

DETACHED = ("detach", "detach_")
"""What these give has no gradient."""


class Comparison:
    """Two ways through one call.

    Args:
        theirs, ours: the way of the learner's file, and the reference's.
        names: what the reference calls the result of each of its lines.
        file: the learner's.
        sound: functions all of whose checks pass.
        mistaken: the way of a file with the mistake that was recognised.
    """

    def __init__(
        self,
        theirs: Way,
        ours: Way,
        names: dict[int, str],
        file: File | Source,
        sound: Container[str] = (),
        mistaken: Way | None = None,
    ) -> None:
        self._their_way, self._our_way = theirs, ours
        self._source, self._sound = file.text.decode(errors="replace"), sound
        self._matching = Matching(theirs, ours, mistaken)
        self._wording = Wording(self._matching, names, file)
        self._calls = CallDifferences(self._matching, self._wording, self._source)
        self._theirs, self._ours = self._matching.theirs, self._matching.ours
        self._other_ways = OtherWays(self._matching)
        self._reached = -1
        """The last step of the reference's that the learner's way has come by."""

    def first(self) -> FirstStep | None:
        """Where the two part; None where that cannot be said: what both begin with is not the same."""
        begun = self._begun_otherwise()
        if begun:
            return self._first_default(begun)
        found, only_stops = self._first_value()
        if found is not None and not only_stops:
            return found
        if only_stops and self._returns_the_same():  # it goes on to what the learner has, too
            found = None
        return self._calls.part_out_of_order() or self._first_returned() or found or self._first_without_gradient()

    def first_made(self) -> FirstStep | None:
        """A module that was made with another number than the reference's; of the ways through what made it."""
        if (begun := self._begun_otherwise()) and (default := self._first_default(begun)) is not None:
            return default
        return self._calls.made()

    # ---------------------------------------------------------------------------------------------- the whole call

    def _begun_otherwise(self) -> list[str]:
        """The arguments of the whole call that are not the reference's, and its module's mode."""
        mine, right = _whole(self._their_way), _whole(self._our_way)
        return mine.differences(right) if mine and right else []

    def _first_default(self, names: Sequence[str]) -> FirstStep | None:
        """An argument that was not given, and of which the learner's function says something else."""
        mine, right, name = _whole(self._their_way), _whole(self._our_way), names[0]
        inside = next((one.line for one in self._their_way.assigned if self._their_way.calls[one.call] is mine), 0)
        line = function_at(self._source, inside)
        if mine is None or right is None or name not in right.given or not has_default(self._source, line, name):
            return None
        return self._wording.default(line, name, mine.given[name], right.given[name])

    def _returns_the_same(self) -> bool:
        """Whether all that is returned is known of both, and equal."""
        mine, right = ({one.name: one.value for one in way.returned} for way in (self._their_way, self._our_way))
        return bool(mine) and mine.keys() == right.keys() and all(equal(mine[name], right[name]) for name in mine)

    def _first_returned(self) -> FirstStep | None:
        """A result that is not the reference's, though all that was computed on the way agrees."""
        mine, right = ({one.name: one for one in way.returned} for way in (self._their_way, self._our_way))
        for name, one in mine.items():
            other = right.get(name)
            if other is not None and not equal(one.value, other.value):
                before = self._set_otherwise(one.line, one.call, one.before, is_over=True)
                before = before or self._calls.given_on(one.line, one.call) or self._filled_in(one, other)
                return before or self._wording.returned(one, other)
        return None

    def _filled_in(self, one: Assignment, other: Assignment) -> FirstStep | None:
        """The line that filled in entries of a result that are not the reference's."""
        line = filled_in_otherwise(self._their_way, one.value, other.value)
        return self._wording.filled_in(line, one.name) if line is not None else None

    def _first_without_gradient(self) -> FirstStep | None:
        """What cuts a gradient off that flows in the reference, though all values are equal."""
        found = next((step for step in self._theirs if self._loses_its_gradient(step)), None)
        end = self._their_way.place_of(found) + 1 if found is not None else len(self._their_way.steps)
        cuts = [step for step in self._their_way.steps[:end] if step.operation in DETACHED]
        if cuts and not any(step.operation in DETACHED for step in self._our_way.steps):
            return self._wording.without_gradient(cuts[-1].line, keeps=False)
        if found is None:
            return None
        lines = [found.line, *(call.line for _, call in self._their_way.outwards(found.call))]
        off = next((one for line in lines if (one := without_gradient(self._source, line)) is not None), None)
        return self._wording.without_gradient(off or self._place(found)[0], keeps=bool(off))

    def _loses_its_gradient(self, step: Step) -> bool:
        if step.has_gradient or not step.value.is_floating_point():
            return False
        exact = self._matching.found(step, turned=False)
        return exact is not None and self._ours[exact].has_gradient

    # ---------------------------------------------------------------------------------------------- step by step

    def _first_value(self) -> tuple[FirstStep | None, bool]:
        """The first value that differs; and whether none does, and the reference goes on in no simple way."""
        agreed, turned, odd = None, None, None
        if not self._ours:  # the reference computes nothing that tells
            return None, False
        for place, step in enumerate(self._theirs):
            exact = self._matching.found(step, turned=False)
            if exact is None and (self._matching.holds_nothing_new(step) or self._is_on_the_way(place)):
                continue
            if exact is None and self._other_ways.may_be_right(step):
                continue
            if exact is not None:
                self._other_ways.come_by(exact)
                if exact >= self._reached:
                    self._reached, agreed = exact, step
                turned = None
            elif (other := self._matching.found(step, turned=True)) is not None:
                turned = (step, other)
            elif not self._matching.is_given(step) and not self._matching.leads_back(place):
                if turned is not None and not self._matching.comes_by(self._ours[turned[1]]):
                    return self._turned(*turned), False
                if self._matching.is_of_the_mistake(step) or self._place(step)[1]:
                    return self._differs(step, agreed), False
                odd, self._other_ways.are_some = odd or (step, agreed), True
        if odd is not None:
            return self._differs(*odd), False
        if turned is not None and turned[1] == len(self._ours) - 1:
            return self._turned(*turned), False
        if agreed is None or self._reached + 1 >= len(self._ours):
            return None, False
        return self._stops(agreed)

    def _turned(self, step: Step, place: int) -> FirstStep:
        line, why = self._place(step)
        return FirstStep(line, why) if why else self._wording.turned(line, place)

    def _stops(self, agreed: Step) -> tuple[FirstStep, bool]:
        """Where the learner's way has no more; and whether the reference goes on in no simple way."""
        wanted, (line, number) = self._ours[self._reached + 1], self._unfinished(agreed)
        if (found := self._calls.part_before(agreed, line, number)) is not None:
            return found, False
        relation = self._wording.relation(agreed.value, wanted, self._reached)
        return self._wording.stops(line, relation), not relation

    def _differs(self, step: Step, agreed: Step | None) -> FirstStep:
        """A value that the reference does not have, after one that agrees."""
        wanted = self._ours[min(self._reached + 1, len(self._ours) - 1)]
        start, (line, why) = "", self._place(step)
        is_first = not self._other_ways.are_some and not self._matching.is_unseen(step)
        before = self._outside(agreed) if agreed is not None else line
        if before < line and self._stand_together(before, line):  # in a loop it may be below
            start = self._wording.agreed(before, self._reached, all_before=is_first)
        if why:
            return FirstStep(line, f"{start}{why}")
        relation = self._wording.relation(step.value, wanted, self._reached)
        if agreed is not None and not relation:
            skipped = self._wording.relation(agreed.value, wanted, self._reached)
            if skipped:
                stops = self._wording.stops(self._outside(agreed), skipped)
                return FirstStep(stops.line, f"{start}{self._wording.skips(skipped)}") if start else stops
        return FirstStep(line, f"{start}{self._wording.differs(line, relation, is_first=is_first)}")

    def _is_on_the_way(self, place: int) -> bool:
        """Whether it is a step inside a sound function, which goes on: only what comes out of it is its caller's."""
        here = self._theirs[place]
        after = self._theirs[place + 1] if place + 1 < len(self._theirs) else None
        if after is None or not (self._is_inside(here) and self._is_inside(after)):
            return False
        return self._sound_call(here) == self._sound_call(after)

    def _is_inside(self, step: Step) -> bool:
        """Whether a step stands in a sound function."""
        return any(call.name in self._sound for _, call in list(self._their_way.outwards(step.call))[:1])

    # ---------------------------------------------------------------------------------------------- which line it is

    def _place(self, step: Step) -> tuple[int, str]:
        """The line to look at for a step, and in words why it is another than the step's own.

        A function that was given what the reference never gives it is not at fault, but the line that called it. A line
        that uses a variable which holds something else than the reference's of that name follows from the line that
        set it.
        """
        line, number, why = step.line, step.call, ""
        if (mode := self._calls.mode_before(step)) is not None:
            return mode.line, mode.text
        for inner, call in self._their_way.outwards(step.call):
            if call.name.startswith("<"):
                number = call.outer
                continue
            if not call.line:
                break
            part = self._their_way.part_around(inner)
            odd = self._calls.given_otherwise(call) or self._calls.given_otherwise(part)
            if odd is not None:
                line, number, why = call.line, call.outer, self._wording.given(*odd).text
            elif call.name in self._sound and not self._matching.twins(inner):
                line, number = call.line, call.outer
            else:
                break
        found = self._calls.part_before(step, line, number)
        if why and not (found and found.line == loop_line(self._source, line)):
            found = FirstStep(line, why)
        last = found.line if found else line
        found = self._set_otherwise(last, number, self._their_way.place_of(step)) or found
        return (found.line, found.text) if found else (line, "")

    def _set_otherwise(self, line: int, number: int, before: int, *, is_over: bool = False) -> FirstStep | None:
        """The line that set a variable to something else than the reference's of that name, where this line uses it.

        Args:
            is_over: whether nothing more is computed from it.
        """
        wrong = set_otherwise(self._matching, self._source, line, number, before, is_over=is_over)
        return self._wording.set_to(*wrong) if wrong is not None else None

    def _outside(self, step: Step) -> int:
        """The innermost line of a step that stands in no function that is sound."""
        number = self._sound_call(step)
        return self._their_way.calls[number].line if number is not None else step.line

    def _sound_call(self, step: Step) -> int | None:
        """The outermost of the calls of sound functions that a step stands in."""
        outermost = None
        for number, call in self._their_way.outwards(step.call):
            if call.name not in self._sound or not call.line:
                break
            outermost = number
        return outermost

    def _unfinished(self, agreed: Step) -> tuple[int, int]:
        """The line after which the reference goes on, and its call: what a function computes to its end is complete."""
        line, unfinished = agreed.line, agreed.call
        for number, call in self._their_way.outwards(agreed.call):
            if not call.line or not self._is_complete(number):
                break
            line, unfinished = call.line, call.outer
        return line, unfinished

    def _is_complete(self, number: int) -> bool:
        """Whether the reference's call of the same, with the same arguments, has nothing after what was reached."""
        twins = self._matching.twins(number)
        inside = [
            place
            for place, step in enumerate(self._ours)
            if any(outer in twins for outer, _ in self._our_way.outwards(step.call))
        ]
        return bool(inside) and max(inside) <= self._reached

    def _stand_together(self, one: int, other: int) -> bool:
        """Whether two lines stand in one function: else the first in the file need not be the first in time."""
        return function_at(self._source, one) == function_at(self._source, other)


def _whole(way: Way) -> InnerCall | None:
    """The outermost call."""
    return next((one for one in way.calls if one.outer < 0), None)
