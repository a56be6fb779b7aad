"""What runs inside a Dask worker: a plugin that starts a node beside it, and the function that asks that node."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

from distributed import WorkerPlugin, get_worker

PLUGIN = "sequence-kit"


class Node(WorkerPlugin):
    """The process that grades beside a Dask worker; a plugin of that worker, and started with it.

    Args:
        how: seed, options, required layers and how many to grade at a time, as JSON.
    """

    name = PLUGIN

    def __init__(self, how: str) -> None:
        self._how = how
        self._lock = threading.Lock()

    def setup(self, worker: Any) -> None:
        """Starts it. Called by Dask on every worker, on those that come later, too."""
        self._hello: Any = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "grader.grading.node"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._send(self._how)

    def teardown(self, worker: Any) -> None:
        self._process.kill()
        self._process.wait()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise OSError(f"the process that grades has ended with status {self._process.wait()}")
        return json.loads(line)

    def ask(self, line: str) -> tuple[Any, Any]:
        """What it said at its start, and its answer to a batch; to an empty one nothing."""
        with self._lock:
            if self._process.poll() is not None:
                self.setup(None)
            self._hello = self._hello or self._hear()
            if not line or "greeting" not in self._hello:
                return self._hello, None
            self._send(line)
            return self._hello, self._hear()

    def __reduce__(self) -> tuple[type[Node], tuple[str]]:
        return Node, (self._how,)


def grade_batch(batch: bytes) -> bytes:
    """What runs in a Dask worker: bytes in, bytes out."""
    hello, answer = get_worker().plugins[PLUGIN].ask(batch.decode())
    return json.dumps([hello, answer]).encode()
