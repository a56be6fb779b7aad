"""A piece of work that a forked copy of this process does, while this one goes on with something else."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TypeVar

from grader.worker.sandbox import linux

T = TypeVar("T")


def in_a_fork(work: Callable[[], T]) -> Callable[[], T]:
    """Begins the work; returns what waits for its result.

    All that lies in memory is there without being sent; the result comes back pickled, from a process that runs this
    same program. Where none comes back the work is done here: what it raises is raised here.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    copy = multiprocessing.get_context("fork").Process(target=_answer, args=(work, theirs))
    copy.start()
    theirs.close()

    def wait() -> T:
        result: list[T] = []
        with ours, suppress(EOFError, OSError):
            result.append(ours.recv())
        copy.join()
        return result[0] if result else work()

    return wait


def _answer(work: Callable[[], T], answer: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the connections of the process that was copied are not its own
    linux.die_with_parent()
    with suppress(Exception):
        answer.send(work())
