"""Starts the processes that run learners' code, each with a clean environment and a connection to the judge.

Linux: one fork server that has imported torch and holds nothing else; a worker costs a fork. Elsewhere, and on a GPU,
forking is not safe, so every worker is a fresh process and the next one warms up beside the one in use.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import marshal
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from grader import bubble, isolation, luggage
from grader.boot import UP
from grader.channel import Channel
from grader.errors import GraderError
from grader.limits import START_SECONDS, Limits
from grader.sandbox import NO_MEMORY, SCRATCH

ALIVE = -1
"""What the fork server answers for a worker that had not ended."""
KEPT = ("SYSTEMROOT", "PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME")
Server = subprocess.Popen[bytes]
FIRST_USER = 1_000_000_000
"""Users from here on own nothing on any machine: each judge's workers get one of their own."""


class Process(Protocol):
    """A process that serves one learner's file over `channel`."""

    channel: Channel

    def end(self, patience: float = 0.0) -> str | None:
        """Ends it with no chance to object, after `patience` seconds for one that is ending itself.

        Says how it had ended before that, None if it was alive.
        """


class Launcher(Protocol):
    """Starts one process after another."""

    name: str

    @property
    def isolation(self) -> dict[str, Any]:
        """What surrounds a worker, as one saw it: `run.isolation` of results.json."""

    def start(self) -> Process: ...

    def close(self) -> None: ...


def launcher(
    limits: Limits | None = None,
    *,
    require: Sequence[str] = (),
    many: bool = False,
    without: Sequence[str] = (),
) -> Launcher:
    """The best way to start processes on this platform.

    Args:
        limits: what a worker may use.
        require: layers of isolation that must be there.
        many: many workers will follow, so what torch imports at its first use is imported once and for all.
        without: layers to leave out: for tests.

    Raises UsageError where a required layer is missing.
    """
    isolation.check_names(require)
    linux = sys.platform == "linux"
    started: Launcher = ForkLauncher(limits, without, many=many) if linux else FreshLauncher(limits, without)
    if require:
        try:
            isolation.require(started.isolation, require)
        except BaseException:
            started.close()
            raise
    return started


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **kept,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "4",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "LANG": "C.UTF-8",
        "LOGNAME": "learner",
        "TORCHINDUCTOR_CACHE_DIR": SCRATCH if sys.platform == "linux" else tempfile.gettempdir(),
    }


def _orders(mode: str, limits: Limits, without: Sequence[str], bubbled: bool) -> dict[str, Any]:
    outside = [str(luggage.ROOT / name) for name in ("solutions", "tests")]
    torch = importlib.util.find_spec("torch")
    return {
        "mode": mode,
        "limits": dataclasses.asdict(limits),
        "without": list(without),
        "visible": luggage.visible(),
        "hidden": luggage.hidden(),
        "needed": [
            path for path in (*luggage.package_path(), torch.origin if torch else "") if os.path.exists(path or "")
        ],
        "forbidden": [*outside, str(luggage.FOLDER), str(Path.home()), "/etc/passwd"],
        "shared": [path for path in ("/dev/shm", "/var/tmp", tempfile.gettempdir()) if path != "/tmp"],
        "user": FIRST_USER + os.getpid(),
        "bubble": bubbled,
    }


def _spawn(mode: str, limits: Limits, without: Sequence[str], wrap: Sequence[str]) -> tuple[Server, socket.socket]:
    """A Python that sees nothing of this one but where its packages are, alive. Raises OSError where it is not."""
    windows = sys.platform == "win32"
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [*wrap, sys.executable, "-I", "-c", luggage.PROGRAM, label()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("GRADER_DEBUG") else subprocess.DEVNULL,
            env=_environment(),
            cwd=os.path.abspath(os.sep),
            pass_fds=() if windows else (theirs.fileno(),),
            start_new_session=not windows,
        )
        handed = theirs.share(process.pid) if windows else theirs.fileno()  # type: ignore[attr-defined]
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(luggage.orders(**_orders(mode, limits, without, bool(wrap)), connection=handed))
            process.stdin.flush()
    ours.settimeout(START_SECONDS)
    if ours.recv(1) != UP:
        ours.close()
        _kill(process)
        raise OSError("the process for the learner's code did not come to life")
    return process, ours


def label() -> str:
    """The last word of the command line of every process that this judge's workers live in: `ps` shows whose it is."""
    return f"worker-of-{os.getpid()}"


def _kill(process: Server) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def _how(code: int) -> str:
    if code == NO_MEMORY:
        return "ran out of memory"
    return f"was killed by signal {-code}" if code < 0 else f"ended itself with exit status {code}"


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise OSError("the process for the learner's code is gone")
        data += part
    return data


def _number(connection: socket.socket) -> int:
    return int(struct.unpack("<q", _exactly(connection, 8))[0])


def _report(connection: socket.socket) -> dict[str, Any]:
    """What a worker saw around itself: sent before any learner's code is read."""
    report: dict[str, Any] = marshal.loads(_exactly(connection, _number(connection)))
    return report


def _told(report: dict[str, Any], limits: Limits) -> dict[str, Any]:
    return isolation.told(report, ("process", "environment"), limits.memory_mb)


class _Forked:
    def __init__(self, server: ForkLauncher, channel: Channel, number: int) -> None:
        self.channel, self._server, self._number = channel, server, number

    def end(self, patience: float = 0.0) -> str | None:
        self.channel.close()
        status = self._server.end(self._number, patience)
        return None if status is None else _how(os.waitstatus_to_exitcode(status))


class ForkLauncher:
    """Asks one fork server for workers. It starts at once and imports torch while the judge does."""

    name = "fork server"

    def __init__(self, limits: Limits | None = None, without: Sequence[str] = (), *, many: bool = False) -> None:
        self._limits, self._without, self._mode = limits or Limits(), without, "fork many" if many else "fork"
        self._works: bool | None = None
        bwrap = bubble.program() if "namespaces" not in without else None
        self._wrap = bubble.command(bwrap, luggage.visible(), luggage.hidden()) if bwrap is not None else []
        self._begin()

    def _begin(self) -> None:
        self._report: dict[str, Any] | None = None
        try:
            self._server, self._control = _spawn(self._mode, self._limits, self._without, self._wrap)
        except OSError:
            if not self._wrap:
                raise GraderError("Python could not be started for the learner's code") from None
            self._wrap = []  # this machine gives no namespaces
            self._begin()

    @property
    def isolation(self) -> dict[str, Any]:
        """What surrounds a worker, as one saw it."""
        return _told(self._ready(), self._limits)

    def _ready(self) -> dict[str, Any]:
        """Waits until the server can fork. Raises OSError where it is gone."""
        if self._report is None:
            self._report = _report(self._control)
        return self._report

    def start(self) -> Process:
        """Raises GraderError when no process can be started: at once where none ever could."""
        for _ in range(2 if self._works is not False else 0):
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    self._ready()
                    socket.send_fds(self._control, [b"f"], [theirs.fileno()])
                    started = _Forked(self, Channel(ours), _number(self._control))
                    self._works = True
                    return started
                except OSError:
                    ours.close()
                    self.close()
                    self._begin()
        self._works = bool(self._works)
        raise GraderError("no process could be started for the learner's code")

    def end(self, number: int, patience: float) -> int | None:
        """The wait status of a worker that had ended, None of one that had to be killed."""
        try:
            self._control.sendall(b"e" + struct.pack("<qd", number, patience))
            status = _number(self._control)
        except OSError:
            return None
        return None if status == ALIVE else status

    def close(self) -> None:
        self._control.close()
        _kill(self._server)


class _Fresh:
    def __init__(self, process: Server, channel: Channel) -> None:
        self.channel, self._process = channel, process

    def end(self, patience: float = 0.0) -> str | None:
        self.channel.close()
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=patience)
        _kill(self._process)
        return None if code is None else _how(code)


class FreshLauncher:
    """A new process every time; the next one imports torch while the current one works."""

    name = "fresh processes"

    def __init__(self, limits: Limits | None = None, without: Sequence[str] = ()) -> None:
        self._limits, self._without = limits or Limits(), without
        self._next: Process | None = None
        self._isolation: dict[str, Any] | None = None
        self._warm = _spawn("serve", self._limits, self._without, ())

    @property
    def isolation(self) -> dict[str, Any]:
        """What surrounds a worker, as one saw it."""
        if self._isolation is None:
            self._next = self.start()
        assert self._isolation is not None
        return self._isolation

    def start(self) -> Process:
        """Raises OSError when no process can be started."""
        if self._next is not None:
            ready, self._next = self._next, None
            return ready
        process, connection = self._warm
        self._warm = _spawn("serve", self._limits, self._without, ())
        self._isolation = _told(_report(connection), self._limits)
        return _Fresh(process, Channel(connection))

    def close(self) -> None:
        if self._next is not None:
            self._next.end()
        process, connection = self._warm
        _Fresh(process, Channel(connection)).end()
