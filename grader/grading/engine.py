"""What grades a class: submissions go as bytes to one `concurrent.futures.Executor`, and records come back as bytes.

On this machine its threads ask grader processes (`pool.py`), on a cluster its tasks are Dask's (`cluster.py`).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from math import ceil
from typing import Any

from grader.errors import GraderError, UsageError
from grader.grading.process import Task

GLANCE_SECONDS = 1.0
"""How long to wait before looking for Ctrl-C: on Windows a lock that is waited for hides it."""
Found = list[tuple[str, "str | None", str]]
"""The id of each submission, its record as JSON, and why there is none."""


class Engine(ABC):
    """Grades submissions in an executor.

    Args:
        executor: runs `grade_batch`.
        grade_batch: tasks as JSON -> an answer as JSON.
        batch: the most submissions in one task of the executor.
        ahead: tasks that each worker has waiting or at work; what is not handed over yet costs no memory.
    """

    def __init__(self, executor: Executor, grade_batch: Callable[[bytes], bytes], batch: int, ahead: int) -> None:
        self._executor, self._grade_batch, self._batch, self._ahead = executor, grade_batch, batch, ahead

    @abstractmethod
    def start(self, wanted: int) -> None:
        """Begins to start what grades so many submissions."""

    @abstractmethod
    def greeting(self) -> dict[str, Any]:
        """What it can do: devices, isolation, the checks of every exercise.

        Raises UsageError where it would do other than was asked for, GraderError where nothing grades.
        """

    @abstractmethod
    def workers(self) -> int:
        """How many tasks are at work at once."""

    @abstractmethod
    def close(self, patience: float = 2.0) -> None:
        """Ends what it started. A second time does nothing."""

    def read(self, answer: bytes) -> Found:
        """What `grade_batch` found."""
        found: Found = json.loads(answer)
        return found

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, bytes | None, str]]:
        """A record for each task, in the order in which they end; None and a sentence where there is none."""
        given = [*tasks]
        size = max(1, min(self._batch, ceil(len(given) / (self._ahead * self.workers()))))
        waiting = deque(given[i : i + size] for i in range(0, len(given), size))
        asked: dict[Future[bytes], list[Task]] = {}
        while waiting or asked:
            room = self._ahead * self.workers() - len(asked)
            for batch in [waiting.popleft() for _ in range(min(room, len(waiting)))]:
                data = json.dumps([task.as_json() for task in batch]).encode()
                asked[self._executor.submit(self._grade_batch, data)] = batch
            done, _ = wait(asked, GLANCE_SECONDS, FIRST_COMPLETED)
            for future in done:
                batch = asked.pop(future)
                error = future.exception()
                if error is None:
                    by_id = {task.id: task for task in batch}
                    for name, record, how in self.read(future.result()):
                        yield by_id[name], record.encode() if record is not None else None, how
                elif isinstance(error, (UsageError, GraderError)):
                    raise error
                elif len(batch) > 1:  # one of them ends what grades it: each goes alone
                    waiting.extend([task] for task in batch)
                else:
                    yield batch[0], None, f"nothing could grade it: {type(error).__name__}: {error}"
