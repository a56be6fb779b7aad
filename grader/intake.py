"""What people handed in: folders, archives, files and notebooks become the files of exercises. Runs none of them.

Everything that is not taken as it is becomes a sentence in `problems`. Nothing is skipped silently, and no
submission can stop the intake of another.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.archives import Unpacker, extension_of_archive
from grader.bounds import MAX_PROBLEMS
from grader.choosing import Chooser
from grader.discovery import Exercise
from grader.errors import UsageError
from grader.matching import Matcher
from grader.members import Listing, Member, in_folder, is_litter, shown, visible, what_it_is
from grader.members import read as read_file
from grader.source import File


@dataclass
class Entry:
    """What one student handed in.

    Args:
        id: who it is.
        source: the exact name of what was handed in.
        problems: a sentence for everything that was not taken as it is.
        files: slug -> the file that counts.
        handed_in: when, in seconds since 1970, as far as it is known.
    """

    id: str
    source: str
    problems: list[str] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    handed_in: float = 0.0

    @property
    def digest(self) -> str:
        """What its content is known by: anything that could change its results changes this."""
        parts = [self.source, *self.problems]
        for slug, file in sorted(self.files.items()):
            parts += [slug, file.name, file.refusal, str(file.definitions_only), hashlib.sha256(file.text).hexdigest()]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def read(submissions: Path, exercises: Sequence[Exercise]) -> list[Entry]:
    """Every student's files, in the order of their ids. Raises UsageError where `submissions` can't be read."""
    if not submissions.is_dir():
        raise UsageError(f"{submissions}: there is no such folder")
    matcher = Matcher(exercises)
    paths = sorted(path for path in submissions.iterdir() if not is_litter(path.name))
    found = [_read_entry(path, matcher) for path in paths]
    return sorted((entry for entry in found if entry is not None), key=lambda entry: entry.id)


def read_one(target: Path, exercises: Sequence[Exercise]) -> Entry:
    """The files of one person: a folder, an archive, a file or a notebook. Raises UsageError where there is none."""
    if not target.exists():
        raise UsageError(f"--target {target}: there is no such folder or file")
    path = target.resolve() if target.is_symlink() else target
    return _read_entry(path, Matcher(exercises)) or Entry(target.name, target.name)


def _read_entry(path: Path, matcher: Matcher) -> Entry | None:
    """What lies at a path, or None for an empty folder."""
    with Unpacker() as unpacker:
        listing = unpacker.expand(_listing(path))
        if path.is_dir() and not listing.members and not listing.problems:
            return None
        if not path.is_dir():  # what lies in alice.zip is called by its name in it
            listing.members = [replace(one, path=one.path.removeprefix(f"{path.name}/")) for one in listing.members]
        chosen = Chooser(listing.members, matcher)
    problems = listing.problems + chosen.problems
    if not listing.members and not problems:
        problems = [f"{shown(path.name)} holds no file"]
    return Entry(_id(path), visible(path.name), problems[:MAX_PROBLEMS], chosen.files, chosen.newest)


def _id(path: Path) -> str:
    """The name less its extension."""
    name = unicodedata.normalize("NFC", visible(path.name))
    if path.is_dir():
        return name
    return name.removesuffix(extension_of_archive(name) or os.path.splitext(name)[1])


def _listing(path: Path) -> Listing:
    try:
        status = path.lstat()
    except OSError as error:
        return Listing(problems=[f"{shown(path.name)} cannot be read: {error.strerror}"])
    if stat.S_ISDIR(status.st_mode):
        return in_folder(path)
    if not stat.S_ISREG(status.st_mode):
        return Listing(problems=[f"{shown(path.name)} {what_it_is(status.st_mode)}"])
    return Listing([Member(path.name, status.st_size, status.st_mtime, lambda limit: read_file(path, limit), path)])
