"""A Dask scheduler and its workers on loopback, as processes of their own, and a class that is graded on them."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.grader.support.waiting import DEADLINE, wait_for

TIMES = re.compile(rb'"seconds": ?[\d.e-]+')
TIMELESS = ("results.jsonl", "results.json", "gradebook.csv", "class.json", "students/*.html", "code/*/*.py")
"""What of a folder of results may differ between two runs in its times alone."""


class Cluster:
    """Processes in a kit's folder. A context: what was started ends with it.

    Args:
        kit: the folder of a kit; workers grade with that.
        place: where the scheduler file and what workers write lie.
        settings: more variables of the environment, of everything that is started.
    """

    def __init__(self, kit, place, settings=()):
        self._kit, self._place, self._settings = Path(kit), Path(place), dict(settings)
        self.file = self._place / "scheduler.json"
        self.running = []

    def __enter__(self):
        self._place.mkdir(parents=True, exist_ok=True)
        self.scheduler = self.start("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", 0,
                                    "--no-dashboard", "--scheduler-file", self.file)  # fmt: skip
        wait_for(self.file.exists)
        return self

    def __exit__(self, *_):
        for process in self.running:
            self.kill(process)

    def start(self, *command, **more):
        """Starts Python with this command, in a process group of its own."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        settings = {
            "cwd": self._kit,
            "env": {**environment(self._kit), **self._settings},
            "start_new_session": True,
            **quiet,
            **more,
        }
        process = subprocess.Popen([sys.executable, *map(str, command)], **settings)
        self.running.append(process)
        return process

    def worker(self):
        """One worker more, of one thread."""
        return self.start("-m", "distributed.cli.dask_worker", "--scheduler-file", self.file, "--no-nanny",
                          "--no-dashboard", "--nthreads", 1, "--local-directory", self._place / "dask")  # fmt: skip

    def wait_for_workers(self, count):
        """Until so many are there."""
        from distributed import Client

        with Client(scheduler_file=str(self.file), set_as_default=False) as client:
            client.wait_for_workers(count, timeout=DEADLINE)

    def grade(self, out, *options, name="class", **more):
        """`grader grade class --cluster` in the kit's folder, as a process."""
        return self.start("-m", "grader", "grade", name, "--out", out, "--cluster", self.file, *options, **more)

    def kill(self, process):
        """Ends it and whatever it started in its group, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment(kit):
    return {**os.environ, "PYTHONPATH": str(kit), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def records(out):
    """How many results there are in a folder so far."""
    journal = Path(out) / "results.jsonl"
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def without_times(out):
    """What a folder of results holds: path -> content, times aside."""
    out = Path(out)
    files = sorted(file for pattern in TIMELESS for file in out.glob(pattern))
    return {str(file.relative_to(out)): TIMES.sub(b"", file.read_bytes()) for file in files}


def killed_twice(cluster, out, *options, first, second):
    """Grades on two workers; kills one when there are `first` records, and the client when there are `second`.

    Returns how many records there were at each kill, and what the same command, run again, leaves behind: its process.
    """
    doomed, _ = cluster.worker(), cluster.worker()
    client = cluster.grade(out, *options)
    at = []
    for process, wanted in ((doomed, first), (client, second)):
        wait_for(lambda wanted=wanted: records(out) >= wanted or client.poll() is not None)
        at.append(records(out))
        cluster.kill(process)
    again = cluster.grade(out, *options, stderr=subprocess.PIPE, text=True)
    said = again.communicate()[1]
    return at, again.returncode, said
