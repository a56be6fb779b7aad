"""Stops in a learner's function where a check found it wrong: at its first line, called with the inputs of that check.

When a wrong value is noticed the function has returned long ago. The same check, with the same seed, asks the same
again: the call that was found wrong is stopped as it begins.
"""

from __future__ import annotations

import pdb
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from grader.checks.attempt import rerun
from grader.kit.collect import Check
from grader.remote.code import Code

NOT_THEIRS = ("grader.*", "torch.*", "contextlib", "_pytest.*", "pluggy.*")
"""Modules that a step does not stop in."""


def step_in(check: Check, code: Code, seed: int) -> None:
    """Runs a check that has just failed once more, and stops in the call that it made last.

    Raises bdb.BdbQuit where the debugger was left.
    """
    number = len(code.calls) - 1
    if number < 0:
        return
    rerun(check, code, seed, number, lambda: _stop(code.source.filename))


@contextmanager
def _stop(file: str) -> Iterator[None]:
    """Stops at the first line of a file that is at work in here."""
    debugger = pdb.Pdb(skip=NOT_THEIRS)

    def wait(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != file:
            return None
        debugger.set_trace(frame)
        return debugger.trace_dispatch

    before = sys.gettrace()
    sys.settrace(wait)
    try:
        yield
    finally:
        sys.settrace(before)
