"""What runs in a standby process: it gets everything ready, then checks one text after each order.

Where a fork is sound each order is carried out by a child that ends after it: what its checks took is given back.
Elsewhere this process carries out one order after the other, as a grader process does for a class. The learner's code
has a worker of its own for each order, on every system.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from grader.judging.open import open_session
from grader.kit.discovery import Kit
from grader.launch.launcher import Launcher, launcher
from grader.learner.standby import StandbySettings, as_record
from grader.limits import CHECK_SECONDS
from grader.source.file import File
from grader.system import can_fork
from grader.text import short_path
from grader.worker.sandbox import linux

if TYPE_CHECKING:
    from grader.judging.session import Session

Tell = Callable[[dict[str, Any]], None]


def main(settings: dict[str, Any]) -> None:
    """Tells the loop over standard output, one JSON value a line; nothing else gets there."""
    loop = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    linux.die_with_parent()
    workers: Launcher | None = None
    try:
        workers = launcher()
        _serve(StandbySettings(**settings), workers, loop)
    except Exception:
        _teller(loop)({"error": traceback.format_exc()})
    finally:
        if workers is not None:
            workers.close()


def _teller(loop: TextIO) -> Tell:
    def tell(message: dict[str, Any]) -> None:
        loop.write(json.dumps(message) + "\n")
        loop.flush()

    return tell


def _serve(settings: StandbySettings, workers: Launcher, loop: TextIO) -> None:
    kit, tell = Kit(Path(settings.root)), _teller(loop)
    if settings.quiet and hasattr(os, "nice"):
        os.nice(10)
    session = open_session(kit, kit.find(list(settings.slugs)), settings.device, settings.seed, CHECK_SECONDS, workers)
    if not settings.quiet:
        _warm_up(session, settings.slugs[0])
    workers.start().end()  # its process has imported torch by now, too
    gc.collect()
    gc.freeze()
    tell({"ready": True})
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        if _may_fork():
            _in_a_child(lambda order=order: _carry_out(session, order, tell), tell)  # type: ignore[misc]
        else:
            _carry_out(session, order, tell)
        tell({"ready": True})


def _may_fork() -> bool:
    """Without a GPU no thread of torch's is at work in this process, which has run trusted code alone."""
    import torch

    return can_fork() and not torch.cuda.is_available()


def _in_a_child(work: Callable[[], None], tell: Tell) -> None:
    child = os.fork()
    if child == 0:
        try:
            linux.die_with_parent()
            work()
        except Exception:
            tell({"error": traceback.format_exc()})
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        tell({"error": f"the process that checks ended with status {os.waitstatus_to_exitcode(status)}"})


def _warm_up(session: Session, slug: str) -> None:
    """The reference goes through every check once: what torch imports late is here, its results are remembered."""
    from grader.checks.attempt import check_seed

    (exercise,) = session.kit.find([slug])
    trusted = session.trusted(exercise)
    for check in session.checks[slug]:
        trusted.reference_passes(check, check_seed(session.settings.seed, check))


def _carry_out(session: Session, order: dict[str, Any], tell: Tell) -> None:
    """One exercise's text; without a text the files of all exercises, as they are."""
    if "text" not in order:
        for exercise in session.exercises:
            tell({"again": as_record(session.run(exercise, exercise.stub, shown=short_path(exercise.stub)))})
        tell({"done": True})
        return
    (exercise,) = session.kit.find([order["slug"]])
    text, notebook = base64.b64decode(order["text"]), order["notebook"]
    if notebook:
        file, name = File(notebook, text, definitions_only=True), notebook
    else:
        file, name = File(exercise.stub.name, text, path=exercise.stub), short_path(exercise.stub)
    tell({"result": as_record(session.run(exercise, file, shown=name))})
