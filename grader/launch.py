"""Starts the processes that run learners' code, each with a clean environment and a connection to the judge.

Linux: one fork server that has imported torch and holds nothing else; a worker costs a fork. Elsewhere forking
after torch has started threads is not safe, so every worker is a fresh process and the next one warms up beside
the one in use.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from grader.channel import Channel
from grader.limits import START_SECONDS

ROOT = Path(__file__).resolve().parent.parent
ALIVE = -1
"""What the fork server answers for a worker that had not ended."""
KEPT = ("SYSTEMROOT", "PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME")


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

    def start(self) -> Process: ...

    def close(self) -> None: ...


def launcher() -> Launcher:
    """The best way to start processes on this platform."""
    return ForkLauncher() if sys.platform == "linux" else FreshLauncher()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **kept,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "LANG": "C.UTF-8",
    }


def _spawn(mode: str, connection: socket.socket) -> subprocess.Popen[bytes]:
    """A Python that sees nothing of this one but where its packages are."""
    path = [str(ROOT), *(entry for entry in sys.path if entry and Path(entry).resolve() != ROOT)]
    windows = sys.platform == "win32"
    argument = "stdin" if windows else str(connection.fileno())
    program = (
        f"import sys; sys.path[:] = {json.dumps(path)}; from grader.worker import main; main({mode!r}, {argument!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", program],
        stdin=subprocess.PIPE if windows else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if os.environ.get("GRADER_DEBUG") else subprocess.DEVNULL,
        env=_environment(),
        pass_fds=() if windows else (connection.fileno(),),
        start_new_session=not windows,
    )
    if windows:
        assert process.stdin is not None
        share: bytes = connection.share(process.pid)  # type: ignore[attr-defined]
        process.stdin.write(struct.pack("<I", len(share)) + share)
        process.stdin.close()
    return process


def _how(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended itself with exit status {code}"


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

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._control, theirs = socket.socketpair()
        self._server = _spawn("fork", theirs)
        theirs.close()
        self._control.settimeout(START_SECONDS)

    def start(self) -> Process:
        """Raises OSError when no process can be started."""
        for _ in range(2):
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    socket.send_fds(self._control, [b"f"], [theirs.fileno()])
                    return _Forked(self, Channel(ours), self._number())
                except OSError:
                    ours.close()
                    self.close()
                    self._begin()
        raise OSError("no process could be started for the learner's code")

    def end(self, number: int, patience: float) -> int | None:
        """The wait status of a worker that had ended, None of one that had to be killed."""
        try:
            self._control.sendall(b"e" + struct.pack("<qd", number, patience))
            status = self._number()
        except OSError:
            return None
        return None if status == ALIVE else status

    def _number(self) -> int:
        data = self._control.recv(8, socket.MSG_WAITALL)
        if len(data) < 8:
            raise OSError("the fork server is gone")
        return int(struct.unpack("<q", data)[0])

    def close(self) -> None:
        self._control.close()
        self._server.kill()
        self._server.wait()


class _Fresh:
    def __init__(self, process: subprocess.Popen[bytes], channel: Channel) -> None:
        self.channel, self._process = channel, process

    def end(self, patience: float = 0.0) -> str | None:
        self.channel.close()
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=patience)
        self._process.kill()
        self._process.wait()
        return None if code is None else _how(code)


class FreshLauncher:
    """A new process every time; the next one imports torch while the current one works."""

    name = "fresh processes"

    def __init__(self) -> None:
        self._next: Process | None = self._begin()

    def _begin(self) -> Process:
        ours, theirs = socket.socketpair()
        with theirs:
            return _Fresh(_spawn("serve", theirs), Channel(ours))

    def start(self) -> Process:
        ready = self._next or self._begin()
        self._next = self._begin()
        return ready

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self._next is not None:
                self._next.end()
        self._next = None
