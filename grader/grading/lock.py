"""One grader at a time in one folder. The lock is the operating system's: it goes with the process that holds it."""

from __future__ import annotations

import errno
import os
import platform
from pathlib import Path

from grader.errors import UsageError
from grader.files import lock_descriptor

_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class Lock:
    """Held from its making until `release`, or until the process dies, however it does.

    Raises UsageError if another process holds it.

    Args:
        path: a file that is made for it and stays.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+", encoding="utf-8")
        try:
            lock_descriptor(self._file.fileno(), wait=False)
        except OSError as error:
            if error.errno not in _HELD:
                return  # a file system without locks: nothing can be promised there
            holder = _holder(path)
            self._file.close()
            raise UsageError(f"{path.parent} is in use: another grader writes to it{holder}") from None
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {platform.node()}\n")
        self._file.flush()

    def release(self) -> None:
        self._file.close()


def _holder(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:  # Windows does not let others read what is locked
        return ""
    return f" ({text})" if text else ""
