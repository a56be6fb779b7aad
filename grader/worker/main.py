"""The process that runs a learner's code: receives requests, sends values back.

Started by `launch.py` through `boot.py`, it imports torch and then serves one learner's file, or (`fork`) does nothing
but fork: each fork enters its sandbox and serves one. It imports nothing that knows a check, a verdict or a solution.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import faulthandler
import functools
import gc
import io
import linecache
import marshal
import os
import re
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import torch

from grader.limits import MAX_OUTPUT
from grader.protocol.channel import CALLBACK, LINE, OUTPUT, REPLY, REQUEST, Channel, Closed
from grader.system import LINUX, give_back_memory, keep_freed_memory
from grader.worker import warmup
from grader.worker.executor import Executor
from grader.worker.fork_server import ForkServer, touch, try_layers
from grader.worker.sandbox import linux, probe
from grader.worker.sandbox.sandbox import Sandbox

LOOK_SECONDS = 0.25
"""How often a long request is asked at which line it is."""


class _Output(io.TextIOBase):
    """Standard output and error of the learner: the first characters go to the grader, the rest nowhere."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self.left = channel, MAX_OUTPUT

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        kept = str(text)[: self.left]
        self.left -= len(kept)
        if kept:
            self._channel.send(OUTPUT, kept.encode(errors="replace"))
        return len(text)

    def print_while_kept(self, print_all: Callable[..., None]) -> Callable[..., None]:
        """`print`, but what nobody would read is not even put into words: a tensor's take a millisecond."""

        @functools.wraps(print_all)
        def print_kept(*values: Any, **options: Any) -> None:
            if self.left or (options.get("file") or sys.stdout) is not self:
                print_all(*values, **options)

        return print_kept


def serve(connection: socket.socket) -> None:
    """Answers the grader until it hangs up."""
    channel = Channel(connection)
    output = _Output(channel)
    sys.stdout = sys.stderr = output
    builtins.print = output.print_while_kept(print)
    sys.breakpointhook = _no_breakpoint
    builtins.input = _no_input

    def ask(frame: bytes) -> bytes:
        channel.send(CALLBACK, frame)
        return channel.receive()[1]

    executor, busy = Executor(ask, alone=True), threading.Event()
    threading.Thread(target=_tell_lines, args=(executor, busy, channel), daemon=True).start()
    channel.send(REPLY, b"ready")
    while True:
        try:
            kind, frame = channel.receive()
        except Closed:
            return
        output.left = MAX_OUTPUT if kind == REQUEST else output.left
        busy.set()
        reply = executor.answer(frame)
        busy.clear()
        channel.send(REPLY, reply)


def _no_breakpoint(*_: object, **__: object) -> None:
    raise RuntimeError("breakpoint() needs a terminal, and there is none here; the line after `step in:` has one")


def _no_input(*_: object) -> str:
    raise EOFError("input() waits for somebody at a keyboard, and there is nobody while grading")


def _tell_lines(executor: Executor, busy: threading.Event, channel: Channel) -> None:
    """Says where a long request is, so that a loop without end has a line when its time is up."""
    with contextlib.suppress(Closed, OSError):  # OSError: there is nothing to look with
        look = _Look()
        while busy.wait():
            time.sleep(LOOK_SECONDS)
            line = look.line(executor.file) if busy.is_set() else None
            if line is not None:
                channel.send(LINE, line.to_bytes(4, "little"))


def loop_of(file: str, lines: Sequence[int]) -> int:
    """The line of the loop that a file is in: of the outermost call, the outermost loop. The same on every run.

    Where there is no loop it is the line that the innermost call has come to.

    Args:
        lines: the line of each call, the innermost first.
    """
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return lines[0]
    loops = [node for node in ast.walk(tree) if isinstance(node, (ast.While, ast.For))]
    for line in reversed(lines):
        around = [node.lineno for node in loops if node.lineno <= line <= (node.end_lineno or 0)]
        if around:
            return min(around)
    return lines[0]


class _Look:
    """Looks where the other threads are, in one call that lets none of them run.

    To follow their frames step by step in Python lets them run in between, and from a frame that has ended meanwhile
    a step may lead into memory that is no frame: seen once, in CPython 3.11.
    """

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        if hasattr(os, "set_blocking"):
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
            os.set_blocking(self._write, False)  # what is too long is cut
        else:  # Windows before Python 3.12: a full pipe would block for good, a file is never full
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the process lives)

    def line(self, file: str) -> int | None:
        """The line of a file that is at work, in the innermost call."""
        with contextlib.suppress(OSError, ValueError):  # the code may have closed what it finds open
            dump, name = self._dump(), file.encode("ascii", "backslashreplace")
            found = re.findall(rb'File "' + re.escape(name) + rb'", line (\d+) in', dump)
            return loop_of(file, [int(line) for line in found]) if found else None
        return None

    def _dump(self) -> bytes:
        if self._file is None:
            faulthandler.dump_traceback(self._write, all_threads=True)
            return os.read(self._read, 1 << 16)
        self._file.seek(0)
        self._file.truncate()
        faulthandler.dump_traceback(self._file, all_threads=True)
        self._file.seek(0)
        return self._file.read()


def _be_alone(scratch: str) -> None:
    """Standard input and output lead nowhere, and the folder is nobody's."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    if LINUX:
        tempfile.tempdir = scratch  # whether it can be written to is the sandbox's matter
    os.chdir("/" if LINUX else tempfile.gettempdir())
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115


def _end_with_the_grader() -> None:
    """Where no signal comes when the grader is gone, its end of standard input closes."""
    stdin = os.dup(0)

    def wait() -> None:
        os.read(stdin, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(orders: dict[str, Any]) -> None:
    """Starts as the grader ordered: to fork workers or to be one."""
    connection: socket.socket = orders["connection"]
    linux.die_with_parent()
    if not LINUX:
        _end_with_the_grader()
    torch.set_num_threads(1)
    keep_freed_memory()
    torch.ones(2, 2).softmax(-1)
    if orders["mode"] != "serve":
        warmup.run_once()
    if orders["mode"] == "fork to train":
        warmup.make_an_optimizer()
    connection.set_inheritable(False)
    _be_alone(orders["scratch"])
    gc.collect()
    give_back_memory()
    gc.freeze()
    if orders["mode"] in ("fork many", "fork to train"):
        warmup.use_huge_pages()
    box = Sandbox(orders)
    if LINUX and not orders["tried"]:
        _tell(connection, try_layers(box, orders))
    if orders["mode"] != "serve":
        ForkServer(connection, box, serve).run()
        return
    entered = box.enter()
    touch(orders["device"])
    if not LINUX and not orders["tried"]:
        _tell(connection, probe.look_around(orders, [*entered, "lifetime"]))
    serve(connection)


def _tell(connection: socket.socket, report: dict[str, Any]) -> None:
    data = marshal.dumps(report)
    connection.sendall(struct.pack("<q", len(data)) + data)
