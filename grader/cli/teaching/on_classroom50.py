"""What runs in a student's repository on Classroom 50: `python -m grader.cli.teaching.on_classroom50 SETTINGS`.

The current folder is the checkout. Writes ./result.json and ./release-body.md; exit status 0 says that it ran.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from grader.cli.teaching.on_actions import summary
from grader.cli.teaching.one_submission import Package, Record, grade_one
from grader.files import write_atomic
from grader.results.verdicts import PASS

SCHEMA = "classroom50/result/v1"
WHOLE = 100
"""Points there are whole numbers: ours times 100."""
FROM_ENVIRONMENT = {
    "classroom": ("CLASSROOM",),
    "assignment": ("ASSIGNMENT",),
    "assignment_type": ("ASSIGNMENT_TYPE",),
    "owner": ("OWNER", "USERNAME"),
    "submission": ("SUBMISSION_TAG",),
    "commit": ("COMMIT_URL",),
    "release": ("RELEASE_URL",),
    "review": ("REVIEW_URL",),
}


def main(settings: Path) -> int:
    """Grades the checkout. Returns the exit status."""
    package, here = Package.read(json.loads(settings.read_bytes())), Path.cwd()
    owner = os.environ.get("OWNER") or os.environ.get("USERNAME") or "you"
    record, run = grade_one(here, owner, package, lambda _: None)
    if record["score"] is None:
        print("\n".join(run.problems), file=sys.stderr)
        return 1
    write_atomic(here / "result.json", json.dumps(result(record), ensure_ascii=False, indent=1) + "\n")
    write_atomic(here / "release-body.md", summary(record))
    return 0


def result(record: Record) -> dict[str, Any]:
    """result.json: a test for each exercise, whose points add up to the score."""
    said = {
        name: next((os.environ[one] for one in names if os.environ.get(one)), "")
        for name, names in FROM_ENVIRONMENT.items()
    }
    tests = [
        {
            "test-name": exercise["id"],
            "passed": exercise["verdict"] == PASS,
            "score": round(WHOLE * exercise["score"]),
            "max-score": round(WHOLE * exercise["max_score"]),
        }
        for exercise in record["exercises"]
    ]
    return {
        "schema": SCHEMA,
        **said,
        "datetime": _committed(),
        "graded_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "score": sum(int(test["score"]) for test in tests),
        "max-score": sum(int(test["max-score"]) for test in tests),
        "tests": tests,
    }


def _committed() -> str:
    """The committer's date of what is graded: the same however often it is. Empty where git knows none."""
    command = ["git", "log", "-1", "--format=%cI"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
