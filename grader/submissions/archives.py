"""Archives, read in memory and within bounds. Nothing is ever written to a path that an archive names."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import IO

from grader.submissions.bounds import MAX_ARCHIVE_IN_ARCHIVE, MAX_NESTING, Bounds, Unreadable
from grader.submissions.files import Listing, Member, read, shown

_EXTENSION = re.compile(r"\.(zip|tar|tar\.gz|tgz|gz|tar\.bz2|tbz2|bz2|tar\.xz|txz|xz|rar|7z)$", re.IGNORECASE)
_OTHERS = {
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
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
        expanded = Listing(problems=list(listing.problems))
        for member in listing.members:
            if not extension_of_archive(member.name):
                expanded.members.append(member)
            elif nesting == MAX_NESTING:
                expanded.problems.append(f"{shown(member.path)} lies in {nesting} archives and was not opened")
            else:
                inner = self.expand(self.contents(member), nesting + 1)
                expanded.members += inner.members
                expanded.problems += inner.problems
        return expanded

    def contents(self, member: Member) -> Listing:
        """What an archive holds. A damaged one still gives what could be read before the damage."""
        listing = Listing()
        try:
            self._bounds.count()
            file = self._open(member)
            _reader(file)(file, listing, self._bounds, self._opened)
        except Unreadable as error:
            listing.problems.append(f"{shown(member.path)} {error}")
        except Exception as error:  # the libraries that read archives raise whatever a damaged one makes them raise
            why = shown(str(error)) or type(error).__name__
            listing.problems.append(f"{shown(member.path)} is damaged or was cut off ({why}): make it anew")
        counted = Counter(one.path for one in listing.members)
        for path in [path for path, times in counted.items() if times > 1][:3]:
            listing.problems.append(f"{shown(member.path)} holds {shown(path)} more than once: the last one counts")
        last = {one.path: one for one in listing.members}
        return Listing([replace(one, path=f"{member.path}/{one.path}") for one in last.values()], listing.problems)

    def _open(self, member: Member) -> IO[bytes]:
        if member.disk is None:
            return io.BytesIO(member.whole(MAX_ARCHIVE_IN_ARCHIVE))
        read(member.disk, 1)  # raises where it is no plain file, before anything waits for it
        try:
            return self._opened.enter_context(member.disk.open("rb"))
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from None


def _reader(file: IO[bytes]) -> Reader:
    """How to read an archive, by its first bytes: names lie."""
    start = file.read(512)
    file.seek(0)
    if start.startswith(b"PK"):
        from grader.submissions.zips import list_zip

        return list_zip
    if start.startswith(b"\x1f\x8b") or start[257:262] == b"ustar":
        from grader.submissions.tars import list_tar

        return list_tar
    if not start:
        raise Unreadable(f"is empty: {_ADVICE}")
    kind = next((kind for magic, kind in _OTHERS.items() if start.startswith(magic)), "no archive that can be read")
    raise Unreadable(f"is {kind}, whatever its name says: {_ADVICE}")
