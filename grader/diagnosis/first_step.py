"""Where a learner's way parts from the reference's: the failing call, made again on both with its steps recorded.

The learner's side of it is a claim of their code, shown as text: no verdict and no mark follows from it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from grader.checks.attempt import rerun
from grader.diagnosis.comparison import Comparison
from grader.diagnosis.statements import names_in
from grader.diagnosis.way import Way, way_of
from grader.diagnosis.wording import FirstStep
from grader.errors import Finding
from grader.protocol.messages import Done, RecordSteps, StepsTaken, TellSteps
from grader.remote.handles import Module

if TYPE_CHECKING:
    from grader.diagnosis.trusted import TrustedCode
    from grader.kit.collect import Check
    from grader.kit.variants import Variant
    from grader.remote.calls import Call
    from grader.remote.code import Code


class Followed:
    """The last call that a check made, on both ways; and the call that made the module whose method it is, if any.

    Args:
        code: the learner's file, still open.
        calls: all of the check's.
    """

    def __init__(self, trusted: TrustedCode, check: Check, code: Code, seed: int, calls: Sequence[Call]) -> None:
        self._trusted, self._check, self._seed, self._source = trusted, check, seed, code.source
        number = _failing(calls)
        maker = _maker(calls, number)
        self._made = self._both(maker, code) if maker is not None else None
        self._failed = self._both(number, code)

    def _both(self, number: int, code: Code) -> _Both | None:
        theirs = recorded(self._check, code, self._seed, number)
        ours = recorded(self._check, self._trusted.reference_code(), self._seed, number) if theirs.is_whole else theirs
        return _Both(number, theirs, ours) if ours.is_whole else None

    def first_step(self, sound: Container[str], known: Sequence[Variant] = ()) -> FirstStep | None:
        """The first step that differs; None where that cannot be said.

        Args:
            sound: functions all of whose checks pass: where they are called with something wrong, it is the caller's
                line.
            known: the mistake that was recognised, if any.
        """
        made = self._compared(self._made, sound, known)
        if made is not None and (found := made.first_made()) is not None:
            return found
        both = self._compared(self._failed, sound, known)
        return both.first() if both is not None else None

    def _compared(self, both: _Both | None, sound: Container[str], known: Sequence[Variant]) -> Comparison | None:
        if both is None:
            return None
        names, mistaken = names_in(self._trusted.source.text.decode()), None
        if known:
            mistaken = recorded(self._check, self._trusted.mistaken_code(known), self._seed, both.number)
        return Comparison(both.theirs, both.ours, names, self._source, sound, mistaken)


class _Both(NamedTuple):
    """One call of a check, on the learner's way and on the reference's."""

    number: int
    theirs: Way
    ours: Way


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
