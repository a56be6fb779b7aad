"""Several models at once, each in a thread and a worker of its own: as many as there are cores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from grader.labs.bench import Bench
from grader.system import cores

T = TypeVar("T")
MOST = 4
"""The most at once: each worker holds some 300 MB."""
GLANCE_SECONDS = 0.2
"""After which Ctrl-C is noticed on every system."""


def side_by_side(bench: Bench, jobs: Sequence[Callable[[Bench], T]]) -> list[T]:
    """What each job gives, in the order of the jobs. What one gives must not depend on the others.

    A job gets a bench of its own, whose `tell` counts the share of that job. On a GPU one follows the other. The first
    error, or Ctrl-C, ends every job, and is raised when all have ended.
    """
    shares, telling = [0.0] * len(jobs), threading.Lock()
    failed: list[BaseException] = []

    def own(number: int) -> Bench:
        def tell(text: str, share: float) -> None:
            with telling:
                shares[number] = share
                bench.tell(text, sum(shares) / len(shares))

        return bench.another(tell)

    benches = [own(number) for number in range(len(jobs))]

    def end(error: BaseException) -> None:
        failed.append(error)
        for one in benches:
            one.interrupt()

    def carry_out(number: int) -> T:
        if failed:
            raise failed[0]
        try:
            return jobs[number](benches[number])
        except BaseException as error:
            end(error)
            raise
        finally:
            benches[number].close()

    with ThreadPoolExecutor(min(MOST, cores()) if bench.device == "cpu" else 1) as threads:
        try:
            asked = [threads.submit(carry_out, number) for number in range(len(jobs))]
            while wait(asked, GLANCE_SECONDS).not_done:
                pass
        except BaseException as error:
            end(error)
            raise
    if failed:
        raise failed[0]
    return [one.result() for one in asked]
