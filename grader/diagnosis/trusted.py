"""Trusted files in the learner's place: the reference and the known mistakes, run in the judge's own process.

A check is a function of a seed and of the code it looks at, so it can be run again on the reference: where that fails
too, the kit is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from grader.diagnosis.recognise import Lineup
from grader.diagnosis.replay import Answers, Key, Modules, Rehearsal, understudy
from grader.kit.variants import Variant, together
from grader.remote.code import Code
from grader.remote.handles import Request
from grader.source.file import Source

if TYPE_CHECKING:
    from grader.judging.exercise import Attempt
    from grader.kit.collect import Check

MAX_REMEMBERED = 4_000
"""Runs and answers that are remembered: a class of 1,000 with one seed needs each of them once."""


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
        self._attempt = attempt
        self._codes: dict[Key, Code] = {}
        self._earlier: Modules = {}
        self._tried: dict[tuple[Key, str, int], Attempt] = {}
        self._answers = Answers(MAX_REMEMBERED)
        self.lineup = Lineup(self, mistakes)

    def attempt(self, name: str, text: bytes, check: Check, seed: int) -> Attempt:
        """Runs a check on a trusted file, once for each seed: the same seed gives the same."""
        return self._attempted((name,), [text.decode()], check, seed)

    def attempt_mistakes(self, mistakes: Sequence[Variant], check: Check, seed: int) -> Attempt:
        """Runs a check on a file that holds these known mistakes."""
        return self._attempted(_key(mistakes), together(mistakes), check, seed)

    def _attempted(self, key: Key, pieces: Sequence[str], check: Check, seed: int) -> Attempt:
        place = (key, check.id, seed)
        if place not in self._tried:
            if len(self._tried) >= MAX_REMEMBERED:
                self._tried.clear()
            tried = self._attempt(check, self._code(key, pieces), seed)
            tried.desk, tried.requests = None, [_slim(request) for request in tried.requests]
            self._tried[place] = tried
        return self._tried[place]

    def _code(self, key: Key, pieces: Sequence[str]) -> Code:
        if key not in self._codes:
            name, own = " and ".join(key), self.source
            source = Source(own.slug, f"<{name}>", name, b"", own.earlier, own.shortcuts)
            self._codes[key] = understudy(source, pieces, self.reference, self._earlier)
        return self._codes[key]

    def reference_passes(self, check: Check, seed: int) -> bool:
        """Whether the check passes where nothing is wrong; if not, the kit is broken."""
        return self.reference_run(check, seed).error is None

    def reference_run(self, check: Check, seed: int) -> Attempt:
        """The check, run where nothing is wrong."""
        return self.attempt("the reference", self.source.text, check, seed)

    def rehearsal(self, mistakes: Sequence[Variant], tried: Attempt, seed: int) -> Rehearsal:
        """A file with these mistakes, asked what a learner's file was asked in one check."""
        assert tried.desk is not None
        code = self._code(_key(mistakes), together(mistakes))
        return self._answers.of(_key(mistakes), code, seed, tried.requests, tried.desk)


def _key(mistakes: Sequence[Variant]) -> Key:
    return tuple(one.name for one in mistakes)


def _slim(request: Request) -> Request:
    return Request(request.digest, request.call, request.value)
