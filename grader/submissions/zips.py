"""The files of a zip archive."""

from __future__ import annotations

import stat
import zipfile
from calendar import timegm
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from typing import IO, Any

from grader.submissions.bounds import MAX_DIRECTORY, MAX_RATIO, Bounds, Unreadable
from grader.submissions.files import Listing, Member, inside, shown, what_it_is


def list_zip(file: IO[bytes], listing: Listing, bounds: Bounds, opened: ExitStack) -> None:
    """Adds the files of a zip to `listing`; `opened` keeps it open. Raises Unreadable, and what zipfile raises."""
    guard = _Guard(file, MAX_DIRECTORY)
    archive = opened.enter_context(zipfile.ZipFile(guard))
    guard.limit = None
    infos = archive.infolist()
    _refuse_overlap(infos)
    for info in infos:
        bounds.count()
        mode = info.external_attr >> 16
        path = inside(info.filename, listing)
        if path is None or info.is_dir():
            continue
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            listing.problems.append(f"{shown(path)} {what_it_is(mode)}")
        else:
            listing.members.append(Member(path, info.file_size, _modified(info), partial(_read, archive, info)))


def _modified(info: zipfile.ZipInfo) -> float:
    try:
        return float(timegm((*info.date_time, 0, 0, 0)))
    except ValueError:  # the 0th of a 15th month
        return 0.0


def _refuse_overlap(infos: list[zipfile.ZipInfo]) -> None:
    """Files that share their bytes are how a small archive unpacks to a huge one. No program packs like that."""
    for one, other in pairwise(sorted(infos, key=lambda info: info.header_offset)):
        if one.header_offset + 30 + one.compress_size > other.header_offset:
            raise Unreadable("is no honest archive: files in it overlap, so it was not unpacked")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    if info.flag_bits & 1:
        raise Unreadable("is encrypted: hand it in without a password")
    if info.file_size > 1 << 20 and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise Unreadable(f"unpacks to more than {MAX_RATIO} times its size and was left out")
    try:
        with archive.open(info) as file:
            return file.read(min(limit, info.file_size + 1))
    except Exception as error:  # zipfile raises whatever a damaged archive makes it raise
        raise Unreadable(f"is damaged in its archive ({shown(str(error)) or type(error).__name__})") from None


class _Guard:
    """A file for zipfile that refuses one huge read: that of the list of files, which zipfile holds in memory."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file = file
        self.limit: int | None = limit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        if self.limit is not None and size > self.limit:
            raise Unreadable("holds more files than are looked at: hand in the exercise files alone")
        return self._file.read(size)
