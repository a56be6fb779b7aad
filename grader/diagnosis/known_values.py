"""What a value is called in a sentence: the argument, or the variable of the reference's, that has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from grader.diagnosis.statements import names_used
from grader.diagnosis.way import Way, equal, near
from grader.worker.steps import RETURNED


@dataclass(frozen=True)
class _Known:
    """A value that a sentence can name.

    Args:
        name: of the variable; empty where it is what a call returns.
        said: what it is called.
        is_given: whether it is an argument of the whole call.
    """

    value: Tensor
    name: str
    said: str
    is_given: bool = False


class KnownValues:
    """The values of two ways through one call that have names.

    Args:
        theirs, ours: the learner's way, whose arguments are the reference's too, and the reference's.
        source: the learner's file.
    """

    def __init__(self, theirs: Way, ours: Way, source: str) -> None:
        self._theirs, self._ours, self._source = theirs, ours, source
        self._whole = ours.function_of(0)

    def name_of(self, value: Tensor, line: int, call: int, *, is_theirs: bool = False) -> str:
        """What a value is called: by one name, first by one that the line reads, or as the sum of two; empty where it
        has none.

        Args:
            line, call: of the learner's file, where the value is spoken of, and the call in which that stands.
            is_theirs: whether it is the learner's: a variable that the line does not read is the reference's then.
        """
        known, used = list(self._known_in(call)), names_used(self._source, line)

        def said(one: _Known) -> str:
            is_plain = not is_theirs or one.is_given or not one.name or one.name in used
            return one.said if is_plain else f"the reference's {one.said.removeprefix('the ')}"

        having = sorted((one for one in known if equal(value, one.value)), key=lambda one: one.name not in used)
        if _is_one_number(value):  # zeros come of many things
            having = [one for one in having if one.name in used]
        if having:
            return said(having[0])
        addends = [one for one in known if one.value.shape == value.shape and one.value.is_floating_point()]
        wide = [(one, one.value.double()) for one in addends]
        for number, (one, addend) in enumerate(wide):
            for other, another in wide[number + 1 :]:
                if near(addend + another, value.double()):
                    return f"{said(one)} plus {said(other)}"
        return ""

    def _known_in(self, call: int) -> Iterator[_Known]:
        """The arguments of the whole call, what the reference sets in the function of this call, and what is returned
        to that; then what it sets in the whole call. What other functions set is nothing that their caller sees."""
        here = self._theirs.function_of(call)
        of_whole = f" of {self._whole}" if here not in ("", self._whole) else ""
        set_here, set_in_whole = self._set_in(here or self._whole), self._set_in(self._whole)
        for name, value in self._theirs.given.items():
            is_set = name in set_in_whole
            yield _Known(value, name, f"{'the argument ' if is_set else ''}`{name}`{of_whole}", is_given=True)
        yield from self._variables(set_here, "", self._theirs.given if not of_whole else {})
        yield from self._returned_to(here or self._whole)
        if of_whole:
            yield from self._variables(set_in_whole, of_whole, self._theirs.given)

    def _set_in(self, function: str) -> dict[str, list[Tensor]]:
        """What the reference sets variables to in a function, in order."""
        found: dict[str, list[Tensor]] = {}
        for one in self._ours.assigned:
            is_plain = one.name != "_" and not one.name.startswith(RETURNED)
            if is_plain and isinstance(one.value, Tensor) and self._ours.function_of(one.call) == function:
                found.setdefault(one.name, []).append(one.value)
        return found

    @staticmethod
    def _variables(values: dict[str, list[Tensor]], of: str, given: dict[str, Tensor]) -> Iterator[_Known]:
        """Of several values of one name the first and the last, of an argument's name the last."""
        again = {name for name, every in values.items() if not equal(every[0], every[-1])}
        for name, every in values.items():
            if name not in given:
                yield _Known(every[0], name, f"{'the first ' if name in again else ''}`{name}`{of}")
        for name, every in values.items():
            if name in given or name in again:
                yield _Known(every[-1], name, f"the {'new' if name in given else 'last'} `{name}`{of}")

    def _returned_to(self, function: str) -> Iterator[_Known]:
        """What the calls that a function of the reference's makes return, where each is one value of one call."""
        found: dict[str, list[Tensor]] = {}
        for one in self._ours.assigned:
            if one.name != RETURNED or not isinstance(one.value, Tensor) or not 0 <= one.call < len(self._ours.calls):
                continue
            call, part = self._ours.calls[one.call], self._ours.part_around(one.call)
            if call.outer >= 0 and self._ours.function_of(call.outer) == function and not call.name.startswith("<"):
                found.setdefault(f"`{part.name}`" if part is not None else call.name, []).append(one.value)
        for name, (value, *others) in found.items():
            if not others:
                yield _Known(value, "", f"what {name} returns")


def _is_one_number(value: Tensor) -> bool:
    """Whether a tensor of several numbers holds the same one everywhere."""
    return value.numel() > 1 and bool((value == value.flatten()[0]).all())
