"""The files of a tar archive, packed with gzip or not. It is read once, from its beginning."""

from __future__ import annotations

import gzip
import stat
import tarfile
from contextlib import ExitStack
from functools import partial
from typing import IO

from grader.submissions.bounds import MAX_ARCHIVE_IN_ARCHIVE, MAX_NOTEBOOK, MAX_RATIO, Bounds, Unreadable
from grader.submissions.files import NOTEBOOK, PYTHON, Listing, Member, inside, kind_of, shown, what_it_is


def list_tar(file: IO[bytes], listing: Listing, bounds: Bounds, opened: ExitStack) -> None:
    """Adds the files of a tar to `listing`. Raises Unreadable, and what gzip and tarfile raise."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    unpacked = opened.enter_context(gzip.GzipFile(fileobj=file)) if packed else file
    with tarfile.open(fileobj=_Stream(unpacked, file, bounds), mode="r|") as archive:  # type: ignore[call-overload]
        for info in archive:
            bounds.count()
            path = inside(info.name, listing)
            if path is None or info.isdir():
                continue
            if not info.isreg() or info.issparse():
                linked = info.issym() or info.islnk()
                listing.problems.append(f"{shown(path)} {what_it_is(stat.S_IFLNK if linked else stat.S_IFIFO)}")
                continue
            data = _data(archive, info, bounds)
            listing.members.append(Member(path, info.size, float(info.mtime), partial(_read, data)))


def _data(archive: tarfile.TarFile, info: tarfile.TarInfo, bounds: Bounds) -> bytes | None:
    """The bytes of a file that may be an exercise, as nobody can come back for them."""
    from grader.submissions.archives import extension_of_archive

    is_archive = bool(extension_of_archive(info.name))
    if not is_archive and kind_of(info.name) not in (PYTHON, NOTEBOOK):
        return None
    if info.size > (MAX_ARCHIVE_IN_ARCHIVE if is_archive else MAX_NOTEBOOK):
        return None  # and whoever wants it whole is told that it is too large
    bounds.keep(info.size)
    file = archive.extractfile(info)
    return file.read() if file is not None else None


def _read(data: bytes | None, limit: int) -> bytes:
    if data is None:
        raise Unreadable("was not kept")
    return data[:limit]


class _Stream:
    """What comes out of a packed file: no more than it can honestly hold."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, packed: IO[bytes], bounds: Bounds) -> None:
        self._file, self._packed, self._bounds = file, packed, bounds
        self._total = 0

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._total += len(data)
        self._bounds.unpack(len(data))
        if self._total > 1 << 24 and self._total > MAX_RATIO * self._packed.tell():
            raise Unreadable(f"unpacks to more than {MAX_RATIO} times its size: what came after was left out")
        return data
