"""The process that runs a learner's code: receives requests, sends values back.

Started by `launch.py` through `boot.py`, it imports torch and then serves one learner's file, or (`fork`) does nothing
but fork: each fork enters its sandbox and serves one. It imports nothing that knows a check, a verdict or a solution.
"""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import functools
import gc
import importlib
import io
import marshal
import os
import re
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import torch

from grader.limits import MAX_OUTPUT
from grader.protocol.channel import CALLBACK, LINE, OUTPUT, REPLY, REQUEST, Channel, Closed
from grader.worker import warmup
from grader.worker.executor import Executor
from grader.worker.fork_server import ForkServer, touch, try_layers
from grader.worker.sandbox import linux, probe
from grader.worker.sandbox.sandbox import Sandbox

LOOK_SECONDS = 0.25
"""How often a long request is asked at which line it is."""
PUT_OFF = (
    *(
        "torch._dynamo",
        "torch.fx.experimental.symbolic_shapes",
        "torch.testing",
        "torch._refs",
        "torch._meta_registrations",
    ),
    *("encodings.idna", "encodings.latin_1", "encodings.ascii", "encodings.utf_16", "encodings.utf_8_sig"),
)
"""What torch and Python import at the first use of something."""


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


def _tell_lines(executor: Executor, busy: threading.Event, channel: Channel) -> None:
    """Says where a long request is, so that a loop without end has a line when its time is up."""
    look = _Look()
    with contextlib.suppress(Closed):
        while busy.wait():
            time.sleep(LOOK_SECONDS)
            line = look.line(executor.file) if busy.is_set() else None
            if line is not None:
                channel.send(LINE, line.to_bytes(4, "little"))


class _Look:
    """Looks where the other threads are, in one call that lets none of them run.

    To follow their frames step by step in Python lets them run in between, and from a frame that has ended meanwhile
    a step may lead into memory that is no frame: seen once, in CPython 3.11.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)  # what is too long is cut

    def line(self, file: str) -> int | None:
        """The line of a file that is at work, in the innermost call."""
        with contextlib.suppress(OSError, ValueError):  # the code may have closed what it finds open
            faulthandler.dump_traceback(self._write, all_threads=True)
            dump, name = os.read(self._read, 1 << 16), file.encode("ascii", "backslashreplace")
            found = re.search(rb'File "' + re.escape(name) + rb'", line (\d+) in', dump)
            return int(found[1]) if found else None
        return None


def _be_alone(scratch: str) -> None:
    """Standard input and output lead nowhere, and the folder is nobody's."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    if linux.LINUX:
        tempfile.tempdir = scratch  # whether it can be written to is the sandbox's matter
    os.chdir("/" if linux.LINUX else tempfile.gettempdir())
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115


def _end_with_the_grader() -> None:
    """Where no signal comes when the grader is gone, its end of standard input closes."""
    stdin = os.dup(0)

    def wait() -> None:
        os.read(stdin, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _import_what_torch_puts_off() -> None:
    """A second and a half at the first optimizer, compiled mask or codec, which else every worker would pay."""
    for name in PUT_OFF:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def main(orders: dict[str, Any]) -> None:
    """Starts as the grader ordered: to fork workers or to be one."""
    connection: socket.socket = orders["connection"]
    linux.die_with_parent()
    if not linux.LINUX:
        _end_with_the_grader()
    torch.set_num_threads(1)
    torch.ones(2, 2).softmax(-1)
    if orders["mode"] == "fork many":
        _import_what_torch_puts_off()
        warmup.run_once()
    connection.set_inheritable(False)
    _be_alone(orders["scratch"])
    gc.collect()
    gc.freeze()
    if orders["mode"] == "fork many":
        warmup.use_huge_pages()
    box = Sandbox(orders)
    if linux.LINUX and not orders["tried"]:
        _tell(connection, try_layers(box, orders))
    if orders["mode"] != "serve":
        ForkServer(connection, box, serve).run()
        return
    entered = box.enter()
    touch(orders["device"])
    if not linux.LINUX and not orders["tried"]:
        _tell(connection, probe.look_around(orders, [*entered, "lifetime"]))
    serve(connection)


def _tell(connection: socket.socket, report: dict[str, Any]) -> None:
    data = marshal.dumps(report)
    connection.sendall(struct.pack("<q", len(data)) + data)
