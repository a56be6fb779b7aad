"""A class on a Dask cluster: a scheduler and two workers on loopback, of which one is killed, and then the client."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from grader.errors import UsageError
from grader.grading import node
from grader.grading.process import Task
from grader.source.file import File
from tests.grader.support.classes import students as make_class
from tests.grader.support.kits import copy_kit, run

pytest.importorskip("distributed")
from grader.grading.cluster import _read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
OPTIONS = ("--seed", "8", "--device", "cpu", "--timeout", "5")
TIMES = re.compile(r'"seconds": ?[\d.e-]+')
SIZE = int(os.environ.get("GRADER_CLUSTER_SIZE", "16"))


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A kit of exercises 5 and 6 with a class, some of it hostile."""
    from grader.kit.discovery import Kit

    kit = copy_kit(tmp_path_factory.mktemp("cluster") / "kit", only={5, 6})
    for student in make_class(SIZE, Kit(kit).exercises):
        student.write(kit / "class")
    return kit


def environment(kit):
    return {**os.environ, "PYTHONPATH": str(kit), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def started(kit):
    """Starts processes in the kit's folder, and ends them with the test."""
    running = []

    def start(*command):
        process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=kit,
            env=environment(kit),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(happened, seconds=200):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def without_times(out):
    return TIMES.sub("", (out / "results.jsonl").read_text())


@pytest.fixture(scope="module")
def alone(kit):
    """What one machine makes of the class."""
    result = run(kit, "grade", "class", "--out", "alone", "--jobs", 2, *OPTIONS)
    assert result.returncode == 0, result.stderr
    return without_times(kit / "alone")


def test_a_killed_worker_and_a_killed_client_change_nothing(kit, alone, started, tmp_path):
    scheduler_file = tmp_path / "scheduler.json"
    started("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard",
            "--scheduler-file", scheduler_file)  # fmt: skip
    wait_for(scheduler_file.exists)
    worker = ("-m", "distributed.cli.dask_worker", "--scheduler-file", scheduler_file, "--no-nanny", "--no-dashboard",
              "--nthreads", 1, "--local-directory", tmp_path / "dask")  # fmt: skip
    first, _ = started(*worker), started(*worker)
    out = tmp_path / "out"
    command = ("-m", "grader", "grade", "class", "--out", out, "--cluster", scheduler_file, *OPTIONS)
    client = started(*command)
    journal = out / "results.jsonl"

    def records():
        return journal.read_bytes().count(b"\n") if journal.is_file() else 0

    wait_for(lambda: records() >= 1 or client.poll() is not None)
    os.killpg(first.pid, signal.SIGKILL)
    now = records()
    wait_for(lambda: records() > now or client.poll() is not None)
    if client.poll() is None:
        os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    assert records() > 0
    again = subprocess.run(
        [sys.executable, *map(str, command)], cwd=kit, env=environment(kit), capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr
    assert without_times(out) == alone


def test_workers_started_here_give_one_machines_results(kit, alone, tmp_path):
    result = run(kit, "grade", "class", "--out", tmp_path / "out", "--cluster", "local:2", *OPTIONS)
    assert result.returncode == 0, result.stderr
    assert without_times(tmp_path / "out") == alone


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("local:0", "write local:N"),
        ("local:", "write local:N"),
        ("tcp://10.0.0.7:8786", "without TLS whoever reaches the scheduler runs code"),
        ("http://127.0.0.1:8786", "write local:N, tcp://"),
        ("nonsense", "write local:N, tcp://"),
    ],
)
def test_an_address_that_is_none_or_is_open_is_refused(address, sentence):
    with pytest.raises(UsageError, match=sentence):
        _read(address)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786", "tls://10.0.0.7:1"]
)
def test_loopback_and_tls_are_taken(address):
    assert _read(address) == (address, 0)


def test_a_scheduler_file_is_held_to_the_same(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"address": "tcp://10.0.0.7:8786"}))
    with pytest.raises(UsageError, match="without TLS"):
        _read(str(tmp_path / "s.json"))


def test_a_task_crosses_as_json():
    file = File("a.py", b"\x00\xff\r\n", definitions_only=True, refusal="x")
    task = Task("ada", "a.zip", "students/ada.html", {"ex06_x": file}, ("one", "two"), "y")
    assert node.task_from_json(json.loads(json.dumps(node.task_as_json(task)))) == task
