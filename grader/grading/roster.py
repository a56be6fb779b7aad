"""Who takes a course, by the CSV file that course.toml names: who handed in nothing, and who works with whom."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from grader.reports.gradebook import Person
from grader.submissions.people import Member
from grader.text import listed, shown

COLUMNS = ("name", "number", "login", "email", "github", "group")
KEYS = ("number", "login", "email")


@dataclass(frozen=True)
class Enrolled:
    """Somebody who takes the course.

    Args:
        github: what they are called there.
        group: the same for all who hand in together; empty for whoever works alone.
    """

    member: Member
    github: str = ""
    group: str = ""

    @property
    def key(self) -> str:
        """What they are known by elsewhere; empty where the roster has nothing but a name."""
        return self.member.number or self.member.login or self.member.email

    def is_one_of(self, words: set[str]) -> bool:
        """Whether one of these words, in lower case, is theirs."""
        return bool({word.casefold() for word in (*_words(self.member), self.github) if word} & words)


def read(text: str) -> tuple[Enrolled, ...]:
    """From the text of a CSV file. Raises ValueError, a sentence, where it is no roster."""
    rows = [
        {(key or "").strip().lower(): (cell or "").strip() for key, cell in row.items() if isinstance(cell, str)}
        for row in csv.DictReader(io.StringIO(text))
    ]
    if not rows or not {*KEYS} & {*rows[0]}:
        raise ValueError(f"has none of the columns {listed(KEYS)}; it may have {listed(COLUMNS, len(COLUMNS))}")
    found = []
    for line, row in enumerate(rows, 2):
        if not any(row.values()):
            continue
        if not any(row.get(key) for key in KEYS):
            raise ValueError(f"has nobody in line {line}: each needs one of {listed(KEYS)}")
        member = Member(row.get("name", ""), row.get("number", ""), row.get("email", ""), login=row.get("login", ""))
        found.append(Enrolled(member, row.get("github", ""), row.get("group", "")))
    return tuple(found)


def with_partners(
    ids: Sequence[str], people: Mapping[str, Person], roster: Sequence[Enrolled]
) -> tuple[dict[str, Person], list[str]]:
    """The same people, with all of a group behind what one of them handed in, and what an instructor should know.

    Where several of a group handed in, each stands behind their own alone.
    """
    behind = {name: [one for one in roster if one.is_one_of(_known(name, people))] for name in ids}
    holders: dict[str, list[str]] = defaultdict(list)
    for name, found in behind.items():
        for group in dict.fromkeys(one.group for one in found if one.group):
            holders[group].append(name)
    made, said = dict(people), []
    for group, names in holders.items():
        if len(names) > 1:
            said.append(f"group {shown(group)} handed in {len(names)} times, and each counts alone: {listed(names, 9)}")
            continue
        (name,) = names
        person = people.get(name, Person())
        here = person.members or tuple(one.member for one in behind[name])
        others = tuple(one.member for one in roster if one.group == group and one not in behind[name])
        made[name] = replace(person, members=(*here, *others))
    return made, said


def absentees(ids: Sequence[str], people: Mapping[str, Person], roster: Sequence[Enrolled]) -> list[str]:
    """Those of the roster who stand behind no submission, by name."""
    here = {word for name in ids for word in _known(name, people)}
    return [one.member.name or one.key for one in roster if not one.is_one_of(here)]


def _known(name: str, people: Mapping[str, Person]) -> set[str]:
    """Whatever a submission's people are called, in lower case."""
    words = [word for member in people.get(name, Person()).members for word in _words(member)]
    return {word.casefold() for word in (name, *words) if word}


def _words(member: Member) -> Iterator[str]:
    yield from (member.name, member.number, member.login, member.email)
