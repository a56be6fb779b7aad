"""The process that runs a learner's code: receives requests, sends values back.

Started by `launch.py` with a clean environment, it imports torch and then serves one learner's file, or (`fork`)
does nothing but fork: each fork serves one. It imports nothing that knows a check, a verdict or a solution.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from typing import Any

import torch

import grader
from grader.channel import CALLBACK, OUTPUT, REPLY, REQUEST, Channel, Closed
from grader.limits import MAX_OUTPUT
from grader.servant import Servant

FORK = b"f"
ALIVE = -1
_PR_SET_PDEATHSIG = 1


class _Output(io.TextIOBase):
    """Standard output and error of the learner: the first characters go to the judge, the rest nowhere."""

    def __init__(self, channel: Channel, lock: threading.Lock) -> None:
        self._channel, self._lock, self.left = channel, lock, MAX_OUTPUT

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        kept = str(text)[: self.left]
        self.left -= len(kept)
        if kept:
            with self._lock:
                self._channel.send(OUTPUT, kept.encode(errors="replace"))
        return len(text)


def serve(connection: socket.socket) -> None:
    """Answers the judge until it hangs up."""
    channel, lock = Channel(connection), threading.Lock()
    output = _Output(channel, lock)
    sys.stdout = sys.stderr = output

    def send(kind: int, frame: bytes) -> None:
        with lock:
            channel.send(kind, frame)

    def ask(frame: bytes) -> bytes:
        send(CALLBACK, frame)
        return channel.receive()[1]

    servant = Servant(ask, alone=True)
    send(REPLY, b"ready")
    while True:
        try:
            kind, frame = channel.receive()
        except Closed:
            return
        output.left = MAX_OUTPUT if kind == REQUEST else output.left
        send(REPLY, servant.answer(frame))


def forget_the_kit() -> None:
    """Leaves nothing of the kit to import: its folder (unless torch is there too), its finders, its other modules."""
    root = _folder_above(grader.__file__)
    if root != _folder_above(torch.__file__):
        sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != root]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in repr(finder)]
    sys.path_importer_cache.clear()
    grader.__path__.clear()


def _folder_above(package: str) -> str:
    return os.path.realpath(os.path.join(os.path.dirname(package), os.pardir))


def _be_alone() -> None:
    """Standard input and output lead nowhere, the folder is empty, nothing is written beside it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.chdir(tempfile.gettempdir())
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115


def die_with_parent() -> None:
    """Linux ends this process when its parent ends, however that comes about."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def fork_server(control: socket.socket) -> None:
    """Forks a worker for every connection received; ends one, and says how it ended, when told to.

    Requests: `f` with one descriptor -> the child's number; `e` + number + patience -> its status as `os.waitpid`
    gives it, -1 where it had to be killed.
    """
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 17, 1)
        if not data:
            return
        if data[:1] == FORK:
            child = os.fork()
            if child == 0:
                control.close()
                _child(descriptors[0])
            os.close(descriptors[0])
            control.sendall(struct.pack("<q", child))
        else:
            control.sendall(struct.pack("<q", _end(*struct.unpack("<qd", data[1:17]))))


def _child(descriptor: int) -> None:
    try:
        os.setsid()
        die_with_parent()
        serve(socket.socket(fileno=descriptor))
    finally:
        os._exit(0)


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


def _connection(argument: str) -> socket.socket:
    """The socket that the judge handed over: a descriptor, or on Windows its description on standard input."""
    if argument != "stdin":
        return socket.socket(fileno=int(argument))
    size = struct.unpack("<I", sys.stdin.buffer.read(4))[0]
    share: Any = getattr(socket, "fromshare")  # noqa: B009
    return share(sys.stdin.buffer.read(size))  # type: ignore[no-any-return]


def main(mode: str, argument: str) -> None:
    """Starts as `fork` or `serve` on the connection that `argument` names."""
    die_with_parent()
    torch.set_num_threads(1)
    torch.ones(2, 2).softmax(-1)
    connection = _connection(argument)
    connection.set_inheritable(False)
    forget_the_kit()
    _be_alone()
    gc.collect()
    gc.freeze()
    if mode == "fork":
        fork_server(connection)
    else:
        serve(connection)
