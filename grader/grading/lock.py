"""One grader at a time in one folder. The lock is the operating system's: it goes with the process that holds it."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

from filelock import FileLock, Timeout

from grader.errors import UsageError

LOCK = ".grading"
"""The file in a folder of results that is locked."""


class Lock:
    """Held from its making until `release`, or until the process dies, however it does.

    Raises UsageError if another process holds it, OSError where its file cannot be made.

    Args:
        path: a file that is made for it; beside it, in `path.by`, stands who holds it.
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)
        holder = path.with_name(path.name + ".by")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{path.parent} is in use: another grader writes to it{_said(holder)}") from None
        except (OSError, NotImplementedError):
            pass  # a file system without locks: nothing can be promised there
        holder.write_text(f"process {os.getpid()} on {platform.node()}\n", encoding="utf-8")

    @classmethod
    def of_folder(cls, out: Path) -> Lock:
        """The lock of a folder of results, which is made if need be. Raises UsageError."""
        try:
            out.mkdir(parents=True, exist_ok=True)
            return cls(out / LOCK)
        except OSError as error:
            raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from error

    def release(self) -> None:
        self._lock.release()


def _said(holder: Path) -> str:
    with contextlib.suppress(OSError):
        return f" ({holder.read_text(encoding='utf-8').strip()})"
    return ""
