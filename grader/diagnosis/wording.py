"""In which words it is told where two ways part: lines by their text, values by the names of the reference's variables.

Each sentence ends with the line of code that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from grader.diagnosis.known_values import KnownValues
from grader.diagnosis.matching import Matching
from grader.diagnosis.relation import relation_of
from grader.diagnosis.statements import names_in, names_used
from grader.diagnosis.way import Assignment, InnerCall, Step, Values, equal, same
from grader.source.file import File, Source, where
from grader.text import ordinal
from grader.worker.steps import PART, RETURNED, TRAINING


@dataclass(frozen=True)
class FirstStep:
    """Where two ways part.

    Args:
        line: in the learner's file; in a notebook, of its code cells as one file, which the text calls by cell.
        text: what agrees, where they part, and how; one or two sentences.
    """

    line: int
    text: str


class Wording:
    """The sentences about one file.

    Args:
        matching: its way and the reference's.
        names: what the reference calls the result of each of its lines.
        file: the learner's.
    """

    def __init__(self, matching: Matching, names: dict[int, str], file: File | Source) -> None:
        self._matching, self._names, self._file = matching, names, file
        self._source = file.text.decode(errors="replace")
        self._known = KnownValues(matching.their_way, matching.our_way, self._source)
        self._lines = [line.decode(errors="replace") for line in file.text.splitlines()]

    # ---------------------------------------------------------------------------------------------- steps

    def agreed(self, line: int, place: int, *, all_before: bool) -> str:
        """What agrees, to stand before another sentence; empty where that cannot be said.

        Args:
            place: the reference's last step that the learner's way has come by.
            all_before: whether nothing before the line differs.
        """
        name = self._name(self._matching.ours[place])
        if name.startswith("`"):
            is_theirs = names_in(self._source).get(line) == name
            up_to = f"Up to {where(self._file, line)} {name} agrees. "
            return up_to if is_theirs else f"{self._line(line)} still gives the reference's {name}. "
        return f"Up to {where(self._file, line)} the values agree with the reference's. " if all_before else ""

    def differs(self, line: int, relation: str, *, is_first: bool) -> str:
        """A result that the reference does not have."""
        which = "the first result" if is_first else "a result"
        said = self._on(line, f"gives {which} that the reference does not have").text
        return said + (f"\n{relation[0].upper()}{relation[1:]}." if relation else "")

    def turned(self, line: int, place: int) -> FirstStep:
        """A value of the reference's, its step at this place, with its axes in another order."""
        name = self._ours(self._name(self._matching.ours[place])) or "a value of the reference's"
        return self._on(line, f"gives {name} with its axes in another order")

    def stops(self, line: int, relation: str) -> FirstStep:
        """A value from which the reference goes on."""
        said = f"{self._line(line)} gives a value that the reference computes too; the reference then goes on"
        return FirstStep(line, f"{said}: {relation}." if relation else f"{said}.")

    def skips(self, relation: str) -> str:
        """What the learner's way leaves out after what agrees."""
        return f"The reference goes on from there: {relation}."

    def relation(self, value: Tensor, wanted: Step, reached: int) -> str:
        """How the reference's next value follows from one that is there; empty where no simple way is seen.

        Args:
            reached: the place of the reference's last step that the learner's way has come by.
        """
        name = self._ours(self._name(wanted)) or "the reference's next value"
        return relation_of(value, wanted.value, name, self._there_before(reached))

    def without_gradient(self, line: int, *, keeps: bool) -> FirstStep:
        """A result through which no gradient flows, or the line that keeps gradients from being recorded."""
        cut = "gives a result through which no gradient flows back"
        return self._on(line, "keeps gradients from being recorded" if keeps else cut)

    # ---------------------------------------------------------------------------------------------- calls

    def default(self, line: int, name: str, mine: Any, right: Any) -> FirstStep:
        """An argument that was not given; the function begins on the line."""
        value, wanted = self._both(mine, right, line, -1)
        is_so = f"is {value} where it is not given; in the reference it is {wanted}"
        return self._at(line, f"{self._line(line)}: `{name}` {is_so}")

    def given(self, call: InnerCall, right: InnerCall, name: str) -> FirstStep:
        """An argument of a call, and of the reference's call of the same."""
        if call.is_part:
            return self._part_given(call, right, name)
        mine, wanted = self._both_given(call, right, name)
        does = f"makes {made}" if (made := call.name.removesuffix(".__init__")) != call.name else f"calls {call.name}"
        if name == TRAINING:
            modes = ("train", "eval") if call.given[name] else ("eval", "train")
            return self._on(call.line, f"{does} in {modes[0]} mode; the reference calls it in {modes[1]} mode")
        if not mine and not wanted:
            return self._on(call.line, f"{does} with another `{name}` than the reference does")
        with_what = f"with {mine} as `{name}`" if mine else f"with another `{name}`"
        return self._on(call.line, f"{does} {with_what}; the reference gives it {wanted or 'another value'}")

    def _part_given(self, call: InnerCall, right: InnerCall, name: str) -> FirstStep:
        mine, wanted = self._both_given(call, right, name)
        which = "" if len(call.given) == 1 else f" as argument {int(name) + 1}" if name.isdecimal() else f" as `{name}`"
        gives = f"gives `{call.name}` {mine or 'other values'}{which}"
        if not mine and not wanted:
            return self._on(call.line, f"{gives} than the reference does")
        return self._on(call.line, f"{gives}; the reference gives it {wanted or 'something else'}")

    def _both_given(self, call: InnerCall, right: InnerCall, name: str) -> tuple[str, str]:
        """An argument and the reference's; what was too large to be kept is not known."""
        mine, wanted = self._both(call.given[name], right.given.get(name), call.line, call.outer)
        return mine, wanted if name in right.given else ""

    def only_called_here(self, call: InnerCall) -> FirstStep:
        """A call that the reference does not make."""
        return self._on(call.line, f"calls `{call.name}`, which the reference does not")

    def called_more_often(self, line: int, name: str) -> FirstStep:
        return self._on(line, f"calls `{name}` more often than the reference does")

    def called_too_early(self, line: int, name: str, first: str) -> FirstStep:
        """A part, and the one that the reference calls first."""
        return self._on(line, f"calls `{name}` where the reference calls `{first}` first")

    def never_called(self, line: int, name: str, *, is_input: bool, is_before: bool) -> FirstStep:
        """A part that is left out.

        Args:
            line: the one that computes what the reference gives it, or the nearest.
            is_input: whether it computes that.
            is_before: whether the reference calls the part before what else the line does.
        """
        does = "gives it what is computed on" if is_input else "calls it before" if is_before else "calls it after"
        return self._at(line, f"`{name}` is never called; the reference {does} {where(self._file, line)}")

    def never_called_in(self, loop: int, name: str) -> FirstStep:
        """A part that a loop, which begins on this line, leaves out."""
        return self._at(loop, f"`{name}` is never called. {self._line(loop)}")

    # ---------------------------------------------------------------------------------------------- variables

    def set_to(self, wrong: Assignment, right: Any) -> FirstStep:
        """A variable that was set to something else than the reference's."""
        if isinstance(wrong.value, Tensor):
            return self._on(wrong.line, f"sets `{wrong.name}`, which the reference sets to something else")
        mine, wanted = self._both(wrong.value, right, wrong.line, wrong.call)
        if isinstance(right, Tensor):  # most often it has the same name
            wanted = f"a tensor of shape {tuple(right.shape)}"
        told = f"sets `{wrong.name}` to {mine}; in the reference it is {wanted}"
        return self._on(wrong.line, told)

    def returned(self, one: Assignment, other: Assignment) -> FirstStep:
        """A result, and the reference's."""
        which = _as_result(one.name)
        if one.value is None and "return" not in self._text(one.line):
            return self._at(one.line, f"The function ends at {where(self._file, one.line)} and returns nothing")
        if isinstance(one.value, Tensor) and isinstance(other.value, Tensor):
            return self._tensor_returned(one, other, which)
        got, wanted = self._both(one.value, other.value, one.line, one.call)
        told = f"returns {got or 'a tensor'}{which}; the reference returns {wanted or 'something else'}"
        return self._on(one.line, told)

    def _tensor_returned(self, one: Assignment, other: Assignment, which: str) -> FirstStep:
        mine, right = one.value, other.value
        got, wanted = self._both(mine, right, one.line, one.call)
        if got and mine.dim() == right.dim():
            return self._on(one.line, f"returns {got}{which}; the reference returns {wanted or 'something else'}")
        if got:
            axes = f"{_axes(mine)}; the right result has {right.dim()}"
            return self._on(one.line, f"returns {got}{which}, which has {axes}")
        if mine.dim() != right.dim():
            how = f"has {_axes(mine)}; the right one has {right.dim()}"
        elif same(Values(mine), Values(right), turned=True):
            how = "is the reference's with its axes in another order"
        elif mine.shape != right.shape:
            how = f"has shape {tuple(mine.shape)}; the reference's has shape {tuple(right.shape)}"
        elif wanted and wanted.strip("`") not in names_used(self._source, one.line):
            how = f"differs from the reference's, which is {wanted}"
        else:
            how = "differs from the reference's"
        return self._on(one.line, f"returns {_one_that(one.name)} {how}")

    def filled_in(self, line: int, result: str) -> FirstStep:
        """The first line that fills in entries of a result with other values than the reference's result has there.

        Args:
            result: its name among what is returned.
        """
        return self._on(line, f"fills in entries of {_result(result)} that differ from the reference's")

    # ---------------------------------------------------------------------------------------------- lines, values

    def _at(self, line: int, said: str) -> FirstStep:
        return FirstStep(line, f"{said}: {self._text(line)}")

    def _on(self, line: int, does: str) -> FirstStep:
        return self._at(line, f"{self._line(line)} {does}")

    def _text(self, line: int) -> str:
        return self._lines[line - 1].strip() if 0 < line <= len(self._lines) else ""

    def _line(self, line: int) -> str:
        """A line at the beginning of a sentence: `Line 38`; in a notebook `Cell 3, line 2`."""
        words = where(self._file, line)
        return words[0].upper() + words[1:]

    def _both(self, mine: Any, right: Any, line: int, call: int) -> tuple[str, str]:
        """The learner's value and the reference's, each in a few signs, or by what has that value; empty where there is
        neither.

        Args:
            line, call: where they are spoken of, and the call in which that stands.
        """
        return self._shown(mine, line, call, is_theirs=True), self._shown(right, line, call, is_theirs=False)

    def _shown(self, value: Any, line: int, call: int, *, is_theirs: bool) -> str:
        if isinstance(value, Tensor):
            return self._known.name_of(value, line, call, is_theirs=is_theirs)
        if isinstance(value, str) and value.startswith(PART):
            return f"`{value}`"
        return f"`{value:.4g}`" if isinstance(value, float) else f"`{value!r}`"

    def _there_before(self, reached: int) -> Iterator[tuple[str, Tensor]]:
        """What has a name and was there before: arguments, and results that the learner's way came by."""
        yield from ((f"`{name}`", value) for name, value in self._matching.their_way.given.items())
        passed = ((self._name(step), step.value) for step in self._matching.ours[: reached + 1])
        yield from ((self._ours(name), value) for name, value in passed if name.startswith("`"))

    def _ours(self, name: str) -> str:
        """What is called by a variable of the reference's; whose that is, is said where the learner's file has none."""
        is_theirs = not name.startswith("`") or name in names_in(self._source).values()
        return name if is_theirs else f"the reference's {name}"

    def _name(self, step: Step) -> str:
        """What the reference calls a step: only the last on its line is what the line is called after."""
        name, assigned = self._names.get(step.line, ""), self._matching.our_way.assigned
        later = [other for other in self._matching.ours if other.line == step.line]
        held = [one for one in assigned if one.line == step.line and not one.name.startswith(RETURNED)]
        is_held = any(isinstance(one.value, Tensor) and equal(one.value, step.value) for one in held)
        return name if name and later[-1] is step and (is_held or not held) else ""


def _axes(value: Tensor) -> str:
    return "1 axis" if value.dim() == 1 else f"{value.dim()} axes"


def _as_result(name: str) -> str:
    """Which of several results one is, ` as its second result`; empty where there is only one."""
    places = _places(name)
    return f" as {_parts(places)}its {ordinal(places[0])} result" if places else ""


def _one_that(name: str) -> str:
    """A result, to stand before what is said of it: `a second result that`."""
    places = _places(name)
    if len(places) > 1:
        return f"a {ordinal(places[0])} result whose {_parts(places).removesuffix(' of ')}"
    return f"a {ordinal(places[0])} result that" if places else "a result that"


def _result(name: str) -> str:
    """A result by its place: `the second result`."""
    places = _places(name)
    return f"{_parts(places)}the {ordinal(places[0])} result" if places else "the result"


def _parts(places: Sequence[int]) -> str:
    """`part 1 of ` what is itself one of several results."""
    return "".join(f"part {number} of " for number in reversed(places[1:]))


def _places(name: str) -> list[int]:
    """The places, from 1, of what the worker calls `return[1][0]`; none of a result that is the only one."""
    return [int(number) + 1 for number in re.findall(r"\[([0-9]{1,9})\]", name)]
