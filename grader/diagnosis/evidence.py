"""What one check says for or against a known mistake in a learner's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from grader.diagnosis.similarity import Compared, alike, compared, same_error
from grader.diagnosis.trusted import TrustedCode
from grader.errors import Lost
from grader.kit.variants import Variant
from grader.remote.calls import Request

if TYPE_CHECKING:
    from grader.checks.attempt import Attempt
    from grader.kit.collect import Check


class Evidence(Enum):
    """What a check that the learner fails says of a mistake."""

    PROVEN = "wrong as the learner's file is, in what it returns"
    CRASHES = "raises where the learner's file does"
    SILENT = "right where the learner's file is wrong: if it was made, it is not what shows here"
    OTHER = "gives something else"
    UNKNOWN = "not looked at: it would cost too much"


@dataclass(frozen=True)
class Run:
    """One check, and what came of it on the learner's file.

    Args:
        entered: the functions and methods that the check calls.
        reached: all that can run in these calls.
    """

    check: Check
    seed: int
    tried: Attempt
    entered: frozenset[str]
    reached: frozenset[str]

    @property
    def weight(self) -> float:
        """What it costs to ask another file the same, in ordinary requests."""
        return sum(_weight(request) for request in self.tried.requests)


def _weight(request: Request) -> float:
    fed = len(request.call.fed) if request.call is not None else 0
    return 1.0 + len(request.frame) / 50_000 + fed / 8


class Witness:
    """Asks files with known mistakes what the learner's file was asked.

    Args:
        trusted: runs files of our own.
        most: so much is asked about one learner's file, in ordinary requests. It is counted and not timed, so that the
            same file gets the same sentences every time.
    """

    def __init__(self, trusted: TrustedCode, most: float) -> None:
        self._trusted = trusted
        self._left = most
        self._known: dict[tuple[tuple[str, ...], str], Evidence] = {}

    @property
    def is_tired(self) -> bool:
        return self._left <= 0

    def allow(self, more: float) -> None:
        """So much more may be asked."""
        self._left = max(self._left, 0.0) + more

    def of(self, mistakes: Sequence[Variant], run: Run) -> Evidence:
        """What a check that the learner fails says of these mistakes, all in one file."""
        place = (tuple(one.key for one in mistakes), run.check.id)
        if place not in self._known:
            if self.is_tired:
                return Evidence.UNKNOWN
            self._known[place] = self._ask(mistakes, run)
        return self._known[place]

    def fails(self, mistakes: Sequence[Variant], run: Run) -> bool | None:
        """Whether these mistakes fail a check that the learner passes; None where it would cost too much to know."""
        if self.is_tired:
            return None
        self._left -= run.weight
        return self._trusted.attempt_mistakes(mistakes, run.check, run.seed).error is not None

    def _ask(self, mistakes: Sequence[Variant], run: Run) -> Evidence:
        replay = self._trusted.replay(mistakes, run.tried, run.seed)
        right = self._trusted.reference_run(run.check, run.seed).requests
        told: set[Compared] = set()
        for number, learners in enumerate(run.tried.requests):
            self._left -= _weight(learners)
            try:
                mine = replay.answer(number)
            except Lost:
                return Evidence.OTHER
            known = right[number] if number < len(right) and right[number].frame == learners.digest else None
            if not alike(mine, learners, known):
                return Evidence.SILENT if known is not None and alike(mine, known, None) else Evidence.OTHER
            if known is not None:
                told.add(compared(mine, learners, known))
        if Compared.NEARER in told:
            return Evidence.PROVEN
        if Compared.RAISES in told:
            return Evidence.CRASHES
        if Compared.NOT_NEARER in told:
            return Evidence.SILENT
        return self._fails_alike(mistakes, run)

    def _fails_alike(self, mistakes: Sequence[Variant], run: Run) -> Evidence:
        """Where every answer is right, or there is no right one to the same question: the check's own sentence tells."""
        self._left -= run.weight
        error = self._trusted.attempt_mistakes(mistakes, run.check, run.seed).error
        if error is None:
            return Evidence.SILENT
        return Evidence.PROVEN if same_error(error, run.tried.error) else Evidence.OTHER

    def first_wrong_answer_is_wrong_too(self, mistake: Variant, run: Run) -> bool:
        """Whether a mistake is right where the learner is right, and wrong where the learner first is not."""
        replay = self._trusted.replay([mistake], run.tried, run.seed)
        right = self._trusted.reference_run(run.check, run.seed).requests
        for number, learners in enumerate(run.tried.requests[: len(right)]):
            self._left -= _weight(learners)
            try:
                mine = replay.answer(number)
            except Lost:
                return False
            if not alike(mine, learners, right[number]):
                return not alike(learners, right[number], None) and not alike(mine, right[number], None)
        return False
