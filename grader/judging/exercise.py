"""Runs checks on one learner's file and turns what happens into verdicts."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType

from grader.checks.attempt import Attempt, attempt, check_seed
from grader.checks.passed_before import PassedRuns
from grader.diagnosis.evidence import Run
from grader.diagnosis.recognise import Recogniser
from grader.errors import GraderError, LearnerError, LoadFailure, Lost, Mismatch, NotHere, TimedOut, Unwritten
from grader.judging.explanation import Beside, explained, when_asked
from grader.judging.feedback import full, hidden
from grader.kit.collect import EXERCISE_POINTS, Check
from grader.limits import MAX_MESSAGE, MAX_OUTPUT, Limits
from grader.remote.calls import Call
from grader.remote.code import Code
from grader.remote.transport import LocalTransport, Transport
from grader.results.verdicts import (
    CORE,
    ERROR,
    FAIL,
    PASS,
    SKIP,
    TIMEOUT,
    UNWRITTEN,
    ExerciseResult,
    Outcome,
    settle,
)
from grader.source.file import Source, where
from grader.text import clean

TIMEOUTS_BEFORE_GIVING_UP = 2
MAX_LINE = 200
"""Bytes of a line of code in a message."""
Words = Callable[[BaseException, Call | None], str]
"""Says what a failure is; given too the call that was made last."""


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
        timeouts: after so many no further check of an exercise is begun; None for no such bound.
        output_seconds: a check that takes longer and prints more than is kept is the last; None for no such bound.
        beside: how mistakes are recognised while the learner's code shows where it went wrong.
    """

    seed: int
    devices: Sequence[str] = ("cpu",)
    seconds: float = 10.0
    connect: Callable[[], Transport] = LocalTransport
    exercise_seconds: float = Limits.exercise_seconds
    hidden: bool = False
    absent: Sequence[str] = ()
    elsewhere: Callable[[str], Transport] | None = None
    timeouts: int | None = None
    output_seconds: float | None = None
    beside: Beside = when_asked

    def connects(self, device: str) -> Callable[[], Transport]:
        """Opens a transport to code that works on this device."""
        return self.connect if device == "cpu" or self.elsewhere is None else partial(self.elsewhere, device)


def run_exercise(
    checks: Sequence[Check],
    source: Source,
    reference: ModuleType,
    recogniser: Recogniser,
    settings: CheckSettings,
    passed_runs: PassedRuns | None = None,
    on_check: Callable[[], None] = lambda: None,
    on_core: Callable[[ExerciseResult], None] | None = None,
    on_result: Callable[[ExerciseResult], None] = lambda _: None,
) -> ExerciseResult:
    """Every check of one exercise, on every device. What is recognised is said once all checks have run.

    Args:
        on_check: called after each check; what it raises ends the run.
        on_core: where given, the core checks run first, on each device, and it is told what they say.
        on_result: told the result before the learner's code is ended, which takes 10 ms.
    """
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as at_work:
        for device in settings.devices:
            at_work.close()  # on the device before this one
            code = Code(source, settings.connects(device), reference, device=device)
            at_work.callback(code.close)
            code.seconds = settings.seconds
            ran = checked(checks, code, recogniser, settings, passed_runs, on_check, on_core)
            outcomes += explained(ran, code, recogniser, settings.seed, hidden=settings.hidden, beside=settings.beside)
        outcomes += absences(checks, settings)
        total = round(sum(check.points for check in checks), 6)
        result = settle(source.slug, outcomes, total or EXERCISE_POINTS)
        on_result(result)
    return result


def checked(
    checks: Sequence[Check],
    code: Code,
    recogniser: Recogniser,
    settings: CheckSettings,
    passed_runs: PassedRuns | None = None,
    on_check: Callable[[], None] = lambda: None,
    on_core: Callable[[ExerciseResult], None] | None = None,
) -> list[tuple[Outcome, Run | None]]:
    """Every check on one file and device: what came of it, and the run where it tells something about the file.

    Args:
        on_core: where given, the core checks run first, and it is told what they say.
    """
    late = Counter[str]()
    ran: dict[int, tuple[Outcome, Run | None]] = {}
    order, core = list(range(len(checks))), sum(1 for check in checks if check.tier == CORE)
    if on_core is not None:
        order.sort(key=lambda place: checks[place].tier != CORE)
    for place in order:
        before = [outcome for other, (outcome, _) in ran.items() if other < place]
        ran[place] = _one(checks[place], code, recogniser, settings, before, late, passed_runs)
        on_check()
        if on_core is not None and len(ran) == core:
            on_core(settle(code.source.slug, [outcome for outcome, _ in ran.values()], EXERCISE_POINTS))
    return [ran[place] for place in range(len(checks))]


def outcome_of(check: Check, device: str, verdict: str, message: str) -> Outcome:
    """What a check said on a device, in short."""
    return Outcome(
        check.id,
        check.title,
        device,
        verdict,
        check.points,
        check.structural,
        message,
        of=check.of,
        tier=check.tier,
    )


def absences(checks: Sequence[Check], settings: CheckSettings) -> list[Outcome]:
    """What every check says of a device that this machine lacks: that it was skipped, never nothing."""
    return [outcome_of(check, device, SKIP, f"no {device} here") for device in settings.absent for check in checks]


def _one(
    check: Check,
    code: Code,
    recogniser: Recogniser,
    settings: CheckSettings,
    before: Sequence[Outcome],
    late: Counter[str],
    passed_runs: PassedRuns | None,
) -> tuple[Outcome, Run | None]:
    seed = check_seed(settings.seed, check)
    stuck = {name for name, times in late.items() if times >= TIMEOUTS_BEFORE_GIVING_UP}
    needed = stuck and {_owner(call.name) for call in recogniser.trusted.reference_run(check, seed).calls}
    text = _given_up(sorted(stuck & needed), settings, before)
    if text and code.failure is None:  # a failure to load is said every time
        return outcome_of(check, code.device, TIMEOUT, text), None
    tried = attempt(check, code, seed, passed_runs)
    if isinstance(tried.error, TimedOut) and code.calls:
        late[_owner(code.calls[-1].name)] += 1
    return judged(check, code, tried, recogniser, seed, hidden if settings.hidden else full)


def _owner(name: str) -> str:
    """The function or class that a call belongs to."""
    return name.partition(".")[0]


def _given_up(stuck: Sequence[str], settings: CheckSettings, before: Sequence[Outcome]) -> str:
    """Why a check is not run, if so.

    Args:
        stuck: what it needs of the functions in which checks before it have timed out too often.
        before: what the checks that stand before it gave on this device.
    """
    if stuck:
        return f"not run: two earlier checks timed out in {stuck[0]}, which this one needs, too"
    timeouts = sum(1 for outcome in before if outcome.verdict == TIMEOUT)
    if settings.timeouts is not None and timeouts >= settings.timeouts:
        return "not run: an earlier check timed out"
    slow = [one for one in before if settings.output_seconds is not None and one.seconds >= settings.output_seconds]
    if slow and len(slow[0].output) >= MAX_OUTPUT:
        took = f"{slow[0].seconds:.0f} seconds"
        return f"not run: an earlier check took {took} and printed more than is kept; print less, and save"
    if sum(outcome.seconds for outcome in before) >= settings.exercise_seconds:
        return f"not run: the checks before it took all of the {settings.exercise_seconds:g} seconds of this exercise"
    return ""


def judged(
    check: Check, code: Code, tried: Attempt, recogniser: Recogniser, seed: int, words: Words = full
) -> tuple[Outcome, Run | None]:
    """The verdict of one attempt, in words for the learner; and the run, if its answers tell something of the file."""
    error = tried.error
    verdict, text = PASS, ""
    called = code.calls[-1] if code.calls else None
    if isinstance(error, Unwritten):
        verdict, text = UNWRITTEN, f"{_unwritten(error, code.calls) if words is full else check.of} is unwritten"
    elif isinstance(error, (LoadFailure, Lost)):
        verdict, text = error.verdict, words(error, called) + (_last_seen(error, code) if words is full else "")
    elif isinstance(error, NotHere):
        verdict, text = SKIP, str(error)
    elif isinstance(error, GraderError):
        verdict, text = ERROR, str(error)
    elif error is not None and not recogniser.trusted.reference_passes(check, seed):
        verdict, text = ERROR, f"the check fails on the reference too: {type(error).__name__}: {error}"
    elif error is not None:
        verdict, text = FAIL, words(error, called)
    stopped = verdict == FAIL and isinstance(error, LearnerError)
    shown = verdict == FAIL and isinstance(error, Mismatch) and words is full
    outcome = replace(
        outcome_of(check, code.device, verdict, clean(text, MAX_MESSAGE)),
        seconds=round(tried.seconds, 4),
        line=_line(error, code),
        output=clean(code.output, MAX_OUTPUT),
        picture=error.picture if shown and isinstance(error, Mismatch) else None,
        unloadable=isinstance(error, LoadFailure),
        heading=f"{called.name} stopped with an error" if stopped and called is not None else "",
    )
    tells = verdict in (PASS, FAIL) and not isinstance(error, (LoadFailure, Lost)) and code.failure is None
    return outcome, recogniser.run_of(check, seed, tried) if tells else None


def _unwritten(error: Unwritten, calls: Sequence[Call]) -> str:
    """The function or method that is unwritten: `Encoder.forward`, not a `forward` of any class."""
    name = error.raised.frames[-1][2]
    owner = calls[-1].name.partition(".")[0] if calls else ""
    return f"{owner}.{name}" if owner[:1].isupper() and name != owner else name


def _last_seen(error: LoadFailure | Lost, code: Code) -> str:
    """Where the code was when its time was up."""
    lines = code.source.text.decode(errors="replace").splitlines()
    if error.verdict != TIMEOUT or error.line is None or not 0 < error.line <= len(lines):
        return ""
    text = clean(lines[error.line - 1].strip(), MAX_LINE)
    return f"\ntime ran out at {where(code.source, error.line)}: {text}"


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
    if isinstance(error, Mismatch) and error.line is not None:
        return error.line
    about = error.function if isinstance(error, Mismatch) else ""
    name = about or (code.calls[-1].name if code.calls else "")
    return code.lines.get(_owner(name))
