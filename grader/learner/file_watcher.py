"""Notices that a learner saved, on every file system and with every way in which an editor saves. Imports no torch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import watchfiles

DEBOUNCE, STEP, TICK = 150, 5, 1000
"""Milliseconds: the longest wait for a save to be over, the silence that says so, a look without any event."""
NETWORK = frozenset({"9p", "afpfs", "cifs", "drvfs", "fuse.sshfs", "nfs", "nfs4", "prl_fs", "smb3", "smbfs", "vboxsf"})
"""File systems that tell nobody of a change made elsewhere."""

Signature = tuple[int, int, int]


def signature(file: Path) -> Signature | None:
    """What changes with every save; None where there is no file."""
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


class FolderWatch:
    """Calls `on_change` after something in a folder changed, and every second in case no event came."""

    def __init__(self, folder: Path, on_change: Callable[[], None]) -> None:
        self._folder, self._on_change = folder, on_change
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # no more watches to be had, or the folder is gone
            self._listen()
        while not self._over.wait(TICK / 1000):
            self._on_change()

    def _listen(self) -> None:
        changes = watchfiles.watch(
            self._folder,
            watch_filter=lambda _, path: path.endswith(".py"),
            debounce=DEBOUNCE,
            step=STEP,
            stop_event=self._over,
            rust_timeout=TICK,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
            force_polling=True if on_network(self._folder) else None,
        )
        for _ in changes:
            self._on_change()

    def close(self) -> None:
        self._over.set()
        self._thread.join()


def on_network(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether events can't be relied on here, as far as this machine says."""
    found, kind = Path(), ""
    with contextlib.suppress(OSError):
        for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
            _, point, name, *_ = line.split()
            place = Path(point.replace("\\040", " "))
            if folder.resolve().is_relative_to(place) and len(place.parts) >= len(found.parts):
                found, kind = place, name
    return kind in NETWORK
