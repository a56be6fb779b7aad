"""One run of one check on one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import InitVar, dataclass, field
from typing import Any

import torch

from grader.checks.draw import Draw, derived_seed
from grader.checks.expect import Expect
from grader.checks.passed_before import PassedRuns
from grader.errors import Finding
from grader.kit.collect import Check
from grader.remote.calls import Call, Request
from grader.remote.code import Code
from grader.remote.object_table import ObjectTable
from grader.source.file import Source


@dataclass
class Attempt:
    """One run of one check: how it ended and every call it made."""

    error: BaseException | None
    code: InitVar[Code]
    seconds: float = 0.0
    calls: list[Call] = field(init=False)
    requests: list[Request] = field(init=False)
    objects: ObjectTable | None = field(init=False)
    source: Source = field(init=False)
    """The file that was run."""
    is_on_a_gpu: bool = field(init=False)

    def __post_init__(self, code: Code) -> None:
        self.calls, self.requests, self.objects = code.calls, code.requests, code.objects
        self.source, self.is_on_a_gpu = code.source, code.place != "cpu"


def attempt(
    check: Check, code: Code, seed: int, passed_runs: PassedRuns | None = None, *, remembers: bool = True
) -> Attempt:
    """Runs a check once. An exception is a result too.

    Args:
        passed_runs: where the code answers as another did that passed, the check is passed and need not be run.
        remembers: whether a new way to pass it is kept there.
    """
    start = time.perf_counter()
    error: BaseException | None = None
    try:
        code.begin(seed, check.patience)
        trail = passed_runs.follow(check, seed, code) if passed_runs is not None else None
        if trail is None or not trail.is_known:
            run_with(check, code, Draw(seed, widest=widest(code.device)))
        if trail is not None and remembers:
            trail.remember()
    except (Finding, Exception) as raised:
        error = raised
    return Attempt(error, code, time.perf_counter() - start)


def run_with(check: Check, code: Code, draw: Draw) -> None:
    """Runs a check that was begun, on these inputs. Raises what it finds."""
    try:
        check.function(code=code, draw=draw, expect=Expect(code, draw), **check.params)
    finally:
        draw.give_back()


def rerun(
    check: Check, code: Code, seed: int, number: int, around: Callable[[], AbstractContextManager[object]]
) -> None:
    """Runs a check once more, with something around the call of this number; how it ends is known from before."""
    call = code.call

    def surrounded(*arguments: Any, **options: Any) -> Any:
        with around() if len(code.calls) == number else nullcontext():
            return call(*arguments, **options)

    code.begin(seed, check.patience)
    code.call = surrounded  # type: ignore[method-assign]
    try:
        with suppress(Finding):
            run_with(check, code, Draw(seed, widest=widest(code.device)))
    finally:
        del code.call


def widest(device: str) -> torch.dtype:
    """The widest floating dtype that a device has."""
    return torch.float32 if device == "mps" else torch.float64


def check_seed(seed: int, check: Check) -> int:
    return derived_seed(seed, check.slug, check.id)
