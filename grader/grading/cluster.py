"""`--cluster`: a class is graded by the workers of a Dask cluster, which run the same kit.

What crosses the network is JSON as bytes, in both directions; Dask itself pickles the name of the function, which is
ours. Whoever reaches a scheduler runs code on its workers: without TLS only this machine's own is used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grader.errors import GraderError, UsageError
from grader.grading.conditions import header_of, what_changed
from grader.grading.node import task_as_json
from grader.grading.process import Task
from grader.kit.discovery import Kit
from grader.reports.terminal import Screen

BATCH = 32
"""The most submissions that one task holds: a task costs a scheduler about a millisecond, whatever is in it."""
BATCHES = 4
"""So many batches for each worker at least, so that none waits long for the last one."""
FAILURES = 10
"""So many workers may die with a task before it counts as what kills them; Dask blames all that a dead worker held."""
RETRIES = 2
START_SECONDS = 120


class Cluster:
    """Grades like a `Pool`, on the workers of a cluster.

    Args:
        address: `local:N`, `tcp://HOST:PORT`, `tls://HOST:PORT`, or a scheduler file.
        seed, options, require: how to grade.

    Raises UsageError where it can't be used.
    """

    def __init__(self, address: str, seed: int, options: Mapping[str, Any], require: Sequence[str]) -> None:
        try:
            import dask
            from distributed import Client, LocalCluster

            from grader.grading.cluster_worker import PLUGIN, Node, grade_batch
        except ImportError:
            raise UsageError('--cluster needs Dask: python -m pip install -e ".[cluster]"') from None
        self._seed, self._options = seed, options
        self._own: Any = None
        self._grade_batch, self._plugin = grade_batch, PLUGIN
        dask.config.set({"distributed.scheduler.allowed-failures": FAILURES})
        where, workers = _read(address)
        if workers:
            self._own = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50)
            where = self._own.scheduler_address
        try:
            self._client = Client(where, timeout=START_SECONDS / 4, set_as_default=False)
            self._client.wait_for_workers(1, timeout=START_SECONDS)
            how = {"seed": seed, "options": dict(options), "require": list(require), "jobs": 1}
            self._client.register_plugin(Node(json.dumps(how)), name=PLUGIN)
        except (OSError, TimeoutError, asyncio.TimeoutError, ValueError) as error:
            self.close()
            raise UsageError(f"--cluster {address}: no scheduler with a worker answers there: {error}") from None
        self._executor: Executor = self._client.get_executor(retries=RETRIES)
        self._greeting: dict[str, Any] | None = None

    def start(self, wanted: int) -> None:
        """Its workers are there already."""

    def greeting(self) -> dict[str, Any]:
        """What the workers can do. Raises UsageError where one runs another kit, GraderError where none grades."""
        if self._greeting is None:
            hello, _ = json.loads(self._executor.submit(self._grade_batch, b"").result())
            self._greeting = self._checked(hello)
        return self._greeting

    def _checked(self, hello: dict[str, Any]) -> dict[str, Any]:
        if "usage" in hello:
            raise UsageError(hello["usage"])
        if "broken" in hello:
            raise GraderError(hello["broken"])
        greeting: dict[str, Any] = hello["greeting"]
        mine = json.loads(json.dumps(header_of(Kit(), self._seed, self._options, greeting["devices"])))
        if differ := what_changed(mine, hello["header"]):
            raise UsageError(f"a worker of the cluster would not give the same results: {differ} there")
        return greeting

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, bytes | None, str]]:
        """A record for each task, in the order in which they end; None and a sentence where there is none."""
        waiting = list(tasks)
        workers = max(1, sum(self._client.nthreads().values()))
        size = max(1, min(BATCH, ceil(len(waiting) / (BATCHES * workers))))
        batches = [waiting[i : i + size] for i in range(0, len(waiting), size)]
        asked: dict[Future[bytes], list[Task]] = {self._ask(batch): batch for batch in batches}
        while asked:
            done, _ = wait(asked, return_when=FIRST_COMPLETED)
            for future in done:
                batch = asked.pop(future)
                if (error := future.exception()) is None:
                    yield from self._records(batch, future.result())
                elif len(batch) > 1:  # one of them ends what grades it: each goes alone
                    asked |= {self._ask([task]): [task] for task in batch}
                else:
                    yield batch[0], None, f"no worker of the cluster could grade it: {type(error).__name__}: {error}"

    def _ask(self, batch: Sequence[Task]) -> Future[bytes]:
        data = json.dumps([task_as_json(task) for task in batch]).encode()
        return self._executor.submit(self._grade_batch, data)

    def _records(self, batch: Sequence[Task], data: bytes) -> Iterator[tuple[Task, bytes | None, str]]:
        hello, found = json.loads(data)
        self._checked(hello)
        if isinstance(found, dict):  # it says why it grades no more
            self._checked(found)
        by_id = {task.id: task for task in batch}
        for name, record, how in found:
            yield by_id[name], record.encode() if record is not None else None, how

    def close(self, patience: float = 2.0) -> None:
        """Leaves the workers as they were: what graded beside them ends."""
        if client := self.__dict__.pop("_client", None):
            try:
                client.unregister_worker_plugin(self._plugin)
            except Exception as error:  # the cluster may be gone; nothing is lost by that
                Screen().remark(f"the cluster could not be told that this is the end: {error}")
            client.close(timeout=patience)
        if self._own is not None:
            self._own.close(timeout=patience)
            self._own = None


def _read(address: str) -> tuple[str, int]:
    """The scheduler's address, or the number of workers to start here. Raises UsageError."""
    kind, _, rest = address.partition(":")
    if kind == "local":
        if not rest.isdecimal() or not 1 <= int(rest) <= 1024:
            raise UsageError(f"--cluster {address}: write local:N, with a number of workers")
        return "", int(rest)
    if Path(address).is_file():
        try:
            address = json.loads(Path(address).read_bytes())["address"]
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"--cluster {address} is no scheduler file") from None
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise UsageError(f"--cluster {address}: write local:N, tcp://HOST:PORT, tls://HOST:PORT or a scheduler file")
    if parts.scheme == "tcp" and not _is_loopback(parts.hostname):
        raise UsageError(
            f"--cluster {address}: without TLS whoever reaches the scheduler runs code on its workers. "
            "Use tls:// (Dask's documentation says how under Security), or --shard"
        )
    return address, 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
