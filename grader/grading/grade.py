"""`grader grade`: the code of many."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import EXIT_GRADER, EXIT_PASS, UsageError
from grader.grading.journal import Journal, digest_of_checks
from grader.grading.lock import Lock
from grader.grading.pool import Pool
from grader.grading.process import GradingSettings, Task
from grader.grading.progress_bar import ProgressBar
from grader.judging.open import new_seed
from grader.kit.discovery import Kit
from grader.launch import environment
from grader.launch.isolation import left_open
from grader.limits import Limits
from grader.reports import gradebook, html
from grader.reports.terminal import Screen
from grader.results import document as results
from grader.results.document import Reader
from grader.results.verdicts import ERROR, ExerciseResult, Outcome
from grader.submissions import intake
from grader.submissions.intake import Class, Entry
from grader.submissions.lms import without_extension
from grader.text import clean, exact, listed, plain, shown

EXIT_STOPPED = 130
DEFAULTS: dict[str, Any] = {"device": "auto", "timeout": 10.0, "memory": 2048, "feedback": "full"}
"""The options that results depend on. A run that goes on keeps those that it is not given anew."""
WEAK = {
    "process": "runs in the grader's own process",
    "files": "can read your files",
    "network": "can reach the network",
    "memory_mb": "can take all memory",
}
"""What code may do where a promise of `run.isolation` does not hold."""
MAX_NAME = 60
JOURNAL, DOCUMENT, LOCK = "results.jsonl", "results.json", ".grading"


@dataclass(frozen=True)
class GradeOptions:
    """What was asked for on the command line; None where nothing was said."""

    seed: int | None = None
    options: dict[str, Any] | None = None
    jobs: int | None = None
    require: tuple[str, ...] = ()
    fresh: bool = False
    only: tuple[str, ...] = ()
    export: tuple[str, ...] = ()


def grade(submissions: Path, *, out: Path, options: GradeOptions) -> int:
    """Grades every submission in a folder. Returns the exit status."""
    kit = Kit()
    found = _intake(submissions, out, kit, options.only)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = Lock(out / LOCK)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from error
    try:
        grading = Grading(kit, found.entries, out, options, exact(submissions.resolve().name))
    except UsageError:
        lock.release()
        raise
    grading.problems += found.problems
    try:
        return grading.run()
    except KeyboardInterrupt:
        grading.stopped()
        return EXIT_STOPPED
    finally:
        grading.close()
        lock.release()


def _intake(submissions: Path, out: Path, kit: Kit, only: Sequence[str]) -> Class:
    if submissions.is_dir() and out.resolve() == submissions.resolve():
        raise UsageError(f"--out {out} is the folder of the submissions: name another one for the results")
    found = intake.read(submissions, kit.exercises, out.resolve())
    if not found.entries:
        raise UsageError("; ".join([f"{submissions} holds no submission", *found.problems]))
    ids = {entry.id for entry in found.entries}
    if unknown := [name for name in only if name not in ids]:
        raise UsageError(f"--only {unknown[0]}: there is no such submission in {submissions}")
    return found


class Grading:
    """One run: what is in the journal is kept, the rest is graded, and everything that is made of it is made anew.

    Args:
        entries: the submissions, in the order of the results.
        out: the folder of results.
        options: what was asked for.
        name: what the class is called: the name of its folder or archive.
    """

    def __init__(self, kit: Kit, entries: Sequence[Entry], out: Path, options: GradeOptions, name: str) -> None:
        self._kit, self._out, self._given, self._name = kit, out, options, name
        self._entries = {entry.id: entry for entry in entries}
        self._screen = Screen()
        self._start = time.perf_counter()
        self.problems: list[str] = []
        self._journal = Journal(out / JOURNAL)
        self._compare_classes()
        kept = None if options.fresh else self._journal.header
        given = {name: value for name, value in (options.options or {}).items() if value is not None}
        self._options = {**DEFAULTS, **(kept["options"] if kept else {}), **given}
        self._seed = options.seed if options.seed is not None else kept["seed"] if kept else new_seed()
        settings = GradingSettings(
            self._seed,
            self._options["device"],
            Limits(self._options["memory"], self._options["timeout"]),
            self._options["feedback"] == "hidden",
            options.require,
        )
        self._pool = Pool(settings, options.jobs or _cores())

    def _compare_classes(self) -> None:
        """Says where the folder holds another class. Raises UsageError where none of that is in this one."""
        before = self._journal.noted.get("submissions", self._name)
        known = {*self._journal.ids}
        if before == self._name or not known or self._given.fresh:
            return
        if not known & {*self._entries}:
            raise UsageError(
                f"--out {self._out} holds the results of {shown(before)}, of whom nobody is in {shown(self._name)}: "
                "name another folder, or say --fresh to replace them"
            )
        self._screen.remark(
            f"{self._out} held the results of {shown(before)}: they become those of {shown(self._name)}"
        )

    def run(self) -> int:
        """Returns the exit status."""
        self._pool.start(max(1, len(self._pending())))
        greeting = self._pool.greeting()
        before, header = len(self._journal), self._header(greeting["devices"])
        changed = _what_changed(self._journal.header, header)
        self._warn(greeting["isolation"])
        if self._given.only and before and (self._given.fresh or header != self._journal.header):
            raise UsageError("--only would discard the other results: they were graded with other settings")
        noted = {"submissions": self._name, "worker": environment.FIXED}
        self._journal.begin(header, noted, fresh=self._given.fresh)
        pending = self._pending()
        self._say(before, pending, changed)
        if could := left_open(greeting["isolation"]):
            self._screen.remark(f"the code could {', '.join(could)}; `grader doctor` says why")
        with ProgressBar(len(pending)) as gauge:
            for task, record, how in self._pool.run(self._task(entry) for entry in pending):
                self._keep(task, record or self._lost(task, how, greeting).encode(), gauge)
        self._pool.close()
        return self._finish(greeting)

    def _header(self, devices: list[str]) -> dict[str, Any]:
        return {
            "format": results.FORMAT,
            "seed": self._seed,
            "options": self._options,
            "devices": devices,
            "versions": results.versions(),
            "packages": environment.packages(),
            "checks": digest_of_checks(self._kit),
        }

    def _warn(self, surrounds: dict[str, Any]) -> None:
        """Says what does not hold code back on this machine."""
        weak = [words for name, words in WEAK.items() if surrounds[name] in (False, None, "visible", "open")]
        if weak:
            can = " and ".join(weak)
            self._screen.remark(f"isolation is weak on this machine: the students' code {can} (see `grader doctor`)")

    def _pending(self) -> list[Entry]:
        """The submissions to grade: those asked for, or those that have no result for what they hold now."""
        if self._given.only:
            return [self._entries[name] for name in sorted(set(self._given.only))]
        return [entry for entry in self._entries.values() if not self._journal.has(entry.id, entry.digest)]

    def _say(self, before: int, pending: Sequence[Entry], changed: str) -> None:
        kept = len(self._entries) - len(pending)
        self._screen.remark(f"seed {self._seed}; {len(pending)} of {len(self._entries)} submissions to grade")
        if before and not len(self._journal):
            self._screen.remark(f"grading everything again: {changed or 'that was asked for'}")
        elif kept and not self._given.only:
            self._screen.remark(f"{kept} graded before, and unchanged")

    def _task(self, entry: Entry) -> Task:
        return Task(
            entry.id, entry.source, html.page_path(entry.id), entry.files, tuple(entry.problems), entry.unreadable
        )

    def _keep(self, task: Task, record: bytes, gauge: ProgressBar) -> None:
        """Writes a record to the journal."""
        text = record.decode()
        head = json.loads(text)
        self._journal.add(text, task.id, self._entries[task.id].digest, complete=head["score"] is not None)
        gauge.step(f"{task.id}: {_points(head)}")

    def _lost(self, task: Task, how: str, greeting: dict[str, Any]) -> str:
        """The record of a submission that no grader process could grade."""
        found = []
        for slug, checks in greeting["checks"].items():
            outcomes = [
                Outcome(name, title, device, ERROR, points / len(greeting["devices"]), message=how)
                for device in greeting["devices"]
                for name, title, points in checks
            ]
            most = round(sum(points for _, _, points in checks), 6)
            found.append(ExerciseResult(slug, ERROR, None, most, outcomes))
        return results.bounded(results.submission(task.id, task.source, found, page=task.page, problems=task.problems))

    def _finish(self, greeting: dict[str, Any]) -> int:
        """Makes results.json and everything that is made of it."""
        ids = [name for name in self._entries if self._journal.knows(name)]
        errors = [text for name in ids for text in results.errors(self._journal.record(name))]
        seconds, problems = time.perf_counter() - self._start, [*self.problems, *errors]
        surrounds, absent = greeting["isolation"], greeting["absent"]
        run = results.Run(self._seed, greeting["devices"], surrounds, seconds, problems, absent)
        self._journal.keep(ids)
        previous = Reader(verdicts_only=True).document(self._out / DOCUMENT)
        results.write(self._out / DOCUMENT, run, (results.dumps(self._journal.record(name)) for name in ids))
        reader = Reader()
        records = [self._journal.record(name, reader.loads) for name in ids]
        document = {"format": results.FORMAT, "run": run.record(), "submissions": records}
        html.write(self._out, document, previous)
        gradebook.write(self._out, document)
        assignment = f"{gradebook.ASSIGNMENT}: {clean(without_extension(self._name), MAX_NAME)}"
        people = {name: gradebook.Person(one.members, one.gradescope) for name, one in self._entries.items()}
        for kind in self._given.export:
            gradebook.export(kind, self._out, document, assignment=assignment, people=people)
        self._tell(document)
        for error in errors:
            self._screen.remark(f"grader error (not the students' code): {error}")
        return EXIT_GRADER if errors else EXIT_PASS

    def _tell(self, document: dict[str, Any]) -> None:
        """What is read on the screen: a line for each submission, then where the rest lies."""
        for record in document["submissions"]:
            self._screen.line(f"{record['id']:<30} {_points(record):>14}")
        self._screen.line()
        count = len(document["submissions"])
        noun = "submission" if count == 1 else "submissions"
        self._screen.line(f"{count} {noun} graded with seed {self._seed}; open {self._out / 'report.html'}")
        for problem in self.problems:
            self._screen.remark(problem)

    def stopped(self) -> None:
        """Says what a run that was stopped leaves, and how to go on."""
        self._pool.close(patience=0.2)
        done = sum(self._journal.has(entry.id, entry.digest) for entry in self._entries.values())
        self._screen.remark(
            f"stopped: {done} of {len(self._entries)} submissions are graded, and kept in {self._journal.path}. "
            "The same command goes on from there."
        )

    def close(self) -> None:
        self._pool.close()
        self._journal.close()


def _what_changed(old: dict[str, Any] | None, new: dict[str, Any]) -> str:
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


def _points(record: dict[str, Any]) -> str:
    return "no score" if record["score"] is None else f"{plain(record['score'])} of {plain(record['max_score'])}"


def _cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
