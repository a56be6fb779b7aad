"""What people handed in: folders, archives, files and notebooks become the files of exercises. Runs none of them.

Everything that is not taken as it is becomes a sentence in `problems`. Nothing is skipped silently, and no
submission can stop the intake of another.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.errors import UsageError
from grader.kit.discovery import Exercise
from grader.source.file import File
from grader.submissions.archives import Unpacker, extension_of_archive
from grader.submissions.bounds import MAX_PROBLEMS, MAX_STUDENTS, Bounds
from grader.submissions.class_folder import Handin, handed_in, of_path
from grader.submissions.files import Listing
from grader.submissions.lms import without_extension
from grader.submissions.people import Member, Submitter
from grader.submissions.selection import Chooser, Matcher
from grader.text import exact, listed, shown, visible


@dataclass
class Entry:
    """What one student handed in.

    Args:
        id: who it is.
        source: the exact name of what was handed in; of several, all their names.
        problems: a sentence for everything that was not taken as it is.
        files: slug -> the file that counts.
        handed_in: when, in seconds since 1970, as far as it is known.
        unreadable: what of it this disk does not let anybody read, a sentence; empty where that is nothing.
        members: who they are, as far as the download says.
        gradescope: the number of the submission in Gradescope.
        at: when it was handed in, in the form of ISO 8601; empty where the download does not say.
        late: the download says that it came too late.
    """

    id: str
    source: str
    problems: list[str] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    handed_in: float = 0.0
    unreadable: str = ""
    members: tuple[Member, ...] = ()
    gradescope: str = ""
    at: str = ""
    late: bool = False

    @property
    def digest(self) -> str:
        """What its content is known by: anything that could change its results changes this."""
        parts = [self.source, *self.problems, self.unreadable]
        for slug, file in sorted(self.files.items()):
            parts += [
                slug,
                file.name,
                file.refusal,
                file.unreadable,
                str(file.definitions_only),
                hashlib.sha256(file.text).hexdigest(),
            ]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


@dataclass
class Class:
    """What a class handed in.

    Args:
        entries: one for each student, in the order of their ids.
        problems: what is wrong with the whole.
        ignored: what was passed over, as nobody hands it in: hidden files.
    """

    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


Attempts = dict[str, list[tuple[Submitter, Entry]]]


def read(submissions: Path, exercises: Sequence[Exercise], leave_out: Path | None = None) -> Class:
    """Every student's files, by the names that these have in what was handed in: nobody is told where it lies here.

    Raises UsageError where there is nothing to read.

    `submissions` is a folder of what each student handed in, the archive of a whole class that an LMS gives, or what
    one student handed in: a file, a folder or an archive with `exNN_topic.py` at its top, a copy of the kit.

    Args:
        leave_out: a folder in it that is no submission: the results.
    """
    matcher = Matcher(exercises)
    attempts: Attempts = {}
    with Unpacker(Bounds(MAX_STUDENTS)) as unpacker:
        found = handed_in(submissions, [exercise.slug for exercise in exercises], unpacker, leave_out)
        for handed in found.handed:
            if not handed.origin.receipt:
                entry = _read_entry(handed, matcher)
                entry.files = {slug: replace(file, path=None) for slug, file in entry.files.items()}
                key = unicodedata.normalize("NFC", handed.origin.student)
                attempts.setdefault(key, []).append((handed.origin, entry))
    _keep_receipts(found.handed, attempts)
    entries = [_merged(sorted(tries, key=_when), matcher) for tries in attempts.values()]
    entries.sort(key=lambda entry: (entry.id, entry.source))
    _make_unique(entries)
    _name_doubles(entries)
    return Class(entries, found.problems, [visible(name) for name in found.ignored])


def read_one(target: Path, exercises: Sequence[Exercise]) -> Entry:
    """The files of one person: a folder, an archive, a file or a notebook. Raises UsageError where there is none."""
    if not target.exists():
        raise UsageError(f"{target}: there is no such folder or file")
    path = target.resolve() if target.is_symlink() else target
    handed = Handin(path.name, of_path(path), Submitter(path.name if path.is_dir() else without_extension(path.name)))
    return _read_entry(handed, Matcher(exercises))


def _read_entry(handed: Handin, matcher: Matcher) -> Entry:
    """What was handed in, which may be nothing."""
    item, origin = handed.item, handed.origin
    student = visible(unicodedata.normalize("NFC", origin.student)).strip() or "unnamed"
    entry = Entry(student, exact(handed.name), members=origin.members, gradescope=origin.gradescope)
    with Unpacker() as unpacker:
        listing = item.listing()
        arrived = max((member.modified for member in listing.members), default=0.0)
        if not item.is_folder:  # what lies in alice.zip is called by its name in it
            listing = unpacker.expand(_named(listing, origin.file))
            listing.members = [replace(one, path=_inside(one.path)) for one in listing.members]
        else:
            listing = unpacker.expand(listing)
        chosen = Chooser(listing.members, matcher)
    problems = [origin.doubt] if origin.doubt else []
    problems += listing.unreadable + listing.problems + chosen.problems
    if not listing.members and not problems:
        problems = [f"{shown(handed.name)} holds no file: nothing was handed in"]
    entry.problems, entry.files, entry.handed_in = bounded(problems), chosen.files, arrived
    entry.unreadable = "; ".join(listing.unreadable[:3])
    entry.at, entry.late = origin.at, origin.late
    return entry


def _named(listing: Listing, name: str) -> Listing:
    """A file that an LMS has renamed, by the name that its author gave it."""
    return replace(listing, members=[replace(one, path=name or one.path) for one in listing.members])


def _inside(path: str) -> str:
    """A path in an archive, without the archive; a file that is not in one as it is."""
    top, _, rest = path.partition("/")
    return rest if rest and extension_of_archive(top) else path


def _when(attempt: tuple[Submitter, Entry]) -> tuple[str, float, str]:
    """What an LMS counted, then the time that the file system knows: the latest attempt is the last."""
    origin, entry = attempt
    return origin.number, entry.handed_in, entry.source


def _merged(tries: Sequence[tuple[Submitter, Entry]], matcher: Matcher) -> Entry:
    """One entry of all that a student handed in.

    Of each exercise the latest attempt counts, and of one attempt the file that would count in one folder, too. What
    is the untouched stub counts only where there is nothing else.
    """
    entries = [entry for _, entry in tries]
    attempt = {id(entry): origin.attempt for origin, entry in tries}
    *earlier, latest = entries
    if not earlier:
        return latest
    merged = Entry(latest.id, ", ".join(sorted(entry.source for entry in entries)), handed_in=latest.handed_in)
    merged.members = tuple(dict.fromkeys(member for entry in entries for member in entry.members))
    merged.gradescope = latest.gradescope
    merged.at, merged.late = max(entry.at for entry in entries), any(entry.late for entry in entries)
    merged.unreadable = "; ".join(entry.unreadable for entry in entries if entry.unreadable)
    holders: dict[str, list[Entry]] = {}
    for entry in entries:
        merged.problems += [f"{shown(entry.source)}: {problem}" for problem in entry.problems]
        for slug in entry.files:
            holders.setdefault(slug, []).append(entry)
    repeated = []
    for slug, holding in sorted(holders.items()):
        holding.sort(key=lambda entry: matcher.rank(slug, entry.files[slug], attempt[id(entry)]))
        *others, last = holding
        merged.files[slug] = last.files[slug]
        if others:
            names = ", ".join(shown(entry.source) for entry in others)
            why = " is the latest and" if last is max(holding, key=entries.index) else ""
            repeated.append(f"{slug} was handed in {len(holding)} times: {shown(last.source)}{why} counts, not {names}")
    merged.problems = bounded(repeated + merged.problems)
    return merged


def _keep_receipts(handed: Iterable[Handin], attempts: Attempts) -> None:
    """Who has only a receipt handed in no file, and has a result that says so."""
    for one in handed:
        key = unicodedata.normalize("NFC", one.origin.student)
        if one.origin.receipt and key not in attempts:
            said = f"{shown(one.name)} is a receipt: no file was handed in"
            entry = Entry(visible(key), exact(one.name), [said], members=one.origin.members)
            attempts[key] = [(one.origin, entry)]


def _name_doubles(entries: Sequence[Entry]) -> None:
    """Who stands in two groups, or in a group and alone, has two results: an instructor chooses."""
    places: dict[str, list[Entry]] = {}
    for entry in entries:
        for key in {key for member in entry.members for key in keys_of(member)}:
            places.setdefault(key, []).append(entry)
    for key, found in sorted(places.items()):
        if len(found) > 1:
            others = listed([shown(entry.id) for entry in found])
            for entry in found:
                entry.problems = bounded(
                    [*entry.problems, f"{key.partition(' ')[2]} is behind {len(found)} submissions: {others}"]
                )


def keys_of(member: Member) -> list[str]:
    """What tells a person from every other one, where it is known: the first of these that is."""
    known = {
        "number": member.number,
        "email": member.email,
        "canvas": member.canvas,
        "moodle": member.moodle,
        "login": member.login,
    }
    return [f"{kind} {value}" for kind, value in known.items() if value][:1]


def _make_unique(entries: Sequence[Entry]) -> None:
    """Names that differ only in what can't be seen are two students all the same."""
    taken: set[str] = set()
    for entry in entries:
        name, count = entry.id, 1
        while entry.id in taken:
            count += 1
            entry.id = f"{name} ({count})"
        taken.add(entry.id)


def bounded(problems: Sequence[str]) -> list[str]:
    """So many sentences that a person may read them."""
    if len(problems) <= MAX_PROBLEMS:
        return list(problems)
    return [*problems[: MAX_PROBLEMS - 1], f"... and {len(problems) - MAX_PROBLEMS + 1} problems more"]
