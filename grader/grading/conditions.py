"""What a submission is graded with, and what decides whether a result still counts: seed, options, versions, checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grader.grading.journal import digest_of_checks
from grader.grading.process import GradingSettings, Task
from grader.kit.discovery import Kit
from grader.launch import environment
from grader.limits import Limits
from grader.reports import html
from grader.results import document as results
from grader.submissions.intake import Entry
from grader.text import listed


def leave(entries: Iterable[Entry], slugs: Sequence[str]) -> None:
    """Leaves the files of these exercises: what another one holds changes no result."""
    for entry in entries:
        entry.files = {slug: file for slug, file in entry.files.items() if slug in slugs}


def task_of(entry: Entry) -> Task:
    return Task(entry.id, entry.source, html.page_path(entry.id), entry.files, tuple(entry.problems), entry.unreadable)


def settings_of(seed: int, options: Mapping[str, Any], require: Sequence[str] = ()) -> GradingSettings:
    """How to grade, from the options that run.json keeps."""
    limits = Limits(options["memory"], options["timeout"])
    hidden, exercises = options["feedback"] == "hidden", tuple(options.get("exercises", ()))
    return GradingSettings(seed, options["device"], limits, hidden, tuple(require), exercises)


def header_of(kit: Kit, seed: int, options: Mapping[str, Any], devices: Sequence[str]) -> dict[str, Any]:
    """What decides whether results count: two runs with the same one give the same results."""
    return {
        "format": results.FORMAT,
        "seed": seed,
        "options": options,
        "devices": devices,
        "versions": results.versions(),
        "packages": environment.packages(),
        "checks": digest_of_checks(kit),
    }


def what_changed(old: dict[str, Any] | None, new: dict[str, Any]) -> str:
    """Why old results do not count any more, in words; empty where they do."""
    if old is None or old == new:
        return ""
    changed = [name for name in new if old.get(name) != new[name]]
    words = {
        "options": "the options",
        "versions": "the versions",
        "checks": "the checks or the grader",
        "seed": "the seed",
    }
    said = [words.get(name, f"the {name}") for name in changed if name != "packages"]
    before, now = old.get("packages", {}), new["packages"]
    packages = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if packages:
        said.append(f"the installed packages ({listed(packages)})")
    return f"{' and '.join(said)} changed"
