"""What Moodle calls the folders or files of a class: NAME_PARTICIPANT_assignsubmission_file_FILE.

NAME holds no underscore. Where teams hand in, NAME is the team's and the number is the team's, too; the team of those
who are in none has no number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grader.submissions.people import Member, Submitter

NAME = re.compile(r"(?P<name>.+?)(?:_(?P<user>[0-9]+))?_assign(?:submission|feedback)_[a-z]+_?(?P<file>.*)", re.DOTALL)
_TEAM = re.compile(
    r"\b(teams?|groups?|gruppen?|grupos?|groupes?|equipos?|\u00e9quipes?|squads?|pairs?)\b", re.IGNORECASE
)


def submitters(names: Sequence[str]) -> dict[str, Submitter]:
    """Name -> whose it is, for those that Moodle has named. One team among them says that all are teams."""
    matches = {name: match for name in names if (match := NAME.fullmatch(name))}
    teams = any(match["user"] is None or _TEAM.search(match["name"]) for match in matches.values())
    found = {}
    for name, match in matches.items():
        student = "_".join(part for part in (match["name"], match["user"]) if part)
        member = Member(name=match["name"], moodle="" if teams else match["user"] or "")
        found[name] = Submitter(student, match["file"], members=(member,))
    return found
