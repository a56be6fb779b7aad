"""What runs in a container of PrairieLearn: `python -m grader.cli.teaching.on_prairielearn /grade SETTINGS`.

Reads /grade/student and writes /grade/results/results.json, after every exercise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from grader.cli.teaching.one_submission import Package, Record, grade_one
from grader.files import write_atomic
from grader.reports.statistics import shared_message
from grader.results.verdicts import MISSING, PASS, SKIP, UNWRITTEN
from grader.text import clean

MOST_TEXT = 2_000
"""Bytes of one message: all of results.json may have a million."""


def main(base: Path, settings: Path) -> int:
    """Grades the submission. Returns the exit status, 0 where there is a result."""
    package = Package.read(json.loads(settings.read_bytes()))
    path = base / "results" / "results.json"

    def tell(record: Record) -> None:
        write_atomic(path, json.dumps(result(record), ensure_ascii=False) + "\n")

    record, run = grade_one(base / "student", "student", package, tell)
    tell(record)
    print("\n".join(run.problems), file=sys.stderr)
    return 1 if record["score"] is None else 0


def result(record: Record) -> dict[str, Any]:
    """results.json there. What is unwritten, or cannot be loaded, is not gradable: no attempt is lost."""
    exercises = record["exercises"]
    if reason := _not_gradable(exercises):
        return {"gradable": False, "format_errors": [clean(reason, MOST_TEXT)], "output": _said(record)}
    most = sum(one["max_score"] for one in exercises)
    return {
        "gradable": True,
        "score": round(sum(one["score"] or 0.0 for one in exercises) / most, 6) if most else 0.0,
        "output": _said(record),
        "tests": [
            {
                "name": f"{exercise['id']}: {check['title']}",
                "points": check["points"],
                "max_points": 0 if check["verdict"] == SKIP else check["max_points"],
                "message": clean(check["message"], MOST_TEXT),
            }
            for exercise in exercises
            for check in exercise["checks"]
        ],
    }


def _not_gradable(exercises: list[Record]) -> str:
    """Why there is nothing to grade yet; empty where there is."""
    if all(one["verdict"] in (UNWRITTEN, MISSING) for one in exercises):
        return "nothing is written yet"
    unread = [text for one in exercises if one["verdict"] != MISSING and (text := shared_message(one))]
    passed = any(check["verdict"] == PASS for one in exercises for check in one["checks"])
    return unread[0] if unread and not passed else ""


def _said(record: Record) -> str:
    return clean("\n".join(record["problems"]), MOST_TEXT)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
