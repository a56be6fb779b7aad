"""`--cluster`: a class is graded by the workers of a Dask cluster, which run the same kit.

What crosses the network is JSON as bytes, in both directions; Dask itself pickles the name of the function, which is
ours. Whoever reaches a scheduler runs code on its workers: without TLS only this machine's own is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grader.errors import GraderError, UsageError
from grader.grading.conditions import header_of, what_changed
from grader.grading.engine import Engine, Found
from grader.kit.discovery import Kit
from grader.reports.terminal import Screen

BATCH = 32
"""The most submissions that one task holds: a task costs a scheduler about a millisecond, whatever is in it."""
AHEAD = 4
"""So many batches for each worker, so that none waits for the client, nor long for the last one."""
FAILURES = 10
"""So many workers may die with a task before it counts as what kills them; Dask blames all that a dead worker held."""
RETRIES = 2
START_SECONDS = 120
GONE = (OSError, TimeoutError, asyncio.TimeoutError)
"""What Dask raises where a cluster does not answer."""


class Cluster(Engine):
    """Grades on the workers of a cluster.

    Args:
        address: `local:N`, `tcp://HOST:PORT`, `tls://HOST:PORT`, or a scheduler file.
        seed, options, require: how to grade.

    Raises UsageError where it can't be used.
    """

    def __init__(self, address: str, seed: int, options: Mapping[str, Any], require: Sequence[str]) -> None:
        try:
            import dask
            from distributed import Client, LocalCluster
            from distributed.security import Security

            from grader.grading.cluster_worker import PLUGIN, Node, grade_batch
        except ImportError:
            raise UsageError('--cluster needs Dask: python -m pip install -e ".[cluster]"') from None
        self._seed, self._options, self._plugin = seed, options, PLUGIN
        self._own: Any = None
        dask.config.set({"distributed.scheduler.allowed-failures": FAILURES})
        where, workers = _read(address)
        if where.startswith("tls://") and Security().get_connection_args("client")["ssl_context"] is None:
            raise UsageError(
                f"--cluster {address}: TLS needs a certificate, and Dask's configuration names none: "
                "distributed.comm.tls.ca-file, and cert and key under distributed.comm.tls.client"
            )
        try:
            if workers:
                here: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
                self._own = LocalCluster(n_workers=workers, threads_per_worker=1, **here)
                where = self._own.scheduler_address
            self._client = Client(where, timeout=START_SECONDS / 4, set_as_default=False)
            self._client.wait_for_workers(1, timeout=START_SECONDS)
            how = {"seed": seed, "options": dict(options), "require": list(require)}
            self._client.register_plugin(Node(json.dumps(how)), name=PLUGIN)
        except (*GONE, ValueError) as error:
            self.close()
            raise UsageError(f"--cluster {address}: no scheduler with a worker answers there: {error}") from None
        super().__init__(self._client.get_executor(retries=RETRIES), grade_batch, BATCH, AHEAD)
        self._greeting: dict[str, Any] | None = None
        self._header: Any = None

    def start(self, wanted: int) -> None:
        """Its workers are there already."""

    def greeting(self) -> dict[str, Any]:
        """What the workers can do. Raises UsageError where one runs another kit, GraderError where none grades."""
        if self._greeting is None:
            hello, _ = json.loads(self._executor.submit(self._grade_batch, b"").result())
            self._greeting = self._checked(hello)
        return self._greeting

    def workers(self) -> int:
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def _checked(self, hello: dict[str, Any]) -> dict[str, Any]:
        if "usage" in hello:
            raise UsageError(hello["usage"])
        if "broken" in hello:
            raise GraderError(hello["broken"])
        greeting: dict[str, Any] = hello["greeting"]
        if hello["header"] == self._header:
            return greeting
        mine = json.loads(json.dumps(header_of(Kit(), self._seed, self._options, greeting["devices"])))
        if differ := what_changed(mine, hello["header"]):
            raise UsageError(f"a worker of the cluster would not give the same results: {differ} there")
        self._header = hello["header"]
        return greeting

    def read(self, answer: bytes) -> Found:
        """What a worker found, once it is one that would give the same results."""
        hello, found = json.loads(answer)
        self._checked(hello)
        if isinstance(found, dict):  # it says why it grades no more
            self._checked(found)
        done: Found = found
        return done

    def close(self, patience: float = 2.0) -> None:
        """Leaves the workers as they were: what graded beside them ends. What is graded does not depend on it."""
        if client := self.__dict__.pop("_client", None):
            try:
                client.unregister_worker_plugin(self._plugin)
            except Exception as error:  # the cluster may be gone; nothing is lost by that
                Screen().remark(f"the cluster could not be told that this is the end: {error}")
            with contextlib.suppress(*GONE):
                client.close(timeout=patience)
        if self._own is not None:
            with contextlib.suppress(*GONE):  # whatever of it is left ends with this process
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
