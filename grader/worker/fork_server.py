"""The process that does nothing but fork workers: it holds no check, no seed and no learner's code."""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import torch

from grader.worker.sandbox import linux, probe, sandbox
from grader.worker.sandbox.sandbox import Sandbox

ALIVE = -1
HARD_ON_DRIVERS = ("seccomp", "landlock", "scratch", "user")
"""Layers that a GPU's driver may not bear, the likeliest first."""


def try_layers(box: Sandbox, orders: dict[str, Any]) -> dict[str, Any]:
    """Lets a child enter the sandbox and look around; the layers that worked for it are kept for every worker.

    A GPU must work inside: layers that its driver cannot bear are left out, one after another. Where it works in none,
    the report has a `failure`, in words.
    """
    nothing: dict[str, Any] = {"layers": [], "files": False, "network": False, "memory": False}
    report = nothing
    for layer in (None, *HARD_ON_DRIVERS):
        box.leave_out(layer)
        report = {**nothing, **_seen_by_a_child(box, orders)}
        if "failure" not in report:
            break
    box.keep(report["layers"])
    if orders["bubble"] and probe.alone_in_namespaces():
        report["layers"].append("namespaces")
    return report


def _seen_by_a_child(box: Sandbox, orders: dict[str, Any]) -> dict[str, Any]:
    """The child's report, or its `failure` where it died."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            entered = box.enter(trying=True)
            touch(orders["device"])
            os.write(theirs, marshal.dumps({**probe.look_around(orders, entered), "refused": box.refused}))
        except BaseException as error:
            os.write(theirs, marshal.dumps({"failure": f"{type(error).__name__}: {error}"[:300]}))
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    seen: dict[str, Any] = marshal.loads(data) if data else {"failure": "it ended without a word"}
    return seen


def touch(device: str) -> None:
    """Adds two numbers on a GPU and waits for the sum: starts its driver."""
    if device != "cpu":
        torch.ones(2, device=device).sum().item()


class ForkServer:
    """Forks a worker for every connection received; ends one, and says how it ended, when told to.

    Requests: `f` with one descriptor -> the child's number; `e` + number + patience -> its status as `os.waitpid`
    gives it, -1 where it had to be killed.

    Args:
        control: the connection to the grader.
        box: what every worker enters.
        serve: what a worker then does with its connection.
    """

    def __init__(self, control: socket.socket, box: Sandbox, serve: Callable[[socket.socket], None]) -> None:
        self._control = control
        self._sandbox = box
        self._serve = serve
        self._live: set[int] = set()
        linux.adopt_orphans()

    def run(self) -> None:
        """Serves until the grader closes the connection."""
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._control, 17, 1)
            if not data:
                return
            if data[:1] == b"f":
                self._control.sendall(struct.pack("<q", self._fork(descriptors[0])))
            else:
                self._control.sendall(struct.pack("<q", self._end(*struct.unpack("<qd", data[1:17]))))

    def _fork(self, descriptor: int) -> int:
        child = os.fork()
        if child == 0:
            self._work(descriptor)
        os.close(descriptor)
        self._live.add(child)
        return child

    def _end(self, child: int, patience: float) -> int:
        status = _end(child, patience)
        self._live.discard(child)
        while strangers := linux.children() - self._live:  # what it has started, where nothing forbade that
            for stranger in strangers:
                _end(stranger, 0.0)
        return status

    def _work(self, descriptor: int) -> None:
        status = sandbox.BROKEN
        try:
            self._control.close()
            self._sandbox.enter()
            os.closerange(3, descriptor)
            os.closerange(descriptor + 1, 1024)
            self._serve(socket.socket(fileno=descriptor))
            status = 0
        except MemoryError:
            status = sandbox.NO_MEMORY
        finally:
            os._exit(status)


def _end(child: int, patience: float) -> int:
    deadline = time.monotonic() + patience
    while True:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return status
        if time.monotonic() >= deadline:
            break
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return ALIVE
