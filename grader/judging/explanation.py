"""What a failure means: the mistake that was recognised, the step where the ways part, an example to redo by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Protocol, TypeVar

from torch import Tensor

from grader.diagnosis.diagnosis import Diagnosis
from grader.diagnosis.evidence import Run
from grader.diagnosis.first_step import Followed
from grader.diagnosis.matching import FEW
from grader.diagnosis.recognise import Recogniser
from grader.diagnosis.small_example import Example, small_example
from grader.diagnosis.wording import FirstStep
from grader.errors import Mismatch
from grader.limits import MAX_MESSAGE
from grader.protocol.values import leaves
from grader.remote.calls import Call
from grader.remote.code import Code
from grader.remote.handles import Module
from grader.results.verdicts import FAIL, PASS, SKIP, UNWRITTEN, Outcome
from grader.text import clean

FOLLOWED = 3
"""Failed checks of one function that are followed step by step, until one shows where the ways part."""
ELSEWHERE = "Seen in another check:"
"""Stands before a step where the first failure is no wrong result: an exception, say, of which there is no step."""
WRONG = ("value", "shape", "finite")
"""What is wrong with a result that a step of the way may have brought in."""
T = TypeVar("T")


class Beside(Protocol):
    """Begins a piece of work beside what is at hand; returns what waits for its result."""

    def __call__(self, work: Callable[[], T], /) -> Callable[[], T]: ...


def when_asked(work: Callable[[], T]) -> Callable[[], T]:
    """Does the work once its result is asked for, in this process."""
    return work


def recognised(ran: Sequence[tuple[Outcome, Run | None]], recogniser: Recogniser) -> dict[str, Diagnosis]:
    """What is recognised in the checks that one file fails, by the check's id.

    Args:
        ran: each outcome, and the run where it tells something about the file.
    """
    failed = [run for outcome, run in ran if run is not None and outcome.verdict == FAIL]
    passed = [run for outcome, run in ran if run is not None and outcome.verdict == PASS]
    return recogniser.diagnose(failed, passed) if failed else {}


def explained(
    ran: Sequence[tuple[Outcome, Run | None]],
    code: Code,
    recogniser: Recogniser,
    seed: int,
    *,
    hidden: bool = False,
    beside: Beside = when_asked,
) -> list[Outcome]:
    """The outcomes of one file, with what was recognised in those that failed; the first failure with the step at which
    the learner's way parts from the reference's, and with an example that a hand can redo.

    Only wrong results are followed step by step, and only where messages may say what was computed.

    Args:
        ran: each outcome, and the run where it tells something about the file.
        seed: the session's.
        hidden: messages tell nothing of what was computed.
        beside: how mistakes are recognised while the learner's code shows where it went wrong.
    """
    found = [outcome for outcome, _ in ran]
    failures = (place for place, one in enumerate(found) if one.verdict not in (PASS, SKIP, UNWRITTEN))
    first = None if hidden or code.device != "cpu" else next(failures, None)
    about = _wrong_results(ran, found[first].of) if first is not None else []
    begun = beside if about else when_asked
    wait = begun(partial(recognised, ran, recogniser))
    followed = [run for run in about if not _begins_changed(run.tried.calls)]
    followed = sorted(followed, key=_is_small)[:FOLLOWED]
    ways, example = [_followed(run, code, recogniser) for run in followed[:1]], None
    with contextlib.suppress(Exception):  # the learner's side of it is a claim, and decides no mark
        example = small_example(recogniser.trusted, about, code, seed)
    known = wait()
    found = [with_diagnosis(one, known[one.id]) if one.id in known else one for one in found]
    if first is None:
        return found
    sound = {outcome.of for outcome in found} - {outcome.of for outcome in found if outcome.verdict != PASS}
    mistake = recogniser.mistakes_called(found[first].mistake)
    step = None
    for one in chain(ways, (_followed(run, code, recogniser) for run in followed[1:])):
        with contextlib.suppress(Exception):
            step = one.first_step(sound, mistake) if one is not None else None
        if step is not None:
            break
    found[first] = _with_step_and_example(found[first], step, example, about)
    return found


def _wrong_results(ran: Sequence[tuple[Outcome, Run | None]], function: str) -> list[Run]:
    """The checks of a function that fail with a wrong result; but for the costly ones, whose steps are more than are
    kept, and which no example is as large as."""
    runs = [run for outcome, run in ran if run is not None and outcome.of == function and _is_a_wrong_result(run)]
    return [run for run in runs if not run.is_costly]


def _followed(run: Run, code: Code, recogniser: Recogniser) -> Followed | None:
    """The failing call of a check on both ways; None where it cannot be made again."""
    with contextlib.suppress(Exception):  # the learner's side of it is a claim, and decides no mark
        return Followed(recogniser.trusted, run.check, code, run.seed, run.tried.calls)
    return None


def _with_step_and_example(
    first: Outcome, step: FirstStep | None, example: Example | None, about: Sequence[Run]
) -> Outcome:
    """The first failure, with what the checks that it is about show; nothing is said twice."""
    if step is not None and first.heading and step.line == first.line:  # it says already that this line raises
        step = None
    of_another = "" if first.id in [run.check.id for run in about] else f"{ELSEWHERE}\n"
    return replace(
        first,
        step=(step.line, clean(of_another + step.text, MAX_MESSAGE)) if step is not None else None,
        example=clean(str(example), MAX_MESSAGE) if example is not None else None,
    )


def _is_small(run: Run) -> bool:
    """Whether the failing call returned so few numbers that two of its steps may be equal by accident."""
    sizes = [value.numel() for value in leaves(run.tried.calls[-1].value) if isinstance(value, Tensor)]
    return max(sizes, default=0) <= FEW


def _is_a_wrong_result(run: Run) -> bool:
    error, tried = run.tried.error, run.tried
    wrong = isinstance(error, Mismatch) and error.kind in WRONG and bool(tried.calls)
    return wrong and not tried.is_on_a_gpu


def _begins_changed(calls: Sequence[Call]) -> bool:
    """Whether the last call was given a module that earlier calls of the same function may have changed: its steps
    differ from the first on, and what is wrong happened before."""
    given = any(isinstance(value, Module) for value in calls[-1].given.values())
    return given and any(call.name == calls[-1].name for call in calls[:-1])


def with_diagnosis(outcome: Outcome, known: Diagnosis) -> Outcome:
    """An outcome that says what was recognised, before what was seen."""
    text = "\n".join([*known.sentences(), outcome.message])
    return replace(outcome, message=clean(text, MAX_MESSAGE), mistake=known.name)
