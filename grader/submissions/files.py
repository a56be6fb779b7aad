"""The files of one submission: names, sizes and bytes. Nothing is followed, opened or read that is no plain file."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from grader.submissions.bounds import MAX_FILES, MAX_FOLDERS_DEEP, MAX_PATH, MAX_SAVED_NOTEBOOK, DiskError, Unreadable
from grader.submissions.saved_outputs import read_without_outputs
from grader.text import shown

PYTHON, NOTEBOOK = ".py", ".ipynb"
LITTER = {"__MACOSX", "__pycache__", "site-packages", "venv", "node_modules", "Thumbs.db", "desktop.ini"}
"""Names that nobody hands in on purpose; nor anything that begins with a dot."""
OF_THE_KIT = ["exercises", "__init__.py"]
"""Lets a file in that folder import the others; it lies in every copy of the exercises."""
_DRIVE = re.compile(r"[A-Za-z]:")
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class SubmittedFile:
    """A plain file of a submission.

    Args:
        path: where it lies in the submission, with slashes.
        size: in bytes, as its container says.
        modified: seconds since 1970, as its container says.
        read: its bytes, at most so many. Raises Unreadable.
        disk: where it lies on this disk as it is, if it does.
    """

    path: str
    size: int
    modified: float
    read: Callable[[int], bytes]
    disk: Path | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder it lies in, with a slash at the end; empty at the top."""
        return self.path[: len(self.path) - len(self.name)]

    @property
    def depth(self) -> int:
        return self.path.count("/")

    def whole(self, limit: int) -> bytes:
        """All its bytes, but for a notebook's outputs. Raises Unreadable where there are more than `limit`."""
        too_large = self.size > (MAX_SAVED_NOTEBOOK if kind_of(self.name) == NOTEBOOK else limit)
        data = b"" if too_large else self.read(limit + 1)
        if too_large or len(data) > limit:
            raise Unreadable(f"is too large: a file of more than {limit:,} bytes is not read")
        return data


@dataclass
class Listing:
    """What a container holds: its plain files, and a sentence for everything else.

    Args:
        unreadable: sentences about what this disk does not let anybody read: no fault of who handed it in.
        folders: the folders of an archive, those with nothing in them too.
    """

    members: list[SubmittedFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def is_litter(path: str) -> bool:
    """Whether some part of a path is hidden, or left behind by a program."""
    parts = path.split("/")
    return parts[-2:] == OF_THE_KIT or any(part.startswith(".") or part in LITTER for part in parts)


def kind_of(name: str) -> str:
    """`.py`, `.ipynb` or something else; what a mail program or an LMS appends is no part of it."""
    stem, suffix = os.path.splitext(name.lower())
    inner = os.path.splitext(stem)[1]
    return inner if suffix in (".txt", ".json") and inner in (PYTHON, NOTEBOOK) else suffix


def inside(name: str, listing: Listing) -> str | None:
    """A name in an archive as a path, or None for one that is left out; `listing` says why."""
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or _DRIVE.match(path) or ".." in parts:
        listing.problems.append(f"{shown(name)} points out of its archive and was left out")
        return None
    if len(parts) > MAX_FOLDERS_DEEP or len(path) > MAX_PATH:
        listing.problems.append(f"{shown(name)} lies too deep and was left out")
        return None
    return "/".join(parts) or None


def in_folder(folder: Path, leave_out: Path | None = None) -> Listing:
    """The files of a folder, those near the top first. Links are never followed.

    Args:
        leave_out: a folder in it that is not to be looked at.
    """
    listing = Listing()
    queue = deque([(folder, "")])
    left = MAX_FILES
    while queue:
        here, prefix = queue.popleft()
        try:
            entries = list(islice(_entries(here), left + 1))
        except OSError as error:
            listing.unreadable.append(f"the folder {shown(prefix) or 'itself'} cannot be read: {error.strerror}")
            continue
        left -= len(entries)
        if left < 0:
            listing.problems.append(f"it holds more than {MAX_FILES:,} files: those beyond were not looked at")
            entries.pop()
            queue.clear()
        for entry in sorted(entries, key=lambda entry: entry.name):
            if leave_out is None or Path(entry.path) != leave_out:
                _add(entry, prefix + entry.name, listing, queue)
    return listing


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not is_litter(entry.name))


def _add(entry: os.DirEntry[str], path: str, listing: Listing, queue: deque[tuple[Path, str]]) -> None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        listing.unreadable.append(f"{shown(path)} cannot be read: {error.strerror}")
        return
    if stat.S_ISREG(status.st_mode):
        disk = Path(entry.path)
        listing.members.append(
            SubmittedFile(path, status.st_size, status.st_mtime, lambda limit: read(disk, limit), disk)
        )
    elif not stat.S_ISDIR(status.st_mode):
        listing.problems.append(f"{shown(path)} {what_it_is(status.st_mode)}")
    elif path.count("/") >= MAX_FOLDERS_DEEP:
        listing.problems.append(f"{shown(path)} lies more than {MAX_FOLDERS_DEEP} folders deep and was not looked at")
    else:
        queue.append((Path(entry.path), path + "/"))


def member_at(path: Path, status: os.stat_result) -> SubmittedFile:
    """A plain file on this disk."""
    return SubmittedFile(path.name, status.st_size, status.st_mtime, partial(read, path), path)


def what_it_is(mode: int) -> str:
    """Why something that is no file and no folder was left out."""
    if stat.S_ISLNK(mode):
        return "is a link, and links are not followed: hand in the file itself"
    return "is no plain file (a pipe, a socket or a device) and was not opened"


def read(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a plain file. Never follows a link, never waits for a pipe. Raises Unreadable."""
    try:
        handle = os.open(path, _OPEN)
    except OSError as error:
        raise DiskError(f"cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable("is no plain file and was not read")
        try:
            if kind_of(path.name) == NOTEBOOK:
                return read_without_outputs(file, limit, MAX_SAVED_NOTEBOOK)[0]
            return file.read(limit)
        except OSError as error:
            raise DiskError(f"cannot be read: {error.strerror}") from None
