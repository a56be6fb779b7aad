"""The way through one call: what was computed, what was called, what was set, as the worker recorded it.

It is a claim of untrusted code: bounded, and good for nothing but a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from grader.protocol.messages import StepsTaken
from grader.worker.steps import MOST_CALLS, MOST_LETTERS, MOST_NUMBERS, MOST_SET, MOST_STEPS, RETURNED

NEAR = 1e-6
MOST_SHARES = 20
"""Results that sum to one and are looked for."""
MOST_TO_CUT = 512
"""Numbers of a result of which pieces are looked for."""
MOST_AXES = 4
"""Of a result whose axes may stand in another order: there are 24 orders of these."""
CLEARS, USE_GRADIENTS = "zero_grad", ("backward", "clip_grad_norm_", "step")
"""Of the calls without a result, those that have to do with gradients."""


class Values:
    """A result's values, made ready once to be compared with many others.

    Args:
        value: the result.
    """

    def __init__(self, value: Tensor) -> None:
        self.size = -1 if value.is_complex() else value.numel()
        self.plain = torch.zeros(0) if value.is_complex() else _plain(value)
        self._sum = float(self.plain.abs().sum())

    @cached_property
    def sorted(self) -> Tensor:
        return self.plain.flatten().sort().values

    def may_be(self, other: Values) -> bool:
        """Whether the two can be near each other: else the sums of their sizes differ by more than all of them may."""
        if self.size != other.size or self.size < 0:
            return False
        return not abs(self._sum - other._sum) > 2 * NEAR * (self.size + other._sum)


@dataclass(frozen=True)
class Step:
    """One result of torch's.

    Args:
        line: the learner's line that asked for it.
        operation: torch's name of it.
        value: the result.
        call: the number of the call in which the line stands; -1 where that is not known.
        has_gradient: whether a gradient flows back from it.
        origins: the places of the steps of which it was made, as far as they are known.
    """

    line: int
    operation: str
    value: Tensor
    call: int = -1
    has_gradient: bool = False
    origins: tuple[int, ...] = ()

    @cached_property
    def values(self) -> Values:
        return Values(self.value)


@dataclass(frozen=True)
class InnerCall:
    """A call of a function of the file, or of a module's part.

    Args:
        name: the function's, or the part's in its module: `norm_1`.
        line: the line that called it; 0 where that is none of the file.
        outer: the number of the call in which that line stands; -1 for none.
        given: what it was given, by parameter; of a part by position.
        before: how many steps there were before.
    """

    name: str
    line: int
    outer: int
    given: dict[str, Any]
    is_part: bool = False
    before: int = 0

    def differences(self, other: InnerCall) -> list[str]:
        """The arguments of this call that another call was not given."""
        mine = [name for name in self.given if name not in other.given]
        theirs = [name for name in other.given if name not in self.given]
        pairs = [(name, name) for name in self.given if name in other.given]
        if self.is_part:
            missing = [name for name in mine if self.given[name] is not None]
        else:  # they are only called otherwise
            missing, pairs = [], pairs + (list(zip(mine, theirs, strict=True)) if len(mine) == len(theirs) else [])
        return [name for name, right in pairs if not equal(self.given[name], other.given[right])] + missing


@dataclass(frozen=True)
class Assignment:
    """A variable that was set.

    Args:
        call: the number of the call in which the line stands.
        before: how many steps there were before.
    """

    line: int
    call: int
    name: str
    value: Any
    before: int


@dataclass(frozen=True)
class Way:
    """All of it, in order."""

    steps: Sequence[Step]
    calls: Sequence[InnerCall] = ()
    assigned: Sequence[Assignment] = ()
    given: dict[str, Tensor] = field(default_factory=dict)
    """The tensors that the call was given."""

    @property
    def is_whole(self) -> bool:
        """Whether all of its steps were kept: one that was not may be any."""
        return bool(self.steps or self.assigned) and len(self.steps) < MOST_STEPS

    @property
    def returned(self) -> list[Assignment]:
        """What the outermost call returned, one by one."""
        whole = {number for number, call in enumerate(self.calls) if call.outer < 0 and not call.is_part}
        return [one for one in self.assigned if one.call in whole and one.name.startswith(RETURNED)]

    def outwards(self, number: int) -> Iterator[tuple[int, InnerCall]]:
        """The call of this number and those around it, the innermost first."""
        for _ in range(len(self.calls)):
            if not 0 <= number < len(self.calls):
                return
            yield number, self.calls[number]
            number = self.calls[number].outer

    def function_of(self, number: int) -> str:
        """The function whose code runs in the call of this number; empty where that is not known."""
        names = (call.name for _, call in self.outwards(number) if not call.name.startswith("<"))
        return next(names, "")

    def place_of(self, step: Step) -> int:
        """How many steps there were before this one."""
        return next(number for number, one in enumerate(self.steps) if one is step)

    def part_around(self, number: int) -> InnerCall | None:
        """The module's part whose `forward` a call is, where it is one."""
        call, before = self.calls[number], self.calls[number - 1] if number else None
        is_so = before is not None and before.is_part and (before.line, before.outer) == (call.line, call.outer)
        return before if is_so else None

    def parts_of(self, number: int) -> list[InnerCall]:
        """The module's parts that were called in a call, in order; gradients are cleared where they are next used, for
        it makes no difference whether that was before the forward pass or after it."""
        parts, cleared = list[InnerCall](), list[InnerCall]()
        for call in self.calls:
            if not call.is_part or call.outer != number:
                continue
            if call.name == CLEARS:
                cleared.append(call)
                continue
            if call.name in USE_GRADIENTS:
                parts, cleared = parts + cleared, []
            parts.append(call)
        return parts + cleared

    def times_called(self, name: str) -> int:
        """How often a module's part was called."""
        return sum(call.is_part and call.name == name for call in self.calls)


def way_of(taken: StepsTaken, given: dict[str, Tensor]) -> Way:
    """What was recorded, within its bounds."""
    sent = taken.steps[:MOST_STEPS] if all(step[3].numel() <= MOST_NUMBERS for step in taken.steps) else []
    steps = [
        Step(line, operation, value, call, grad, tuple(one for one in origins if 0 <= one < place))
        for place, (line, call, operation, value, grad, origins) in enumerate(sent)
    ]
    calls = [
        InnerCall(name[:MOST_LETTERS], line, outer, dict(_plain_items(passed)), is_part, before)
        for name, line, outer, passed, is_part, before in taken.calls[:MOST_CALLS]
    ]
    assigned = [
        Assignment(line, call, name[:MOST_LETTERS], value, before)
        for line, call, name, value, before in taken.assigned[:MOST_SET]
        if _is_plain(value)
    ]
    return Way(steps, calls, assigned, given)


def _plain_items(values: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name[:MOST_LETTERS], value) for name, value in values.items() if type(name) is str and _is_plain(value)]


def _is_plain(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() <= MOST_NUMBERS
    if type(value) is int:
        return abs(value) < 1 << 62
    return value is None or type(value) in (bool, float) or (type(value) is str and len(value) <= MOST_LETTERS)


def equal(one: Any, other: Any) -> bool:
    """Whether two variables hold the same: numbers of any kind that are near, tensors entry by entry."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and same(Values(one), Values(other), turned=False)
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return False
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return bool(abs(one - other) <= NEAR * (1 + abs(other)))
    return type(one) is type(other) and bool(one == other)


def same(one: Values, other: Values, *, turned: bool) -> bool:
    """Whether two results are equal, but for axes of size one.

    Args:
        turned: whether their axes may stand in another order.
    """
    if not one.may_be(other):
        return False
    a, b = one.plain, other.plain
    if not turned:
        return a.shape == b.shape and near(a, b)
    if a.dim() > MOST_AXES or sorted(a.shape) != sorted(b.shape) or not near(one.sorted, other.sorted):
        return False
    return any(
        tuple(a.shape[axis] for axis in order) == tuple(b.shape) and near(a.permute(order), b)
        for order in permutations(range(a.dim()))
    )


def is_piece(part: Tensor, whole: Tensor) -> bool:
    """Whether a result is cut out of another one: a row, an entry of each row, the beginning of a row."""
    if not 0 < part.numel() < whole.numel() or whole.numel() > MOST_TO_CUT or part.dim() > whole.dim():
        return False
    return bool(((whole - part.flatten()[0]).abs() <= NEAR).any()) and _is_cut_out(part, whole)


def _is_cut_out(part: Tensor, whole: Tensor) -> bool:
    if part.shape == whole.shape:
        return near(part, whole)
    if part.dim() < whole.dim():
        return any(_is_cut_out(part, one) for axis in range(whole.dim()) for one in whole.unbind(axis))
    shorter = [axis for axis in range(part.dim()) if part.shape[axis] != whole.shape[axis]]
    if len(shorter) > 1 or part.shape[shorter[0]] > whole.shape[shorter[0]]:
        return False
    axis, length = shorter[0], part.shape[shorter[0]]
    starts = range(whole.shape[axis] - length + 1)
    return any(near(part, whole.narrow(axis, start, length)) for start in starts)


class Shares:
    """Shares that sum to one, as a softmax gives them, and what somebody computes who makes them step by step.

    Args:
        values: results of the reference's that the learner comes by, some of which may be shares.
        known: what is right, of which they may be made.
    """

    def __init__(self, values: Sequence[Tensor], known: Sequence[Tensor]) -> None:
        axes = [(value.double(), sums_to_one(value.double())) for value in values[:MOST_SHARES]]
        self._shares = [(value, axis) for value, axis in axes if axis is not None]
        like = {value.shape: axis for value, axis in self._shares}
        of_these = [one for one in known if one.shape in like and one.is_floating_point()]
        self._before = [(one.double(), like[one.shape]) for one in of_these[:MOST_SHARES]]
        """What is right so far, whose largest number or whose sum along an axis may be asked for."""

    def is_before_one(self, value: Tensor) -> bool:
        """Whether shares come of it: exponents less any number for each row, exponentials, their largest, their sum."""
        if not value.is_floating_point() or not self._shares:
            return False
        wide = value.double()
        for shares, axis in self._shares:
            if wide.shape != shares.shape:
                continue
            made = wide.softmax(axis), wide / wide.sum(axis, keepdim=True)
            if any(near(one.nan_to_num(), shares) for one in made):
                self._before.append((wide, axis))
                return True
        return any(
            wide.numel() * one.shape[axis] == one.numel()
            and any(near(wide.flatten(), of(axis).flatten()) for of in (one.amax, one.sum))
            for one, axis in self._before
        )


def sums_to_one(value: Tensor) -> int | None:
    """The one axis over which a result sums to one; None where there is none, or several."""
    axes = [
        axis
        for axis in range(value.dim())
        if value.shape[axis] > 1 and torch.allclose(value.sum(axis), torch.ones(()).double(), rtol=NEAR, atol=NEAR)
    ]
    return axes[0] if len(axes) == 1 else None


def near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=NEAR, atol=NEAR)


def _plain(value: Tensor) -> Tensor:
    return value.squeeze().to(torch.float64).nan_to_num(nan=1e300, posinf=1e301, neginf=-1e301)
