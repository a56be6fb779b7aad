"""What runs in a standby process: it gets everything ready, checks one text and ends."""

from __future__ import annotations

import base64
import gc
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from grader.check_command import open_session
from grader.discovery import Kit
from grader.launch import Launcher, launcher
from grader.limits import CHECK_SECONDS
from grader.screen import shown
from grader.source import File
from grader.standby import as_record
from grader.verdicts import PASS

if TYPE_CHECKING:
    from grader.session import Session


def main(plan: dict[str, Any]) -> None:
    """Tells the loop over standard output, one JSON value a line; nothing else gets there."""
    loop = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    workers = launcher()
    try:
        _serve(plan, workers, loop)
    except Exception:
        _tell(loop, error=traceback.format_exc())
    finally:
        workers.close()


def _tell(loop: TextIO, **message: Any) -> None:
    loop.write(json.dumps(message) + "\n")
    loop.flush()


def _serve(plan: dict[str, Any], workers: Launcher, loop: TextIO) -> None:
    kit = Kit(Path(plan["root"]))
    session = open_session(kit, kit.find(plan["slugs"]), plan["device"], plan["seed"], CHECK_SECONDS, workers)
    _warm_up(session, plan["slugs"][0])
    workers.start().end()  # its process has imported torch by now, too
    gc.collect()
    gc.freeze()
    _tell(loop, ready=True)
    line = sys.stdin.readline()
    if line:
        _check(session, json.loads(line), loop)


def _warm_up(session: Session, slug: str) -> None:
    """The reference goes through every check once: what torch imports late is here, its results are remembered."""
    from grader.run import check_seed

    (exercise,) = session.kit.find([slug])
    understudies = session.understudies(exercise)
    for check in session.checks[slug]:
        understudies.reference_passes(check, check_seed(session.settings.seed, check))


def _check(session: Session, order: dict[str, Any], loop: TextIO) -> None:
    (exercise,) = session.kit.find([order["slug"]])
    file = File(exercise.stub.name, base64.b64decode(order["text"]), path=exercise.stub)
    result = session.run(exercise, file, shown=shown(exercise.stub))
    _tell(loop, result=as_record(result))
    if result.verdict != PASS:
        return
    for earlier in session.kit.find(order["again"]) if order["again"] else []:
        again = session.run(earlier, earlier.stub, shown=shown(earlier.stub))
        if again.verdict != PASS:
            _tell(loop, regressed=as_record(again))
