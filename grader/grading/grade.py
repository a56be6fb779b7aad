"""`grader grade`: the code of many."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader.errors import EXIT_GRADER, EXIT_PASS, UsageError
from grader.grading import output
from grader.grading.class_file import ClassFile, Shard
from grader.grading.conditions import header_of, leave, settings_of, task_of, what_changed
from grader.grading.engine import Engine
from grader.grading.journal import Journal
from grader.grading.lock import Lock
from grader.grading.pool import Pool
from grader.grading.process import Task
from grader.grading.progress_bar import ProgressBar
from grader.judging.open import new_seed
from grader.kit.discovery import Kit
from grader.launch import environment
from grader.launch.isolation import left_open
from grader.reports.terminal import Screen
from grader.results import document as results
from grader.results.verdicts import ERROR, ExerciseResult, Outcome
from grader.submissions import intake
from grader.submissions.intake import Class, Entry
from grader.system import cores
from grader.text import exact, listed, shown

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
JOURNAL = "results.jsonl"


@dataclass(frozen=True)
class GradeOptions:
    """What was asked for on the command line; None where nothing was said."""

    seed: int | None = None
    options: dict[str, Any] | None = None
    jobs: int | None = None
    require: tuple[str, ...] = ()
    fresh: bool = False
    only: tuple[str, ...] = ()
    exports: output.Exports = field(default_factory=output.Exports)
    exercises: tuple[str, ...] = ()
    shard: Shard | None = None
    cluster: str = ""


def grade(submissions: Path, *, out: Path, options: GradeOptions) -> int:
    """Grades every submission in a folder. Returns the exit status."""
    kit = Kit()
    if options.exercises:  # first: a wrong name costs no reading of a class
        chosen = [exercise.slug for exercise in kit.find(options.exercises)]
        options = replace(options, options={**(options.options or {}), "exercises": chosen})
    options.exports.check(submissions.resolve().name)
    found = _intake(submissions, out, kit, options.only)
    lock = Lock.of_folder(out)
    try:
        grading = Grading(kit, found, out, options, submissions)
    except UsageError:
        lock.release()
        raise
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
        found: the submissions of the whole class, in the order of the results.
        out: the folder of results.
        options: what was asked for.
        submissions: where the class lies; the name of that folder or archive is what it is called.
    """

    def __init__(self, kit: Kit, found: Class, out: Path, options: GradeOptions, submissions: Path) -> None:
        self._kit, self._out, self._given = kit, out, options
        self._from, self._name = submissions.resolve(), exact(submissions.resolve().name)
        self._screen = Screen()
        self._start = time.perf_counter()
        self._found = found
        self._journal = Journal(out / JOURNAL)
        self._entries = self._share()
        self._compare_classes()
        kept = None if options.fresh else self._journal.header
        given = {name: value for name, value in (options.options or {}).items() if value is not None}
        self._options = {**DEFAULTS, **(kept["options"] if kept else {}), **given}
        self._choose_exercises()
        if options.shard and options.seed is None and kept is None:
            raise UsageError("--shard needs --seed: every shard must draw the same inputs")
        self._seed = options.seed if options.seed is not None else kept["seed"] if kept else new_seed()
        settings = settings_of(self._seed, self._options, options.require)
        self._engine: Engine
        if options.cluster:
            from grader.grading.cluster import Cluster

            self._engine = Cluster(options.cluster, self._seed, self._options, options.require)
        else:
            self._engine = Pool(settings, options.jobs or cores())

    def _share(self) -> dict[str, Entry]:
        """The submissions that are graded here: those of this shard, or all. Raises UsageError for --only elsewhere."""
        shard = self._given.shard
        entries = {one.id: one for place, one in enumerate(self._found.entries) if shard is None or shard.has(place)}
        if elsewhere := [name for name in self._given.only if name not in entries]:
            raise UsageError(f"--only {elsewhere[0]}: that submission is not in shard {shard}")
        return entries

    def _choose_exercises(self) -> None:
        """Leaves the files of the chosen exercises: what another one holds changes no result."""
        chosen = self._options.get("exercises")
        if not chosen:
            self._options.pop("exercises", None)
            return
        known = {exercise.slug for exercise in self._kit.exercises}
        if gone := [slug for slug in chosen if slug not in known]:
            raise UsageError(f"{self._out} holds results of {gone[0]}, which is no exercise of this kit: say --fresh")
        leave(self._entries.values(), chosen)

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
        self._engine.start(max(1, len(self._pending())))
        greeting = self._engine.greeting()
        before, header = len(self._journal), header_of(self._kit, self._seed, self._options, greeting["devices"])
        changed = what_changed(self._journal.header, header)
        self._warn(greeting["isolation"])
        if self._given.only and before and (self._given.fresh or header != self._journal.header):
            raise UsageError("--only would discard the other results: they were graded with other settings")
        noted = {"submissions": self._name, "from": str(self._from), "worker": environment.FIXED}
        self._class().write(self._out)
        self._journal.begin(header, noted, fresh=self._given.fresh)
        pending = self._pending()
        self._say(before, pending, changed)
        if could := left_open(greeting["isolation"]):
            self._screen.remark(f"the code could {', '.join(could)}; `grader doctor` says why")
        with ProgressBar(len(pending)) as gauge:
            for task, record, how in self._engine.run(task_of(entry) for entry in pending):
                self._keep(task, record or self._lost(task, how, greeting).encode(), gauge)
        self._engine.close()
        return self._finish(greeting)

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
        if chosen := self._options.get("exercises"):
            self._screen.remark(
                f"only {listed(chosen)}; for others use another --out, or --fresh to begin again in this one"
            )
        if before and not len(self._journal):
            self._screen.remark(f"grading everything again: {changed or 'that was asked for'}")
        elif kept and not self._given.only:
            self._screen.remark(f"{kept} graded before, and unchanged")

    def _keep(self, task: Task, record: bytes, gauge: ProgressBar) -> None:
        """Writes a record to the journal."""
        text = record.decode()
        head = json.loads(text)
        self._journal.add(text, task.id, self._entries[task.id].digest, complete=head["score"] is not None)
        gauge.step(f"{task.id}: {output.points(head)}")

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

    def _class(self) -> ClassFile:
        chosen = self._kit.find(self._options.get("exercises", ()))
        return ClassFile.of(self._name, self._found, chosen, self._given.shard)

    def _finish(self, greeting: dict[str, Any]) -> int:
        """Makes results.json and everything that is made of it."""
        ids = [name for name in self._entries if self._journal.knows(name)]
        seconds = time.perf_counter() - self._start
        isolation, absent = greeting["isolation"], greeting["absent"]
        run = results.Run(self._seed, greeting["devices"], isolation, seconds, self._found.problems, absent)
        made = output.make(self._out, self._journal, ids, run, self._class(), self._given.exports, self._code)
        output.tell(self._screen, self._out, made)
        return EXIT_GRADER if made.errors else EXIT_PASS

    def _code(self, id: str, slug: str) -> bytes:  # noqa: A002  (the document's own word)
        file = self._entries[id].files.get(slug)
        return file.text if file is not None else b""

    def stopped(self) -> None:
        """Says what a run that was stopped leaves, and how to go on."""
        self._engine.close(patience=0.2)
        done = sum(self._journal.has(entry.id, entry.digest) for entry in self._entries.values())
        self._screen.remark(
            f"stopped: {done} of {len(self._entries)} submissions are graded, and kept in {self._journal.path}. "
            "The same command goes on from there."
        )

    def close(self) -> None:
        self._engine.close()
        self._journal.close()
