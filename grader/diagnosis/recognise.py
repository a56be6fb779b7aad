"""Which known mistake a learner made: the one that answers all that a check asked as the learner's file did.

Known mistakes are asked what the learner's code was asked, request by request, up to the first answer that is another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from torch import nn

from grader.diagnosis.call_graph import CallGraph, replaced
from grader.diagnosis.similarity import explains, same_answer
from grader.diagnosis.trusted import Replay
from grader.errors import Lost
from grader.kit.variants import Variant
from grader.remote.calls import Request

if TYPE_CHECKING:
    from grader.checks.attempt import Attempt
    from grader.diagnosis.trusted import TrustedCode
    from grader.kit.collect import Check


@dataclass(frozen=True)
class Diagnosis:
    """What the grader recognised: one mistake, one of two, or two at once."""

    mistakes: tuple[Variant, ...] = ()
    at_once: bool = False

    @property
    def name(self) -> str | None:
        """The mistake's name in the catalogue. Of two at once it is the first: results hold one name, and the
        catalogue has the likelier mistake first; the message tells both."""
        return self.mistakes[0].name if self.mistakes else None

    def sentences(self) -> list[str]:
        """What a learner reads."""
        said = [one.diagnosis for one in self.mistakes]
        if self.at_once:
            return ["Two things are wrong here at once:", *(f"- {diagnosis}" for diagnosis in said)]
        return said[:1] + [f"(It may also be this: {diagnosis})" for diagnosis in said[1:]]


MAX_PAIRS = 12
"""Pairs of mistakes that are tried on one learner's exercise, besides those with a mistake that is recognised."""

MAX_VAIN, MAX_VAIN_AT_ALL = 1, 3
"""Failed checks of the same functions, and of one learner's exercise, for which all mistakes were tried and none
fitted. After that only those that were recognised before are tried: what no catalogue has fails many checks."""

MAX_PASSED = 8
"""Checks that the learner passed which a mistake must pass too: more cost time and tell little."""


@dataclass
class _Learner:
    """What is known of the file on screen."""

    suspects: list[Diagnosis] = field(default_factory=list)
    passed: list[_Passed] = field(default_factory=list)
    has_failed: bool = False
    """Before the check at hand."""
    pairs: int = 0
    vain: Counter[frozenset[str]] = field(default_factory=Counter)
    """How often no mistake fitted, by what the check calls."""

    def gives_up(self, called: frozenset[str]) -> bool:
        return self.vain[called] >= MAX_VAIN or self.vain.total() >= MAX_VAIN_AT_ALL


@dataclass(frozen=True)
class _Passed:
    check: Check
    seed: int
    tried: Attempt
    reached: frozenset[str]


@dataclass(frozen=True)
class _Failure:
    """One failed check: what was asked, what came of it, and what would have been right."""

    check: Check
    seed: int
    tried: Attempt
    right: Attempt
    reached: frozenset[str]


class Recogniser:
    """The known mistakes of one exercise, beside one learner's file after another.

    Args:
        trusted: runs checks on files of our own.
        mistakes: the catalogue.
    """

    def __init__(self, trusted: TrustedCode, mistakes: Sequence[Variant]) -> None:
        self.trusted = trusted
        self._mistakes = mistakes
        self._call_graph = CallGraph(trusted.source.text)
        self._units = {mistake.name: self._units_of(mistake) for mistake in mistakes}
        self._learner = _Learner()

    def forget_learner(self) -> None:
        """Another learner's file is next."""
        self._learner = _Learner()

    def note_pass(self, check: Check, seed: int, tried: Attempt) -> None:
        """The learner's file passed this check: no mistake that fails it is theirs."""
        self._learner.passed.append(_Passed(check, seed, tried, self._reached(tried)))

    def recognise(self, check: Check, seed: int, tried: Attempt) -> Diagnosis:
        """The known mistakes that answer all that this check asked as the learner's file did.

        Whoever made a mistake in one check made it in the next too, so a mistake that was recognised before is tried
        first and, where it fits, named alone. Otherwise the first two that fit are given; where none does, two at
        once.
        """
        failure = _Failure(check, seed, tried, self.trusted.reference_run(check, seed), self._reached(tried))
        for known in self._learner.suspects:
            if self._fits(known.mistakes, failure):
                return known
        called, groups = self._entered(tried), self._in(failure)
        self._learner.has_failed = True
        if self._learner.gives_up(called):
            return Diagnosis()
        for group in groups:
            found = tuple(islice((one for one in group if self._fits((one,), failure)), 2))
            if found:
                break
        known = Diagnosis(found) if found else self._two_at_once(failure)
        if known.mistakes:
            self._learner.suspects.append(known if known.at_once else Diagnosis(known.mistakes[:1]))
        else:
            self._learner.vain[called] += 1
        return known

    def _reached(self, tried: Attempt) -> frozenset[str]:
        return self._call_graph.reached(call.name for call in tried.calls)

    def _in(self, failure: _Failure) -> list[list[Variant]]:
        """The mistakes that can show in this check, in groups: the likely ones, then the unlikely. Where all was right
        until a check on a GPU, those about devices come first.

        Unlikely are those in places that a passed check of values called and this check does not.
        """
        passed = frozenset[str]().union(
            *(self._entered(one.tried) for one in self._learner.passed if not one.check.structural)
        )
        sound = passed - self._entered(failure.tried)
        shown = [one for one in self._mistakes if self._units[one.name] & failure.reached]
        devices_first = failure.tried.is_on_a_gpu and not self._learner.has_failed
        groups: list[list[Variant]] = [[], [], [], []]
        for one in shown:
            is_unlikely = self._units[one.name] <= sound
            groups[is_unlikely + 2 * (devices_first and not one.shows_on_gpus_only)].append(one)
        return groups

    def _entered(self, tried: Attempt) -> frozenset[str]:
        return self._call_graph.entered(call.name for call in tried.calls)

    def _units_of(self, mistake: Variant) -> frozenset[str]:
        every = self._call_graph.units_of(mistake.target)
        units = replaced(mistake.pieces[-1], mistake.target)
        if units is None or not units & every:
            return frozenset(every)
        added = units - every
        return frozenset(every) if any(hasattr(nn.Module, unit.split(".")[1]) for unit in added) else units & every

    # ------------------------------------------------------------------------------------------ does it fit?

    def _answers_alike(self, mistakes: Sequence[Variant], tried: Attempt, seed: int) -> list[Request] | None:
        """The answers of a file with these mistakes, None where one is not like the learner's."""
        replay = self.trusted.replay(mistakes, tried, seed)
        try:
            answers = list(_while_alike(replay, tried.requests))
        except Lost:
            return None
        return answers if len(answers) == len(tried.requests) else None

    def _fits(self, mistakes: Sequence[Variant], failure: _Failure) -> bool:
        answers = self._answers_alike(mistakes, failure.tried, failure.seed)
        if answers is None:
            return False
        return self._explained(mistakes, answers, failure) and self._passes_what_they_passed(mistakes)

    def _explained(self, mistakes: Sequence[Variant], answers: Sequence[Request], failure: _Failure) -> bool:
        """Whether the mistake too is wrong here: at some answer it is clearly nearer to the learner's than the right
        one is; where every answer is right, it fails the check."""
        told = [
            explains(mine, learners, right)
            for mine, learners, right in zip(answers, failure.tried.requests, failure.right.requests, strict=False)
            if learners.digest == right.frame
        ]
        if any(told) or False in told:
            return any(told)
        return self.trusted.attempt_mistakes(mistakes, failure.check, failure.seed).error is not None

    def _passes_what_they_passed(self, mistakes: Sequence[Variant]) -> bool:
        """Whether these mistakes pass what the learner's file passed: some checks of all that they can show in."""
        units = frozenset[str]().union(*(self._units[one.name] for one in mistakes))
        touched = [one for one in self._learner.passed if units & one.reached]
        step = -(-len(touched) // MAX_PASSED) or 1
        return all(
            self._answers_alike(mistakes, one.tried, one.seed) is not None
            or self.trusted.attempt_mistakes(mistakes, one.check, one.seed).error is None
            for one in touched[::-step]  # the latest are nearest to what failed
        )

    # ------------------------------------------------------------------------------------------ two at once

    def _two_at_once(self, failure: _Failure) -> Diagnosis:
        for pair in self._pairs(failure):
            if self._fits(pair, failure):
                return Diagnosis(pair, at_once=True)
        return Diagnosis()

    def _pairs(self, failure: _Failure) -> Iterator[tuple[Variant, Variant]]:
        """Mistakes in different places: those with one that was recognised before, then any two that show here."""
        order = {mistake.name: number for number, mistake in enumerate(self._mistakes)}
        shown = [one for group in self._in(failure) for one in group]
        for suspect in [known.mistakes[0] for known in self._learner.suspects if not known.at_once]:
            for other in shown:
                if self._apart(suspect, other):
                    first, second = sorted((suspect, other), key=lambda one: order[one.name])
                    yield first, second
        showing = [one for one in shown if self._shows(one, failure)]
        pairs = [(a, b) for n, a in enumerate(showing) for b in showing[n + 1 :] if self._apart(a, b)]
        pairs.sort(key=lambda pair: order[pair[0].name] + order[pair[1].name])
        for pair in pairs[: max(0, MAX_PAIRS - self._learner.pairs)]:
            self._learner.pairs += 1
            yield pair

    def _apart(self, one: Variant, other: Variant) -> bool:
        return not self._units[one.name] & self._units[other.name]

    def _shows(self, mistake: Variant, failure: _Failure) -> bool:
        """Whether a mistake is right where the learner is right, and wrong where the learner first is not."""
        replay, requests = self.trusted.replay([mistake], failure.tried, failure.seed), failure.tried.requests
        try:
            answers = list(_while_alike(replay, requests))
        except Lost:
            return False
        last = len(answers)
        if not last < min(len(requests), len(failure.right.requests)):
            return False
        right = failure.right.requests[last]
        return not same_answer(requests[last], right) and not same_answer(replay.answer(last), right)


def _while_alike(replay: Replay, requests: Sequence[Request]) -> Iterator[Request]:
    """The answers up to the first that is not like the learner's."""
    for number, learners in enumerate(requests):
        answer = replay.answer(number)
        if not same_answer(answer, learners):
            return
        yield answer
