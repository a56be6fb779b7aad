"""What GitHub Classroom and Classroom 50 put before each user's name: the assignment, and the classroom before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ASSIGNMENT = re.compile(r"\b(assignment|homework|hw|lab|project|exercises?|ex|task|pset)[ _-]?\d*-", re.IGNORECASE)
_CLONED = re.compile(r"(?P<prefix>.+-)submissions")
"""The folder that `gh classroom clone` makes: ASSIGNMENT-submissions."""
_DOWNLOADED = re.compile(r"(?P<prefix>.+)_submissions_\d{4}_\d\d_\d\d_T_\d\d_\d\d_\d\d")
"""The folder that `gh teacher download` makes: CLASSROOM-ASSIGNMENT_submissions_TIME."""
EXTRAS = ("scores.csv", "classroom_roster.csv", "grades.csv")
"""What they write beside the repositories."""


def is_clone(folders: Sequence[str], folder: str) -> bool:
    """Whether this is the folder of repositories that one of them makes."""
    known = _CLONED.fullmatch(folder) or _DOWNLOADED.fullmatch(folder)
    return known is not None and any(name.startswith(known["prefix"]) for name in folders)


def prefix_of(folders: Sequence[str], everything: int, folder: str) -> str:
    """What stands before the users' names; empty where nothing does. What does not begin with it keeps its name.

    Elsewhere than in the folders that those two make, a prefix that everybody shares is one if it names an assignment.

    Args:
        folders: the names of the folders in a class.
        everything: how many things there are in it.
        folder: the class's own name.
    """
    for pattern, end in ((_CLONED, ""), (_DOWNLOADED, "-")):
        known = pattern.fullmatch(folder)
        if known is not None and any(name.startswith(known["prefix"] + end) for name in folders):
            return known["prefix"] + end
    shared = folders[0] if len(folders) > 1 and len(folders) == everything else ""
    while shared and not (shared.endswith("-") and all(name.startswith(shared) for name in folders)):
        shared = shared[:-1]
    return shared if _ASSIGNMENT.search(shared) else ""
