"""What runs in a job of GitHub Actions: `python -m grader.cli.teaching.on_actions SETTINGS`, in the checkout.

Writes a summary that a student reads to $GITHUB_STEP_SUMMARY, and a line for each exercise to the log. The exit status
is 1 where something that was written does not pass.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from grader.cli.teaching.one_submission import Package, Record, grade_one
from grader.errors import EXIT_FAIL, EXIT_GRADER, EXIT_PASS
from grader.reports.statistics import shared_message
from grader.results.verdicts import FAIL, PASS, SKIP, UNWRITTEN
from grader.text import plain

MOST_SAID = 3
"""So many failures of an exercise are told in full."""


def main(settings: Path) -> int:
    """Grades the checkout. Returns the exit status."""
    package = Package.read(json.loads(settings.read_bytes()))
    record, run = grade_one(Path.cwd(), "you", package, lambda _: None)
    text = summary(record)
    if place := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(text)
    for exercise in record["exercises"]:
        print(f"{exercise['verdict']:<10} {exercise['id']:<28} {_points(exercise)}")
    for problem in run.problems:
        print(f"grader error (not your code): {problem}", file=sys.stderr)
    if run.problems:
        return EXIT_GRADER
    return EXIT_FAIL if any(one["verdict"] == FAIL for one in record["exercises"]) else EXIT_PASS


def summary(record: Record) -> str:
    """What a student reads, in Markdown: a row for each exercise, then what each failure says."""
    lines = ["| exercise | | points |", "| --- | --- | --- |"]
    lines += [f"| {one['id']} | {one['verdict']} | {_points(one)} |" for one in record["exercises"]]
    for exercise in record["exercises"]:
        if exercise["verdict"] != FAIL:
            continue
        lines += ["", f"### {exercise['id']}"]
        if shared := shared_message(exercise):
            lines += ["", _code(shared)]
            continue
        failed = [check for check in exercise["checks"] if check["verdict"] not in (PASS, SKIP, UNWRITTEN)]
        for check in failed[:MOST_SAID]:
            lines += ["", f"**{check['title']}**", "", _code(check["message"])]
        if len(failed) > MOST_SAID:
            lines += ["", f"and {len(failed) - MOST_SAID} checks more: `grader check` shows them"]
    if record["problems"]:
        lines += ["", "### What was handed in", "", _code("\n".join(record["problems"]))]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    """Text as it is, whatever Markdown or HTML it holds: the fence is longer than any in it."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _points(exercise: Record) -> str:
    return "no score" if exercise["score"] is None else f"{plain(exercise['score'])} of {plain(exercise['max_score'])}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
