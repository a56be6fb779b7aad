"""Workers that are fresh processes: where forking is not sound, and on a GPU."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from grader.errors import GraderError
from grader.launch import isolation
from grader.launch.isolation import LAYERS
from grader.launch.spawn import (
    Process,
    Server,
    describe_exit,
    kill,
    limit_with_cgroup,
    report,
    sandbox_command,
    spawn,
    summary,
)
from grader.limits import START_SECONDS, Limits
from grader.protocol.channel import Channel


class _Fresh:
    def __init__(self, process: Server, channel: Channel) -> None:
        self.channel, self._process = channel, process

    def end(self, patience: float = 0.0) -> str | None:
        self.channel.close()
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=patience)
        group = self._process.group
        words = None if code is None else describe_exit(code, group is not None and group.killed() > 0)
        kill(self._process)
        return words


class SpawnLauncher:
    """A new process every time; the next ones import torch while the current one works.

    Several threads may start them.

    Args:
        limits: what a worker may use.
        without: layers to leave out.
        ahead: how many processes are kept ready for what comes next.
        count: how many will be asked for in all, where that is known: no more are made ready.
        device: what the code works on. A GPU is touched by every process before it is given any code: one that the
            submission before has left hanging is noticed there, and is nobody's fault but the grader's.
    """

    name = "fresh processes"

    def __init__(
        self,
        limits: Limits | None = None,
        without: Sequence[str] = (),
        *,
        ahead: int = 1,
        count: int | None = None,
        device: str = "cpu",
    ) -> None:
        self._limits, self._without, self._device = limits or Limits(), tuple(without), device
        self._ahead, self._to_come = ahead, count
        self.refusals: dict[str, str] = {}
        self._next: Process | None = None
        self._isolation: dict[str, Any] | None = None
        self._failure = ""
        self._wrap = sandbox_command(without, device)
        self._starting = threading.Lock()
        self._warm = deque([self._first()])

    def _first(self) -> tuple[Server, socket.socket]:
        try:
            return self._start()
        except OSError as error:
            raise GraderError(f"Python could not be started for the learner's code: {error}") from None

    def _start(self) -> tuple[Server, socket.socket]:
        tried = self._isolation is not None
        try:
            return spawn("serve", self._limits, self._without, self._wrap, self._device, tried)
        except OSError:
            if not self._wrap:
                raise
            self._wrap = []
            return self._start()

    @property
    def isolation(self) -> dict[str, Any]:
        """What surrounds a worker, as the first one saw it."""
        if self._isolation is None:
            self._next = self.start()
        assert self._isolation is not None
        return self._isolation

    def surrounds(self, devices: Sequence[str]) -> dict[str, Any]:
        """What surrounds every worker: all are alike."""
        return self.isolation

    def start(self, device: str = "cpu") -> Process:
        """Raises OSError when no process can be started, GraderError when none can use the device."""
        with self._starting:
            return self._started()

    def _started(self) -> Process:
        if self._next is not None:
            ready, self._next = self._next, None
            return ready
        if self._failure:
            raise GraderError(self._failure)
        process, connection = self._ready()
        if self._isolation is None:
            seen = report(connection)
            if "failure" in seen:
                return self._less(process, connection, seen["failure"])
            seen["layers"] += self._closed_around(process, connection)
            self._isolation, self.refusals = summary(seen, self._limits), seen.get("refused", {})
            self._without = tuple(layer for layer in LAYERS if layer not in self._isolation["layers"])
        elif process.group is not None and not self._closed_around(process, connection):
            connection.close()
            kill(process)
            raise OSError("the limits around a worker could not be set before it had read any code")
        self._make_ready()
        return _Fresh(process, Channel(connection))

    def _ready(self) -> tuple[Server, socket.socket]:
        """One that was made ready and still lives, else a new one."""
        while self._warm:
            process, connection = self._warm.popleft()
            if process.poll() is None:
                return process, connection
            connection.close()
            kill(process)
        return self._start()

    def _make_ready(self) -> None:
        if self._to_come is not None:
            self._to_come -= 1
        while len(self._warm) < (self._ahead if self._to_come is None else min(self._ahead, self._to_come)):
            self._warm.append(self._start())

    def _less(self, process: Server, connection: socket.socket, failure: str) -> Process:
        """Tries without namespaces where the device does not work inside."""
        connection.close()
        kill(process)
        if self._wrap:
            self._wrap = []
        else:
            self._failure = (
                f"no process for the learner's code can use {self._device} (--device cpu leaves it out): {failure}"
            )
        return self._started()

    def _closed_around(self, process: Server, connection: socket.socket) -> list[str]:
        """The layer of the control group, if it holds: what is ready for code, its device touched, is in it."""
        if process.group is not None:
            select.select([connection], [], [], START_SECONDS)
        return limit_with_cgroup(process, self._limits)

    def close(self) -> None:
        if self._next is not None:
            self._next.end()
        for process, connection in self._warm:
            _Fresh(process, Channel(connection)).end()
        self._warm.clear()


class FreshLauncher:
    """Fresh processes, for each device its own: those for the CPU see no GPU.

    Args:
        limits: what a worker may use.
        without: layers to leave out.
        ahead: how many processes are kept ready for what comes next.
        count: how many will be asked for in all, where that is known.
    """

    name = "fresh processes"

    def __init__(
        self,
        limits: Limits | None = None,
        without: Sequence[str] = (),
        *,
        ahead: int = 1,
        count: int | None = None,
    ) -> None:
        self._limits, self._without = limits, without
        self._by_device = {"cpu": SpawnLauncher(limits, without, ahead=ahead, count=count)}

    def _on(self, device: str) -> SpawnLauncher:
        if device not in self._by_device:
            self._by_device[device] = SpawnLauncher(self._limits, self._without, device=device)
        return self._by_device[device]

    @property
    def isolation(self) -> dict[str, Any]:
        return self._on("cpu").isolation

    @property
    def refusals(self) -> dict[str, str]:
        return self._on("cpu").refusals

    def surrounds(self, devices: Sequence[str]) -> dict[str, Any]:
        """What surrounds every worker on these devices, as one on each saw it."""
        return isolation.weakest([self._on(device).isolation for device in devices])

    def start(self, device: str = "cpu") -> Process:
        return self._on(device).start()

    def close(self) -> None:
        for one in self._by_device.values():
            one.close()
