"""What runs inside Gradescope's container: `python -m grader.cli.teaching.on_gradescope /autograder`.

Reads /autograder/submission and submission_metadata.json, and writes /autograder/results/results.json before the first
exercise and after every one: whoever runs out of time keeps what was graded.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.cli.teaching.one_submission import Package, Record, grade_one
from grader.files import write_atomic
from grader.reports.gradebook import gradescope
from grader.text import duration

SETTINGS = "grader.json"


def main(base: Path) -> int:
    """Grades the submission. Returns the exit status, 0 where there is a result."""
    package = Package.read(json.loads((base / "source" / SETTINGS).read_bytes()))
    late = lateness(base / "submission_metadata.json")
    results = base / "results" / "results.json"

    def tell(record: Record) -> None:
        write(results, record, package, late, ended=False)

    record, _ = grade_one(base / "submission", "submission", package, tell)
    write(results, record, package, late, ended=True)
    return 0


def write(path: Path, record: Record, package: Package, late: str, *, ended: bool) -> None:
    """results.json as Gradescope has it; where grading goes on, what is missing so far is said."""
    score = sum(exercise["score"] or 0.0 for exercise in record["exercises"])
    found = gradescope({**record, "score": round(score, 2)})
    waiting = [exercise["id"] for exercise in record["exercises"] if not exercise["checks"]]
    broken = [exercise["id"] for exercise in record["exercises"] if exercise["score"] is None]
    said = [found["output"], late]
    if not ended:
        said.append(f"not graded: {', '.join(waiting)}. The time or the memory ran out; what is above counts so far.")
    if broken:
        said.append(f"the grader failed at {', '.join(broken)}, not the code: tell your instructor")
    found["output"] = "\n".join(text for text in said if text)
    for test in found["tests"]:
        test["visibility"] = package.visibility
    write_atomic(path, json.dumps(found, ensure_ascii=False) + "\n")


def lateness(metadata: Path) -> str:
    """When it was handed in after the due date, in words; empty where it was not, or where that is not known."""
    try:
        data: dict[str, Any] = json.loads(metadata.read_bytes())
        due = data["assignment"]["due_date"]
        due = data["users"][0].get("assignment", {}).get("due_date") or due
        seconds = (datetime.fromisoformat(data["created_at"]) - datetime.fromisoformat(due)).total_seconds()
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return ""
    return f"handed in {duration(seconds)} after the due date" if seconds > 0 else ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
