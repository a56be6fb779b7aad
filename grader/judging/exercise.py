"""Runs checks on one learner's file and turns what happens into verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType

from grader.checks.attempt import Attempt, attempt, check_seed
from grader.checks.passed_before import PassedRuns
from grader.diagnosis.recognise import Recogniser
from grader.errors import GraderError, LearnerError, LoadFailure, Lost, Mismatch, NotHere, Unwritten
from grader.judging.feedback import full, hidden
from grader.kit.collect import EXERCISE_POINTS, Check
from grader.limits import MAX_MESSAGE, MAX_OUTPUT, Limits
from grader.remote.code import Code
from grader.remote.transport import LocalTransport, Transport
from grader.results.verdicts import ERROR, FAIL, PASS, SKIP, TIMEOUT, UNWRITTEN, ExerciseResult, Outcome, settle
from grader.source.file import Source
from grader.text import clean

Words = Callable[[BaseException, str], str]
"""Says what a failure is; given too the name of what was called last."""


@dataclass(frozen=True)
class CheckSettings:
    """How checks are run.

    Args:
        seed: every input follows from it.
        devices: where the learner's code works, one run of every check for each.
        seconds: the learner's time for one check, and for loading the file.
        connect: opens a transport.
        exercise_seconds: after so long no further check of an exercise is begun.
        hidden: messages tell nothing of the inputs, and nothing that the learner's code says.
        elsewhere: opens a transport to code that works on another device than the CPU; `connect` does where None.
        absent: devices that this machine lacks; every check is counted as skipped there.
        timeouts: after so many no further check of an exercise is begun.
        output_seconds: a check that takes longer and prints more than is kept is the last; None for no such bound.
    """

    seed: int
    devices: Sequence[str] = ("cpu",)
    seconds: float = 10.0
    connect: Callable[[], Transport] = LocalTransport
    exercise_seconds: float = Limits.exercise_seconds
    hidden: bool = False
    absent: Sequence[str] = ()
    elsewhere: Callable[[str], Transport] | None = None
    timeouts: int = 2
    output_seconds: float | None = None

    def connects(self, device: str) -> Callable[[], Transport]:
        """Opens a transport to code that works on this device."""
        return self.connect if device == "cpu" or self.elsewhere is None else partial(self.elsewhere, device)


def run_exercise(
    checks: Sequence[Check],
    source: Source,
    reference: ModuleType,
    recogniser: Recogniser,
    settings: CheckSettings,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    passed_runs: PassedRuns | None = None,
) -> ExerciseResult:
    """Every check of one exercise, on every device."""
    outcomes: list[Outcome] = []
    recogniser.forget_learner()
    for device in settings.devices:
        code = Code(source, settings.connects(device), reference, device=device)
        code.seconds = settings.seconds
        try:
            here: list[Outcome] = []
            given_up = ""
            for check in checks:
                here.append(_one(check, code, recogniser, settings, given_up, passed_runs))
                outcomes.append(here[-1])
                on_outcome(here[-1])
                given_up = given_up or _given_up(code, settings, here)
        finally:
            code.close()
    outcomes += absences(checks, settings)
    total = round(sum(check.points for check in checks), 6)
    return settle(source.slug, outcomes, total or EXERCISE_POINTS)


def absences(checks: Sequence[Check], settings: CheckSettings) -> list[Outcome]:
    """What every check says of a device that this machine lacks: that it was skipped, never nothing."""
    return [
        Outcome(check.id, check.title, device, SKIP, 0.0, check.structural, f"no {device} here")
        for device in settings.absent
        for check in checks
    ]


def _one(
    check: Check,
    code: Code,
    recogniser: Recogniser,
    settings: CheckSettings,
    given_up: str,
    passed_runs: PassedRuns | None,
) -> Outcome:
    if given_up and code.failure is None:  # a failure to load is said every time
        return Outcome(check.id, check.title, code.device, TIMEOUT, check.points, check.structural, given_up)
    seed = check_seed(settings.seed, check)
    tried = attempt(check, code, seed, passed_runs)
    if tried.error is None:
        recogniser.note_pass(check, seed, tried)
    return outcome_of(check, code, tried, recogniser, seed, hidden if settings.hidden else full)


def _given_up(code: Code, settings: CheckSettings, before: Sequence[Outcome]) -> str:
    """Why no further check is run, if so.

    Args:
        code: as the last check left it.
        before: what the checks so far gave on this device.
    """
    if sum(1 for outcome in before if outcome.verdict == TIMEOUT) >= settings.timeouts:
        which = "an earlier check" if settings.timeouts == 1 else f"{settings.timeouts} earlier checks"
        return f"not run: {which} timed out"
    slow = settings.output_seconds is not None and before[-1].seconds >= settings.output_seconds
    if slow and len(code.output) >= MAX_OUTPUT:
        took = f"{before[-1].seconds:.0f} seconds"
        return f"not run: the check before took {took} and printed more than is kept; print less, and save"
    if sum(outcome.seconds for outcome in before) >= settings.exercise_seconds:
        return f"not run: the checks before it took all of the {settings.exercise_seconds:g} seconds of this exercise"
    return ""


def outcome_of(
    check: Check, code: Code, tried: Attempt, recogniser: Recogniser, seed: int, words: Words = full
) -> Outcome:
    """The verdict of one attempt, in words for the learner."""
    error = tried.error
    verdict, text, mistake = PASS, "", None
    called = code.calls[-1].name if code.calls else ""
    if isinstance(error, Unwritten):
        verdict, text = UNWRITTEN, f"{error.raised.frames[-1][2] if words is full else called} is unwritten"
    elif isinstance(error, (LoadFailure, Lost)):
        verdict, text = error.verdict, words(error, called)
    elif isinstance(error, NotHere):
        verdict, text = SKIP, str(error)
    elif isinstance(error, GraderError):
        verdict, text = ERROR, str(error)
    elif error is not None and not recogniser.trusted.reference_passes(check, seed):
        verdict, text = ERROR, f"the check fails on the reference too: {type(error).__name__}: {error}"
    elif error is not None:
        verdict = FAIL
        known = recogniser.recognise(check, seed, tried)
        mistake = known.name
        text = "\n".join([*known.sentences(), words(error, called)])
    shown = verdict == FAIL and isinstance(error, Mismatch) and words is full
    return Outcome(
        check.id,
        check.title,
        code.device,
        verdict,
        check.points,
        check.structural,
        clean(text, MAX_MESSAGE),
        mistake,
        round(tried.seconds, 4),
        line=_line(error, code),
        output=clean(code.output, MAX_OUTPUT),
        picture=error.picture if shown and isinstance(error, Mismatch) else None,
        unloadable=isinstance(error, LoadFailure),
    )


def _line(error: BaseException | None, code: Code) -> int | None:
    """The line in the learner's file that a failure is about."""
    if error is None:
        return None
    if isinstance(error, LoadFailure):
        return error.line
    if isinstance(error, Lost) and error.line in range(1, code.source.text.count(b"\n") + 2):
        return error.line
    if isinstance(error, LearnerError) and error.raised.line:
        return error.raised.line
    name = code.calls[-1].name.split(".")[0] if code.calls else ""
    return code.lines.get(name)
