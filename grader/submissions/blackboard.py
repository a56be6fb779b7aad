"""What Blackboard calls the files of a class: ITEM_LOGIN_attempt_DATE_FILE, and a receipt ITEM_LOGIN_attempt_DATE.txt.

ITEM is the same for a whole class, and a LOGIN may hold underscores: what all names share is the item.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile

from grader.submissions.people import Member, Submitter

NAME = re.compile(
    r"(?P<head>.+?)_attempt_(?P<number>[0-9]{4}(?:-[0-9]{2}){5})(?:_(?P<file>.+)|(?P<receipt>\.txt))", re.DOTALL
)
_DOWNLOAD = re.compile(r"gradebook_(?P<middle>.+)_[0-9]{4}(?:-[0-9]{2}){5}.*")
MANY = 4
"""So many people's names share nothing but the item."""


def submitters(names: Sequence[str], folder: str) -> dict[str, Submitter]:
    """Name -> whose it is, for those that Blackboard has named.

    Args:
        folder: the name of the download: gradebook_COURSE_ITEM_DATE.
    """
    matches = {name: match for name in names if (match := NAME.fullmatch(name))}
    logins = _logins({match["head"] for match in matches.values()}, folder)
    found = {}
    for name, match in matches.items():
        login = logins[match["head"]]
        member = (Member(login=login),)
        found[name] = Submitter(
            login, match["file"] or "", match["number"], match["number"], receipt=bool(match["receipt"]), members=member
        )
    return found


def _logins(heads: set[str], folder: str) -> dict[str, str]:
    """ITEM_LOGIN -> LOGIN. Two that differ stay different, wherever they are cut."""
    groups: dict[str, set[str]] = defaultdict(set)
    item = _item_of(folder, heads)
    for head in heads:
        groups[item or head.partition("_")[0]].add(head)
    found = {}
    for first, group in groups.items():
        shared = first + "_"
        if not item and len(group) >= MANY:
            shared = _shared(min(group), max(group)).rpartition("_")[0] + "_"
        found.update({head: head.removeprefix(shared) or head for head in group})
    return found


def _shared(one: str, other: str) -> str:
    """What both begin with."""
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _item_of(folder: str, heads: set[str]) -> str:
    """The item that the download's own name says, where all begin with it."""
    download = _DOWNLOAD.fullmatch(folder)
    words = download["middle"].split("_") if download is not None else []
    endings = ["_".join(words[start:]) for start in range(len(words))]
    return next((one for one in endings if all(head.startswith(f"{one}_") for head in heads)), "")
