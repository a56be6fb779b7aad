"""One exercise's verdicts in two lines: function by function, and how many checks pass. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grader.results.verdicts import PASS, ROBUST, SKIP, UNWRITTEN, ExerciseResult, Outcome

TO_DO = "to do"
"""What an unwritten function is called: never a failure."""
CORE_CHECKS = "core checks"
"""What the first answer is about, while the others run."""


@dataclass(frozen=True)
class FunctionSummary:
    """What the checks of one function or method say.

    Args:
        name: `attention_scores`, `Encoder.forward`.
        passed: how many of its checks pass.
        ran: how many there are, but for those that were skipped.
        unwritten: whether every one of them finds something unwritten.
    """

    name: str
    passed: int
    ran: int
    unwritten: bool

    def __str__(self) -> str:
        return f"{self.name} {TO_DO if self.unwritten else f'{self.passed}/{self.ran}'}"


def by_function(checks: Iterable[tuple[str, str]]) -> list[FunctionSummary]:
    """The functions in the order of their checks.

    Args:
        checks: of each check the function that it is about, and its verdict.
    """
    found: dict[str, list[str]] = {}
    for name, verdict in checks:
        if name and verdict != SKIP:
            found.setdefault(name, []).append(verdict)
    return [
        FunctionSummary(name, verdicts.count(PASS), len(verdicts), all(verdict == UNWRITTEN for verdict in verdicts))
        for name, verdicts in found.items()
    ]


def word(result: ExerciseResult) -> str:
    """What the verdict is called: no failure where all that is written is right."""
    return TO_DO if result.right_so_far else result.verdict


def functions(result: ExerciseResult) -> str:
    """`project_qkv 3/3 · attention_scores 2/5 · self_attention to do`."""
    return " \u00b7 ".join(map(str, by_function((outcome.of, outcome.verdict) for outcome in result.outcomes)))


def counts(result: ExerciseResult, checks: str = "checks") -> str:
    """How many checks pass, fail and are to do; ends with a colon where the first failure follows.

    Args:
        checks: what they are called, where there are others beside them.
    """
    ran = [outcome for outcome in result.outcomes if outcome.verdict != SKIP]
    failed, waiting = result.failures, [outcome for outcome in ran if outcome.verdict == UNWRITTEN]
    passed = len(ran) - len(failed) - len(waiting)
    if not failed:
        return f"{passed} of {len(ran)} {checks} pass" + (f", {len(waiting)} are {TO_DO}." if waiting else ".")
    if result.core_passes:
        robust = [outcome for outcome in ran if outcome.tier == ROBUST]
        edges = f"{len(failed)} of {len(robust)} robust checks {_fail(failed)}"
        start = f"All {len(ran) - len(robust)} core checks pass, {edges}"
    else:
        to_do = f", {len(waiting)} are {TO_DO}" if waiting else ""
        start = f"{passed} of {len(ran)} {checks} pass{to_do}, {len(failed)} {_fail(failed)}"
    return f"{start}{_for(failed)}:"


def _fail(failed: Sequence[Outcome]) -> str:
    return "fails" if len(failed) == 1 else "fail"


def _for(failed: Sequence[Outcome]) -> str:
    """Whether what fails fails for one reason, as far as that is known."""
    if len(failed) == 1:
        return ""
    names = {outcome.mistake for outcome in failed}
    return ", all for one reason" if len(names) == 1 and None not in names else "; the first"
