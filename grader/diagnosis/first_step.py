"""Where a learner's way parts from the reference's: the failing call, made again on both with its steps recorded.

What is said follows from the values alone. A step of the learner's that has the value of a step of the reference's, up
to the order of axes, agrees; the first that has the value of none is where they part. The learner's side of it is a
claim of their code, shown as text: no verdict and no mark follows from it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from grader.checks.attempt import rerun
from grader.errors import Finding
from grader.protocol.messages import Done, RecordSteps, StepsTaken, TellSteps
from grader.worker.steps import MOST_NUMBERS, MOST_STEPS

if TYPE_CHECKING:
    from grader.diagnosis.trusted import TrustedCode
    from grader.kit.collect import Check
    from grader.remote.code import Code

NEAR = 1e-6
FILLED_IN = "__setitem__"
"""A tensor that is filled in bit by bit may still hold whatever was in memory: that it differs says nothing."""
MADE = ("zeros", "ones", "full")
"""A tensor of one number, `new_zeros` and `ones_like` too, holds nothing yet: that it differs says nothing."""
REPEATED = ("expand", "expand_as", "broadcast_to")
"""What these give holds the numbers that were there before."""
MOST_AXES = 4
"""Of a result whose axes may stand in another order: there are 24 orders of these."""
FEW = 3
"""Values that say nothing: a tensor of fewer numbers is taken for equal too easily."""


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
        places: the lines that led to it, innermost first, each with the function that it stands in.
        operation: torch's name of it.
        value: the result.
    """

    places: tuple[tuple[int, str], ...]
    operation: str
    value: Tensor

    @cached_property
    def values(self) -> Values:
        return Values(self.value)

    @property
    def line(self) -> int:
        return self.places[0][0]

    @property
    def within(self) -> str:
        """The function that it stands in."""
        return self.places[0][1]

    def outside(self, sound: Container[str]) -> int:
        """The innermost line that stands in none of these functions; else the outermost."""
        return next((line for line, name in self.places if name not in sound), self.places[-1][0])


@dataclass(frozen=True)
class FirstStep:
    """Where two ways part.

    Args:
        line: in the learner's file.
        text: what agrees, where they part, and how; one or two sentences.
    """

    line: int
    text: str


def first_step(
    trusted: TrustedCode, check: Check, code: Code, seed: int, number: int, sound: Container[str]
) -> FirstStep | None:
    """The first step that differs in a call that a check made; None where that cannot be said.

    Args:
        code: the learner's file, still open.
        number: of the call, among all of the check's.
        sound: functions all of whose checks pass: where they are called with something wrong, it is the caller's line.
    """
    theirs, given = recorded(check, code, seed, number)
    ours, _ = recorded(check, trusted.reference_code(), seed, number)
    if not theirs or not ours or max(len(theirs), len(ours)) >= MOST_STEPS:  # a step may be among those not kept
        return None
    return Comparison(theirs, ours, names_in(trusted.source.text), given, code.source.text, sound).first()


def recorded(check: Check, code: Code, seed: int, number: int) -> tuple[list[Step], dict[str, Tensor]]:
    """The steps of one call of a check, and the tensors that it was given."""

    @contextmanager
    def recording() -> Iterator[None]:
        code.request(RecordSteps(), Done, text="the start of a call")
        yield

    rerun(check, code, seed, number, recording)
    if len(code.calls) <= number:
        return [], {}
    given = {name: value for name, value in code.calls[number].given.items() if isinstance(value, Tensor)}
    with suppress(Finding):
        taken = code.request(TellSteps(), StepsTaken, text="the steps of a call").steps
        kept = [Step(tuple(places), operation, value) for places, operation, value in taken[:MOST_STEPS] if places]
        return [step for step in kept if step.value.numel() <= MOST_NUMBERS], given
    return [], {}


@lru_cache(maxsize=32)
def names_in(text: bytes) -> dict[int, str]:
    """The name that each line of a file gives to its result: what is assigned, or that it is returned."""
    found: dict[int, str] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = f"`{node.targets[0].id}`"
        elif isinstance(node, ast.Return):
            name = "the result"
        else:
            continue
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            found[line] = name
    return found


class Comparison:
    """Two ways through one call, matched by their values.

    Args:
        theirs, ours: the steps of the learner's file and of the reference.
        names: what the reference calls the result of each of its lines.
        given: the call's arguments, which agree by themselves.
        text: the learner's file.
        sound: functions all of whose checks pass.
    """

    def __init__(
        self,
        theirs: Sequence[Step],
        ours: Sequence[Step],
        names: dict[int, str],
        given: dict[str, Tensor],
        text: bytes,
        sound: Container[str] = (),
    ) -> None:
        self._theirs = [step for step in theirs if step.value.numel() >= FEW]
        self._ours = [step for step in ours if step.value.numel() >= FEW]
        self._unseen = _unseen([step for step in theirs if step.within not in sound], ours)
        self._names, self._given, self._sound = names, given, sound
        self._given_values = [Values(value) for value in given.values()]
        self._lines = text.decode(errors="replace").splitlines()
        self._of_size = defaultdict[int, list[tuple[int, Step]]](list)
        """The reference's steps by their sizes: with a loop over a sequence there are hundreds on both sides."""
        for number, step in enumerate(self._ours):
            self._of_size[step.values.size].append((number, step))
        self._reached = -1
        """The last step of the reference's that the learner's way has come by."""

    def first(self) -> FirstStep | None:
        """Where the two part; None where that cannot be said."""
        agreed, turned = None, None
        for place, step in enumerate(self._theirs):
            exact = self._found(step, turned=False)
            if exact is None and (step.operation == FILLED_IN or self._is_made(step) or self._is_on_the_way(place)):
                continue
            if exact is not None:
                if exact >= self._reached:
                    self._reached, agreed = exact, step
                turned = None
            elif (other := self._found(step, turned=True)) is not None:
                turned = (step, other)
            elif not self._is_given(step) and not self._leads_back(place):
                if turned is not None and not self._comes_by(self._ours[turned[1]]):
                    return self._is_turned(*turned)
                return self._parts(step, agreed)
        if turned is not None and turned[1] == len(self._ours) - 1:
            return self._is_turned(*turned)
        if agreed is None or self._reached + 1 >= len(self._ours):
            return None
        return self._stops(agreed)

    def _found(self, step: Step, *, turned: bool) -> int | None:
        """The reference's step with this value. A mask on the way may say the opposite: it means the same."""
        alike = self._of_size[step.values.size]
        found = next((i for i, other in alike if same(step.values, other.values, turned=turned)), None)
        if found is not None or step.value.dtype != torch.bool:
            return found
        opposite, last = Values(~step.value), len(self._ours) - 1
        masks = ((i, other) for i, other in alike if other.value.dtype == torch.bool and i != last)
        return next((i for i, other in masks if same(opposite, other.values, turned=turned)), None)

    def _is_made(self, step: Step) -> bool:
        made = step.operation in REPEATED or step.operation.removeprefix("new_").removesuffix("_like") in MADE
        return made and step is not self._theirs[-1]

    def _is_on_the_way(self, place: int) -> bool:
        """Whether it is a step inside a sound function, which goes on: only what comes out of it is its caller's."""
        here = self._theirs[place]
        after = self._theirs[place + 1] if place + 1 < len(self._theirs) else None
        if after is None or here.within not in self._sound or after.within not in self._sound:
            return False
        return here.outside(self._sound) == after.outside(self._sound)

    def _is_given(self, step: Step) -> bool:
        return any(same(step.values, value, turned=True) for value in self._given_values)

    def _leads_back(self, place: int) -> bool:
        """Whether the reference's last value comes all the same: another way to be right so far."""
        return any(same(step.values, self._ours[-1].values, turned=False) for step in self._theirs[place + 1 :])

    def _comes_by(self, wanted: Step) -> bool:
        return any(same(step.values, wanted.values, turned=False) for step in self._theirs)

    def _name(self, step: Step) -> str:
        """What the reference calls a step: only the last on its line is what the line is called after."""
        name = self._names.get(step.line, "")
        later = [other for other in self._ours if other.line == step.line]
        return name if name and later[-1] is step else ""

    def _is_turned(self, step: Step, place: int) -> FirstStep:
        name = self._name(self._ours[place]) or "a step of the reference's"
        line = step.outside(self._sound)
        return FirstStep(line, f"Line {line} gives {name} with its axes in another order: {self._text(line)}")

    def _stops(self, agreed: Step) -> FirstStep:
        wanted, line = self._ours[self._reached + 1], agreed.outside(self._sound)
        missing = self._relation(agreed.value, wanted)
        start = f"Line {line} gives a value that the reference computes on its way; it goes on from there"
        return FirstStep(line, f"{start}: {missing}." if missing else f"{start}.")

    def _parts(self, step: Step, agreed: Step | None) -> FirstStep:
        wanted = self._ours[min(self._reached + 1, len(self._ours) - 1)]
        start, line = "", step.outside(self._sound)
        first = not any(step is other for other in self._unseen)
        if agreed is not None and agreed.outside(self._sound) < line:  # in a loop it may be below
            name = self._name(self._ours[self._reached])
            if name.startswith("`"):
                start = f"Up to line {agreed.outside(self._sound)} {name} agrees. "
            elif first:
                start = f"Up to line {agreed.outside(self._sound)} the values agree with the reference's. "
        relation = self._relation(step.value, wanted)
        skipped = self._relation(agreed.value, wanted) if agreed is not None and not relation else ""
        if agreed is not None and skipped:
            return FirstStep(agreed.outside(self._sound), f"{start}The reference goes on from there: {skipped}.")
        which = "the first result" if first else "a result"
        what = f"Line {line} gives {which} that the reference does not have: {self._text(line)}"
        return FirstStep(line, f"{start}{what}" + (f"\n{relation[0].upper()}{relation[1:]}." if relation else ""))

    def _text(self, line: int) -> str:
        return self._lines[line - 1].strip() if 0 < line <= len(self._lines) else ""

    def _relation(self, value: Tensor, wanted: Step) -> str:
        """How the reference's next value follows from one that is there; empty where no simple way is seen."""
        name = self._name(wanted) or "the reference's next value"
        if value.shape != wanted.value.shape or value.numel() <= FEW:
            return ""
        if not (value.is_floating_point() and wanted.value.is_floating_point()):
            return ""
        mine, right = value.double(), wanted.value.double()
        if not bool(mine.isfinite().all() and right.isfinite().all()):
            return ""
        for other, addend in self._known():
            if not addend.is_floating_point() or addend.shape != right.shape or float(addend.double().std()) < NEAR:
                continue
            if _near(mine + addend, right):
                return f"{name} is these values plus {other}"
            if _near(mine - addend, right):
                return f"{name} is these values without {other}"
        big = mine.abs() > 1e-3
        if bool(big.any()):
            factor = float((right[big] / mine[big]).median())
            if factor not in (0.0, 1.0) and _near(mine * factor, right):
                return f"{name} is {factor:.4g} times these values"
        sums = [_sums_to_one(mine), _sums_to_one(right)]
        if sums[0] is not None and sums[1] is not None and sums[0] != sums[1]:
            return f"these values sum to 1 over axis {sums[0]}, those of {name} over axis {sums[1]}"
        return ""

    def _known(self) -> list[tuple[str, Tensor]]:
        """What has a name and was there before: arguments, and results that the learner's way came by."""
        passed = [(self._name(step), step.value) for step in self._ours[: self._reached + 1]]
        return [*self._given.items(), *((name, value) for name, value in passed if name.startswith("`"))]


def _unseen(theirs: Sequence[Step], ours: Sequence[Step]) -> list[Step]:
    """The learner's steps after one of few numbers that the reference does not have: none of them is the first."""
    few = [step for step in ours if step.value.numel() < FEW]
    for place, step in enumerate(theirs):
        if step.value.numel() < FEW and not any(same(step.values, other.values, turned=False) for other in few):
            return list(theirs[place + 1 :])
    return []


def same(one: Values, other: Values, *, turned: bool) -> bool:
    """Whether two results are equal, but for axes of size one.

    Args:
        turned: whether their axes may stand in another order.
    """
    if not one.may_be(other):
        return False
    a, b = one.plain, other.plain
    if not turned:
        return a.shape == b.shape and _near(a, b)
    if a.dim() > MOST_AXES or sorted(a.shape) != sorted(b.shape) or not _near(one.sorted, other.sorted):
        return False
    return any(
        tuple(a.shape[axis] for axis in order) == tuple(b.shape) and _near(a.permute(order), b)
        for order in permutations(range(a.dim()))
    )


def _near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=NEAR, atol=NEAR)


def _plain(value: Tensor) -> Tensor:
    return value.squeeze().to(torch.float64).nan_to_num(nan=1e300, posinf=1e301, neginf=-1e301)


def _sums_to_one(value: Tensor) -> int | None:
    axes = [
        axis
        for axis in range(value.dim())
        if value.shape[axis] > 1 and torch.allclose(value.sum(axis), torch.ones(()).double(), rtol=NEAR, atol=NEAR)
    ]
    return axes[0] if len(axes) == 1 else None
