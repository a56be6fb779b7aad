"""What this process asks of Linux: to end with its parent, to be the first to end, to take in orphans."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path
from typing import Any

from grader.system import LINUX

_PDEATHSIG, _GET_PDEATHSIG, _CHILD_SUBREAPER = 1, 2, 36
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def call(name: str, *arguments: Any) -> int:
    """A function of the C library. Raises OSError where it fails."""
    whole = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    result = int(getattr(_libc, name)(*whole))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


def die_with_parent() -> None:
    """Makes Linux kill this process when its parent ends, however it ends."""
    if LINUX:
        call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def dies_with_parent() -> bool:
    """Whether it does, asked of the kernel."""
    answer = ctypes.c_int(0)
    call("prctl", _GET_PDEATHSIG, ctypes.byref(answer), 0, 0, 0)
    return answer.value == signal.SIGKILL


def adopt_orphans() -> None:
    """Makes this process the parent of whatever its descendants leave behind."""
    if LINUX:
        call("prctl", _CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> set[int]:
    """The processes whose parent this one is."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as listed:
            return {int(number) for number in listed.read().split()}
    except OSError:
        return set()


def prefer_for_oom_kill() -> None:
    """Makes Linux kill this process first when memory is short, not the one that it was forked from."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
