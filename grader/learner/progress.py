"""What a learner has reached, in `.grader/progress.json`, and every text that was checked. Imports no torch.

Each change is read, made and written under a lock, so that two processes lose nothing of each other's. A file is
written beside its place and moved there: whoever kills the process finds it whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from grader.files import write_atomic
from grader.kit.discovery import Exercise
from grader.kit.hints import RAISED
from grader.kit.stub import stub_of
from grader.results.verdicts import CORE, ExerciseResult, Outcome

KEPT_ATTEMPTS = 50
"""Texts of one exercise that are kept, besides those that a reset put away."""
RESET = "before-reset"


_stub_of = lru_cache(stub_of)
"""The loop asks for all of them after every save."""


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
        try:
            progress.data = progress._parsed()
        except ValueError:
            with progress._locked():
                progress._load()
        return progress

    @property
    def file(self) -> Path:
        return self.folder / "progress.json"

    def entry(self, slug: str) -> dict[str, Any]:
        """What is known of an exercise, to look at."""
        found = self.data.get("exercises", {}).get(slug)
        return found if isinstance(found, dict) else {}

    @contextlib.contextmanager
    def changing(self, slug: str) -> Iterator[dict[str, Any]]:
        """The newest entry of an exercise, to change; it is written at the end. Raises OSError where it can't be."""
        with self._locked():
            self._load()
            exercises = self.data.setdefault("exercises", {})
            if not isinstance(exercises.get(slug), dict):
                exercises[slug] = {}
            yield exercises[slug]
            write_atomic(self.file, (json.dumps(self.data, indent=1) + "\n").encode())

    def _parsed(self) -> dict[str, Any]:
        """Raises ValueError where the file is damaged."""
        if not self.file.is_file():
            return {}
        data = json.loads(self.file.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or not isinstance(data.get("exercises", {}), dict):
            raise ValueError("not a table of exercises")
        return data

    def _load(self) -> None:
        try:
            self.data = self._parsed()
        except ValueError:
            aside = _next_name(self.folder, "progress-damaged-", ".json")
            os.replace(self.file, aside)
            self.data = {}
            self.warning = f"{self.file} could not be read; it was moved to {aside}; progress starts from zero"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time."""
        from filelock import FileLock  # 40 ms, which reading progress need not pay

        self.folder.mkdir(exist_ok=True)
        with contextlib.ExitStack() as held:
            with contextlib.suppress(OSError, NotImplementedError):  # without locks nothing can be promised
                held.enter_context(FileLock(self.folder / "lock"))
            yield

    def state(self, exercise: Exercise) -> str:
        """`pass`, `core` (its core checks pass), `fail`, `unwritten`, `not checked`, `changed` or `missing`."""
        if not exercise.stub.is_file():
            return "missing"
        entry = self.entry(exercise.slug)
        if exercise.solution.is_file() and exercise.stub.read_text(encoding="utf-8", errors="replace") == _stub_of(
            exercise.solution.read_text(encoding="utf-8")
        ):
            return "unwritten"
        if "verdict" not in entry:
            return "not checked"
        if entry.get("file") != digest(exercise.stub.read_bytes()):
            return "changed" if entry["verdict"] == "pass" else "not checked"
        return CORE if entry.get("core") and entry["verdict"] == "fail" else str(entry["verdict"])

    def points(self, exercise: Exercise) -> float | None:
        """What the file earned when it was checked last; None where that was another text."""
        known = self.state(exercise) in ("pass", "fail", CORE, "unwritten")
        score = self.entry(exercise.slug).get("score")
        return float(score) if known and isinstance(score, (int, float)) else None

    def record(self, result: ExerciseResult, text: bytes) -> None:
        """Remembers a verdict and the text that it is about. Raises OSError where that can't be written."""
        self.keep(result.slug, text)
        failure = result.first_failure
        with self.changing(result.slug) as entry:
            entry.update(verdict=result.verdict, score=result.score, file=digest(text), core=result.core_passes)
            entry["failing"] = hinted(failure)
            said = failure.message.partition("\n")[0] if failure is not None and failure.mistake else ""
            entry["diagnosis"] = None if said.endswith(":") else said or None  # of two at once the list is not kept

    def attempts(self, slug: str) -> list[Path]:
        """The texts that are kept of an exercise, oldest first."""
        return sorted((self.folder / "attempts" / slug).glob("*.py"))

    def keep(self, slug: str, text: bytes, *, because: str = "") -> Path:
        """Keeps a text that differs from the last one kept, and says where. What a reset put away stays for good."""
        with self._locked():
            kept = self.attempts(slug)
            if kept and kept[-1].read_bytes() == text and because in kept[-1].stem:
                return kept[-1]
            folder = self.folder / "attempts" / slug
            folder.mkdir(parents=True, exist_ok=True)
            path = _next_name(folder, "", f"{'-' if because else ''}{because}.py")
            write_atomic(path, text)
            for old in [file for file in self.attempts(slug) if RESET not in file.stem][:-KEPT_ATTEMPTS]:
                old.unlink()
            return path


def hinted(failure: Outcome | None) -> str | None:
    """The title of the hints that fit a failure; None for a file that cannot be loaded, which no hint is about."""
    if failure is None or failure.unloadable:
        return None
    return RAISED if failure.heading else failure.title


def _next_name(folder: Path, prefix: str, suffix: str) -> Path:
    """A name that says when and sorts behind all that are there, also where the clock went back."""
    last = max((file.name[len(prefix) :][:19] for file in folder.glob(f"{prefix}*")), default="")
    stamp = max(time.strftime("%Y%m%d-%H%M%S"), last[:15])
    number = int(last[16:19]) + 1 if last[:15] == stamp else 1
    return folder / f"{prefix}{stamp}-{number:03}{suffix}"


def digest(text: bytes) -> str:
    """What a file's content is known by."""
    return hashlib.sha256(text).hexdigest()
