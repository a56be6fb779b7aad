"""What Canvas calls the files of a class: NAME_USER_FILE-NUMBER_FILE, with LATE before the user's number.

NAME is the last and the first name, or a group's name, in small letters, without spaces. Canvas leaves no `_12_` inside
a NAME, but a NAME may end in `_12`, and FILE may begin with `12_`: then there are three numbers in a row, and two ways
to read them. Where grading is anonymous it is anon_ID_FILE-NUMBER_FILE, with LATE at the beginning. What was typed in,
or a web address, is NAME_USER_text.html or NAME_USER_link.html.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log10
from statistics import median

from grader.submissions.people import Member, Submitter

_ANONYMOUS = re.compile(
    r"(?:LATE_)?anon_(?P<who>[0-9A-Za-z]+)_(?:(?P<number>[0-9]+)_(?P<file>.+)|(?P<typed>text|link)\.html)", re.DOTALL
)
_LATE = re.compile(r"^LATE_anon_|_LATE_[0-9]+_")
_FIELD = re.compile(r"_(?:LATE_)?[0-9]+(?=_)")
_REST = re.compile(
    r"_(?P<late>LATE_)?(?P<user>[0-9]+)_(?:(?P<number>[0-9]+)_(?P<file>.+)|(?P<typed>text|link)\.html)", re.DOTALL
)
_NO_PERSON = re.compile(r"(?:assignment|homework|hw|lab|project|exercises?|ex|task|pset|week|group_?hw)_?\d*", re.I)
"""What files of one's own are called: hw_2_14_ann.py is nobody's file from Canvas."""
_NOT_IN_A_NAME = re.compile(r"[\x00-/:-@\[-^`{-\x7f]")
"""Canvas leaves letters, digits and underscores of a name."""
_CLEAR = 1.0
"""How many powers of ten one way to read three numbers must be likelier than the other."""


@dataclass(frozen=True)
class _Reading:
    """One way to read a name."""

    name: str
    user: str
    number: str
    file: str

    @property
    def student(self) -> str:
        return f"{self.name}_{self.user}"


def submitters(names: Sequence[str]) -> dict[str, Submitter]:
    """Name -> whose it is, for those that Canvas has named. All of a class decide together how each is read."""
    found = {name: _anonymous(match) for name in names if (match := _ANONYMOUS.fullmatch(name))}
    ways = {name: ways for name in names if name not in found and (ways := _ways(name))}
    ways = _without_shared_numbers(ways)
    certain = [readings[0] for readings in ways.values() if len(readings) == 1]
    for name, readings in ways.items():
        found[name] = _submitter(readings, certain)
    return {name: replace(one, late=bool(_LATE.search(name))) for name, one in found.items()}


def _anonymous(match: re.Match[str]) -> Submitter:
    file = match["file"] or f"{match['typed']}.html"
    return Submitter(f"anon_{match['who']}", file, (match["number"] or "").zfill(20))


def _ways(name: str) -> list[_Reading]:
    """Every way to read a name, the one with the shortest NAME first."""
    found, late = [], []
    for start in [match.start() for match in _FIELD.finditer(name) if match.start()][:2]:
        rest = _REST.fullmatch(name, start)
        if rest is None or _NO_PERSON.fullmatch(name[:start]) or _NOT_IN_A_NAME.search(name[:start]):
            continue
        file = rest["file"] or f"{rest['typed']}.html"
        found.append(_Reading(name[:start], rest["user"], rest["number"] or "", file))
        late += found[-1:] if rest["late"] else []
    return late or found


def _without_shared_numbers(ways: dict[str, list[_Reading]]) -> dict[str, list[_Reading]]:
    """Each uploaded file has a number of its own: a way to read names that gives two files the same one is wrong.

    Where only one way is left it is wrong if it makes two files one person's: lab_1_2_ann.py, lab_1_2_ben.py.
    """
    numbers = Counter(number for readings in ways.values() for number in {one.number for one in readings})
    people = Counter((one.student, one.number) for readings in ways.values() for one in readings)
    left = {}
    for name, readings in ways.items():
        own = [one for one in readings if not one.number or numbers[one.number] == 1]
        own = own or [one for one in readings[:1] if people[one.student, one.number] == 1]
        if own:
            left[name] = own
    return left


def _submitter(readings: Sequence[_Reading], certain: Sequence[_Reading]) -> Submitter:
    """The likelier way where one is; else one that nobody shares, and a doubt."""
    if len(readings) > 1 and certain:
        costs = sorted((_distance(one, certain), place) for place, one in enumerate(readings))
        if costs[1][0] - costs[0][0] >= _CLEAR:
            readings = [readings[costs[0][1]]]
    first, last = readings[0], readings[-1]
    if len(readings) == 1:
        member = Member(name=first.name, canvas=first.user)
        return Submitter(first.student, first.file, first.number.zfill(20), members=(member,))
    doubt = (
        f"whose it is cannot be told from its name: {first.name} (Canvas's number {first.user}) or "
        f"{last.name} ({last.user}); it has a row of its own"
    )
    return Submitter(last.student, first.file, first.number.zfill(20), members=(Member(name=last.name),), doubt=doubt)


def _distance(one: _Reading, certain: Sequence[_Reading]) -> float:
    """How far its numbers are from those that are certain, in powers of ten."""
    return sum(
        abs(_size(value) - median(_size(getattr(other, kind)) for other in certain if getattr(other, kind)))
        for kind, value in (("user", one.user), ("number", one.number))
        if value and any(getattr(other, kind) for other in certain)
    )


def _size(number: str) -> float:
    return log10(int(number) + 1)
