"""What one check says for or against a known mistake in a learner's file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from grader.diagnosis.similarity import Compared, alike, compared, same_error
from grader.diagnosis.trusted import TrustedCode
from grader.diagnosis.two_at_once import Answer, Question
from grader.errors import Lost
from grader.kit.variants import Variant
from grader.remote.calls import Request
from grader.remote.handles import Module

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
    def weights(self) -> list[float]:
        """About how many milliseconds each request costs another file: by what is asked, and not by a clock, so that
        the same file gets the same sentences every time.

        Fitted to the checks of all exercises. A module costs with its number of parameters, whose names and shapes
        `facts` lists; a simulated GPU makes everything slower.
        """
        calls = [request.call for request in self.tried.requests if request.call is not None]
        modules = [call.value for call in calls if isinstance(call.value, Module)]
        parameters = max((len(module._introduction.facts) for module in modules), default=0) / 1000
        gpu = self.tried.is_on_a_gpu
        return [
            0.4
            + 0.3 * min(len(request.frame) / 10_000, 2.0)
            + 1.5 * gpu
            + (0.0 if request.call is None else 0.1 * len(request.call.fed) + (1.25 + 6.3 * gpu) * parameters)
            for request in self.tried.requests
        ]

    @property
    def weight(self) -> float:
        """What it costs to ask another file the same, in milliseconds."""
        return sum(self.weights)


LOADING = 3.0
"""What it costs to load another file, in milliseconds."""


class Witness:
    """Asks files with known mistakes what the learner's file was asked.

    Args:
        trusted: runs files of our own.
        units_of: the functions and methods that some mistakes replace.
        most: so many milliseconds may go into one learner's file, as `Run.weights` counts them.
    """

    def __init__(
        self, trusted: TrustedCode, most: float, units_of: Callable[[Sequence[Variant]], frozenset[str]]
    ) -> None:
        self._trusted = trusted
        self._units_of = units_of
        self._right_by_itself: set[tuple[tuple[str, ...], str]] = set()
        self._left = most
        self._known: dict[tuple[tuple[str, ...], str], Evidence] = {}
        self._wrong_too: dict[tuple[str, str], Answer] = {}
        self._questions: dict[str, Question] = {}
        self._loaded: set[tuple[str, ...]] = set()

    @property
    def is_tired(self) -> bool:
        return self._left <= 0

    def allow(self, more: float) -> None:
        """So much more may be asked."""
        self._left = max(self._left, 0.0) + more

    def of(self, mistakes: Sequence[Variant], run: Run) -> Evidence:
        """What a check that the learner fails says of these mistakes, all in one file."""
        place = (tuple(one.name for one in mistakes), run.check.id)
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
        told, weights, place = set[Compared](), run.weights, tuple(one.name for one in mistakes)
        by_itself = False
        self._left -= 0.0 if place in self._loaded else LOADING
        self._loaded.add(place)
        for number, learners in enumerate(run.tried.requests):
            self._left -= weights[number]
            try:
                mine = replay.answer(number)
            except Lost:
                return Evidence.OTHER
            known = right[number] if number < len(right) and right[number].frame == learners.digest else None
            if not alike(mine, learners, known):
                by_itself = by_itself if learners.call is None else self._is_a_helper_by_itself(mistakes, learners, run)
                if by_itself and known is not None and alike(learners, known, None):  # or the gradients of that call
                    self._right_by_itself.add((place, run.check.id))
                    continue
                if known is not None and alike(mine, known, None):
                    return Evidence.SILENT
                if known is not None and len(mistakes) == 1 and not alike(learners, known, None):
                    self._note_wrong_too(mistakes[0], run, mine, learners, known)
                return Evidence.OTHER
            if known is not None:
                told.add(compared(mine, learners, known))
        if Compared.NEARER in told:
            return Evidence.PROVEN
        if Compared.RAISES in told:
            return Evidence.CRASHES
        if Compared.NOT_NEARER in told:
            return Evidence.SILENT
        return self._fails_alike(mistakes, run)

    def _is_a_helper_by_itself(self, mistakes: Sequence[Variant], asked: Request, run: Run) -> bool:
        units = self._units_of(mistakes)
        return asked.call is not None and asked.call.name in units and not run.entered <= units

    def is_right_by_itself(self, mistakes: Sequence[Variant], run: Run) -> bool:
        """Whether the learner's file is right where a check calls the function in which these mistakes are made, and
        wrong as they are where it calls what uses it: there the function was not used."""
        return (tuple(one.name for one in mistakes), run.check.id) in self._right_by_itself

    def _fails_alike(self, mistakes: Sequence[Variant], run: Run) -> Evidence:
        """Where every answer is right, or there is no right one to the same question: the check itself tells."""
        self._left -= run.weight
        error = self._trusted.attempt_mistakes(mistakes, run.check, run.seed).error
        if error is None:
            return Evidence.SILENT
        return Evidence.PROVEN if same_error(error, run.tried.error) else Evidence.OTHER

    def _note_wrong_too(self, mistake: Variant, run: Run, mine: Request, learners: Request, right: Request) -> None:
        """Keeps what a mistake alone answers where the learner is first wrong."""
        if run.check.id not in self._questions:
            self._questions[run.check.id] = Question(Answer(_result(right)), Answer(_result(learners)))
        self._wrong_too[mistake.name, run.check.id] = Answer(_result(mine))

    def fit(self, one: Variant, other: Variant, run: Run) -> float:
        """How well two mistakes, each of which shows with another, go with what the learner answers."""
        answers = (self._wrong_too[mistake.name, run.check.id] for mistake in (one, other))
        return self._questions[run.check.id].fit(*answers)

    def shows_with_another(self, mistake: Variant, run: Run) -> bool:
        """Whether a mistake that was asked for by itself was right where the learner is, and wrong where the learner
        first is not: made together with another one, it may be what shows here."""
        return (mistake.name, run.check.id) in self._wrong_too


def _result(request: Request) -> Any:
    return request.value if request.call is None else request.call.value
