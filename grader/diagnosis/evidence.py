"""What one check says for or against a known mistake in a learner's file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grader.diagnosis.similarity import Compared, alike, compared, same_error
from grader.diagnosis.trusted import TrustedCode
from grader.diagnosis.two_at_once import Answer, Question
from grader.errors import Lost
from grader.kit.variants import Variant
from grader.protocol.values import leaves
from grader.remote.calls import Call, Request
from grader.remote.handles import Module, Optimizer

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
        looping: what it calls, of which some goes through a sequence one step after the other.
    """

    check: Check
    seed: int
    tried: Attempt
    entered: frozenset[str]
    reached: frozenset[str]
    looping: frozenset[str] = frozenset()

    @cached_property
    def weights(self) -> list[float]:
        """About how many milliseconds each request costs another file: by what is asked, and not by a clock, so that
        the same file gets the same sentences every time.

        Fitted to the checks of all exercises. A module costs with its number of parameters, whose names and shapes
        `facts` lists, and as often as it writes a word; a loop costs with the length that it may run over, and
        gradients three times as much; a simulated GPU makes everything slower.
        """
        calls = [request.call for request in self.tried.requests if request.call is not None]
        modules = [call.value for call in calls if isinstance(call.value, Module)]
        parameters = max((len(module._introduction.facts) for module in modules), default=0) / 1000
        gpu = self.tried.is_on_a_gpu
        return [
            0.4
            + 0.3 * min(len(request.frame) / 10_000, 2.0)
            + 1.5 * gpu
            + (0.0 if request.call is None else _work(request.call, (1.25 + 6.3 * gpu) * parameters, self.looping))
            for request in self.tried.requests
        ]

    @cached_property
    def weight(self) -> float:
        """What it costs to ask another file the same, in milliseconds."""
        return sum(self.weights)

    @property
    def is_costly(self) -> bool:
        """Whether one answer costs so much that others are asked first: those to sequences of a thousand tokens."""
        return self.weight > COSTLY


COSTLY = 60.0
"""Milliseconds; an answer to most checks costs a twentieth of it."""
MOST_FOR_ONE = 150.0
"""Milliseconds that one answer may cost where a mistake that was found is held against all that fails."""
LOADING, CHECKING = 1.0, 2.0
"""What it costs to load another file, in milliseconds; and what a whole check costs, its own work included, where the
answers to it cost 1."""
LONGEST, MOST_WORDS = 1_500, 40
"""Tokens that a loop may run over, and words that a module writes, as far as they are counted."""


def _work(call: Call, once: float, looping: frozenset[str]) -> float:
    """What the work of one call costs, in milliseconds.

    Args:
        once: what one pass through the module costs.
        looping: what goes through a sequence one step after the other.
    """
    given = list(call.given.values())
    shapes = [value.shape for value in leaves([given, call.value]) if isinstance(value, Tensor)]
    longest = max((size for shape in shapes for size in shape), default=0)
    length = min(longest, LONGEST) if call.name in looping and not call.fed else 0
    numbers = max((shape.numel() for shape in shapes), default=0)
    writes = call.name in looping or "." in call.name
    words = call.value.size(-1) if writes and _is_written(call.value) else 0
    if writes and call.raised is not None:  # another file may write as many as it was told
        words = min(max((value for value in given if type(value) is int), default=0), LONGEST)
    times = 3.0 if call.number >= 0 or any(isinstance(value, Optimizer) for value in given) else 1.0
    passes = once * (1 + 0.75 * min(words, MOST_WORDS))
    return 0.1 * max(len(call.fed), words) + times * (passes + 0.06 * length) + numbers / 200_000


def _is_written(value: Any) -> bool:
    """Whether a result may be words, one written after the other."""
    return isinstance(value, Tensor) and value.dtype is torch.int64 and value.dim() == 2


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

    def limit(self, most: float) -> None:
        """No more than so much may be asked from here on."""
        self._left = min(self._left, most)

    def charge(self, spent: float) -> None:
        """So much was spent on something else."""
        self._left -= spent

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
        self._left -= CHECKING * run.weight
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
        self._left -= CHECKING * run.weight
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
