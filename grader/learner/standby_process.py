"""What runs in a standby process: it gets everything ready, then checks one text after each order.

Where a fork is sound each order is carried out by a child that ends after it: what its checks took is given back.
Elsewhere this process carries out one order after the other, as a grader process does for a class. The learner's code
has a worker of its own for each order, on every system. A new order ends the run at hand.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import os
import queue
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from grader.judging.open import open_session
from grader.kit.discovery import Kit
from grader.kit.variants import mistakes
from grader.launch.launcher import Launcher, launcher
from grader.learner.in_a_fork import in_a_fork
from grader.learner.running import Ended, Running
from grader.learner.standby import StandbySettings, as_record
from grader.limits import CHECK_SECONDS, OUTPUT_SECONDS
from grader.source.file import File
from grader.system import can_fork, give_back_memory
from grader.text import short_path
from grader.worker.sandbox import linux

if TYPE_CHECKING:
    from grader.judging.session import Session

Tell = Callable[[dict[str, Any]], None]
LARGE = 1 << 20
"""Bytes of a run's answers with which it is worked out again, and not kept for as long as the loop waits."""
Work = Callable[[dict[str, Any], Running], None]
"""Carries out an order."""


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
    session.settings = replace(session.settings, timeouts=1, output_seconds=OUTPUT_SECONDS)
    if not settings.quiet:
        _warm_up(session, settings.slugs[0])
    workers.start().end()  # its process has imported torch by now, too
    gc.collect()
    give_back_memory()
    gc.freeze()
    tell({"ready": True})
    serve = _one_after_another
    if _may_fork():
        serve, session.settings = _each_in_a_child, replace(session.settings, beside=in_a_fork)
    serve(lambda order, running: _carry_out(session, order, tell, running), tell)


def _may_fork() -> bool:
    """Without a GPU no thread of torch's is at work in this process, which has run trusted code alone."""
    import torch

    return can_fork() and not torch.cuda.is_available()


def _each_in_a_child(work: Work, tell: Tell) -> None:
    """Carries out orders until the loop is gone. An order ends the one before it, if that is still at work."""
    orders = _Orders(0)
    while (order := orders.newest()) is not None:
        over, in_child = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(over)
            _work_in_a_child(partial(work, order), tell)
        os.close(in_child)  # the other end closes when the child ends
        ended = False
        while over not in select.select([over, *orders.ears()], [], [])[0]:
            orders.listen()
            ended = True
            os.kill(child, signal.SIGTERM)
        os.close(over)
        _, status = os.waitpid(child, 0)
        if status and not ended:
            how = os.waitstatus_to_exitcode(status)
            tell({"error": f"the process that checks ended with status {how}", "order": order.get("order")})
        tell({"ready": True})


def _work_in_a_child(work: Callable[[Running], None], tell: Tell) -> None:
    """Does not return."""
    try:
        linux.die_with_parent()
        running = Running()
        signal.signal(signal.SIGTERM, lambda *_: running.end())
        work(running)
    except Ended:
        pass
    except Exception:
        tell({"error": traceback.format_exc()})
    finally:
        os._exit(0)


class _Orders:
    """What the loop orders, one JSON value a line. A newer order replaces one that was not begun.

    Args:
        descriptor: where the lines arrive.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._data, self._open = descriptor, b"", True

    def ears(self) -> list[int]:
        """What to wait for."""
        return [self._descriptor] if self._open else []

    def listen(self) -> None:
        """Takes what has arrived."""
        data = os.read(self._descriptor, 1 << 20)
        self._data += data
        self._open = bool(data)

    def newest(self) -> dict[str, Any] | None:
        """The last whole order; waits for one. None where there will be no more."""
        while self._open and b"\n" not in self._data:
            self.listen()
        *lines, self._data = self._data.split(b"\n")
        return json.loads(lines[-1]) if lines and self._open else None


def _one_after_another(work: Work, tell: Tell) -> None:
    """Carries out orders in this process. An order ends the one before it, if that is still at work."""
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    at_work, changing = [Running()], threading.Lock()

    def put(order: dict[str, Any] | None) -> None:
        with changing:
            at_work[0].end()
            orders.put(order)

    def listen() -> None:
        for line in iter(sys.stdin.readline, ""):
            put(json.loads(line))
        put(None)

    threading.Thread(target=listen, daemon=True).start()
    while (order := orders.get()) is not None:
        with changing:
            at_work[0] = running = Running()
            if not orders.empty():  # a newer one is there
                continue
        with contextlib.suppress(Ended):
            work(order, running)
        tell({"ready": True})


def _warm_up(session: Session, slug: str) -> None:
    """The reference goes through every check, here and in a worker: what torch imports late is here, its results are
    remembered, and where a learner's code answers as the reference does nothing need be worked out again. The known
    mistakes are loaded."""
    from grader.checks.attempt import check_seed
    from grader.checks.passed_before import PassedRuns

    (exercise,) = session.kit.find([slug])
    trusted = session.trusted(exercise)
    for check in session.checks[slug]:
        trusted.reference_passes(check, check_seed(session.settings.seed, check))
    session.passed_runs = PassedRuns(LARGE)
    session.run(exercise, exercise.solution)
    for mistake in mistakes(exercise):
        trusted.mistaken_code((mistake,)).prepare()


def _carry_out(session: Session, order: dict[str, Any], tell: Tell, running: Running) -> None:
    """One exercise's text; without a text the files of all exercises, as they are."""
    before, session.settings = session.settings, running.settings(session.settings)
    try:
        _check(session, order, tell, running)
    finally:
        session.settings = before


def _check(session: Session, order: dict[str, Any], tell: Tell, running: Running) -> None:
    if "text" not in order:
        for exercise in session.exercises:
            shown = short_path(exercise.stub)
            result = session.run(exercise, exercise.stub, shown=shown, on_check=running.step)
            tell({"again": as_record(result)})
        tell({"done": True})
        return
    (exercise,) = session.kit.find([order["slug"]])
    text, notebook = base64.b64decode(order["text"]), order["notebook"]
    if notebook:
        file, name = File(notebook, text, definitions_only=True), notebook
    else:
        file, name = File(exercise.stub.name, text, path=exercise.stub), short_path(exercise.stub)
    number = order["order"]
    session.run(
        exercise,
        file,
        shown=name,
        on_check=running.step,
        on_core=lambda core: tell({"core": as_record(core), "order": number}),
        on_result=lambda result: tell({"result": as_record(result), "order": number}),
    )
