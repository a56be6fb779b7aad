"""Verdicts and points: pass, fail and error are three things, and only the learner's code costs marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from grader.results.tensor_diff import TensorDiff

PASS, FAIL, UNWRITTEN, TIMEOUT, CRASH, SKIP, ERROR = (
    "pass",
    "fail",
    "unwritten",
    "timeout",
    "crash",
    "skip",
    "error",
)
MISSING = "missing"
CORE, ROBUST = "core", "robust"
"""The tiers of checks: what an exercise is about, which opens the next one; and its edges."""
MOST_PICTURES = 2
"""Pictures that are kept of one exercise: its first failures are what a learner works on."""


@dataclass(frozen=True)
class Outcome:
    """What one check said on one device."""

    id: str
    title: str
    device: str
    verdict: str
    max_points: float
    structural: bool = False
    message: str = ""
    mistake: str | None = None
    seconds: float = 0.0
    points: float = 0.0
    line: int | None = None
    output: str = ""
    picture: TensorDiff | None = None
    unloadable: bool = False
    of: str = ""
    """The function or method that the check is about."""
    heading: str = ""
    """What happened, where that is not what the title says: an exception in the middle of it."""
    tier: str = CORE
    step: tuple[int, str] | None = None
    """Where the learner's way parts from the reference's: a line of their file, and what is seen there. In a
    notebook it is a line of its code cells as one file, as it is graded; the text says the cell."""
    example: str | None = None
    """A call with a wrong result that is small enough to redo by hand, the result, and the right one."""


@dataclass(frozen=True)
class ExerciseResult:
    """What all checks of one exercise said about one submission."""

    slug: str
    verdict: str
    score: float | None
    max_score: float
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def unloadable(self) -> bool:
        """Whether the file could not be loaded: every check says the same."""
        failure = self.first_failure
        return failure is not None and failure.unloadable

    @property
    def absent(self) -> dict[str, list[Outcome]]:
        """The devices that nothing ran on as they are not here, and the checks that would have."""
        found: dict[str, list[Outcome]] = {}
        for outcome in self.outcomes:
            found.setdefault(outcome.device, []).append(outcome)
        return {
            device: outcomes
            for device, outcomes in found.items()
            if len(found) > 1 and all(outcome.verdict == SKIP for outcome in outcomes)
        }

    @property
    def failures(self) -> list[Outcome]:
        """The checks that something written fails, in teaching order. What is unwritten is no failure."""
        return [outcome for outcome in self.outcomes if outcome.verdict not in (PASS, SKIP, UNWRITTEN)]

    @property
    def first_failure(self) -> Outcome | None:
        return next(iter(self.failures), None)

    @property
    def right_so_far(self) -> bool:
        """Whether some of it is written, and all that is written is right."""
        ran = {outcome.verdict for outcome in self.outcomes} - {SKIP}
        return ran == {PASS, UNWRITTEN}

    @property
    def says_nothing_yet(self) -> bool:
        """Whether core checks alone are no answer: the file does not load, is not begun, or the grader failed."""
        return self.unloadable or self.verdict in (ERROR, UNWRITTEN)

    @property
    def core_passes(self) -> bool:
        """Whether every check of what the exercise is about passes: the next exercise is open."""
        core = [outcome for outcome in self.outcomes if outcome.tier == CORE and outcome.verdict != SKIP]
        return bool(core) and all(outcome.verdict == PASS for outcome in core)


def settle(slug: str, outcomes: Sequence[Outcome], max_score: float) -> ExerciseResult:
    """Points and the exercise's verdict from what its checks said.

    A check that ran on several devices has its points shared among them. Form checks earn theirs only where a check
    of a value passes. `unwritten` holds for the exercise only if every check says it.
    """
    ran = [outcome for outcome in outcomes if outcome.verdict != SKIP]
    shares = Counter(outcome.id for outcome in ran)
    any_value = any(outcome.verdict == PASS and not outcome.structural for outcome in ran)
    all_unwritten = bool(ran) and all(outcome.verdict == UNWRITTEN for outcome in ran)
    settled = [_settle(outcome, shares[outcome.id], any_value) for outcome in outcomes]
    for i in [i for i, outcome in enumerate(settled) if outcome.picture][MOST_PICTURES:]:
        settled[i] = replace(settled[i], picture=None)
    if not ran or any(outcome.verdict == ERROR for outcome in ran):
        return ExerciseResult(slug, ERROR, None, max_score, settled)
    if all_unwritten:
        return ExerciseResult(slug, UNWRITTEN, 0.0, max_score, settled)
    passed = all(outcome.verdict == PASS for outcome in ran)
    score = max_score if passed else round(sum(outcome.points for outcome in settled), 2)
    return ExerciseResult(slug, PASS if passed else FAIL, score, max_score, settled)


def _settle(outcome: Outcome, share: int, any_value: bool) -> Outcome:
    if outcome.verdict == SKIP:
        return replace(outcome, points=0.0, max_points=0.0)
    max_points = round(outcome.max_points / share, 4)
    earned = outcome.verdict == PASS and (any_value or not outcome.structural)
    outcome = replace(outcome, max_points=max_points, points=max_points if earned else 0.0)
    if outcome.verdict == PASS and not earned and not outcome.message:
        return replace(outcome, message="earns its points once a check of a value passes")
    return outcome


def errors_of(results: Sequence[ExerciseResult]) -> list[str]:
    """What went wrong on our side, a line for each check."""
    found = [(result.slug, outcome) for result in results for outcome in result.outcomes if outcome.verdict == ERROR]
    return [f"{slug}: {outcome.title}: {outcome.message}" for slug, outcome in found]
