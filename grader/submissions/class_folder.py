"""Which things a class handed in: what lies in a folder, or in the one archive that an LMS gives for a whole class."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from grader.errors import UsageError
from grader.submissions.archives import Unpacker, extension_of_archive
from grader.submissions.bounds import Unreadable
from grader.submissions.files import NOTEBOOK, PYTHON, Listing, SubmittedFile, in_folder, is_litter, read, what_it_is
from grader.submissions.lms import METADATA, Submitter, is_export, origins, without_extension
from grader.text import shown

MAX_METADATA = 64 << 20


@dataclass(frozen=True)
class Item:
    """Something in a folder or in an archive.

    Args:
        is_folder: whether it holds others.
        listing: its files.
        inner: what it holds.
    """

    is_folder: bool
    listing: Callable[[], Listing]
    inner: Callable[[], dict[str, Item]]


@dataclass(frozen=True)
class Handin:
    """One thing that was handed in, by its exact name."""

    name: str
    item: Item
    origin: Submitter


@dataclass
class Found:
    """What a class handed in; what is wrong with the whole; what was passed over, as nobody hands it in."""

    handed: list[Handin] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def handed_in(submissions: Path, slugs: Sequence[str], unpacker: Unpacker) -> Found:
    """Everything that was handed in. Raises UsageError where there is nothing to read.

    Args:
        submissions: a folder or an archive of what each student handed in, or one such thing itself.
        slugs: every exercise's.
        unpacker: for an archive of the whole class.
    """
    if not submissions.exists():
        raise UsageError(f"{submissions}: there is no such folder or archive")
    path = submissions.resolve()
    found, name = Found(), path.name
    if path.is_dir():
        items = on_disk(path)
    elif extension_of_archive(name):
        items = _in_archive(submissions, path, unpacker, found)
    else:
        found.handed.append(Handin(name, of_path(path), Submitter(without_extension(name), name)))
        return found
    found.ignored += [one for one in items if is_litter(one)]
    items = {one: item for one, item in items.items() if not is_litter(one)}
    if _is_one_submission(items, slugs):
        found.handed.append(Handin(name, of_path(path), Submitter(name if path.is_dir() else without_extension(name))))
        return found
    name, items = _unwrapped(name, items, slugs, is_archive=not path.is_dir())
    texts = [_text(item) for one, item in items.items() if one in METADATA]
    people = {one: item for one, item in items.items() if one not in METADATA}
    owners = origins({one: item.is_folder for one, item in people.items()}, name, "".join(texts[:1]))
    found.handed += [Handin(one, item, owners[one]) for one, item in people.items()]
    return found


def _in_archive(submissions: Path, path: Path, unpacker: Unpacker, found: Found) -> dict[str, Item]:
    listing = unpacker.contents(_member(path, path.stat()))
    found.problems += listing.problems
    if not listing.members:
        raise UsageError("; ".join([f"{submissions} holds no submission", *listing.problems[:1]]))
    return of_members([replace(one, path=one.path.partition("/")[2]) for one in listing.members])


def _is_one_submission(items: dict[str, Item], slugs: Sequence[str]) -> bool:
    """Whether this is what one person handed in: exercise files and no folders, or a copy of the kit."""
    if "exercises" in items and items["exercises"].is_folder:
        return any(f"{slug}.py" in items["exercises"].inner() for slug in slugs)
    if any(item.is_folder or extension_of_archive(name) for name, item in items.items()):
        return False
    return any(name in items for slug in slugs for name in (slug + PYTHON, slug + NOTEBOOK))


def _unwrapped(
    name: str, items: dict[str, Item], slugs: Sequence[str], *, is_archive: bool
) -> tuple[str, dict[str, Item]]:
    """What a class handed in, out of the one folder that it may lie in, and that folder's name."""
    if len(items) == 1:
        ((only, item),) = items.items()
        inner = {one: each for one, each in item.inner().items() if not is_litter(one)} if item.is_folder else {}
        several = sum(each.is_folder or extension_of_archive(one) != "" for one, each in inner.items()) > 1
        packed = is_archive and several and not _is_one_submission(inner, slugs)
        if packed or is_export(dict.fromkeys(inner, True)):
            return only, inner
    return without_extension(name) if is_archive else name, items


def _text(item: Item) -> str:
    try:
        return "".join(member.whole(MAX_METADATA).decode(errors="replace") for member in item.listing().members)
    except Unreadable:
        return ""


# ---------------------------------------------------------------------------------------------- on the disk


def on_disk(folder: Path) -> dict[str, Item]:
    """What lies in a folder. Raises UsageError where it can't be read."""
    try:
        return {path.name: of_path(path) for path in sorted(folder.iterdir())}
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from None


def of_path(path: Path) -> Item:
    """What lies at a path. A link is never followed."""
    is_folder = path.is_dir() and not path.is_symlink()
    return Item(is_folder, partial(listing_of, path), partial(on_disk, path))


def listing_of(path: Path) -> Listing:
    """The files at a path: those of a folder, or the one that it is."""
    try:
        status = path.lstat()
    except OSError as error:
        return Listing(problems=[f"{shown(path.name)} cannot be read: {error.strerror}"])
    if stat.S_ISDIR(status.st_mode):
        return in_folder(path)
    if not stat.S_ISREG(status.st_mode):
        return Listing(problems=[f"{shown(path.name)} {what_it_is(status.st_mode)}"])
    return Listing([_member(path, status)])


def _member(path: Path, status: os.stat_result) -> SubmittedFile:
    return SubmittedFile(path.name, status.st_size, status.st_mtime, partial(read, path), path)


# ---------------------------------------------------------------------------------------------- in an archive


def of_members(members: Sequence[SubmittedFile]) -> dict[str, Item]:
    """What lies at the top of an archive with these files."""
    groups: dict[str, list[SubmittedFile]] = {}
    items: dict[str, Item] = {}
    for member in members:
        top, _, rest = member.path.partition("/")
        if rest:
            groups.setdefault(top, []).append(replace(member, path=rest))
        else:
            items[top] = Item(False, partial(Listing, [member]), dict)
    for top, inside in groups.items():
        items[top] = Item(True, partial(Listing, inside), partial(of_members, inside))
    return dict(sorted(items.items()))
