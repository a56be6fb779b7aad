"""`grader grade SUBMISSIONS --dry-run`: whose every file is, which exercise it is, what is wrong. Runs nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.kit.discovery import Exercise, Kit
from grader.submissions.intake import Entry, read
from grader.text import shown, visible

SHOWN = 20


def show(submissions: Path, kit: Kit, say: Callable[[str], None], out: Path | None = None) -> None:
    """Says what `grader grade` would grade. Raises UsageError where there is nothing to read.

    Args:
        out: where the results would go, which is no submission.
    """
    found = read(submissions, kit.exercises, out.resolve() if out is not None else None)
    for entry in found.entries:
        for slug, file in sorted(entry.files.items()):
            say(f"{visible(entry.source)}: {file.name} -> {entry.id} -> {slug}")
        for problem in entry.problems:
            say(f"{visible(entry.source)} -> {entry.id} -> problem: {problem}")
    for problem in found.problems:
        say(f"problem: {problem}")
    for sentence in copies(found.entries, kit.exercises):
        say(f"alike: {sentence}")
    if found.ignored:
        say(f"ignored, as hidden: {_names(found.ignored)}")
    files = sum(len(entry.files) for entry in found.entries)
    troubled = sum(1 for entry in found.entries if entry.problems)
    say(f"submissions: {len(found.entries)}, files: {files}, submissions with problems: {troubled}")


def copies(entries: Sequence[Entry], exercises: Sequence[Exercise]) -> list[str]:
    """Who handed in the same bytes. A stub and the kit's own solution are called by what they are."""
    sentences = []
    for exercise in exercises:
        alike: dict[str, list[str]] = {}
        for entry in entries:
            file = entry.files.get(exercise.slug)
            if file is not None and file.text and not file.definitions_only:
                alike.setdefault(_digest(file.text), []).append(entry.id)
        stub, solution = _digest_of(exercise.stub), _digest_of(exercise.solution)
        for digest, people in alike.items():
            names = _names(people)
            if digest == stub:
                sentences.append(f"{names}: {exercise.slug} is the empty stub")
            elif digest == solution:
                sentences.append(f"{names}: {exercise.slug} is the kit's own solution")
            elif len(people) > 1:
                sentences.append(f"{names}: {exercise.slug} is the same file")
    return sentences


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(shown, names[:SHOWN])) + more


def _digest(text: bytes) -> str:
    """What a file is known by, whatever its line ends are."""
    return hashlib.sha256(b"\n".join(line.rstrip() for line in text.splitlines()).strip()).hexdigest()


def _digest_of(path: Path) -> str:
    return _digest(path.read_bytes()) if path.is_file() else ""
