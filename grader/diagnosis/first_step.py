"""Where a learner's way parts from the reference's: the failing call, made again on both with its steps recorded.

What is said follows from the values alone. A step of the learner's that has the value of a step of the reference's, up
to the order of axes, agrees; the first that has the value of none is where they part. The learner's side of it is a
claim of their code, shown as text: no verdict and no mark follows from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grader.checks.attempt import rerun
from grader.diagnosis.statements import (
    function_at,
    has_default,
    loop_line,
    methods_called,
    names_in,
    names_used,
    without_gradient,
)
from grader.diagnosis.way import (
    NEAR,
    Assignment,
    InnerCall,
    Shares,
    Step,
    Values,
    Way,
    equal,
    is_piece,
    near,
    same,
    sums_to_one,
    way_of,
)
from grader.errors import Finding
from grader.protocol.messages import Done, RecordSteps, StepsTaken, TellSteps
from grader.remote.handles import Module
from grader.source.file import File, Source, where
from grader.worker.steps import IN_TRAINING, MODES, PART, RETURNED

if TYPE_CHECKING:
    from grader.diagnosis.trusted import TrustedCode
    from grader.kit.collect import Check
    from grader.kit.variants import Variant
    from grader.remote.calls import Call
    from grader.remote.code import Code

FILLED_IN = "__setitem__"
"""A tensor that is filled in bit by bit may still hold whatever was in memory: that it differs says nothing."""
MADE = ("zeros", "ones", "full")
"""A tensor of one number, `new_zeros` and `ones_like` too, holds nothing yet: that it differs says nothing."""
REPEATED = ("expand", "expand_as", "broadcast_to", "repeat", "tile")
"""What these give holds the numbers that were there before."""
SHARES = "softmax"
"""What the operations are called that give shares which sum to one."""
DETACHED = ("detach", "detach_")
"""What these give has no gradient."""
FEW = 3
"""Values that say nothing: a tensor of fewer numbers is taken for equal too easily."""
NEAR_BY = 3
"""Steps in which a mask is made of numbers, or one of another."""
PAIRS = ("max", "min", "topk", "sort")
"""What these give is two results, of which one may be of no use."""
MOST_BACK = 3
"""Variables whose wrong value is followed from one to the next."""


@dataclass(frozen=True)
class FirstStep:
    """Where two ways part.

    Args:
        line: in the learner's file; in a notebook, of its code cells as one file, which the text calls by cell.
        text: what agrees, where they part, and how; one or two sentences.
    """

    line: int
    text: str


def first_step(
    trusted: TrustedCode,
    check: Check,
    code: Code,
    seed: int,
    calls: Sequence[Call],
    sound: Container[str],
    known: Sequence[Variant] = (),
) -> FirstStep | None:
    """The first step that differs in the last call that a check made; None where that cannot be said.

    Args:
        code: the learner's file, still open.
        calls: all of the check's.
        sound: functions all of whose checks pass: where they are called with something wrong, it is the caller's line.
        known: the mistake that was recognised, if any.
    """
    names = names_in(trusted.source.text.decode())

    def compared(number: int) -> Comparison | None:
        theirs = recorded(check, code, seed, number)
        ours = recorded(check, trusted.reference_code(), seed, number) if theirs.is_whole else theirs
        mistaken = recorded(check, trusted.mistaken_code(known), seed, number) if known and theirs.is_whole else None
        return Comparison(theirs, ours, names, code.source, sound, mistaken) if ours.is_whole else None

    number = _failing(calls)
    maker = _maker(calls, number)
    made = compared(maker) if maker is not None else None
    if made is not None and (found := made.first_made()) is not None:
        return found
    both = compared(number)
    return both.first() if both is not None else None


def _failing(calls: Sequence[Call]) -> int:
    """The last call; where it is the one before once more, on inputs in another memory order, the one before: the
    reference is not asked twice."""
    number = len(calls) - 1
    if number and calls[number].name == calls[number - 1].name:
        given = [list(call.given.values()) for call in calls[number - 1 :]]
        if len(given[0]) == len(given[1]) and all(map(_is_the_same, *given)):
            return number - 1
    return number


def _is_the_same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
    return one is other or (type(one) is type(other) and isinstance(one, (bool, int, float, str)) and one == other)


def _maker(calls: Sequence[Call], number: int) -> int | None:
    """The call that made the module whose method a call is; None of a function."""
    name = calls[number].name.partition(".")[0]
    made = [one for one, call in enumerate(calls[:number]) if isinstance(call.value, Module) and call.name == name]
    return made[-1] if made else None


def recorded(check: Check, code: Code, seed: int, number: int) -> Way:
    """The way through one call of a check; an empty one where it cannot be known."""

    @contextmanager
    def recording() -> Iterator[None]:
        code.seed_default_generators(seed)  # what is dropped is the same on both ways, if it is drawn alike
        code.request(RecordSteps(), Done, text="the start of a call")
        yield

    rerun(check, code, seed, number, recording)
    if len(code.calls) <= number:
        return Way([])
    given = {name: value for name, value in code.calls[number].given.items() if isinstance(value, Tensor)}
    with suppress(Finding):
        return way_of(code.request(TellSteps(), StepsTaken, text="the steps of a call"), given)
    return Way([])


def _tells(value: Tensor) -> bool:
    """Whether a result says something: a few whole numbers are taken for equal too easily."""
    if value.numel() >= FEW or not value.is_floating_point():
        return value.numel() >= FEW
    return bool((value != value.round()).any())


def _varies(value: Tensor) -> bool:
    """Whether its rows differ: rows that are all alike may be made of no matter what, as by a ReLU that gives zeros."""
    rows = value.reshape(-1, value.shape[-1] if value.dim() > 1 else 1)
    return bool((rows != rows[:1]).any())


class Comparison:
    """Two ways through one call, matched by their values.

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
        self._theirs = [step for step in theirs.steps if _tells(step.value)]
        self._ours = [step for step in ours.steps if _tells(step.value)]
        self._unseen = _unseen(theirs.steps, ours.steps)
        self._names, self._given, self._sound = names, theirs.given, sound
        self._given_values = [Values(value) for value in theirs.given.values()]
        self._file, self._source = file, file.text.decode(errors="replace")
        self._lines = [line.decode(errors="replace") for line in file.text.splitlines()]
        self._of_size = defaultdict[int, list[tuple[int, Step]]](list)
        """The reference's steps by their sizes: with a loop over a sequence there are hundreds on both sides."""
        for number, step in enumerate(self._ours):
            self._of_size[step.values.size].append((number, step))
        shares = [step.value for step in self._ours if SHARES in step.operation and self._comes_by(step)]
        self._shares = Shares(shares, [step.value for step in self._ours] if shares else [])
        self._only_stops = False
        """Whether all that the learner's file computes agrees, and the reference goes on in no simple way."""
        self._reached = -1
        """The last step of the reference's that the learner's way has come by."""
        self._come_by: set[int] = set()
        """All of them."""
        self._follow = _made_of_them(theirs.steps)
        self._mistaken = [step for step in mistaken.steps if _tells(step.value)] if mistaken is not None else []
        """What follows from the mistake, and what is right."""
        self._pieces: set[int] = set()
        """The places of what is cut out of what is right, and of what is made of that."""
        self._are_others = False
        """Whether there are results before that the reference does not have and that may be right."""

    def first(self) -> FirstStep | None:
        """Where the two part; None where that cannot be said: what both begin with is not the same."""
        begun = self._begun_otherwise()
        if begun:
            return self._first_default(begun)
        found = self._first_value()
        if found is not None and not self._only_stops:
            return found
        if self._only_stops and self._returns_the_same():  # it goes on to what the learner has, too
            found = None
        return self._first_call() or self._first_returned() or found or self._first_without_gradient()

    def first_made(self) -> FirstStep | None:
        """A module that was made with another number than the reference's; of the ways through what made it."""
        if (begun := self._begun_otherwise()) and (default := self._first_default(begun)) is not None:
            return default
        for call in self._their_way.calls:
            odd = self._oddly_given(call) if call.line and call.name.endswith(".__init__") else None
            if odd is not None and not isinstance(call.given[odd[2]], Tensor):
                return FirstStep(call.line, self._given_words(*odd))
        for number, _ in enumerate(self._their_way.calls):
            if (found := self._mode_of(number, len(self._their_way.steps))) is not None:
                return FirstStep(*found)
        return None

    def _begun_otherwise(self) -> list[str]:
        """The arguments of the whole call that are not the reference's, and its module's mode."""
        whole = [next((one for one in way.calls if one.outer < 0), None) for way in (self._their_way, self._our_way)]
        return whole[0].differences(whole[1]) if whole[0] and whole[1] else []

    def _first_default(self, names: Sequence[str]) -> FirstStep | None:
        """An argument that was not given, and of which the learner's function says something else."""
        mine, right = (next(one for one in way.calls if one.outer < 0) for way in (self._their_way, self._our_way))
        inside = next((one.line for one in self._their_way.assigned if self._their_way.calls[one.call] is mine), 0)
        line, name = function_at(self._source, inside), names[0]
        if name not in right.given or not has_default(self._source, line, name):
            return None
        is_so = f"is {self._shown(mine.given[name])} where it is not given; in the reference"
        said = f"{self._line(line)}: `{name}` {is_so} it is {self._shown(right.given[name])}"
        return FirstStep(line, f"{said}: {self._text(line)}")

    def _first_call(self) -> FirstStep | None:
        """A part that was called in another order, though all that was computed agrees."""
        mine = next((number for number, call in enumerate(self._their_way.calls) if not call.is_part), -1)
        twins = self._twins(mine)
        if not twins:
            return None
        called, right = self._their_way.parts_of(mine), self._our_way.parts_of(min(twins))
        for one, other in zip_longest(called, right):
            if one is None or other is None or one.name != other.name:
                found = self._order_words(one, other, called, right, called[-1].line if called else 0)
                return FirstStep(*found) if found is not None else None
        return None

    def _returns_the_same(self) -> bool:
        """Whether all that is returned is known of both, and equal."""
        mine, right = ({one.name: one.value for one in way.returned} for way in (self._their_way, self._our_way))
        return bool(mine) and mine.keys() == right.keys() and all(equal(mine[name], right[name]) for name in mine)

    def _first_returned(self) -> FirstStep | None:
        """A result that is not the reference's, though all that was computed on the way agrees."""
        mine, right = ({one.name: one for one in way.returned} for way in (self._their_way, self._our_way))
        for name, one in mine.items():
            other = right.get(name)
            if other is None or equal(one.value, other.value):
                continue
            number = name.removeprefix(RETURNED).strip("[]")
            which = f" as result {int(number) + 1}" if number.isdecimal() else ""
            before = self._set_before(one.line, one.call, one.before, is_over=True)
            if before is not None:
                return FirstStep(*before)
            got, wanted = self._shown(one.value), self._shown(other.value)
            told = f"returns {got or 'other values'}{which}; the reference returns {wanted or 'others'}"
            if not got and not wanted:
                told = f"returns{which} what the reference does not"
            axes = [value.dim() for value in (one.value, other.value) if isinstance(value, Tensor)]
            if len(set(axes)) == 2:
                told = f"returns {got or 'a tensor'}{which} of {axes[0]} {'axis' if axes[0] == 1 else 'axes'}; "
                told += f"what the reference returns has {axes[1]}"
            return FirstStep(one.line, f"{self._line(one.line)} {told}: {self._text(one.line)}")
        return None

    def _first_without_gradient(self) -> FirstStep | None:
        """What cuts a gradient off that flows in the reference, though all values are equal."""
        found = None
        for step in self._theirs:
            alike = [one for _, one in self._of_size[step.values.size] if same(step.values, one.values, turned=False)]
            if step.value.is_floating_point() and alike and not step.has_gradient and alike[0].has_gradient:
                found = step
                break
        end = self._their_way.place_of(found) + 1 if found is not None else len(self._their_way.steps)
        cuts = [step for step in self._their_way.steps[:end] if step.operation in DETACHED]
        if any(step.operation in DETACHED for step in self._our_way.steps):
            cuts = []
        at = found if found is not None and not cuts else cuts[-1] if cuts else None
        if at is None:
            return None
        lines = [at.line, *(call.line for _, call in self._their_way.outwards(at.call))]
        off = next((one for line in lines if (one := without_gradient(self._source, line)) is not None), None)
        line = at.line if cuts else off or self._place(at)[0]
        what = "gives a result through which no gradient flows back"
        if off and not cuts:
            what = "keeps gradients from being recorded"
        return FirstStep(line, f"{self._line(line)} {what}: {self._text(line)}")

    def _first_value(self) -> FirstStep | None:
        agreed, turned, odd = None, None, None
        if not self._ours:  # the reference computes nothing that tells
            return None
        for place, step in enumerate(self._theirs):
            exact = self._found(step, turned=False)
            if exact is None and (step.operation == FILLED_IN or self._is_made(step) or self._is_on_the_way(place)):
                continue
            if exact is None and self._shares.is_before_one(step.value):
                continue
            if exact is None and (self._comes_right(step) or self._is_one_of_a_pair(step) or self._is_in_pieces(step)):
                self._are_others = True
                continue
            if exact is not None:
                self._come_by.add(exact)
                if exact >= self._reached:
                    self._reached, agreed = exact, step
                turned = None
            elif (other := self._found(step, turned=True)) is not None:
                turned = (step, other)
            elif not self._is_given(step) and not self._leads_back(place):
                if turned is not None and not self._comes_by(self._ours[turned[1]]):
                    return self._is_turned(*turned)
                if not self._is_odd(step):
                    return self._parts(step, agreed)
                odd, self._are_others = odd or (step, agreed), True
        if odd is not None:
            return self._parts(*odd)
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
        if after is None or not (self._is_inside(here) and self._is_inside(after)):
            return False
        return self._sound_call(here) == self._sound_call(after)

    def _is_inside(self, step: Step) -> bool:
        """Whether a step stands in a sound function."""
        return any(call.name in self._sound for _, call in list(self._their_way.outwards(step.call))[:1])

    def _is_given(self, step: Step) -> bool:
        return any(same(step.values, value, turned=True) for value in self._given_values)

    def _leads_back(self, place: int) -> bool:
        """Whether the reference's last value comes all the same: another way to be right so far."""
        return any(same(step.values, self._ours[-1].values, turned=False) for step in self._theirs[place + 1 :])

    def _is_in_pieces(self, step: Step) -> bool:
        """Whether a step goes row by row, or position by position, where the reference has all of them at once: whether
        such a piece is right is seen when they are joined."""
        place = self._their_way.place_of(step)
        values = [*self._given_values, *(other.values for other in self._ours)]
        is_so = any(is_piece(step.values.plain, whole.plain) for whole in values)
        if not is_so and self._pieces & set(step.origins):
            is_so = not self._of_size[step.values.size]
        if is_so:
            self._pieces.add(place)
        return is_so

    def _is_odd(self, step: Step) -> bool:
        """Whether it neither follows from the mistake that was recognised nor from what a line was given: it may be the
        learner's own way of being right."""
        if not self._mistaken or any(same(step.values, other.values, turned=True) for other in self._mistaken):
            return False
        return not self._place(step)[1]

    def _follows_from_another(self, value: Any) -> bool:
        """Whether a variable holds what is not so in a file with the mistake that was recognised."""
        tells = isinstance(value, Tensor) and _tells(value)
        return bool(self._mistaken) and tells and not _has(self._mistaken, value)

    def _is_one_of_a_pair(self, step: Step) -> bool:
        """Whether the other result of the same operation is the reference's."""
        if step.operation not in PAIRS:
            return False
        place = self._their_way.place_of(step)
        around = self._their_way.steps[max(0, place - 1) : place + 2]
        same_call = [one for one in around if one is not step and _comes_with(one, step)]
        return any(self._found(one, turned=False) is not None for one in same_call)

    def _comes_right(self, step: Step) -> bool:
        """Whether something of the reference's that was not there before is made of it: another way to be right.

        Whole numbers and masks say that only of what is near them: later they may be right for another reason.
        """
        made, last = set[int](), {self._their_way.place_of(step)}
        for away in range(len(self._follow)):
            last = {place for before in last for place in self._follow[before]} - made
            if not last:
                break
            made |= last
            new = [self._their_way.steps[place] for place in last]
            telling = [one for one in new if one.value.is_floating_point() or away < NEAR_BY]
            if any(self._is_right_at_last(one) for one in telling):
                return True
        return False

    def _is_right_at_last(self, step: Step) -> bool:
        """Whether a step is one of the reference's to which nothing has come before."""
        if not (_tells(step.value) and _varies(step.value)) or self._is_made(step):
            return False
        found = self._found(step, turned=False)
        return found is not None and found not in self._come_by

    def _comes_by(self, wanted: Step) -> bool:
        return any(same(step.values, wanted.values, turned=False) for step in self._theirs)

    def _name(self, step: Step) -> str:
        """What the reference calls a step: only the last on its line is what the line is called after."""
        name = self._names.get(step.line, "")
        later = [other for other in self._ours if other.line == step.line]
        held = [one for one in self._our_way.assigned if one.line == step.line and not one.name.startswith(RETURNED)]
        is_held = any(isinstance(one.value, Tensor) and equal(one.value, step.value) for one in held)
        return name if name and later[-1] is step and (is_held or not held) else ""

    def _is_turned(self, step: Step, place: int) -> FirstStep:
        name = self._name(self._ours[place]) or "a value of the reference's"
        line, why = self._place(step)
        return FirstStep(
            line, why or f"{self._line(line)} gives {name} with its axes in another order: {self._text(line)}"
        )

    def _stops(self, agreed: Step) -> FirstStep:
        wanted, (line, number) = self._ours[self._reached + 1], self._unfinished(agreed)
        if (found := self._parts_differ(line, number, agreed)) is not None:
            return FirstStep(*found)
        missing = self._relation(agreed.value, wanted)
        self._only_stops = not missing
        start = f"{self._line(line)} gives a value that the reference computes on its way; it goes on from there"
        return FirstStep(line, f"{start}: {missing}." if missing else f"{start}.")

    def _parts(self, step: Step, agreed: Step | None) -> FirstStep:
        wanted = self._ours[min(self._reached + 1, len(self._ours) - 1)]
        start, (line, why) = "", self._place(step)
        first = not self._are_others and not any(step is other for other in self._unseen)
        before = self._outside(agreed) if agreed is not None else line
        if before < line and self._stand_together(before, line):  # in a loop it may be below
            name = self._name(self._ours[self._reached])
            if name.startswith("`"):
                start = f"Up to {where(self._file, before)} {name} agrees. "
            elif first:
                start = f"Up to {where(self._file, before)} the values agree with the reference's. "
        if why:
            return FirstStep(line, f"{start}{why}")
        relation = self._relation(step.value, wanted)
        skipped = self._relation(agreed.value, wanted) if agreed is not None and not relation else ""
        if agreed is not None and skipped:
            return FirstStep(self._outside(agreed), f"{start}The reference goes on from there: {skipped}.")
        which = "the first result" if first else "a result"
        what = f"{self._line(line)} gives {which} that the reference does not have: {self._text(line)}"
        return FirstStep(line, f"{start}{what}" + (f"\n{relation[0].upper()}{relation[1:]}." if relation else ""))

    # ------------------------------------------------------------------------------------------ which line it is

    def _place(self, step: Step) -> tuple[int, str]:
        """The line to look at for a step, and in words why it is another than the step's own.

        A function that was given what the reference never gives it is not at fault, but the line that called it. A line
        that uses a variable which holds something else than the reference's of that name follows from the line that
        set it.
        """
        line, number, why = step.line, step.call, ""
        if (found := self._mode_before(step)) is not None:
            return found
        for inner, call in self._their_way.outwards(step.call):
            if call.name.startswith("<"):
                number = call.outer
                continue
            if not call.line:
                break
            odd = self._oddly_given(call) or self._oddly_given(self._their_way.part_around(inner))
            if odd is not None:
                line, number, why = call.line, call.outer, self._given_words(*odd)
            elif call.name in self._sound and not self._twins(inner):
                line, number = call.line, call.outer
            else:
                break
        found = self._parts_differ(line, number, step)
        if why and not (found and found[0] == loop_line(self._source, line)):
            found = line, why
        last = found[0] if found else line
        return self._set_before(last, number, self._their_way.place_of(step)) or found or (line, "")

    def _mode_before(self, step: Step) -> tuple[int, str] | None:
        """The line around a step that put a module into another mode than the reference's before it."""
        place = self._their_way.place_of(step)
        for number, _ in self._their_way.outwards(step.call):
            found = self._mode_of(number, place)
            if found is not None:
                return found
        return None

    def _mode_of(self, number: int, before: int) -> tuple[int, str] | None:
        """The same of one call."""
        twins = self._twins(number)
        right = [one.name for one in self._our_way.parts_of(min(twins))] if twins else []
        for call in self._their_way.parts_of(number) if twins else ():
            if call.name in MODES and call.before <= before and call.name not in right:
                said = f"{self._line(call.line)} calls `{call.name}`, which the reference does not"
                return call.line, f"{said}: {self._text(call.line)}"
        return None

    def _parts_differ(self, line: int, number: int, step: Step) -> tuple[int, str] | None:
        """The first part of a module that was called in another order than the reference's, or with something else."""
        place, twins = self._their_way.place_of(step), self._twins(number)
        mine = self._their_way.parts_of(number)
        right = self._our_way.parts_of(min(twins)) if twins else None
        if right is None:
            return None
        for one, other in zip_longest(mine, right):
            is_later = one is not None and one.before > place
            if one is None or other is None or one.name != other.name:
                return None if is_later else self._order_words(one, other, mine, right, line)
            if is_later and one.line != line:
                return None
            if names := one.differences(other):
                if _is_given_in_pieces(one, other):
                    return None
                return one.line, self._part_words(one, other, names[0])
        return None

    def _order_words(
        self,
        one: InnerCall | None,
        other: InnerCall | None,
        mine: Sequence[InnerCall],
        right: Sequence[InnerCall],
        line: int,
    ) -> tuple[int, str] | None:
        if not mine:  # all is left to another function
            return None
        if other is not None and self._times(self._their_way, other.name) == 0:
            if methods_called(self._source, other.name) - {*IN_TRAINING, "parameters"}:  # it is used in another way
                return None
            given = next(iter(other.given.values()), None)
            place = next(number for number, call in enumerate(right) if call is other)
            earlier = mine[:place][-1:]
            since = earlier[0].before if earlier else 0
            after = [step for step in self._their_way.steps[since:] if step.call == mine[0].outer]
            source = [step for step in after if isinstance(given, Tensor) and equal(step.value, given)]
            place = source[0].line if source else one.line if one is not None else line
            loop = loop_line(self._source, place)
            where_it_is = "gives it what is computed on" if source else "calls it before" if one else "calls it after"
            said = f"`{other.name}` is never called; the reference {where_it_is} {where(self._file, place)}"
            if loop is not None:
                place, said = loop, f"`{other.name}` is never called. {self._line(loop)}"
            return place, f"{said}: {self._text(place)}"
        if one is None:
            return None
        if self._times(self._their_way, one.name) > self._times(self._our_way, one.name):
            last = self._loop_of([call for call in mine if call.name == one.name][-1])
            return last, f"{self._line(last)} calls `{one.name}` more often than the reference does: {self._text(last)}"
        calls = list(self._their_way.calls)
        place = next(number for number, call in enumerate(calls) if call is one)
        before = [call.name for call in calls[:place] if call.is_part]
        if other is None or other.name in before or one.name not in [call.name for call in right]:
            return None
        first = self._loop_of(one)
        order = f"{self._line(first)} calls `{one.name}` where the reference calls `{other.name}` first"
        return first, f"{order}: {self._text(first)}"

    @staticmethod
    def _times(way: Way, name: str) -> int:
        """How often a part was called."""
        return sum(call.is_part and call.name == name for call in way.calls)

    def _loop_of(self, call: InnerCall) -> int:
        """The line of a call; where what is called is a loop's variable, the line that says what the loop runs over."""
        return loop_line(self._source, call.line) or call.line

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
        twins = self._twins(number)
        inside = [
            place
            for place, step in enumerate(self._ours)
            if any(outer in twins for outer, _ in self._our_way.outwards(step.call))
        ]
        return bool(inside) and max(inside) <= self._reached

    def _oddly_given(self, call: InnerCall | None) -> tuple[InnerCall, InnerCall, str] | None:
        """A call, the reference's nearest call of the same function, and the first argument that differs; None where
        some call of the reference's was given the same, or there is none."""
        others = [one for one in self._our_way.calls if call and one.name == call.name and one.is_part == call.is_part]
        if call is None or not others:
            return None
        differences = [(one, call.differences(one)) for one in others]
        other, names = min(differences, key=lambda pair: len(pair[1]))
        return (call, other, names[0]) if names else None

    def _given_words(self, call: InnerCall, right: InnerCall, name: str) -> str:
        if call.is_part:
            return self._part_words(call, right, name)
        mine, wanted = self._shown(call.given[name]), self._shown(right.given.get(name))
        does = f"makes {made}" if (made := call.name.removesuffix(".__init__")) != call.name else f"calls {call.name}"
        if not mine and not wanted:
            said = f"{self._line(call.line)} {does} with another `{name}` than the reference does"
            return f"{said}: {self._text(call.line)}"
        what = f"{self._line(call.line)} {does} with {mine or 'something else'} as `{name}`"
        return f"{what}; the reference gives it {wanted or 'another value'}: {self._text(call.line)}"

    def _part_words(self, call: InnerCall, right: InnerCall, name: str) -> str:
        mine, wanted = self._shown(call.given[name]), self._shown(right.given.get(name))
        which = "" if len(call.given) == 1 else f" as argument {int(name) + 1}" if name.isdecimal() else f" as `{name}`"
        start = f"{self._line(call.line)} gives `{call.name}` {mine or 'other values'}{which}"
        if not mine and not wanted:
            return f"{start} than the reference does: {self._text(call.line)}"
        return f"{start}; the reference gives it {wanted or 'something else'}: {self._text(call.line)}"

    def _shown(self, value: Any) -> str:
        """A value in a few signs, or by what has that value; empty where there is neither."""
        if isinstance(value, Tensor):
            return self._known_as(value)
        if isinstance(value, str) and value.startswith(PART):
            return f"`{value}`"
        return f"`{value:.4g}`" if isinstance(value, float) else f"`{value!r}`"

    def _known_as(self, value: Tensor) -> str:
        """The argument, or the variable of the reference's, that has this value; or the sum of two of them."""
        known = list(self._variables())
        for name, one in known:
            if equal(value, one):
                return name
        wide = [(name, one.double()) for name, one in known if one.shape == value.shape and one.is_floating_point()]
        for number, (name, one) in enumerate(wide):
            for other, two in wide[number + 1 :]:
                if near(one + two, value.double()):
                    return f"{name} plus {other}"
        return ""

    def _variables(self) -> Iterator[tuple[str, Tensor]]:
        """Names and values: the arguments, then what the reference sets; of each name the first, of an argument's name
        the last."""
        again = {one.name: one.value for one in self._our_way.assigned if isinstance(one.value, Tensor)}
        for name, value in self._given.items():
            yield (f"the argument `{name}`" if name in again else f"`{name}`"), value
        seen = set(self._given)
        for one in self._our_way.assigned:
            plain = one.name != "_" and not one.name.startswith(RETURNED)
            if isinstance(one.value, Tensor) and plain and one.name not in seen:
                seen.add(one.name)
                yield f"`{one.name}`", one.value
        yield from ((f"the new `{name}`", again[name]) for name in self._given if name in again)

    def _set_before(self, line: int, number: int, before: int, *, is_over: bool = False) -> tuple[int, str] | None:
        """The line that set a variable to something else than the reference's of that name, where this line uses it.

        Args:
            is_over: whether nothing more is computed from it.
        """
        found: tuple[int, str] | None = None
        for _ in range(MOST_BACK):
            wrong = self._wrong_variable(line, number, before, is_over)
            if wrong is None or wrong[0].line == line:
                return found
            line = wrong[0].line
            found = line, self._set_words(*wrong)
        return found

    def _wrong_variable(self, line: int, number: int, before: int, is_over: bool) -> tuple[Assignment, Any] | None:
        """What set a variable that a line uses to something else than the reference does, and what that sets it to."""
        for name in names_used(self._source, line):
            mine = [
                one
                for one in self._their_way.assigned
                if one.call == number and one.name == name and one.before <= before
            ]
            right = self._right_values(name, number)
            every = [one for one in self._their_way.assigned if one.call == number and one.name == name]
            as_often = len(every) == len(right)
            if as_often and self._is_one_twin(number):  # set as often: in a loop the same time counts
                right = right[len(mine) - 1 : len(mine)]
            if mine and right and not any(_holds(mine[-1].value, value) for value in right):
                on_the_way = self._on_the_way_to(right) if as_often and not is_over else self._our_way.steps
                if self._follows_from_another(mine[-1].value):
                    continue
                if (as_often and is_over) or not _has(on_the_way, mine[-1].value):
                    return mine[-1], right[0]
        return None

    def _on_the_way_to(self, values: Sequence[Any]) -> list[Step]:
        """The reference's steps of which these values are made."""
        steps = self._our_way.steps
        to_do = [place for place, step in enumerate(steps) if any(equal(step.value, value) for value in values)]
        made_of = set[int]()
        while to_do:
            new = set(steps[to_do.pop()].origins) - made_of
            made_of |= new
            to_do += new
        return [steps[place] for place in made_of]

    def _is_one_twin(self, number: int) -> bool:
        return len(self._twins(number)) == 1

    def _right_values(self, name: str, number: int) -> list[Any]:
        """What the reference sets its variable of this name to, where the same function is given the same."""
        twins = self._twins(number)
        return [one.value for one in self._our_way.assigned if one.call in twins and one.name == name]

    def _twins(self, number: int) -> set[int]:
        """The reference's calls of the same function with the same arguments."""
        if not 0 <= number < len(self._their_way.calls):
            return set()
        call = self._their_way.calls[number]
        return {
            other
            for other, one in enumerate(self._our_way.calls)
            if one.name == call.name and one.is_part == call.is_part and not call.differences(one)
        }

    def _set_words(self, wrong: Assignment, right: Any) -> str:
        if not isinstance(wrong.value, Tensor):
            mine, wanted = self._shown(wrong.value), self._shown(right) or "something else"
            start = f"{self._line(wrong.line)} sets `{wrong.name}` to {mine}; in the reference it is {wanted}"
        else:
            start = f"{self._line(wrong.line)} sets `{wrong.name}`, which the reference sets to something else"
        return f"{start}: {self._text(wrong.line)}"

    def _line(self, line: int) -> str:
        """A line at the beginning of a sentence: `Line 38`; in a notebook `Cell 3, line 2`."""
        words = where(self._file, line)
        return words[0].upper() + words[1:]

    def _stand_together(self, one: int, other: int) -> bool:
        """Whether two lines stand in one function: else the first in the file need not be the first in time."""
        return function_at(self._source, one) == function_at(self._source, other)

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
            if near(mine + addend, right):
                return f"{name} is these values plus {other}"
            if near(mine - addend, right):
                return f"{name} is these values without {other}"
        big = mine.abs() > 1e-3
        if bool(big.any()):
            factor = float((right[big] / mine[big]).median())
            if f"{factor:.4g}" not in ("0", "1") and near(mine * factor, right):
                return f"{name} is {factor:.4g} times these values"
        sums = [sums_to_one(mine), sums_to_one(right)]
        if sums[0] is not None and sums[1] is not None and sums[0] != sums[1]:
            return f"these values sum to 1 over axis {sums[0]}, those of {name} over axis {sums[1]}"
        return ""

    def _known(self) -> list[tuple[str, Tensor]]:
        """What has a name and was there before: arguments, and results that the learner's way came by."""
        passed = [(self._name(step), step.value) for step in self._ours[: self._reached + 1]]
        return [*self._given.items(), *((name, value) for name, value in passed if name.startswith("`"))]


def _unseen(theirs: Sequence[Step], ours: Sequence[Step]) -> list[Step]:
    """The learner's steps after one that is not looked at and that the reference does not have: none is the first."""
    few = [step for step in ours if not _tells(step.value)]
    for place, step in enumerate(theirs):
        if not _tells(step.value) and not any(same(step.values, other.values, turned=False) for other in few):
            return list(theirs[place + 1 :])
    return []


def _is_given_in_pieces(one: InnerCall, other: InnerCall) -> bool:
    """Whether a part is given a row, or a position, of what the reference gives it at once."""
    pairs = [(one.given[name], other.given.get(name)) for name in one.given]
    tensors = [(a, b) for a, b in pairs if isinstance(a, Tensor) and isinstance(b, Tensor)]
    return any(is_piece(Values(a).plain, Values(b).plain) for a, b in tensors)


def _comes_with(one: Step, other: Step) -> bool:
    """Whether two steps that follow each other are results of one operation."""
    parts = [(step.line, step.call, step.operation, step.origins) for step in (one, other)]
    return parts[0] == parts[1]


def _holds(one: Any, other: Any) -> bool:
    """Whether two variables hold the same numbers in the same order, in any shape; or the first, a piece of them."""
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
        return equal(one, other)
    if one.numel() == other.numel():
        return equal(one.flatten(), other.flatten())
    return is_piece(Values(one).plain, Values(other).plain)


def _has(steps: Sequence[Step], value: Any) -> bool:
    """Whether one of these steps has this value, and it says something."""
    return isinstance(value, Tensor) and _tells(value) and any(equal(step.value, value) for step in steps)


def _made_of_them(steps: Sequence[Step]) -> list[set[int]]:
    """For each step the places of those that are made of it."""
    follow: list[set[int]] = [set() for _ in steps]
    for place, step in enumerate(steps):
        for origin in step.origins:
            follow[origin].add(place)
    return follow
