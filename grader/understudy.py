"""Trusted files in the learner's place: does the reference pass this check, and which known mistake gives the same?

A check is a function of a seed and of the code it looks at. So the judge can run it again, with the same inputs, on
the reference and on every known mistake, in its own process.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grader.compare import widen
from grader.handles import Call, Module, Opaque
from grader.remote import Code
from grader.source import Source
from grader.transport import LocalTransport
from grader.values import Foreign
from grader.variants import Variant

if TYPE_CHECKING:
    from grader.checks import Check
    from grader.run import Attempt

SAME = {torch.float64: 1e-7, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 8e-2}
"""How close a learner's result must be to a mistake's, times 1 + its size: wider than rounding, far narrower than the
difference between any two mistakes."""


MAX_REMEMBERED = 4_000
"""Runs that are remembered: a class of 1,000 with one seed needs each of them once."""


class Understudies:
    """The reference and the known mistakes of one exercise, each loaded once in this process.

    Args:
        source: the reference's file.
        reference: the judge's own module of it.
        mistakes: the catalogue.
        attempt: runs a check once.
    """

    def __init__(
        self,
        source: Source,
        reference: ModuleType,
        mistakes: Sequence[Variant],
        attempt: Callable[[Check, Code, int], Attempt],
    ) -> None:
        self.source = source
        self.reference = reference
        self._mistakes = mistakes
        self._attempt = attempt
        self._codes: dict[str, Code] = {}
        self._tried: dict[tuple[str, str, int], Attempt] = {}
        self._used: dict[tuple[str, int], set[str]] = {}
        self._spans = _spans(source.text)
        self._suspects: list[Variant] = []
        self._passed: list[tuple[Check, int]] = []

    def _code(self, name: str, text: bytes) -> Code:
        if name not in self._codes:
            source = Source(self.source.slug, f"<{name}>", name, text, self.source.earlier, self.source.shortcuts)
            self._codes[name] = Code(source, lambda: LocalTransport(quiet=True), self.reference)
        return self._codes[name]

    def attempt(self, name: str, text: bytes, check: Check, seed: int) -> Attempt:
        """Runs a check on a trusted file, once for each seed: the same seed gives the same."""
        key = (name, check.id, seed)
        if key not in self._tried:
            if len(self._tried) >= MAX_REMEMBERED:
                self._tried.clear()
            self._tried[key] = self._attempt(check, self._code(name, text), seed)
        return self._tried[key]

    def reference_passes(self, check: Check, seed: int) -> bool:
        """Whether the check passes where nothing is wrong; if not, the kit is broken."""
        return self.attempt("the reference", self.source.text, check, seed).error is None

    def recognise(self, check: Check, seed: int, calls: Sequence[Call]) -> list[Variant]:
        """The known mistakes with which this check fails in the same way: same calls, same results.

        Whoever made a mistake in one check made it in the next too, so a mistake that was recognised before is tried
        first and, where it fits, named alone. Otherwise the first two that fit are given.
        """
        for mistake in self._suspects:
            if self._fits(mistake, check, seed, calls):
                return [mistake]
        found: list[Variant] = []
        used = self._names_used(check, seed)
        for mistake in self._mistakes:
            if mistake.target in used and self._fits(mistake, check, seed, calls):
                found.append(mistake)
            if len(found) == 2:
                break
        self._suspects += found[:1]
        return found

    def note_pass(self, check: Check, seed: int) -> None:
        """The learner's file passed this check: no mistake that fails it is theirs."""
        self._passed.append((check, seed))

    def forget_learner(self) -> None:
        """Another learner's file is next."""
        self._suspects.clear()
        self._passed.clear()

    def _fits(self, mistake: Variant, check: Check, seed: int, calls: Sequence[Call]) -> bool:
        tried = self.attempt(mistake.name, mistake.source, check, seed)
        if tried.error is None or not same_calls(tried.calls, calls):
            return False
        return all(self.attempt(mistake.name, mistake.source, *passed).error is None for passed in self._passed)

    def _names_used(self, check: Check, seed: int) -> set[str]:
        """The top-level names of the reference that run in this check: a mistake elsewhere cannot show in it."""
        key = (check.id, seed)
        if key not in self._used:
            self.reference_passes(check, seed)  # loaded by now: loading runs every class body
            code = self._code("the reference", self.source.text)
            lines: set[int] = set()

            def note(frame: FrameType, event: str, argument: object) -> None:
                if event == "call" and frame.f_code.co_filename == code.source.filename:
                    lines.add(frame.f_code.co_firstlineno)

            before = sys.getprofile()
            sys.setprofile(note)
            try:
                self._attempt(check, code, seed)
            finally:
                sys.setprofile(before)
            self._used[key] = {name for name, spans in self._spans.items() if lines & set(spans)}
        return self._used[key]


def _spans(text: bytes) -> dict[str, range]:
    """The lines of each top-level definition, its decorators included."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[node.name] = range(first, (node.end_lineno or first) + 1)
    return found


def same_calls(one: Sequence[Call], other: Sequence[Call]) -> bool:
    """Whether two runs made the same calls with the same results."""
    return len(one) == len(other) and all(_same_call(a, b) for a, b in zip(one, other, strict=True))


def _same_call(one: Call, other: Call) -> bool:
    if (one.raised is None) != (other.raised is None) or one.name != other.name:
        return False
    if one.raised is not None and other.raised is not None:
        return one.raised.kinds == other.raised.kinds and one.raised.message == other.raised.message
    facts = [
        (call.mutated, call.changed, bool(call.recorded), call.requires_grad, len(call.fed)) for call in (one, other)
    ]
    return (
        facts[0] == facts[1]
        and _same(one.value, other.value)
        and _same(one.fed, other.fed)
        and _same(one.gradients, other.gradients)
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        a, b = widen(one), widen(other)
        factor = SAME.get(one.dtype, 0.0)
        return torch.allclose(a, b, rtol=factor, atol=factor, equal_nan=True)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-7 * (1 + abs(other)) or (one != one and other != other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, Module) and isinstance(other, Module):
        return all(one._about.get(part) == other._about.get(part) for part in ("parameters", "shared", "training"))
    if isinstance(one, (Module, Opaque, Foreign)):
        return type(one) is type(other)
    return type(one) is type(other) and bool(one == other)
