"""What a learner has reached, in `.grader/progress.json`. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.discovery import Exercise
from grader.stub import stub_of


@dataclass
class Progress:
    """The progress file of one workspace. Keys that this version does not know are kept.

    Args:
        folder: the workspace's `.grader`.
    """

    folder: Path
    data: dict[str, Any] = field(default_factory=dict)
    warning: str | None = None

    @classmethod
    def read(cls, root: Path) -> Progress:
        """A damaged file is kept aside, and `warning` says so."""
        progress = cls(root / ".grader")
        if progress.file.is_file():
            try:
                data = json.loads(progress.file.read_text(encoding="utf-8"))
                if not isinstance(data, dict) or not isinstance(data.get("exercises", {}), dict):
                    raise ValueError("not a table of exercises")
                progress.data = data
            except ValueError:
                aside = progress.file.with_name(f"progress-damaged-{_stamp()}.json")
                os.replace(progress.file, aside)
                progress.warning = f"{progress.file} could not be read; it is kept as {aside}, progress starts anew"
        return progress

    @property
    def file(self) -> Path:
        return self.folder / "progress.json"

    def exercise(self, slug: str) -> dict[str, Any]:
        """What is known of an exercise; changes are written by `save`."""
        entry: dict[str, Any] = self.data.setdefault("exercises", {}).setdefault(slug, {})
        return entry

    def save(self) -> None:
        """Writes the file whole or not at all."""
        self.folder.mkdir(exist_ok=True)
        partial = self.file.with_name(f"progress.json.{os.getpid()}")
        partial.write_text(json.dumps(self.data, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, self.file)

    def state(self, exercise: Exercise) -> str:
        """`pass`, `fail`, `unwritten`, `not checked`, `changed` or `missing`."""
        if not exercise.stub.is_file():
            return "missing"
        entry = self.data.get("exercises", {}).get(exercise.slug, {})
        if exercise.solution.is_file() and exercise.stub.read_text(encoding="utf-8", errors="replace") == stub_of(
            exercise.solution.read_text(encoding="utf-8")
        ):
            return "unwritten"
        if "verdict" not in entry:
            return "not checked"
        if entry.get("file") != digest(exercise.stub):
            return "changed" if entry["verdict"] == "pass" else "not checked"
        return str(entry["verdict"])

    def keep(self, exercise: Exercise) -> Path:
        """Copies a learner's file to `.grader/attempts/` and says where."""
        folder = self.folder / "attempts" / exercise.slug
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{_stamp()}.py"
        count = 1
        while kept.exists():
            count += 1
            kept = folder / f"{_stamp()}-{count}.py"
        shutil.copyfile(exercise.stub, kept)
        return kept


def digest(file: Path) -> str:
    """What a file's content is known by."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S")
