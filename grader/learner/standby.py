"""A process that has imported torch, pytest and the kit and waits for a text to check. Imports no torch."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader import paths
from grader.kit.discovery import Exercise, Kit
from grader.launch import cgroups
from grader.results.tensor_diff import TensorDiff
from grader.results.verdicts import ExerciseResult, Outcome
from grader.system import WINDOWS

Told = Callable[["Standby", dict[str, Any]], None]


@dataclass(frozen=True)
class StandbySettings:
    """What a standby gets ready for.

    Args:
        root: the workspace.
        slugs: the exercises whose checks it collects, the likeliest first.
        seed: every input follows from it.
        device: where the learner's code works.
        quiet: it works beside the loop and may take its time.
    """

    root: str
    slugs: Sequence[str]
    seed: int
    device: str
    quiet: bool = False


class Standby:
    """The handle of one such process.

    Args:
        settings: what to get ready for.
        told: gets each message of it, in a thread: `ready`, `core` and `result` (with the `order` that they answer),
            `again`, `done`, `error`, last of all `gone`.
    """

    def __init__(self, settings: StandbySettings, told: Told) -> None:
        self.settings = settings
        self._told = told
        self._orders = 0
        self._trusted = trusted_files(Kit(Path(settings.root)))
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        program = (
            f"import sys; sys.path[:] = {json.dumps(sys.path)}; "
            f"from grader.learner.standby_process import main; main({asdict(settings)!r})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            # Where it sees no GPU it may fork a child for every save: see `standby_process`.
            env={**os.environ, **({"CUDA_VISIBLE_DEVICES": ""} if settings.device == "cpu" else {})},
            start_new_session=not WINDOWS,  # Ctrl-C is for the loop alone
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                self._told(self, json.loads(line))
        self._told(self, {"gone": self._process.wait()})

    def fits(self, exercise: Exercise) -> bool:
        """Whether it is alive, has this exercise's checks, and nothing of the kit changed since it read it."""
        return self.serves(exercise) and not self.is_stale()

    def serves(self, exercise: Exercise) -> bool:
        """Whether it is alive and has this exercise's checks."""
        return self._process.poll() is None and exercise.slug in self.settings.slugs

    def is_stale(self) -> bool:
        """Whether something of the kit changed since it read it. To look at every file takes 10 ms."""
        return trusted_files(Kit(Path(self.settings.root))) != self._trusted

    def check(self, exercise: Exercise, text: bytes, *, notebook: str = "") -> int:
        """Orders one text to be checked. A check that is at work is ended, and what it waits for is killed.

        Args:
            notebook: what messages call it where it is not the exercise's file.

        Returns the order's number.
        """
        self._orders += 1
        encoded = base64.b64encode(text).decode()
        self._order({"slug": exercise.slug, "text": encoded, "notebook": notebook, "order": self._orders})
        return self._orders

    def check_all(self) -> None:
        """Orders the files of all its exercises to be checked, as they are."""
        self._order({})

    def _order(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it died: `gone` says so
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    @property
    def log(self) -> str:
        """What it wrote to standard error, until it is closed."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        cgroups.clean_up_after(self._process.pid)
        with contextlib.suppress(OSError):  # an order that it never read
            self._process.stdin.close()
        self._log.close()


def trusted_files(kit: Kit, package: Path = paths.PACKAGE) -> dict[str, tuple[int, int]]:
    """What is known of every file of the kit that a standby has read: a change makes it stale.

    Args:
        kit: the course.
        package: the grader's own folder.
    """
    files = [*paths.files(package), *kit.root.glob("solutions/*.py"), *kit.root.glob("tests/ex*/**/*.py")]
    return {str(file): (stat.st_mtime_ns, stat.st_size) for file in files for stat in [file.stat()]}


def as_record(result: ExerciseResult) -> dict[str, Any]:
    """A result as it crosses to the loop."""
    outcomes = [
        {**vars(outcome), "picture": outcome.picture.record() if outcome.picture else None}
        for outcome in result.outcomes
    ]
    return {**vars(result), "outcomes": outcomes}


def from_record(record: dict[str, Any]) -> ExerciseResult:
    return ExerciseResult(**{**record, "outcomes": [_outcome(**outcome) for outcome in record["outcomes"]]})


def _outcome(picture: dict[str, Any] | None, step: Sequence[Any] | None, **rest: Any) -> Outcome:
    drawn = TensorDiff.from_record(picture) if picture else None
    return Outcome(**rest, picture=drawn, step=(step[0], step[1]) if step else None)
