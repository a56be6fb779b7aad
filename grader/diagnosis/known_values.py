"""What a value is called in a sentence: the argument, or the variable of the reference's, that has it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from grader.diagnosis.statements import names_used
from grader.diagnosis.way import Way, equal, near
from grader.worker.steps import RETURNED


@dataclass(frozen=True)
class _Variable:
    """A value that has a name.

    Args:
        said: what it is called in a sentence.
        function: the one that it belongs to; empty where that is not known.
    """

    name: str
    value: Tensor
    said: str
    function: str

    def seen_from(self, function: str) -> _Variable:
        """The same as it is called in a sentence about a line of this function."""
        is_elsewhere = function and self.function and function != self.function
        return replace(self, said=f"{self.said} of {self.function}") if is_elsewhere else self


class KnownValues:
    """The values of two ways through one call that have names.

    Args:
        theirs, ours: the learner's way, whose arguments are the reference's too, and the reference's.
        source: the learner's file.
    """

    def __init__(self, theirs: Way, ours: Way, source: str) -> None:
        self._theirs, self._ours, self._source = theirs, ours, source

    def name_of(self, value: Tensor, line: int, call: int) -> str:
        """What has a value: one name, first one that this line reads, or the sum of two; empty where nothing has it.

        Args:
            line, call: of the learner's file, where the value is spoken of, and the call in which that stands.
        """
        known = self._variables(call)
        having = [one for one in known if equal(value, one.value)]
        used = names_used(self._source, line)
        if having:
            return next((one for one in having if one.name in used), having[0]).said
        addends = [one for one in known if one.value.shape == value.shape and one.value.is_floating_point()]
        wide = [(one.said, one.value.double()) for one in addends]
        for number, (said, one) in enumerate(wide):
            for other, two in wide[number + 1 :]:
                if near(one + two, value.double()):
                    return f"{said} plus {other}"
        return ""

    def _variables(self, call: int) -> list[_Variable]:
        """The arguments of the whole call, and what the reference sets, that of the function of this call first.

        Of several values of one name these are the first and the last, of an argument's name the argument and the last.
        """
        whole, here = self._ours.function_of(0), self._theirs.function_of(call)
        values: dict[tuple[str, str], list[Tensor]] = {}
        for one in self._ours.assigned:
            if isinstance(one.value, Tensor) and one.name != "_" and not one.name.startswith(RETURNED):
                values.setdefault((one.name, self._ours.function_of(one.call)), []).append(one.value)
        found = [
            _Variable(name, value, f"the argument `{name}`" if (name, whole) in values else f"`{name}`", whole)
            for name, value in self._theirs.given.items()
        ]
        last = []
        for (name, function), (first, *later) in values.items():
            is_given = function == whole and name in self._theirs.given
            is_set_again = bool(later) and not equal(first, later[-1])
            if not is_given:
                found.append(_Variable(name, first, f"the first `{name}`" if is_set_again else f"`{name}`", function))
            if is_given or is_set_again:
                said = f"the new `{name}`" if is_given else f"the last `{name}`"
                last.append(_Variable(name, [first, *later][-1], said, function))
        return sorted((one.seen_from(here) for one in (*found, *last)), key=lambda one: one.function != here)
