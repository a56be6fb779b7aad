"""Who handed something in, as Canvas, Moodle, Blackboard, Gradescope and GitHub Classroom name what they export.

Who it is, and when it was handed in, comes from these names alone, never from what a student wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<user>\d{2,})_(?P<number>\d{2,})_(?P<file>.+)")
CANVAS_TEXT = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<user>\d{2,})_(?P<file>text\.html)")
MOODLE = re.compile(r"(?P<name>.+?)_(?P<user>\d+)_assign(?:submission|feedback)_[a-z]+_?(?P<file>.*)")
BLACKBOARD = re.compile(
    r".+_(?P<name>[^_]+)_attempt_(?P<number>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|(?P<receipt>\.txt))", re.DOTALL
)
GRADESCOPE = re.compile(r"submission_\d+")
METADATA = ("submission_metadata.yml", "submission_metadata.yaml")
"""Beside Gradescope's folders: who handed in which."""
_ASSIGNMENT = re.compile(r"\b(assignment|homework|hw|lab|project|exercises?|ex|task|pset)[ _-]?\d*-", re.IGNORECASE)
_EXTENSION = re.compile(r"(\.(tar|py|ipynb))?\.\w{1,8}$", re.ASCII)
_KEY = re.compile(r"^(submission_\d+):", re.MULTILINE)
_SUBMITTERS = re.compile(r"^  :?submitters:[ \t]*\n((?:[ \t-]*:?(?:name|sid|email):[^\n]*\n)+)", re.MULTILINE)
_FIELD = re.compile(r":?(name|sid|email):[ \t]{0,5}(\S[^\n]{0,200})")
_CREATED = re.compile(r"^  :?created_at:[ \t]*([^\n]{0,50})", re.MULTILINE)
"""Only what is indented by two: what a student's program printed stands further right."""


@dataclass(frozen=True)
class Submitter:
    """Whose something is.

    Args:
        student: their id.
        file: the name that they gave it; empty where they gave a folder.
        number: grows from one attempt of theirs to the next.
        receipt: it is what an LMS writes about a submission, and nobody's work.
    """

    student: str
    file: str = ""
    number: str = ""
    receipt: bool = False


def origins(names: Mapping[str, bool], folder: str, metadata: str = "") -> dict[str, Submitter]:
    """Whose each thing in a class is.

    Args:
        names: what the class holds: name -> whether it is a folder.
        folder: the name of the folder that holds it.
        metadata: the text of Gradescope's metadata, where there is one.
    """
    people = gradescope_people(metadata)
    prefix = classroom_prefix([name for name, is_folder in names.items() if is_folder], len(names), folder)
    return {name: _origin(name, is_folder, people, prefix) for name, is_folder in names.items()}


def _origin(name: str, is_folder: bool, people: Mapping[str, Submitter], prefix: str) -> Submitter:
    for pattern in (CANVAS, CANVAS_TEXT, MOODLE, BLACKBOARD):
        found = pattern.fullmatch(name)
        if found:
            parts = {"user": None, "number": "", "file": "", "receipt": None, **found.groupdict()}
            student = "_".join(part for part in (parts["name"], parts["user"]) if part)
            return Submitter(student, parts["file"] or "", (parts["number"] or "").zfill(20), bool(parts["receipt"]))
    if is_folder and name in people:
        return people[name]
    if is_folder:
        return Submitter(name.removeprefix(prefix) or name)
    return Submitter(without_extension(name), name)


def without_extension(name: str) -> str:
    """A file's name less its extension, of which `.tar.gz` and `.py.txt` are one."""
    return _EXTENSION.sub("", name) or name


def is_export(names: Mapping[str, bool]) -> bool:
    """Whether a folder is what an LMS exports."""
    if any(name in METADATA for name in names):
        return True
    known = (CANVAS, MOODLE, BLACKBOARD, GRADESCOPE)
    return bool(names) and all(any(one.fullmatch(name) for one in known) for name in names)


def gradescope_people(metadata: str) -> dict[str, Submitter]:
    """folder -> who handed it in, from Gradescope's metadata: a few lines of YAML, of which only these are read."""
    starts = [*_KEY.finditer(metadata)]
    people = {}
    for start, after in zip_longest(starts, starts[1:]):
        end = after.start() if after is not None else len(metadata)
        block = _SUBMITTERS.search(metadata, start.end(), end)
        created = _CREATED.search(metadata, start.end(), end)
        fields: dict[str, list[str]] = {}
        for found in _FIELD.finditer(block[1] if block is not None else ""):
            fields.setdefault(found[1], []).append(found[2].strip().strip("'\""))
        names = fields.get("name") or fields.get("email") or [start[1]]
        number = (fields.get("sid") or [start[1].removeprefix("submission_")])[0]
        when = created[1].strip() if created is not None else ""
        people[start[1]] = Submitter(f"{' and '.join(names[:8])}_{number}", number=when)
    return people


def classroom_prefix(folders: Sequence[str], everything: int, folder: str) -> str:
    """What GitHub Classroom puts before each user's name: the assignment and a hyphen. Empty where it did not.

    `gh classroom clone` makes a folder ASSIGNMENT-submissions. Elsewhere a prefix that everybody shares is one if it
    names an assignment.
    """
    known = folder.removesuffix("submissions") if folder.endswith("-submissions") else ""
    if known and folders and all(name.startswith(known) for name in folders):
        return known
    shared = folders[0] if len(folders) > 1 and len(folders) == everything else ""
    while shared and not (shared.endswith("-") and all(name.startswith(shared) for name in folders)):
        shared = shared[:-1]
    return shared if _ASSIGNMENT.search(shared) else ""
