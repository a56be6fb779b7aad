"""Which variable that a line uses holds something else than the reference's of that name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from grader.diagnosis.matching import Matching, has
from grader.diagnosis.statements import names_used
from grader.diagnosis.way import Assignment, Step, Values, equal, is_piece

MOST_BACK = 3
"""Variables whose wrong value is followed from one to the next."""


def set_otherwise(
    matching: Matching, source: str, line: int, number: int, before: int, *, is_over: bool
) -> tuple[Assignment, Any] | None:
    """What first set a variable that a line uses to something else than the reference does, and what that sets it to.

    Args:
        source: the learner's file.
        line: of that file; a variable that the line itself sets is none.
        number: the call in which the line stands.
        before: how many steps there were before it.
        is_over: whether nothing more is computed from it.
    """
    found = None
    for _ in range(MOST_BACK):
        wrong = _wrong_variable(matching, source, line, number, before, is_over)
        if wrong is None or wrong[0].line == line:
            break
        line, found = wrong[0].line, wrong
    return found


def _wrong_variable(
    matching: Matching, source: str, line: int, number: int, before: int, is_over: bool
) -> tuple[Assignment, Any] | None:
    """The first variable that the line reads and that was last set to something else."""
    twins = matching.twins(number)
    for name in names_used(source, line):
        every = [one for one in matching.their_way.assigned if one.call == number and one.name == name]
        mine = [one for one in every if one.before <= before]
        right = [one.value for one in matching.our_way.assigned if one.call in twins and one.name == name]
        as_often = len(every) == len(right)
        if as_often and len(twins) == 1:  # set as often: in a loop the same time counts
            right = right[len(mine) - 1 : len(mine)]
        if mine and right and not any(_holds(mine[-1].value, value) for value in right):
            if matching.follows_from_another(mine[-1].value):
                continue
            if as_often and (is_over or _is_used_alike(matching, mine[-1].value, right)):
                return mine[-1], right[0]
            on_the_way = _on_the_way_to(matching.our_way.steps, right) if as_often else matching.our_way.steps
            if not has(on_the_way, mine[-1].value):
                return mine[-1], right[0]
    return None


def _is_used_alike(matching: Matching, mine: Any, right: Sequence[Any]) -> bool:
    """Whether the learner's file does with a variable's value what the reference does with the right one."""
    return not _uses(matching.their_way.steps, [mine]).isdisjoint(_uses(matching.our_way.steps, right))


def _uses(steps: Sequence[Step], values: Sequence[Any]) -> set[str]:
    """The operations that are applied to these values."""
    places = {place for place, step in enumerate(steps) if any(equal(step.value, value) for value in values)}
    return {step.operation for step in steps if not places.isdisjoint(step.origins)}


def _on_the_way_to(steps: Sequence[Step], values: Sequence[Any]) -> list[Step]:
    """The steps of which these values are made."""
    to_do = [place for place, step in enumerate(steps) if any(equal(step.value, value) for value in values)]
    made_of = set[int]()
    while to_do:
        new = set(steps[to_do.pop()].origins) - made_of
        made_of |= new
        to_do += new
    return [steps[place] for place in made_of]


def _holds(one: Any, other: Any) -> bool:
    """Whether two variables hold the same numbers in the same order, in any shape; or the first, a piece of them."""
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
        return equal(one, other)
    if one.numel() == other.numel():
        return equal(one.flatten(), other.flatten())
    return is_piece(Values(one).plain, Values(other).plain)
