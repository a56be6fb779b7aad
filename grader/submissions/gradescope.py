"""Whose each of Gradescope's folders submission_NUMBER is, by the submission_metadata.yml beside them."""

from __future__ import annotations

import re
from itertools import zip_longest

from grader.submissions.people import Member, Submitter

FOLDER = re.compile(r"submission_[0-9]+")
METADATA = ("submission_metadata.yml", "submission_metadata.yaml")
MOST_NAMES = 8
"""So many names of a group stand in its id."""
_KEY = re.compile(r"^(submission_\d+):", re.MULTILINE)
_SUBMITTERS = re.compile(r"^  :?submitters:[ \t]*\n((?:[ \t-]*:?(?:name|sid|email):[^\n]*\n)+)", re.MULTILINE)
_FIELD = re.compile(r"^(?P<first>[ \t]*-)?[ \t]*:?(?P<key>name|sid|email):[ \t]*(?P<value>[^\n]{0,200})$", re.MULTILINE)
_CREATED = re.compile(r"^  :?created_at:[ \t]*([^\n]{0,50})", re.MULTILINE)
"""Only what is indented by two: what a student's program printed stands further right."""


def submitters(metadata: str) -> dict[str, Submitter]:
    """Folder -> who handed it in, all of a group: a few lines of YAML, of which only these are read."""
    starts = [*_KEY.finditer(metadata)]
    people = {}
    for start, after in zip_longest(starts, starts[1:]):
        end = after.start() if after is not None else len(metadata)
        block = _SUBMITTERS.search(metadata, start.end(), end)
        created = _CREATED.search(metadata, start.end(), end)
        number = start[1].removeprefix("submission_")
        when = created[1].strip() if created is not None else ""
        members = _members(block[1] if block is not None else "")
        people[start[1]] = Submitter(
            _id(members, start[1]), number=when, members=tuple(members), gradescope=number, at=_time(when)
        )
    return people


def _time(text: str) -> str:
    """A time of YAML's, 2026-10-05 23:59:00.123456789 -07:00, as ISO 8601; empty where it is none."""
    found = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)? ?(Z|UTC|[+-]\d\d:?\d\d)?", _plain(text))
    if found is None:
        return ""
    zone = found[3] or ""
    zone = "+00:00" if zone in ("Z", "UTC") else f"{zone[:3]}:{zone[-2:]}" if zone else ""
    return f"{found[1]}T{found[2]}{zone}"


def _members(block: str) -> list[Member]:
    """In the order of their names: a group is the same however it is listed."""
    found: list[dict[str, str]] = []
    for field in _FIELD.finditer(block):
        if field["first"] or not found:
            found.append({})
        found[-1][field["key"]] = _plain(field["value"])
    members = [Member(one.get("name", ""), one.get("sid", ""), one.get("email", "")) for one in found]
    return sorted((one for one in members if one != Member()), key=lambda one: (one.name, one.number, one.email))


def _plain(value: str) -> str:
    """A YAML scalar as text; nothing for null."""
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return "" if text in ("~", "null", "Null", "NULL") else text


def _id(members: list[Member], folder: str) -> str:
    """Names with what tells namesakes apart: the student number, the address, else the folder's number."""
    number = folder.removeprefix("submission_")
    told = [f"{one.name or one.email}_{one.number or one.email or number}" for one in members]
    if not told:
        return folder
    return " and ".join(told) if len(told) <= MOST_NAMES else f"{' and '.join(told[:MOST_NAMES])} and others_{number}"
