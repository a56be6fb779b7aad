"""One run against another: what is not as it was, and why. From two documents of results.json."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.reports.statistics import base_title
from grader.results.verdicts import ERROR, MISSING, SKIP, UNWRITTEN

Document = Mapping[str, Any]
NEW = "not asked"
Reason = tuple[str, str, str, str]
"""The exercise, the check or nothing, the verdict before and the verdict now."""


@dataclass
class Changed:
    """One submission that another run judged otherwise, and why."""

    id: str
    before: float | None
    after: float | None
    reasons: list[Reason] = field(default_factory=list)


@dataclass
class Changes:
    """This run against another one."""

    conditions: list[str]
    came: list[str]
    went: list[str]
    changed: list[Changed]

    @property
    def scores(self) -> int:
        return sum(one.before != one.after for one in self.changed)

    @property
    def nothing(self) -> bool:
        """Whether all is as it was."""
        return not (self.conditions or self.came or self.went or self.changed)

    @property
    def reasons(self) -> list[tuple[Reason, list[str]]]:
        """Each reason and whom it touched, the most common first."""
        whom: dict[Reason, list[str]] = defaultdict(list)
        for one in self.changed:
            for reason in one.reasons:
                whom[reason].append(one.id)
        return sorted(whom.items(), key=lambda item: -len(item[1]))


def changes(document: Document, previous: Document) -> Changes:
    """What is not as it was in `previous`: submissions, scores, verdicts, and under which conditions they were made."""
    old = {one["id"]: one for one in previous["submissions"]}
    new = {one["id"]: one for one in document["submissions"]}
    conditions = [
        f"{name}: {_words(previous['run'].get(name))} before, {_words(document['run'].get(name))} now"
        for name in ("grader", "python", "torch", "seed", "devices")
        if previous["run"].get(name) != document["run"].get(name)
    ]
    changed = [_changed(old[id_], one) for id_, one in new.items() if id_ in old]
    touched = [one for one in changed if one.reasons or one.before != one.after]
    return Changes(conditions, [i for i in new if i not in old], [i for i in old if i not in new], touched)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _changed(old: Document, new: Document) -> Changed:
    before = {exercise["id"]: exercise for exercise in old["exercises"]}
    found = Changed(new["id"], old["score"], new["score"])
    for exercise in new["exercises"]:
        if exercise["id"] in before:
            found.reasons += _reasons(before[exercise["id"]], exercise)
        else:
            found.reasons.append((exercise["id"], "", NEW, exercise["verdict"]))
    return found


def _reasons(old: Document, new: Document) -> list[Reason]:
    """Per check, or for the whole exercise where it was or is not there at all."""
    whole = (MISSING, UNWRITTEN, ERROR)
    if old["verdict"] != new["verdict"] and (old["verdict"] in whole or new["verdict"] in whole):
        return [(new["id"], "", old["verdict"], new["verdict"])]
    before = {(check["id"], check["device"]): check["verdict"] for check in old["checks"]}
    found = [
        (new["id"], f"{base_title(check)}{_on(check, new)}", was, check["verdict"])
        for check in new["checks"]
        if (was := before.get((check["id"], check["device"]), NEW)) != check["verdict"]
        and (was, check["verdict"]) != (NEW, SKIP)
    ]
    return list(dict.fromkeys(found))


def _on(check: Document, exercise: Document) -> str:
    ran = {other["device"] for other in exercise["checks"] if other["verdict"] != SKIP}
    return f" on {check['device']}" if len({*ran, check["device"]}) > 1 else ""
