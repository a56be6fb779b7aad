"""Grader processes on this machine: each is asked by one thread of an executor, and no submission is lost with one."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from grader.errors import GraderError, UsageError
from grader.grading import process
from grader.grading.engine import GLANCE_SECONDS, Engine
from grader.grading.process import ALIVE, GradingSettings
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


class _NoProcess(Exception):
    """No grader process can be started any more."""


@dataclass(eq=False)
class _GraderProcess:
    """One grader process, as the thread that asks it sees it."""

    process: BaseProcess
    channel: connection.Connection

    def hear(self, seconds: float) -> bytes | None:
        """What it says next, once it says more than that it is alive; None where it died or was silent so long."""
        with contextlib.suppress(EOFError, OSError):
            while self.channel.poll(seconds):
                if (said := self.channel.recv_bytes()) != ALIVE:
                    return said
        return None

    def ask(self, task: bytes, seconds: float) -> bytes | None:
        """Its record of a task; None where it died or was stuck."""
        with contextlib.suppress(OSError):  # a dead grader process is seen where its answer is awaited
            self.channel.send_bytes(task)
        return self.hear(seconds)

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


def _leave_interrupts() -> None:
    """Ctrl-C is for the main thread; what this thread starts has it blocked, until it says so itself."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


class Pool(Engine):
    """Grades in processes of this machine.

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
        self._threads = ThreadPoolExecutor(size, initializer=_leave_interrupts)
        super().__init__(self._threads, self.grade_batch, batch=1, ahead=2)
        self._settings, self._size, self._life = settings, size, life
        self._patience = patience or settings.limits.exercise_seconds + 3 * settings.limits.seconds + GRACE_SECONDS
        self._lock, self._starting = threading.Lock(), threading.Lock()
        self._processes: list[_GraderProcess] = []
        self._idle: list[_GraderProcess] = []
        self._starts: list[Future[None]] = []
        self._failed_starts, self._closed = 0, False
        self._greeting: dict[str, Any] | None = None

    def start(self, wanted: int) -> None:
        while len(self._starts) < min(wanted, self._size):
            self._starts.append(self._threads.submit(self._start_one))

    def greeting(self) -> dict[str, Any]:
        self.start(1)
        while self._greeting is None:
            done, _ = wait(self._starts, GLANCE_SECONDS, FIRST_COMPLETED)
            try:
                for future in done:
                    future.result()
            except _NoProcess as error:
                raise GraderError(str(error)) from None
        return self._greeting

    def workers(self) -> int:
        return self._size

    def grade_batch(self, batch: bytes) -> bytes:
        """Runs in a thread of the executor, which asks one grader process at a time."""
        return json.dumps([self._grade(task) for task in json.loads(batch)]).encode()

    def _grade(self, task: dict[str, Any]) -> tuple[str, str | None, str]:
        how, data = "", json.dumps(task).encode()
        for _ in range(TRIES):
            try:
                one = self._take()
            except _NoProcess as error:
                return task["id"], None, str(error)
            if (record := one.ask(data, self._patience)) is not None:
                self._give_back(one)
                return task["id"], record.decode(), ""
            how = self._lose(one)
        return task["id"], None, f"its grading process {how} ({TRIES} attempts)"

    def _take(self) -> _GraderProcess:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._new()

    def _give_back(self, one: _GraderProcess) -> None:
        with self._lock:
            self._idle.append(one)

    def _start_one(self) -> None:
        self._give_back(self._new())

    def _new(self) -> _GraderProcess:
        """One that has said what it can do. Raises UsageError and GraderError where it says that it can't."""
        while True:
            with self._starting:
                if self._closed or self._failed_starts >= STARTS:
                    raise _NoProcess(f"no grader process could be started: {STARTS} processes in a row died at once")
                one = self._begin()
            if (said := one.hear(2 * START_SECONDS)) is not None:
                self._welcome(json.loads(said))
                return one
            self._lose(one)
            self._failed_starts += 1

    def _begin(self) -> _GraderProcess:
        context = _context(self._size)
        ours, theirs = context.Pipe()
        process = context.Process(target=self._life, args=(theirs, self._settings), daemon=True)
        try:
            process.start()
        finally:
            theirs.close()
        with self._lock:
            self._processes.append(_GraderProcess(process, ours))
            if self._closed:
                process.kill()
            return self._processes[-1]

    def _welcome(self, greeting: dict[str, Any]) -> None:
        if "usage" in greeting:
            raise UsageError(greeting["usage"])
        if "broken" in greeting:
            raise GraderError(greeting["broken"])
        self._failed_starts = 0
        self._greeting = self._greeting or greeting

    def _lose(self, one: _GraderProcess) -> str:
        with self._lock:
            self._processes.remove(one)
        return one.kill()

    def close(self, patience: float = 2.0) -> None:
        """Ends every grader process: those that are idle end themselves, and their workers with them."""
        with self._lock:
            self._closed = True
            for one in self._processes:
                if one in self._idle:
                    one.channel.close()
                else:
                    one.process.kill()  # its thread sees that
        self._threads.shutdown(cancel_futures=True)
        for one in self._processes:
            if one in self._idle:
                one.process.join(timeout=patience)
            one.end()
        self._processes.clear()
        self._idle.clear()
