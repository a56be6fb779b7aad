"""A pool of grader processes: submissions go out one at a time, and each brings a record back."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from grader.errors import GraderError, UsageError
from grader.grading import process
from grader.grading.process import ALIVE, GradingSettings, Task
from grader.launch import cgroups
from grader.limits import START_SECONDS
from grader.system import can_fork

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

TRIES = 2
"""How often a submission is given to a grader process before it has no result."""
STARTS = 3
"""How many grader processes in a row may die before they have said a word."""
GRACE_SECONDS = 300.0
"""What a grader process may take for one exercise, beyond the learner's time, before it counts as stuck."""


@dataclass
class _GraderProcess:
    """One grader process, as the pool sees it."""

    process: BaseProcess
    channel: connection.Connection
    deadline: float
    greeted: bool = False
    task: Task | None = None

    def give(self, task: Task, seconds: float) -> None:
        self.task = task
        self.deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):  # a dead grader process is seen where its answer is awaited
            self.channel.send(task)

    def kill(self) -> str:
        """Ends the process and says how it had ended, if it had."""
        self.channel.close()
        self.process.join(timeout=0.2)
        code = self.process.exitcode
        self.end()
        return (
            "was stuck"
            if code is None
            else f"was killed by signal {-code}"
            if code < 0
            else f"ended with status {code}"
        )

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        cgroups.clean_up_after(self.process.pid or 0)


def _context(size: int) -> SpawnContext | ForkServerContext:
    """Starts processes. Several are forked from one that has imported torch, where a fork is sound: that saves each
    of them two seconds of CPU."""
    if size == 1 or not can_fork():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["grader.grading.preloaded"])
    return context


class Pool:
    """Processes that grade.

    Args:
        settings: how they grade.
        size: how many work at a time, at most.
        life: what a grader process does, with its end of a channel and the settings.
        patience: seconds for one exercise, before a grader process counts as stuck.
    """

    def __init__(
        self,
        settings: GradingSettings,
        size: int,
        *,
        life: Callable[..., None] = process.main,
        patience: float | None = None,
    ) -> None:
        self._settings, self._size, self._life = settings, size, life
        self._processes: list[_GraderProcess] = []
        self._failed_starts = 0
        self._patience = patience or settings.limits.exercise_seconds + 3 * settings.limits.seconds + GRACE_SECONDS
        self._greeting: dict[str, Any] | None = None

    def start(self, wanted: int) -> None:
        """Begins to start grader processes, until there are `wanted`, or as many as there may be."""
        while len(self._processes) < min(wanted, self._size):
            self._processes.append(self._begin())

    def _begin(self) -> _GraderProcess:
        context = _context(self._size)
        ours, theirs = context.Pipe()
        process = context.Process(target=self._life, args=(theirs, self._settings), daemon=True)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the grader process says so itself
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before or signal.SIG_DFL)
            theirs.close()
        return _GraderProcess(process, ours, time.monotonic() + 2 * START_SECONDS)

    def greeting(self) -> dict[str, Any]:
        """What the grader processes can do: devices, isolation, the checks of every exercise.

        Raises UsageError or GraderError where they say that they can't work, GraderError where none starts.
        """
        while self._greeting is None:
            self.start(1)
            self._hear()
            if self._failed_starts >= STARTS:
                raise GraderError(f"no grader process could be started: {STARTS} processes in a row died at once")
        return self._greeting

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, bytes | None, str]]:
        """A record for each task, in the order in which they end; None and a sentence where there is none."""
        waiting, tries = deque(tasks), Counter[str]()
        while waiting or any(one.task for one in self._processes):
            busy = sum(1 for one in self._processes if one.task)
            if self._failed_starts >= STARTS and not busy:
                yield from ((task, None, "no grader process could be started") for task in waiting)
                return
            if self._failed_starts < STARTS:
                self.start(busy + len(waiting))
            for idle in [one for one in self._processes if one.greeted and one.task is None]:
                if waiting:
                    idle.give(waiting.popleft(), self._patience)
            for task, record, how in self._hear():
                tries[task.id] += 1
                if record is None and tries[task.id] < TRIES:
                    waiting.appendleft(task)
                else:
                    yield task, record, how

    def _hear(self) -> list[tuple[Task, bytes | None, str]]:
        """Waits for a word from some grader process, or for the next deadline. What ended."""
        nearest = min((one.deadline for one in self._processes if one.task or not one.greeted), default=0.0)
        ready = connection.wait([one.channel for one in self._processes], max(nearest - time.monotonic(), 0.01))
        ended = []
        for heard in [one for one in self._processes if one.channel in ready]:
            ended += self._read(heard)
        for late in [one for one in self._processes if one.task or not one.greeted]:
            if time.monotonic() > late.deadline:
                ended += self._lose(late)
        return ended

    def _read(self, one: _GraderProcess) -> list[tuple[Task, bytes | None, str]]:
        try:
            data = one.channel.recv_bytes()
        except (EOFError, OSError):
            return self._lose(one)
        if not one.greeted:
            self._welcome(one, json.loads(data))
            return []
        one.deadline = time.monotonic() + self._patience
        if data == ALIVE or one.task is None:
            return []
        task, one.task = one.task, None
        return [(task, data, "")]

    def _welcome(self, one: _GraderProcess, greeting: dict[str, Any]) -> None:
        if "usage" in greeting:
            raise UsageError(greeting["usage"])
        if "broken" in greeting:
            raise GraderError(greeting["broken"])
        one.greeted, self._failed_starts = True, 0
        self._greeting = self._greeting or greeting

    def _lose(self, one: _GraderProcess) -> list[tuple[Task, bytes | None, str]]:
        self._processes.remove(one)
        how = one.kill()
        self._failed_starts += not one.greeted
        return [(one.task, None, f"its grading process {how} ({TRIES} attempts)")] if one.task else []

    def close(self, patience: float = 2.0) -> None:
        """Ends every grader process: those that are idle end themselves, and their workers with them."""
        for one in self._processes:
            one.channel.close()
        for one in self._processes:
            if one.greeted and one.task is None:
                one.process.join(timeout=patience)
            one.end()
        self._processes.clear()
