"""Archives, read in memory and within bounds. Nothing is ever written to a path that an archive names."""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
from calendar import timegm
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import IO, Any

from grader.submissions.bounds import (
    MAX_ARCHIVE_IN_ARCHIVE,
    MAX_NESTING,
    MAX_NOTEBOOK,
    MAX_RATIO,
    MAX_SAVED_NOTEBOOK,
    Bounds,
    DiskError,
    Unreadable,
)
from grader.submissions.files import (
    NOTEBOOK,
    PYTHON,
    Listing,
    SubmittedFile,
    inside,
    is_litter,
    kind_of,
    read,
    what_it_is,
)
from grader.submissions.saved_outputs import read_without_outputs
from grader.text import shown


def list_tar(file: IO[bytes], listing: Listing, bounds: Bounds, opened: ExitStack) -> None:
    """Adds the files of a tar to `listing`. Raises Unreadable, and what gzip and tarfile raise."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    unpacked = opened.enter_context(gzip.GzipFile(fileobj=file)) if packed else file
    stream = _Stream(unpacked, file, bounds)
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        for info in archive:
            path = _counted(info.name, listing, bounds, is_folder=info.isdir())
            if path is None:
                continue
            if not info.isreg() or info.issparse():
                linked = info.issym() or info.islnk()
                listing.problems.append(f"{shown(path)} {what_it_is(stat.S_IFLNK if linked else stat.S_IFIFO)}")
                continue
            data = _data(archive, info, bounds, stream)
            size = len(data) if data is not None else info.size
            listing.members.append(SubmittedFile(path, size, float(info.mtime), partial(_read, data)))


def _counted(name: str, listing: Listing, bounds: Bounds, *, is_folder: bool) -> str | None:
    """A file's path, or None for one that is left out. A folder is noted, also one with nothing but hidden files."""
    path = inside(name, listing)
    if path is None:
        return None
    parts = path.split("/")
    plain = next((place for place, part in enumerate(parts) if is_litter(part)), len(parts))
    if plain == len(parts):
        bounds.count()
    if is_folder or plain < len(parts):
        listing.folders += ["/".join(parts[:plain])] if plain else []
        return None
    return path


def _data(archive: tarfile.TarFile, info: tarfile.TarInfo, bounds: Bounds, stream: _Stream) -> bytes | None:
    """The bytes of a file that may be an exercise, as nobody can come back for them."""
    is_archive = bool(extension_of_archive(info.name))
    if not is_archive and kind_of(info.name) not in (PYTHON, NOTEBOOK):
        return None
    kept_up_to = MAX_SAVED_NOTEBOOK if kind_of(info.name) == NOTEBOOK else MAX_NOTEBOOK
    if info.size > (MAX_ARCHIVE_IN_ARCHIVE if is_archive else kept_up_to):
        return None  # and whoever wants it whole is told that it is too large
    file = archive.extractfile(info)
    if file is None:
        return b""
    if kind_of(info.name) != NOTEBOOK:
        bounds.keep(info.size)
        return file.read()
    try:
        data = stream.leniently(lambda: read_without_outputs(file, MAX_NOTEBOOK, MAX_SAVED_NOTEBOOK))
    except Unreadable:
        return None
    bounds.keep(len(data))
    return data


def _read(data: bytes | None, limit: int) -> bytes:
    if data is None:
        raise Unreadable(f"is too large: a file of more than {MAX_NOTEBOOK:,} bytes, outputs aside, is not read")
    return data[:limit]


class _Stream:
    """What comes out of a packed file: no more than it can honestly hold, saved outputs of notebooks aside."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, packed: IO[bytes], bounds: Bounds) -> None:
        self._file, self._packed, self._bounds = file, packed, bounds
        self._total, self._lenient = 0, False

    def leniently(self, read: Callable[[], tuple[bytes, int]]) -> bytes:
        """Reads a notebook: what is not kept of it does not count."""
        before, self._lenient = self._total, True
        try:
            kept, size = read()
        finally:
            self._lenient = False
        if len(kept) < size:
            self._total = before + len(kept)
        return kept

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._total += len(data)
        self._bounds.unpack(len(data))
        if not self._lenient and self._total > 1 << 24 and self._total > MAX_RATIO * self._packed.tell():
            raise Unreadable(f"unpacks to more than {MAX_RATIO} times its size: what came after was left out")
        return data


def list_zip(file: IO[bytes], listing: Listing, bounds: Bounds, opened: ExitStack) -> None:
    """Adds the files of a zip to `listing`; `opened` keeps it open. Raises Unreadable, and what zipfile raises."""
    guard = _Guard(file, bounds.directory)
    archive = opened.enter_context(zipfile.ZipFile(guard))
    guard.limit = None
    infos = archive.infolist()
    _refuse_overlap(infos)
    for info in infos:
        mode = info.external_attr >> 16
        path = _counted(info.filename, listing, bounds, is_folder=info.is_dir())
        if path is None:
            continue
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            listing.problems.append(f"{shown(path)} {what_it_is(mode)}")
        else:
            listing.members.append(
                SubmittedFile(path, info.file_size, _modified(info), partial(_read_zipped, archive, info))
            )


def _modified(info: zipfile.ZipInfo) -> float:
    try:
        return float(timegm((*info.date_time, 0, 0, 0)))
    except ValueError:  # the 0th of a 15th month
        return 0.0


def _refuse_overlap(infos: list[zipfile.ZipInfo]) -> None:
    """Files that share their bytes are how a small archive unpacks to a huge one. No program packs like that."""
    for one, other in pairwise(sorted(infos, key=lambda info: info.header_offset)):
        if one.header_offset + 30 + one.compress_size > other.header_offset:
            raise Unreadable("was rejected: its files overlap, as in a zip bomb")


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    if info.flag_bits & 1:
        raise Unreadable("is encrypted: hand it in without a password")
    swollen = info.file_size > 1 << 20 and info.file_size > MAX_RATIO * max(info.compress_size, 1)
    if swollen and kind_of(info.filename) != NOTEBOOK:
        raise Unreadable(f"unpacks to more than {MAX_RATIO} times its size and was left out")
    try:
        with archive.open(info) as file:
            if kind_of(info.filename) != NOTEBOOK:
                return file.read(min(limit, info.file_size + 1))
            return _notebook_in_zip(file, info, limit)
    except Unreadable:
        raise
    except Exception as error:  # zipfile raises whatever a damaged archive makes it raise
        raise Unreadable(f"is damaged in its archive ({shown(str(error)) or type(error).__name__})") from None


def _notebook_in_zip(file: IO[bytes], info: zipfile.ZipInfo, limit: int) -> bytes:
    """A notebook without its outputs; what is left may not be swollen either."""
    honest = max(1 << 20, MAX_RATIO * max(info.compress_size, 1))
    words = f"unpacks to more than {MAX_RATIO} times its size and was left out" if honest < limit else ""
    return read_without_outputs(file, min(limit, honest), MAX_SAVED_NOTEBOOK, words)[0]


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


_EXTENSION = re.compile(r"\.(zip|tar|tar\.gz|tgz|gz|tar\.bz2|tbz2|bz2|tar\.xz|txz|xz|rar|7z)$", re.IGNORECASE)
_OTHERS = {
    b"Rar!": ("a RAR archive", (".rar",)),
    b"7z\xbc\xaf": ("a 7z archive", (".7z",)),
    b"BZh": ("packed with bzip2", (".bz2", ".tbz2", ".tar.bz2")),
    b"\xfd7zXZ": ("packed with xz", (".xz", ".txz", ".tar.xz")),
}
_ADVICE = "hand in a .zip, a .tar.gz or the files themselves"
Reader = Callable[[IO[bytes], Listing, Bounds, ExitStack], None]


def extension_of_archive(name: str) -> str:
    """`.zip`, `.tar.gz` ... at the end of a name, or nothing."""
    found = _EXTENSION.search(name)
    return found[0] if found else ""


class Unpacker:
    """Opens the archives of one submission and those that lie in them. A context: it closes what it opened.

    Args:
        bounds: how much may come out of all of them together.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._opened = ExitStack()

    def __enter__(self) -> Unpacker:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def expand(self, listing: Listing, nesting: int = 0) -> Listing:
        """The same listing, with the files of each archive in place of the archive."""
        expanded = Listing(problems=list(listing.problems), unreadable=list(listing.unreadable))
        for member in listing.members:
            if not extension_of_archive(member.name):
                expanded.members.append(member)
            elif nesting == MAX_NESTING:
                expanded.problems.append(f"{shown(member.path)} lies in {nesting} archives and was not opened")
            else:
                inner = self.expand(self.contents(member), nesting + 1)
                expanded.members += inner.members
                expanded.problems += inner.problems
                expanded.unreadable += inner.unreadable
        return expanded

    def contents(self, member: SubmittedFile) -> Listing:
        """What an archive holds. A damaged one still gives what could be read before the damage."""
        listing = Listing()
        try:
            self._bounds.count()
            file = self._open(member)
            _reader(file, member.name)(file, listing, self._bounds, self._opened)
        except DiskError as error:
            listing.unreadable.append(f"{shown(member.path)} {error}")
        except Unreadable as error:
            listing.problems.append(f"{shown(member.path)} {error}")
        except Exception as error:  # the libraries that read archives raise whatever a damaged one makes them raise
            why = shown(str(error)) or type(error).__name__
            listing.problems.append(f"{shown(member.path)} is damaged or incomplete ({why}): create it again")
        counted = Counter(one.path for one in listing.members)
        for path in [path for path, times in counted.items() if times > 1][:3]:
            listing.problems.append(f"{shown(member.path)} holds {shown(path)} more than once: the last one counts")
        last = {one.path: one for one in listing.members}
        members = [replace(one, path=f"{member.path}/{one.path}") for one in last.values()]
        folders = [f"{member.path}/{folder}" for folder in dict.fromkeys(listing.folders)]
        return Listing(members, listing.problems, listing.unreadable, folders)

    def _open(self, member: SubmittedFile) -> IO[bytes]:
        if member.disk is None:
            return io.BytesIO(member.whole(MAX_ARCHIVE_IN_ARCHIVE))
        read(member.disk, 1)  # raises where it is no plain file, before anything waits for it
        try:
            return self._opened.enter_context(member.disk.open("rb"))
        except OSError as error:
            raise DiskError(f"cannot be read: {error.strerror}") from None


def _reader(file: IO[bytes], name: str) -> Reader:
    """How to read an archive, by its first bytes: names lie."""
    start = file.read(512)
    file.seek(0)
    if start.startswith(b"PK"):
        return list_zip
    if start.startswith(b"\x1f\x8b") or start[257:262] == b"ustar":
        return list_tar
    if not start:
        raise Unreadable(f"is empty: {_ADVICE}")
    for magic, (kind, endings) in _OTHERS.items():
        if start.startswith(magic):
            lies = "" if extension_of_archive(name).lower() in endings else ", whatever its name says"
            raise Unreadable(f"is {kind}{lies}, and is not opened here: {_ADVICE}")
    raise Unreadable(f"is no archive that can be read: {_ADVICE}")
