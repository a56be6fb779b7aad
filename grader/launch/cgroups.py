"""Control groups: the kernel bounds the memory and the processes of a server and of everything that it starts.

Only where this process may make them. Version 1: as root, below its own groups in /sys/fs/cgroup/memory and .../pids.
Version 2: below its own group, or below the one above where that was delegated to it; a group that holds processes
cannot give its children controllers, and nobody's processes are moved for that: it does not hold there.

The process joins by itself, before it imports anything: it is handed the open `cgroup.procs` files, for nothing of
/sys is to be seen where it lives. The group's name says whose it is: what a dead grader left is removed at a start.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.limits import Limits

ROOT, PROC = Path("/sys/fs/cgroup"), Path("/proc")
CONTROLLERS = ("memory", "pids")
SPARE_MB, SPARE_PROCESSES = 32, 8
"""For what the kernel itself needs for them, and for a worker that is still ending."""
REMOVE_SECONDS = 2.0
_NAME = re.compile(r"grader-(\d+)-(\d+)-(\d+)-\d+")
"""The number of the process numbers' namespace, of the grader's process, its start time, and a count."""
_count = itertools.count(1)
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.memsw.limit_in_bytes", "rss", "memory.oom_control")
_V2 = ("memory.max", "memory.current", "memory.swap.max", "anon", "memory.events")


class Group:
    """A control group for one server, made in these folders, one per controller. Raises OSError where it cannot be."""

    def __init__(self, homes: dict[str, Path]) -> None:
        name = f"{_prefix()}{os.getpid()}-{_started(os.getpid())}-{next(_count)}"
        self._memory, self._pids = (homes[controller] / name for controller in CONTROLLERS)
        self.places = sorted({self._memory, self._pids})
        self._limit, self._used, self._swap, self._own, self._ended = _V2 if len(self.places) == 1 else _V1
        try:
            for place in self.places:
                place.mkdir()
        except OSError:
            self.remove()
            raise

    def joining_files(self, opened: contextlib.ExitStack) -> list[int]:
        """Open files: a process that writes 0 into each is in the group."""
        joining_files = []
        for place in self.places:
            joining_files.append(os.open(place / "cgroup.procs", os.O_WRONLY))
            opened.callback(os.close, joining_files[-1])
        return joining_files

    def hold(self, limits: Limits) -> bool:
        """Sets the limits, before any learner's code is there. Whether the kernel says that they bind the server.

        They come on top of what the server has by now, and of a worker's copy of that: what fits into the limits of a
        worker itself is never ended by these. They are for all the workers of a server together.
        """
        memory, pids = self._memory / self._limit, self._pids / "pids.max"
        try:
            held = int(_read(self._memory / self._used)) + _named(self._memory / "memory.stat", self._own)
            bytes_ = (held >> 20) + limits.memory_mb + limits.disk_mb + SPARE_MB << 20
            tasks = int(_read(self._pids / "pids.current")) + limits.processes + SPARE_PROCESSES
            memory.write_text(str(bytes_), encoding="ascii")
            pids.write_text(str(tasks), encoding="ascii")
            with contextlib.suppress(OSError):  # memory and swap together, or swap alone; not every kernel counts it
                (self._memory / self._swap).write_text("0" if self._swap in _V2 else str(bytes_), encoding="ascii")
            inside = all(_read(place / "cgroup.procs").strip() for place in self.places)
            return inside and (int(_read(memory)), int(_read(pids))) == (bytes_, tasks)
        except (OSError, ValueError):
            return False

    def killed(self) -> int:
        """How many of its processes the kernel has ended for their memory."""
        with contextlib.suppress(OSError, ValueError):
            return _named(self._memory / self._ended, "oom_kill")
        return 0

    def remove(self) -> None:
        """Ends what is left in it, and removes it."""
        for place in self.places:
            _remove(place, REMOVE_SECONDS)


@contextlib.contextmanager
def open_group(without: Sequence[str]) -> Iterator[tuple[Group | None, list[int]]]:
    """A new control group and its joining_files for the process that is started now; None where there can be none."""
    group: Group | None = None
    joining_files: list[int] = []
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(OSError, ValueError):
            if "cgroup" not in without and (found := homes()):
                sweep(found)
                group = Group(found)
                joining_files = group.joining_files(opened)
        try:
            yield group, joining_files
        except BaseException:
            if group is not None:
                group.remove()
            raise


def homes(root: Path = ROOT, proc: Path = PROC) -> dict[str, Path] | None:
    """Controller -> the folder in which this process may make a group; None where it may not. Only Linux has /proc."""
    own = {}
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, names, path = line.split(":", 2)
        own.update(dict.fromkeys(names.split(","), path.lstrip("/")))
    if any(".." in Path(path).parts for path in own.values()):  # it lies outside of what is to be seen here
        return None
    if all(name in own for name in CONTROLLERS):
        found = {name: root / name / own[name] for name in CONTROLLERS}
        return found if all(os.access(folder, os.W_OK) for folder in found.values()) else None
    home = _unified(root, root / own[""]) if "" in own and (root / "cgroup.controllers").exists() else None
    return dict.fromkeys(CONTROLLERS, home) if home is not None else None


def _unified(root: Path, own: Path) -> Path | None:
    """Of version 2: this process's group or the delegated one above, where its children can have both controllers."""
    wanted = set(CONTROLLERS)
    for home in (own, own.parent) if own != root else (own,):
        if not os.access(home, os.W_OK) or (home != own and not _delegated(home)):
            continue
        if wanted <= set(_read(home / "cgroup.controllers").split()):
            with contextlib.suppress(OSError):  # refused where the group holds processes
                if not wanted <= set(_read(home / "cgroup.subtree_control").split()):
                    (home / "cgroup.subtree_control").write_text("+memory +pids", encoding="ascii")
                return home
    return None


def _delegated(folder: Path) -> bool:
    """Whether it was given to this user: it is theirs, or systemd has marked it."""
    if os.stat(folder).st_uid == os.geteuid() != 0:
        return True
    for mark in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(folder, mark) == b"1":
                return True
    return False


def clean_up_after(ended: int) -> None:
    """Removes what a process of this grader's, which it has killed, could not remove by itself."""
    with contextlib.suppress(OSError, ValueError):
        if found := homes():
            sweep(found, ended)


def sweep(found: dict[str, Path], ended: int = 0) -> None:
    """Removes the groups of graders that have ended. One that holds a process stays, unless it is this one's."""
    for home in set(found.values()):
        for folder in home.glob(f"{_prefix()}*"):
            name = _NAME.fullmatch(folder.name)
            if name and _started(int(name[2])) != name[3]:
                _remove(folder, REMOVE_SECONDS if int(name[2]) == ended else 0.0)


def _prefix() -> str:
    """What names begin with whose process numbers are numbers here."""
    return f"grader-{os.stat('/proc/self/ns/pid').st_ino}-"


def _started(number: int) -> str:
    """When a process started, in ticks since the machine did; nothing where there is no such process."""
    with contextlib.suppress(OSError, IndexError):
        return _read(PROC / str(number) / "stat").rpartition(")")[2].split()[19]
    return ""


def _remove(folder: Path, seconds: float) -> None:
    """Removes a group that holds nothing; in these seconds, ends what it holds."""
    end = time.monotonic() + seconds
    while folder.exists():
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        if time.monotonic() >= end:
            return
        with contextlib.suppress(OSError):
            for number in _read(folder / "cgroup.procs").split():
                os.kill(int(number), signal.SIGKILL)
        time.sleep(0.002)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _named(file: Path, name: str) -> int:
    """The number behind a name. Raises ValueError where there is none."""
    lines = dict(line.split(None, 1) for line in _read(file).splitlines())
    return int(lines.get(name, "none"))
