"""`grader verify`: grades again what a folder holds the results of, and says whether, and why, anything differs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.errors import EXIT_FAIL, EXIT_PASS, UsageError
from grader.grading import output
from grader.grading.conditions import header_of, leave, settings_of, task_of, what_changed
from grader.grading.grade import JOURNAL
from grader.grading.journal import Journal
from grader.grading.pool import Pool
from grader.kit.discovery import Kit
from grader.reports.terminal import Screen
from grader.results.document import dumps
from grader.submissions import intake
from grader.submissions.intake import Entry
from grader.system import cores
from grader.text import listed, shown

Record = dict[str, Any]
MOST_CHECKS = 5
"""So many of the checks that changed are named."""


def verify(folder: Path, only: Sequence[str], submissions: Path | None, jobs: int | None) -> int:
    """Says of each submission whether its result is the same. Returns the exit status.

    Args:
        folder: a folder of results.
        only: the ids of those to grade again; all for none.
        submissions: where the class lies now; None where it lay then.
    """
    journal = Journal(folder / JOURNAL)
    if journal.header is None:
        raise UsageError(f"{folder} holds no results: there is no run.json that can be read")
    if unknown := [name for name in only if not journal.knows(name)]:
        raise UsageError(f"--only {unknown[0]}: {folder} holds no such result")
    ids = [*dict.fromkeys(only)] or journal.ids
    kit, options, screen = Kit(), journal.header["options"], Screen()
    place = submissions or Path(journal.noted.get("from", ""))
    if not place.exists() or place == Path():
        raise UsageError(f"the submissions are no longer in {shown(str(place))}: say where with --submissions")
    entries = {one.id: one for one in intake.read(place, kit.exercises, folder.resolve()).entries}
    if "exercises" in options:
        leave(entries.values(), options["exercises"])
    here = [entries[name] for name in ids if name in entries]
    pool = Pool(settings_of(journal.header["seed"], options), jobs or cores())
    try:
        pool.start(max(1, len(here)))
        now = header_of(kit, journal.header["seed"], options, pool.greeting()["devices"])
        why = what_changed(journal.header, now)
        if why:
            screen.remark(f"graded under other conditions than then: {why}")
        again = {task.id: record for task, record, _ in pool.run(task_of(entry) for entry in here)}
    finally:
        pool.close()
    same = 0
    for name in ids:
        found = _compared(journal, name, entries.get(name), again.get(name), why)
        same += not found
        screen.line(f"{shown(name):<30} {found or _same(journal.record(name))}")
    screen.line()
    screen.line(f"{same} of {len(ids)} results are the same to the byte, but for times")
    return EXIT_PASS if same == len(ids) else EXIT_FAIL


def _same(record: Record) -> str:
    return f"the same: {output.points(record)}"


def _compared(journal: Journal, name: str, entry: Entry | None, again: bytes | None, why: str) -> str:
    """What differs, and why, in words; empty where nothing does."""
    if entry is None:
        return "differs: nothing of that id was handed in"
    if again is None:
        return "differs: the grader could not grade it this time"
    before, after = _timeless(journal.record(name)), _timeless(json.loads(again))
    other = journal.content(name) != entry.digest
    if dumps(before) == dumps(after):
        return ""
    reasons = [*(["the submission is not the one that was graded"] if other else []), *([why] if why else [])]
    said = "; ".join(reasons) or "nothing that is recorded changed: code that asks the clock or for randomness differs"
    scores = f"{output.points(before)} then, {output.points(after)} now"
    return f"differs: {scores}. Why: {said}. {_changes(before, after)}"


def _timeless(record: Record) -> Record:
    """A record without its times."""
    for one in (record, *(check for exercise in record["exercises"] for check in exercise["checks"])):
        one["seconds"] = 0
    return record


def _changes(before: Record, after: Record) -> str:
    """The checks whose verdicts differ, else those whose messages do."""
    old, new = _checks(before), _checks(after)
    keys = [*dict.fromkeys([*old, *new])]
    nothing: Record = {"verdict": "not there", "message": ""}
    pairs = [(key, old.get(key, nothing), new.get(key, nothing)) for key in keys]
    changed = [
        f"{exercise} {check}: {one['verdict']} then, {other['verdict']} now"
        for (exercise, check, _), one, other in pairs
        if one["verdict"] != other["verdict"]
    ]
    if changed:
        return f"Checks: {listed(changed, MOST_CHECKS)}"
    worded = [f"{exercise} {check}" for (exercise, check, _), one, other in pairs if one != other]
    return f"Only messages differ: {listed(worded, MOST_CHECKS)}" if worded else "Only its problems or its name differ"


def _checks(record: Record) -> dict[tuple[str, str, str], Record]:
    return {
        (exercise["id"], check["id"], check["device"]): check
        for exercise in record["exercises"]
        for check in exercise["checks"]
    }
