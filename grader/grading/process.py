"""A grader process: one process that has collected the checks once and grades one submission after another.

It is started by `pool.py`, says what it can do, and then answers every task with one record as JSON. It is ours: no
learner's code runs in it. It ends when its parent ends, however that comes about.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from multiprocessing import connection, parent_process
from typing import TYPE_CHECKING, Any

from grader.errors import GraderError, UsageError
from grader.limits import Limits
from grader.results.document import bounded, submission
from grader.results.verdicts import ExerciseResult
from grader.source.file import File

if TYPE_CHECKING:
    from grader.judging.session import Session
    from grader.launch.launcher import Launcher

ALIVE = b"."
"""Sent after every exercise: the grader process is not stuck."""


@dataclass(frozen=True)
class Task:
    """One submission to grade.

    Args:
        files: slug -> the learner's file.
        page: where its page will be, in the results' folder.
        unreadable: what this machine's disk does not let anybody read of it, a sentence.
    """

    id: str
    source: str
    page: str
    files: dict[str, File] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unreadable: str = ""

    def as_json(self) -> dict[str, Any]:
        """As plain values; the bytes of files in base64."""
        files = {slug: _file_as_json(file) for slug, file in self.files.items()}
        return {**asdict(self), "files": files, "problems": list(self.problems)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Task:
        files = {slug: File(**{**one, "text": base64.b64decode(one["text"])}) for slug, one in data["files"].items()}
        return Task(**{**data, "files": files, "problems": tuple(data["problems"])})


def _file_as_json(file: File) -> dict[str, Any]:
    return {**asdict(file), "path": None, "text": base64.b64encode(file.text).decode()}


@dataclass(frozen=True)
class GradingSettings:
    """How a grader process grades: everything that its results depend on, besides the submissions."""

    seed: int
    device: str
    limits: Limits
    hidden: bool
    require: tuple[str, ...] = ()
    exercises: tuple[str, ...] = ()
    """The slugs of those that are graded; all where there are none."""


def main(channel: connection.Connection, settings: GradingSettings) -> None:
    """The grader process's life: a greeting, then a record for each task, until the channel closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process on the terminal; it ends this one
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"
    workers = None
    try:
        from grader.launch import isolation
        from grader.launch.launcher import launcher

        isolation.check_names(settings.require)
        workers = launcher(settings.limits, many=True)
        session = _session(settings, workers)
        surrounds = workers.surrounds(session.settings.devices)
        isolation.require(surrounds, settings.require)
        _tell(channel, _greeting(session, surrounds))
    except (UsageError, GraderError) as error:
        if workers is not None:
            workers.close()
        _tell(channel, {"usage" if isinstance(error, UsageError) else "broken": str(error)})
        return
    try:
        while True:
            task = Task.from_json(json.loads(channel.recv_bytes()))
            channel.send_bytes(_grade(session, task, lambda: channel.send_bytes(ALIVE)))
    except (EOFError, OSError):
        return  # nobody waits for an answer any more
    finally:
        workers.close()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _tell(channel: connection.Connection, what: dict[str, Any]) -> None:
    channel.send_bytes(json.dumps(what).encode())


def _session(grading: GradingSettings, workers: Launcher) -> Session:
    from grader.judging.exercise import CheckSettings
    from grader.judging.session import Session, absent, devices
    from grader.kit.discovery import Kit
    from grader.remote.transport import WorkerTransport

    kit = Kit()
    settings = CheckSettings(
        grading.seed,
        devices(grading.device),
        grading.limits.seconds,
        lambda: WorkerTransport(workers),
        grading.limits.exercise_seconds,
        grading.hidden,
        absent(grading.device),
        partial(WorkerTransport, workers),
    )
    session = Session(kit, kit.find(grading.exercises), settings)
    gc.freeze()
    return session


def _greeting(session: Session, surrounds: dict[str, Any]) -> dict[str, Any]:
    checks = {
        slug: [[check.id, check.title, check.points] for check in found] for slug, found in session.checks.items()
    }
    return {
        "devices": list(session.settings.devices),
        "absent": list(session.settings.absent),
        "isolation": surrounds,
        "checks": checks,
    }


def _with_version(result: ExerciseResult) -> ExerciseResult:
    """The same, with Python's version where that cannot read a file: the student's own may be newer."""
    start, version = "Python cannot read ", f"Python {sys.version_info.major}.{sys.version_info.minor} cannot read "
    outcomes = [
        replace(one, message=version + one.message[len(start) :]) if one.message.startswith(start) else one
        for one in result.outcomes
    ]
    return replace(result, outcomes=outcomes)


def _grade(session: Session, task: Task, alive: Callable[[], None]) -> bytes:
    start = time.perf_counter()
    found = []
    for exercise in session.exercises:
        try:
            file = task.files.get(exercise.slug)
            unreadable = task.unreadable if file is None else file.unreadable
            result = session.broken(exercise, unreadable) if unreadable else session.run(exercise, file)
            found.append(_with_version(result) if result.unloadable else result)
        except Exception as error:  # ours: it costs the score of this exercise, and no other result
            found.append(session.broken(exercise, f"{type(error).__name__}: {error}"))
        alive()
    seconds = time.perf_counter() - start
    record = submission(task.id, task.source, found, page=task.page, seconds=seconds, problems=list(task.problems))
    return bounded(record).encode()
