"""Tries, from inside a sandbox, what it should refuse: a report says what was seen to work, not what was asked for."""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from grader.system import LINUX
from grader.worker.sandbox.linux import dies_with_parent


def look_around(orders: dict[str, Any], entered: Sequence[str]) -> dict[str, Any]:
    """What holds here. `entered` are the layers whose system calls succeeded; each must also show its effect."""
    limits, bounded = orders["limits"], LINUX and orders["device"] == "cpu"
    shown: dict[str, Callable[[], bool]] = {
        "scratch": lambda: _room(orders["scratch"]) <= limits["disk_mb"] << 20,
        "user": lambda: os.getuid() == orders["user"],
        "limits": lambda: not bounded or _memory_ends(limits["memory_mb"] << 20),
        "lifetime": lambda: not LINUX or dies_with_parent(),
        "landlock": lambda: _refused(lambda: os.listdir("/")),
        "seccomp": lambda: _refused(_fork) and _refused(socket.socket),
    }
    layers = [layer for layer in entered if shown[layer]()]
    return {
        "layers": layers,
        "files": all(_refused(lambda path=path: _open(path)) for path in orders["forbidden"])  # type: ignore[misc]
        and all(_refused(lambda path=path: _write(path)) for path in orders["shared"]),  # type: ignore[misc]
        "network": _refused(_reach_out),
        "memory": "limits" in layers and bounded,
    }


def alone_in_namespaces() -> bool:
    """Whether this process sees no network but its own and few processes but itself: asked before any other layer."""
    numbers = [name for name in os.listdir("/proc") if name.isdigit()]
    return [name for _, name in socket.if_nameindex()] == ["lo"] and len(numbers) <= 4


def _refused(action: Callable[[], object]) -> bool:
    try:
        action()
    except OSError:
        return True
    return False


def _open(path: str) -> None:
    if os.path.isdir(path):
        names = os.listdir(path)
        if not names:
            raise OSError("an empty folder was put in its place")
    else:
        with open(path, "rb") as file:
            file.read(1)


def _write(folder: str) -> None:
    path = os.path.join(folder, f"grader-probe-{os.getpid()}")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)


def _reach_out() -> None:
    """Finds a route to an address reserved for documentation; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attempt:
        attempt.connect(("192.0.2.1", 9))


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def _room(path: str) -> int:
    about = os.statvfs(path)
    return about.f_frsize * about.f_blocks


def _memory_ends(size: int) -> bool:
    with contextlib.suppress(OSError, MemoryError):
        mmap.mmap(-1, size + (64 << 20)).close()
        return False
    return True
