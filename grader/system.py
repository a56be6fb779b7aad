"""Which system this is: asked here and nowhere else, so that a test can make it another one."""

from __future__ import annotations

import contextlib
import os
import sys

NAME = sys.platform
LINUX, MACOS, WINDOWS = NAME == "linux", NAME == "darwin", NAME == "win32"


def interpreter() -> str:
    """The program to start for a Python process that this one hands an open connection to.

    In a virtual environment on Windows `sys.executable` is a launcher: the Python that it starts is another process,
    and a connection can be handed to a process alone whose number is known. It finds no packages of the environment:
    whoever starts it says where they are.
    """
    return getattr(sys, "_base_executable", "") or sys.executable if WINDOWS else sys.executable


def can_fork() -> bool:
    """Whether a process that has imported torch may fork: on a Mac the system's own libraries do not bear it."""
    return LINUX and hasattr(os, "fork")


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def can_open_a_window() -> bool:
    """Whether a browser would be a window: one that takes the terminal instead is not started."""
    return WINDOWS or MACOS or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def give_back_memory() -> None:
    """Hands the system what was freed and is kept for later: after its imports a process waits, and may be many."""
    if LINUX:
        import ctypes

        with contextlib.suppress(AttributeError):  # not every C library has it
            ctypes.CDLL(None).malloc_trim(0)


KEPT_MEMORY = 64 << 20
"""Bytes that a process keeps when it has freed them."""


def keep_freed_memory() -> None:
    """Keeps as much freed memory as a thousand tokens need, for what is allocated next.

    The scores of 1,100 tokens are 5 MB in each step of an attention. To have the system hand out such pages again and
    again, each filled with zeros, costs as much as to compute with them.
    """
    if LINUX:
        import ctypes

        trim_threshold, mmap_threshold = -1, -3  # of <malloc.h>
        with contextlib.suppress(AttributeError):  # not every C library has it
            set_option = ctypes.CDLL(None).mallopt
            set_option(mmap_threshold, KEPT_MEMORY // 2)
            set_option(trim_threshold, KEPT_MEMORY)
