"""What Blackboard calls the files of a class: ITEM_LOGIN_attempt_DATE_FILE, and a receipt ITEM_LOGIN_attempt_DATE.txt.

ITEM is the same for a whole class, and a LOGIN may hold underscores: what all names share is the item.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from grader.submissions.people import Member, Submitter

NAME = re.compile(
    r"(?P<head>.+?)_attempt_(?P<number>[0-9]{4}(?:-[0-9]{2}){5})(?:_(?P<file>.+)|(?P<receipt>\.txt))", re.DOTALL
)
_DOWNLOAD = re.compile(r"gradebook_.+_[0-9]{4}(?:-[0-9]{2}){5}.*")
_NUMBERED = re.compile(r".*[0-9]")


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
        number = match["number"]
        at = f"{number[:10]}T{number[11:].replace('-', ':')}"
        found[name] = Submitter(
            login, match["file"] or "", number, number, receipt=bool(match["receipt"]), members=member, at=at
        )
    return found


def _logins(heads: set[str], folder: str) -> dict[str, str]:
    """ITEM_LOGIN -> LOGIN. Two that differ stay different, wherever they are cut."""
    groups: dict[str, set[str]] = defaultdict(set)
    known = _item_of(folder, heads)
    for head in heads:
        groups[known or head.partition("_")[0]].add(head)
    found = {}
    for item, group in groups.items():
        shared = f"{item if known else _longer(item, group)}_"
        found.update({head: head.removeprefix(shared) or head for head in group})
    return found


def _item_of(folder: str, heads: set[str]) -> str:
    """The item that the download's own name says, where all begin with it. A space is `20` there."""
    if not _DOWNLOAD.fullmatch(folder) or not heads:
        return ""
    words = min(heads).split("_")
    beginnings = ["_".join(words[:end]) for end in range(len(words) - 1, 0, -1)]
    for item in beginnings:
        said = any(f"_{form}_" in folder for form in (item, item.replace(" ", "20"), item.replace(" ", "_")))
        if said and all(head.startswith(f"{item}_") for head in heads):
            return item
    return ""


def _longer(item: str, heads: set[str]) -> str:
    """The item with what all names share after it and is a number's: `HW_6`, but no part of logins like `st_1001`."""
    rest = [head.removeprefix(f"{item}_").split("_") for head in heads]
    while len(rest) > 1 and all(len(words) > 1 and words[0] == rest[0][0] for words in rest):
        if not _NUMBERED.fullmatch(rest[0][0]):
            break
        item, rest = f"{item}_{rest[0][0]}", [words[1:] for words in rest]
    return item
