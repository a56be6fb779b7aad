"""Two ways to reach a learner's code: in this process, or in another one. Both carry the same frames."""

from __future__ import annotations

import bdb
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from grader.errors import Crashed, GraderError, TimedOut
from grader.launch.launcher import Launcher, Process
from grader.limits import MAX_OUTPUT, START_SECONDS
from grader.protocol.channel import CALLBACK, LINE, OUTPUT, REPLY, REQUEST, Closed, Nonsense
from grader.worker.executor import Executor

Answer = Callable[[bytes], bytes]
"""Answers a question (the frame of a callback) that the learner's code puts to the grader."""


class Transport(Protocol):
    """Carries one request at a time to a learner's code and returns the answer."""

    output: str
    """What the learner's code printed since `begin`."""

    def begin(self, seconds: float) -> None:
        """Starts a check, which has this many seconds of the learner's time."""

    def request(self, frame: bytes, answer: Answer) -> bytes:
        """Raises TimedOut or Crashed where no answer comes back; the transport can't be used after that."""

    def close(self) -> None:
        """Ends whatever runs the learner's code."""


class LocalTransport:
    """The learner's code in this process: print and pdb work, nothing protects from it.

    Time is not limited here: under pytest that is pytest-timeout's job.

    Args:
        debugging: Ctrl-C, a debugger's quit and pytest-timeout pass through.
        executor: makes what carries out the requests, where that is not the usual one.
    """

    def __init__(
        self, *, debugging: bool = False, executor: Callable[[LocalTransport], Executor] | None = None
    ) -> None:
        self.output = ""
        self.answer: Answer | None = None
        """Answers the callbacks of the request at hand."""
        self._executor = executor(self) if executor else Executor(self.ask, _belongs_to_us if debugging else _nobodys)

    def ask(self, frame: bytes) -> bytes:
        """Puts a callback's question to the grader."""
        assert self.answer is not None
        return self.answer(frame)

    def begin(self, seconds: float) -> None:
        self.output = ""

    def request(self, frame: bytes, answer: Answer) -> bytes:
        self.answer = answer
        return self._executor.answer(frame)

    @property
    def last_error(self) -> BaseException | None:
        """The exception of the last answer itself, for a debugger."""
        return self._executor.last_error

    def close(self) -> None:
        self.answer = None


def _nobodys(error: BaseException) -> bool:
    return False


def _belongs_to_us(error: BaseException) -> bool:
    """Ctrl-C, a debugger's quit and pytest-timeout pass through a learner's code untouched."""
    kind = type(error)
    timed_out = kind.__name__ == "Failed" and str(error).startswith("Timeout")
    left = (kind.__module__, kind.__name__) == ("_pytest.outcomes", "Exit")  # `q` at a breakpoint
    return isinstance(error, (KeyboardInterrupt, bdb.BdbQuit)) or timed_out or left


class WorkerTransport:
    """The learner's code in a process of its own, which the grader ends when its time is up.

    Args:
        launcher: starts the process.
        device: what the code works on.
    """

    def __init__(self, launcher: Launcher, device: str = "cpu") -> None:
        self.output, self._device = "", device
        self._process: Process | None = None
        self._interrupted = False
        try:
            self._meet(launcher)
        except (TimeoutError, Closed):  # its parent was ending; the next one has another parent
            self.close()
            try:
                self._meet(launcher)
            except (TimeoutError, Closed):
                how = self._end(patience=0.3)
                raise GraderError(f"a worker {how or 'did not answer'} before it had read any code") from None

    def _meet(self, launcher: Launcher) -> None:
        """Starts a process and waits until it says that it is ready."""
        try:
            self._process = launcher.start(self._device)
        except OSError as error:
            raise GraderError(str(error)) from error
        self.begin(START_SECONDS)
        kind = None
        while kind != REPLY:  # what Python itself prints may come before
            with self._waiting() as left:
                kind, _ = self._process.channel.receive(seconds=left)

    def begin(self, seconds: float) -> None:
        self.output, self._left, self._seconds = "", seconds, seconds
        self._line: int | None = None

    def request(self, frame: bytes, answer: Answer) -> bytes:
        if self._process is None:
            raise Crashed("the process that ran the code is gone")
        channel = self._process.channel
        try:
            with self._waiting() as left:
                channel.send(REQUEST, frame, seconds=left)
            while True:
                with self._waiting() as left:
                    kind, data = channel.receive(seconds=left)
                if kind == REPLY:
                    return data
                if kind == OUTPUT:
                    self.output = (self.output + data.decode(errors="replace"))[:MAX_OUTPUT]
                elif kind == LINE:
                    self._line = int.from_bytes(data[:4], "little")
                elif kind == CALLBACK:
                    reply = answer(data)
                    with self._waiting() as left:
                        channel.send(REQUEST, reply, seconds=left)
                else:
                    raise Nonsense(f"sent a frame of kind {kind}")
        except TimeoutError:
            self.close()
            raise TimedOut(f"no result after {self._seconds:g} seconds: an endless loop?", line=self._line) from None
        except Closed:
            how = self._end(patience=0.0 if self._interrupted else 0.3)
            raise Crashed(f"the code {how or 'closed its connection'}, so there is no result") from None
        except Nonsense as error:
            self.close()
            raise Crashed(f"the code {error}, so there is no result") from None

    @contextmanager
    def _waiting(self) -> Iterator[float]:
        """The seconds left; only the time spent waiting for the learner counts."""
        start = time.monotonic()
        try:
            yield max(self._left, 1e-3)
        finally:
            self._left -= time.monotonic() - start

    def interrupt(self) -> None:
        """Ends the request at hand, from a signal handler or another thread: it raises Crashed at once."""
        self._interrupted, process = True, self._process
        if process is not None:
            process.channel.interrupt()

    def close(self) -> None:
        self._end()

    def _end(self, patience: float = 0.0) -> str | None:
        """Ends the process; says how it had ended before that."""
        process, self._process = self._process, None
        return process.end(patience) if process is not None else None
