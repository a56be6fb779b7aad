"""Starts one Python process for learners' code, and hears from it what surrounds it."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import marshal
import os
import socket
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from grader.launch import bubblewrap, cgroups, environment, isolation, payload
from grader.limits import START_SECONDS, Limits
from grader.paths import PACKAGE, ROOT
from grader.protocol.channel import Channel
from grader.system import LINUX, WINDOWS, interpreter
from grader.worker.boot import UP
from grader.worker.sandbox.sandbox import NO_MEMORY

FIRST_USER = 1_000_000_000
"""Users from here on own nothing on any machine: each grader's workers get one of their own."""
KILLED = (-9, 128 + 9)
"""The exit status of a process that was killed, and of a bubblewrap around one."""


SHARED = ("/tmp", "/dev/shm", "/var/tmp")
"""Folders that everybody may write to: what a worker leaves there outlives it."""


class Server(subprocess.Popen[bytes]):
    """A process for learners' code, or one that forks such, with the control group that it is in."""

    group: cgroups.Group | None = None


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
        """What surrounds a worker on the CPU, as one saw it."""

    @property
    def refusals(self) -> dict[str, str]:
        """Layer -> what this machine said when a worker on the CPU tried it in vain."""

    def surrounds(self, devices: Sequence[str]) -> dict[str, Any]:
        """What surrounds every worker on these devices: `run.isolation` of results.json.

        Raises GraderError where no worker can use one of them.
        """

    def start(self, device: str = "cpu") -> Process:
        """A process for code that works on this device."""

    def close(self) -> None: ...


def sandbox_command(without: Sequence[str], device: str = "cpu") -> list[str]:
    bwrap = bubblewrap.program() if "namespaces" not in without else None
    if bwrap is None:
        return []
    return bubblewrap.command(bwrap, payload.visible(), payload.hidden(), payload.scratch(), payload.devices(device))


def _orders(mode: str, limits: Limits, without: Sequence[str], bubbled: bool) -> dict[str, Any]:
    outside = [str(ROOT / name) for name in ("solutions", "tests")]
    torch = importlib.util.find_spec("torch")
    return {
        "mode": mode,
        "limits": dataclasses.asdict(limits),
        "without": list(without),
        "visible": payload.visible(),
        "hidden": payload.hidden(),
        "needed": [
            path for path in (*payload.package_path(), torch.origin if torch else "") if os.path.exists(path or "")
        ],
        "forbidden": [*outside, str(PACKAGE), *_kept_at_home(), "/etc/passwd"],
        "scratch": payload.scratch(),
        "shared": sorted({*SHARED, tempfile.gettempdir()} - ({payload.scratch()} if LINUX else set())),
        "user": FIRST_USER + os.getpid(),
        "bubble": bubbled,
    }


def _kept_at_home() -> list[str]:
    """Some files of whoever runs this: a worker must not see them."""
    try:
        return [str(path) for path in sorted(Path.home().iterdir()) if path.is_file()][:3]
    except (OSError, RuntimeError):
        return []


def spawn(
    mode: str, limits: Limits, without: Sequence[str], wrap: Sequence[str], device: str = "cpu", tried: bool = False
) -> tuple[Server, socket.socket]:
    """A Python that sees nothing of this one but where its packages are, alive. Raises OSError where it is not."""
    ours, theirs = socket.socketpair()
    with theirs, cgroups.open_group(without) as (group, doors):
        process = Server(
            [*wrap, interpreter(), "-s", "-c", payload.PROGRAM, label()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("GRADER_DEBUG") else subprocess.DEVNULL,
            env=environment.of_worker(device),
            cwd=os.path.abspath(os.sep),
            pass_fds=() if WINDOWS else (theirs.fileno(), *doors),
            start_new_session=not WINDOWS,
        )
        process.group = group
        handed = theirs.share(process.pid) if WINDOWS else theirs.fileno()  # type: ignore[attr-defined]
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            orders = {**_orders(mode, limits, without, bool(wrap)), "device": device, "tried": tried, "doors": doors}
            process.stdin.write(payload.orders(**orders, devices=payload.devices(device), connection=handed))
            process.stdin.flush()
    if not _is_up(ours):
        ours.close()
        kill(process)
        raise OSError("the process for the learner's code did not come to life")
    return process, ours


def _is_up(connection: socket.socket) -> bool:
    connection.settimeout(START_SECONDS)
    with contextlib.suppress(OSError):  # Windows says so of a process that has died
        return connection.recv(1) == UP
    return False


def label() -> str:
    """The last word of the command line of every process that this grader's workers live in: `ps` shows whose it is."""
    return f"worker-of-{os.getpid()}"


def kill(process: Server) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    if process.group is not None:
        process.group.remove()


def describe_exit(code: int, no_memory: bool = False) -> str:
    """How a process ended, in words.

    Args:
        code: its exit status.
        no_memory: whether the kernel has just ended one in its control group for that.
    """
    if code == NO_MEMORY or (no_memory and code in KILLED):
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


def read_number(connection: socket.socket) -> int:
    return int(struct.unpack("<q", _exactly(connection, 8))[0])


def report(connection: socket.socket) -> dict[str, Any]:
    """What a worker saw around itself: sent before any learner's code is read."""
    report: dict[str, Any] = marshal.loads(_exactly(connection, read_number(connection)))
    return report


def limit_with_cgroup(process: Server, limits: Limits) -> list[str]:
    """Closes the control group around a process that is ready: the layer that this adds, if it holds."""
    return ["cgroup"] if process.group is not None and process.group.hold(limits) else []


def summary(report: dict[str, Any], limits: Limits) -> dict[str, Any]:
    return isolation.summary(report, ("process", "environment"), limits.memory_mb)
