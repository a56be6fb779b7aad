"""One run of an exercise's checks that can be ended from outside, at any moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from grader.judging.exercise import CheckSettings
    from grader.remote.transport import Transport


class Ended(BaseException):
    """Nobody waits for this run any more. No `except Exception` on its way may keep it."""


class _Worker(Protocol):
    def interrupt(self) -> None: ...


class Running:
    """A run of checks.

    Nothing is thrown into what it is just doing: half of a conversation with the fork server would spoil the next run.
    The learner's code is cut off, which may take long; all else is short, and a run looks here between two steps.
    """

    def __init__(self) -> None:
        self._ended = False
        self._worker: _Worker | None = None

    def end(self) -> None:
        """Ends the run: called in a signal handler or in another thread."""
        self._ended, worker = True, self._worker
        if worker is not None:
            worker.interrupt()

    def step(self) -> None:
        """Between two steps. Raises Ended."""
        if self._ended:
            raise Ended

    def settings(self, settings: CheckSettings) -> CheckSettings:
        """The same settings, but that every worker is one that `end` reaches."""
        elsewhere = settings.elsewhere
        return dataclasses.replace(
            settings,
            connect=lambda: self._open(settings.connect),
            elsewhere=None if elsewhere is None else lambda device: self._open(lambda: elsewhere(device)),
        )

    def _open(self, connect: Callable[[], Transport]) -> Transport:
        from grader.remote.transport import WorkerTransport

        self.step()
        transport = connect()
        if isinstance(transport, WorkerTransport):
            self._worker = transport
        if self._ended:  # while it was opened
            transport.close()
            raise Ended
        return transport
