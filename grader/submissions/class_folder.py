"""Which things a class handed in: what lies in a folder, or in the one archive that an LMS gives for a whole class."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from grader.errors import UsageError
from grader.kit.discovery import NUMBERED
from grader.submissions import github, gradescope
from grader.submissions.archives import Unpacker, extension_of_archive
from grader.submissions.bounds import Unreadable
from grader.submissions.files import (
    NOTEBOOK,
    PYTHON,
    Listing,
    SubmittedFile,
    in_folder,
    is_litter,
    kind_of,
    member_at,
    what_it_is,
)
from grader.submissions.lms import is_export, origins, without_extension
from grader.submissions.people import Submitter
from grader.text import listed, shown

MAX_METADATA = 64 << 20
NESTED = 3
"""Folders and archives of a platform that may lie in one another around a class."""
KIT = ("exercises", "solutions", "tests", "grader")
"""The kit's own folders."""
_SPREADSHEETS = (".csv", ".tsv", ".xls", ".xlsx", ".ods", ".numbers")
_PAPERS = re.compile(r"(readme|license|changelog|notice)(\.(md|txt|rst))?|.*requirements.*\.txt|pyproject\.toml", re.I)
_RESULTS = ("results.json", "results.jsonl", "run.json", "gradebook.csv", "report.html")
_OWN_TESTS = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py|__init__\.py|setup\.py", re.I)


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


def handed_in(submissions: Path, slugs: Sequence[str], unpacker: Unpacker, leave_out: Path | None = None) -> Found:
    """Everything that was handed in. Raises UsageError where there is nothing to read.

    Args:
        submissions: a folder or an archive of what each student handed in, or one such thing itself.
        slugs: every exercise's.
        unpacker: for an archive of the whole class.
        leave_out: a folder that is no submission, wherever it lies: the results.
    """
    if not submissions.exists():
        raise UsageError(f"{submissions}: there is no such folder or archive")
    path = submissions.resolve()
    found, name = Found(), path.name
    if path.is_dir():
        items = on_disk(path, leave_out)
    elif extension_of_archive(name):
        items = _in_archive(submissions, path, unpacker, found)
    else:
        found.handed.append(Handin(name, of_path(path), Submitter(without_extension(name), name)))
        return found
    items = _without_litter(items, found)
    if _is_one_submission(items, slugs):
        found.handed.append(
            Handin(name, of_path(path, leave_out), Submitter(name if path.is_dir() else without_extension(name)))
        )
        return found
    name, items = _unwrapped(name, items, unpacker, found, slugs, is_archive=not path.is_dir())
    texts = [_text(item) for one, item in items.items() if one in gradescope.METADATA]
    people = {one: item for one, item in items.items() if one not in gradescope.METADATA}
    people = _without_strays(people, name, found)
    owners = origins({one: item.is_folder for one, item in people.items()}, name, "".join(texts[:1]))
    found.handed += [Handin(one, item, owners[one]) for one, item in people.items()]
    return found


def _without_litter(items: dict[str, Item], found: Found) -> dict[str, Item]:
    found.ignored += [one for one in items if is_litter(one)]
    return {one: item for one, item in items.items() if not is_litter(one)}


def _without_strays(items: dict[str, Item], folder: str, found: Found) -> dict[str, Item]:
    """What may be a person's, without what lies beside a class: papers, spreadsheets, old results, the kit itself."""
    known = origins(dict.fromkeys(items, False), folder)
    strays = [
        one for one, item in items.items() if known[one].student in (one, without_extension(one)) and _stray(one, item)
    ]
    if strays:
        names = listed([shown(one + "/" if items[one].is_folder else one) for one in strays])
        found.problems.append(f"left out, as nobody's submission: {names}")
    return {one: item for one, item in items.items() if one not in strays}


def _stray(name: str, item: Item) -> bool:
    """Whether it lies beside the submissions and is none."""
    if not item.is_folder:
        return bool(_PAPERS.fullmatch(name)) or name.lower().endswith(_SPREADSHEETS) or name in github.EXTRAS
    if name in KIT and any(NUMBERED.match(member.name) for member in item.listing().members):
        return True
    return _is_results(item)


def _is_results(item: Item) -> bool:
    """Whether a folder holds what `grader grade` has written, and nobody's code."""
    names = item.inner()
    return sum(name in _RESULTS for name in names) > 1 and not any(
        _is_code(member.name) for member in item.listing().members
    )


def _is_code(name: str) -> bool:
    return kind_of(name) in (PYTHON, NOTEBOOK) or extension_of_archive(name) != ""


def _in_archive(submissions: Path, path: Path, unpacker: Unpacker, found: Found) -> dict[str, Item]:
    listing = unpacker.contents(member_at(path, path.stat()))
    found.problems += listing.problems
    if not listing.members and not listing.folders:
        raise UsageError("; ".join([f"{submissions} holds no submission", *listing.problems[:1]]))
    return of_listing(listing, strip=1)


def _is_one_submission(items: dict[str, Item], slugs: Sequence[str]) -> bool:
    """Whether this is what one person handed in: files called exactly like exercises, or a copy of the kit.

    Any other code beside them may be another person's, and is then taken for that.
    """
    exact = {name for slug in slugs for name in (slug + PYTHON, slug + NOTEBOOK)}
    if "exercises" in items and items["exercises"].is_folder:
        if not any(f"{slug}.py" in items["exercises"].inner() for slug in slugs):
            return False
        others = {name: item for name, item in items.items() if name not in (*KIT, "notebooks", "labs")}
        return not any(
            any(_is_code(member.name) for member in item.listing().members)
            if item.is_folder
            else extension_of_archive(name)
            or (_is_code(name) and re.search(r"ex\d\d", name, re.I) and name not in exact)
            for name, item in others.items()
        )
    if any(item.is_folder or extension_of_archive(name) for name, item in items.items()):
        return False
    code = {name for name in items if _is_code(name) and not _OWN_TESTS.fullmatch(name)}
    return bool(code & exact) and code <= exact


def _unwrapped(
    name: str,
    items: dict[str, Item],
    unpacker: Unpacker,
    found: Found,
    slugs: Sequence[str],
    *,
    is_archive: bool,
) -> tuple[str, dict[str, Item]]:
    """What a class handed in, out of the one folder or platform's archive that it lies in, and that thing's name."""
    name = without_extension(name) if is_archive else name
    for _ in range(NESTED):
        whole = {one: item for one, item in items.items() if not _stray(one, item)}
        if len(whole) != 1 or is_export([*items]):
            break
        ((only, item),) = whole.items()
        packed = extension_of_archive(only) != "" and not item.is_folder
        inner = _opened(item, unpacker) if packed else item.inner() if item.is_folder else {}
        inner = {one: each for one, each in inner.items() if not is_litter(one)}
        several = sum(each.is_folder or extension_of_archive(one) != "" for one, each in inner.items()) > 1
        wrapped = is_archive and not packed and several and not _is_one_submission(inner, slugs)
        nested = packed and len(inner) == 1 and is_export([*next(iter(inner.values())).inner()])
        folders = [one for one, each in inner.items() if each.is_folder]
        cloned = github.is_clone(folders, without_extension(only) if packed else only)
        if not (wrapped or nested or cloned or is_export([*inner])):
            break
        beside = [shown(one) for one in items if one != only]
        if beside:
            found.problems.append(f"left out, as nobody's submission: {listed(beside)}")
        name, items = without_extension(only) if packed else only, inner
    return name, items


def _opened(item: Item, unpacker: Unpacker) -> dict[str, Item]:
    """What an archive in a folder holds; nothing for one that cannot be read."""
    members = item.listing().members
    if not members:
        return {}
    return of_listing(unpacker.contents(members[0]), strip=1)


def _text(item: Item) -> str:
    try:
        return "".join(member.whole(MAX_METADATA).decode(errors="replace") for member in item.listing().members)
    except Unreadable:
        return ""


# ---------------------------------------------------------------------------------------------- on the disk


def on_disk(folder: Path, leave_out: Path | None = None) -> dict[str, Item]:
    """What lies in a folder. Raises UsageError where it can't be read.

    Args:
        leave_out: a folder that is not to be looked at.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if leave_out is None or path != leave_out)
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from None
    return {path.name: of_path(path, leave_out) for path in paths}


def of_path(path: Path, leave_out: Path | None = None) -> Item:
    """What lies at a path. A link is never followed."""
    is_folder = path.is_dir() and not path.is_symlink()
    return Item(is_folder, partial(listing_of, path, leave_out), partial(_inner, path, leave_out))


def _inner(path: Path, leave_out: Path | None) -> dict[str, Item]:
    try:
        return on_disk(path, leave_out)
    except UsageError:  # whose it is has a result that says so
        return {}


def listing_of(path: Path, leave_out: Path | None = None) -> Listing:
    """The files at a path: those of a folder, or the one that it is."""
    try:
        status = path.lstat()
    except OSError as error:
        return Listing(unreadable=[f"{shown(path.name)} cannot be read: {error.strerror}"])
    if stat.S_ISDIR(status.st_mode):
        return in_folder(path, leave_out)
    if not stat.S_ISREG(status.st_mode):
        return Listing(problems=[f"{shown(path.name)} {what_it_is(status.st_mode)}"])
    return Listing([member_at(path, status)])


# ---------------------------------------------------------------------------------------------- in an archive


def of_listing(listing: Listing, *, strip: int = 0) -> dict[str, Item]:
    """What lies at the top of an archive; a folder with nothing in it lies there too.

    Args:
        strip: how many names at the beginning of each path are the archive's own.
    """
    members = [replace(one, path=one.path.split("/", strip)[-1]) for one in listing.members]
    return of_members(members, [folder.split("/", strip)[-1] for folder in listing.folders])


def of_members(members: Sequence[SubmittedFile], folders: Sequence[str] = ()) -> dict[str, Item]:
    """What lies at the top of an archive with these files and folders."""
    groups: dict[str, list[SubmittedFile]] = {}
    below: dict[str, list[str]] = {}
    items: dict[str, Item] = {}
    for member in members:
        top, _, rest = member.path.partition("/")
        if rest:
            groups.setdefault(top, []).append(replace(member, path=rest))
        else:
            items[top] = Item(False, partial(Listing, [member]), dict)
    for folder in folders:
        top, _, rest = folder.partition("/")
        below.setdefault(top, []).extend([rest] if rest else [])
    for top in {**groups, **below}:
        inside, deeper = groups.get(top, []), below.get(top, [])
        items[top] = Item(True, partial(Listing, inside), partial(of_members, inside, deeper))
    return dict(sorted(items.items()))
