"""Replays passed checks: a submission that gives the answers of one that passed passes without a run.

What a check asks and demands follows from its seed and from what comes back. So where every answer is, byte for byte,
one that passed before, nothing need be drawn, worked out or compared again: the questions lie here, ready to be sent.
At the first answer that is new the check is run after all, and finds the answers so far already given. Of a class most
right submissions answer in one of a few ways; the grader side's half of the work is then done once for each way.

The risk: a check that depends on more than its seed and the answers would be passed unseen. Where such a check asks
something else than before, the run ends as an error of the grader.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grader.errors import Lost
from grader.remote.calls import Passed

if TYPE_CHECKING:
    from grader.kit.collect import Check
    from grader.remote.code import Code

MAX_WAYS = 32
"""Ways to pass one check with one seed that are remembered."""
MAX_BYTES = 128 << 20
"""Of questions and answers that are remembered, of one process: once through the course is 16 MB, each other way 7."""


@dataclass
class _Step:
    """One question of a check, and what followed each answer to it."""

    frame: bytes
    after: dict[bytes, _Step | Passed] = field(default_factory=dict)


@dataclass
class _Beginning:
    """The root of the recorded runs of one check with one seed."""

    step: _Step | Passed | None = None
    ways: int = 0


class PassedRuns:
    """The checks that were passed in this process so far.

    Args:
        largest: bytes of the answers in one run; a larger one is not remembered.
    """

    def __init__(self, largest: int = MAX_BYTES) -> None:
        self._largest = largest
        self._beginnings: dict[tuple[str, str, int, str], _Beginning] = {}
        self._frames: dict[bytes, bytes] = {}
        """Every question once, however many ways lead to it."""
        self._bytes = 0

    def follow(self, check: Check, seed: int, code: Code) -> CachedRun:
        """Asks the recorded questions as long as the answers match a recorded run. The check has asked nothing yet."""
        beginning = self._beginnings.setdefault((check.slug, check.id, seed, code.device), _Beginning())
        step = None if _stands_out(code) else beginning.step
        while isinstance(step, _Step):
            reply = code.ask_ahead(step.frame)
            step = None if isinstance(reply, Lost) else step.after.get(_digest(reply))
        if step is None or code.objects.refused is not None:
            return CachedRun(self, beginning, code, is_known=False)
        code.settle(step)
        return CachedRun(self, beginning, code, is_known=True)

    def remember(self, beginning: _Beginning, code: Code) -> None:
        """Records a passed check, unless the code was given callbacks or states: only a running check serves them."""
        if _stands_out(code) or code.objects.has_handed_out or beginning.ways >= MAX_WAYS or self._bytes > MAX_BYTES:
            return
        if sum(len(reply) for _, reply in code.connection.record) > self._largest:
            return
        beginning.ways += 1
        for call in code.calls:  # what only the check itself looks at
            call.given, call.arguments, call.fed, call.with_grad_off = {}, ((), {}), [], None
        for request in code.requests:
            request.frame = self._shared(request.frame)
        step: _Step | Passed = Passed(code.calls, code.requests)
        for frame, reply in reversed(code.connection.record):
            step = _Step(self._shared(frame), {_digest(reply): step})
            self._bytes += len(reply)
        beginning.step = _joined(beginning.step, step)

    def _shared(self, frame: bytes) -> bytes:
        if frame not in self._frames:
            self._frames[frame] = frame
            self._bytes += len(frame)
        return self._frames[frame]


@dataclass(frozen=True)
class CachedRun:
    """One run of one check, as far as it matched a recorded one."""

    passed_runs: PassedRuns
    beginning: _Beginning
    code: Code
    is_known: bool
    """Whether all of it was: the check is passed."""

    def remember(self) -> None:
        """The check was passed."""
        if not self.is_known:
            self.passed_runs.remember(self.beginning, self.code)


def _stands_out(code: Code) -> bool:
    """Whether what the file did earlier may change how a check ends."""
    return bool(code.changed or code.shortcuts)


def _joined(old: _Step | Passed | None, new: _Step | Passed) -> _Step | Passed:
    """Merges two recorded runs, which branch at the first answer that differs."""
    if isinstance(old, _Step) and isinstance(new, _Step):
        for answer, step in new.after.items():
            old.after[answer] = _joined(old.after.get(answer), step)
        return old
    return new


def _digest(reply: bytes) -> bytes:
    return hashlib.blake2b(reply, digest_size=16).digest()
