"""Starts the processes that run learners' code, each with a clean environment and a connection to the grader.

Linux: one fork server that has imported torch and holds nothing else; a worker costs a fork. Elsewhere, and on a GPU,
forking is not safe, so every worker is a fresh process and the next one warms up beside the one in use.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Sequence
from typing import Any

from grader.errors import GraderError
from grader.launch import isolation
from grader.launch.fresh import FreshLauncher, SpawnLauncher
from grader.launch.spawn import (
    KILLED,
    describe_exit,
    kill,
    limit_with_cgroup,
    read_number,
    report,
    sandbox_command,
    spawn,
    summary,
)
from grader.launch.spawn import Launcher as Launcher
from grader.launch.spawn import Process as Process
from grader.limits import Limits
from grader.protocol.channel import Channel
from grader.system import can_fork

ALIVE = -1
"""What the fork server answers for a worker that had not ended."""
AHEAD = 4
"""The most processes that are kept ready where none can be forked: each holds some 250 MB."""


def launcher(
    limits: Limits | None = None,
    *,
    many: bool = False,
    trains: bool = False,
    without: Sequence[str] = (),
    count: int | None = None,
) -> Launcher:
    """The best way to start processes on this system. Raises GraderError where it starts none.

    Args:
        limits: what a worker may use.
        many: many workers will follow, so what is slow the first time is done once, before they are forked.
        trains: the same, and workers make optimizers of torch's: what the first of them imports is imported once, too.
        without: layers to leave out: for tests.
        count: how many workers will be asked for, where that is known.
    """
    if can_fork():
        return ForkLauncher(limits, without, mode="fork to train" if trains else "fork many" if many else "fork")
    ahead = 1 if count is None else max(1, min(AHEAD, (os.cpu_count() or 1) // 2))
    return FreshLauncher(limits, without, ahead=ahead, count=count)


class _Forked:
    def __init__(self, server: ForkLauncher, channel: Channel, number: int) -> None:
        self.channel, self._server, self._number = channel, server, number
        self._killed = server.killed()

    def end(self, patience: float = 0.0) -> str | None:
        self.channel.close()
        status = self._server.end(self._number, patience)
        starved = self._server.killed() > self._killed
        if status is None:  # it was alive, or the server is gone as well
            return describe_exit(KILLED[0], starved) if starved else None
        return describe_exit(os.waitstatus_to_exitcode(status), starved)


class ForkLauncher:
    """Asks one fork server for workers. It starts at once and imports torch while the grader does.

    Several threads may start workers and end them: the server answers one at a time.
    """

    name = "fork server"

    def __init__(self, limits: Limits | None = None, without: Sequence[str] = (), *, mode: str = "fork") -> None:
        self._limits, self._without, self._mode = limits or Limits(), without, mode
        self._works: bool | None = None
        self._on_gpu: SpawnLauncher | None = None
        self._grouped: list[str] | None = None
        self._wrap = sandbox_command(without)
        self._asking = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._report: dict[str, Any] | None = None
        try:
            self._server, self._control = spawn(self._mode, self._limits, self._without, self._wrap)
        except OSError:
            if not self._wrap:
                raise GraderError("Python could not be started for the learner's code") from None
            self._wrap = []  # this machine gives no namespaces
            self._begin()

    @property
    def isolation(self) -> dict[str, Any]:
        """What surrounds a worker, as one saw it."""
        return summary(self._ready(), self._limits)

    @property
    def refusals(self) -> dict[str, str]:
        refused: dict[str, str] = self._ready().get("refused", {})
        return refused

    def surrounds(self, devices: Sequence[str]) -> dict[str, Any]:
        """What surrounds every worker on these devices, as one on each saw it."""
        return isolation.weakest([self.isolation if d == "cpu" else self._gpu(d).isolation for d in devices])

    def _gpu(self, device: str) -> SpawnLauncher:
        self._on_gpu = self._on_gpu or SpawnLauncher(self._limits, self._without, device=device)
        return self._on_gpu

    def _ready(self) -> dict[str, Any]:
        """Waits until the server can fork. Raises OSError if it has died or is less isolated than reported."""
        if self._report is None:
            seen, layers = report(self._control), limit_with_cgroup(self._server, self._limits)
            if self._grouped and not layers:
                self._end_server()
                raise OSError("the limits around the process for the learner's code could not be set")
            self._grouped = layers
            self._report = {**seen, "layers": [*seen["layers"], *layers]}
        return self._report

    def killed(self) -> int:
        """How many processes the kernel has ended for their memory."""
        return self._server.group.killed() if self._server.group is not None else 0

    def start(self, device: str = "cpu") -> Process:
        """Raises GraderError when no process can be started: at once where none ever could."""
        if device != "cpu":
            return self._gpu(device).start()
        with self._asking:
            for _ in range(2 if self._works is not False else 0):
                ours, theirs = socket.socketpair()
                with theirs:
                    try:
                        self._ready()
                        socket.send_fds(self._control, [b"f"], [theirs.fileno()])
                        started = _Forked(self, Channel(ours), read_number(self._control))
                        self._works = True
                        return started
                    except OSError:
                        ours.close()
                        self._end_server()
                        self._begin()
            self._works = bool(self._works)
        raise GraderError("no process could be started for the learner's code")

    def end(self, number: int, patience: float) -> int | None:
        """The wait status of a worker that had ended, None of one that had to be killed."""
        with self._asking:
            try:
                self._control.sendall(b"e" + struct.pack("<qd", number, patience))
                status = read_number(self._control)
            except OSError:
                return None
        return None if status == ALIVE else status

    def close(self) -> None:
        if self._on_gpu is not None:
            self._on_gpu.close()
            self._on_gpu = None
        self._end_server()

    def _end_server(self) -> None:
        self._control.close()
        kill(self._server)
