"""What the grader's own tests share."""

import os
import signal

import pytest

from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.discovery import Kit
from grader.launch.launcher import launcher
from grader.remote.transport import LocalTransport, WorkerTransport
from tests.grader.support import browser

os.environ.setdefault("OMP_NUM_THREADS", "1")
SEED = 20_170_612
SLOWEST = (
    "catalogue",
    "systems",
    "readme",
    "contract",
    "attacks",
    "commands",
    "grade",
    "cgroups",
    "workspace",
    "plugin",
    "passed_before",
    "same_marks",
    "teaching",
    "shards",
    "labs",
    "packages",
)
"""Files of tests that are begun first, so that no process is left with one of them at the end."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Two more than there are cores: many tests wait for processes that they have started."""
    return (os.cpu_count() or 1) + 2


def pytest_configure(config):
    config.option.loadscopereorder = False  # pytest-xdist would begin with the files that hold most tests
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's `&` says so, and programs under test inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    order = {f"test_{name}.py": number for number, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def kit():
    return Kit()


@pytest.fixture(scope="session")
def workers():
    """One launcher of worker processes for the whole run."""
    started = launcher()
    yield started
    started.close()


@pytest.fixture(scope="session")
def session(kit):
    """All exercises, over the local transport."""
    return Session(kit, kit.exercises, CheckSettings(SEED, connect=LocalTransport))


@pytest.fixture(scope="session")
def worker_session(kit, workers):
    """All exercises, over the worker transport, with a short deadline."""
    return Session(kit, kit.exercises, CheckSettings(SEED, seconds=10.0, connect=lambda: WorkerTransport(workers)))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser, for tests that look at pages."""
    started = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture
def exercise(kit):
    """An exercise by its number."""
    return lambda number: kit.find([str(number)])[0]


@pytest.fixture
def submit(tmp_path, kit):
    """Writes text as a learner's file of an exercise and returns its path."""

    def write(exercise, text):
        file = tmp_path / f"{exercise.slug}.py"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write
