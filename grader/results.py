"""results.json: what other tools read. Its format is fixed by `format`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import grader
from grader.verdicts import SKIP, ExerciseResult, Outcome

FORMAT = 1


@dataclass
class Submission:
    """One student's results."""

    id: str
    source: str
    results: list[ExerciseResult]
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def score(self) -> float | None:
        """None where some exercise has none because of the grader."""
        scores = [result.score for result in self.results]
        return None if None in scores else round(sum(score for score in scores if score is not None), 2)

    @property
    def max_score(self) -> float:
        return sum(result.max_score for result in self.results)


@dataclass
class Run:
    """One run of the grader over submissions."""

    seed: int
    devices: Sequence[str]
    isolation: dict[str, Any]
    """What surrounded the code, as the launcher reports it."""
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def document(run: Run, submissions: Sequence[Submission]) -> dict[str, Any]:
    """The whole of results.json."""
    return {
        "format": FORMAT,
        "run": {
            "grader": grader.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__.partition("+")[0],
            "seed": run.seed,
            "devices": list(run.devices),
            "isolation": run.isolation,
            "problems": run.problems + [text for one in submissions for text in _errors(one)],
            "seconds": round(run.seconds, 3),
        },
        "submissions": [_submission(one) for one in submissions],
    }


def _errors(submission: Submission) -> list[str]:
    return [
        f"{submission.id}: {result.slug}: {outcome.title}: {outcome.message}"
        for result in submission.results
        for outcome in result.outcomes
        if outcome.verdict == "error"
    ]


def _submission(submission: Submission) -> dict[str, Any]:
    return {
        "id": submission.id,
        "source": submission.source,
        "page": None,
        "score": submission.score,
        "max_score": submission.max_score,
        "seconds": round(submission.seconds, 3),
        "problems": submission.problems,
        "exercises": [
            {
                "id": result.slug,
                "verdict": result.verdict,
                "score": result.score,
                "max_score": result.max_score,
                "checks": [_check(outcome) for outcome in result.outcomes],
            }
            for result in submission.results
        ],
    }


def _check(outcome: Outcome) -> dict[str, Any]:
    found = {
        "id": outcome.id,
        "title": outcome.title,
        "device": outcome.device,
        "verdict": outcome.verdict,
        "points": 0.0 if outcome.verdict == SKIP else outcome.points,
        "max_points": outcome.max_points,
        "message": outcome.message,
        "mistake": outcome.mistake,
        "seconds": outcome.seconds,
    }
    return {**found, "picture": outcome.picture.record()} if outcome.picture else found


def write(path: Path, run: Run, submissions: Sequence[Submission]) -> None:
    """Writes results.json, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(document(run, submissions), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, path)
