"""Workers that are fresh processes: for each device its own, some made ready beforehand."""

from types import SimpleNamespace

import pytest

from grader.errors import GraderError
from grader.launch import fresh, payload, spawn
from grader.launch import launcher as launch
from grader.launch.fresh import FreshLauncher, SpawnLauncher


class _Process(SimpleNamespace):
    """One that never ran."""

    group, stdin = None, None

    def poll(self):
        return self.code

    def kill(self):
        self.code = -9

    def wait(self, timeout=None):
        return self.code


@pytest.fixture
def started(monkeypatch):
    """The devices that processes were started for; none is."""
    devices = []

    def begin(mode, limits, without, wrap, device="cpu", tried=False):
        devices.append(device)
        return _Process(code=None), SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(fresh, "spawn", begin)
    monkeypatch.setattr(fresh, "report", lambda _: {"layers": [], "files": False, "network": False, "memory": False})
    return devices


def test_a_gpu_gets_processes_of_its_own(started):
    """Those for the CPU are started where no GPU is in sight: on one of them code for a GPU could not work."""
    workers = FreshLauncher()
    for device in ("cpu", "cuda"):
        workers.start(device)
    assert set(started) == {"cpu", "cuda"}
    assert workers.surrounds(["cpu", "cuda"])["process"] is True
    workers.close()


def test_only_a_process_for_the_cpu_is_kept_from_seeing_a_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    seen = {device: spawn._environment(device)["CUDA_VISIBLE_DEVICES"] for device in ("cpu", "cuda", "mps")}
    assert seen == {"cpu": "", "cuda": "0", "mps": "0"}


@pytest.mark.parametrize(("ahead", "count", "in_all"), [(1, None, 4), (3, None, 6), (3, 3, 3), (3, 4, 4), (1, 1, 3)])
def test_as_many_are_made_ready_as_are_still_to_come(started, ahead, count, in_all):
    workers = SpawnLauncher(ahead=ahead, count=count)
    for _ in range(3):
        workers.start()
    assert len(started) == in_all
    workers.close()


def test_one_that_died_while_it_waited_is_not_handed_out(started):
    workers = SpawnLauncher(ahead=2)
    workers.start()
    workers._warm[0][0].code = 1
    assert workers.start()._process.code is None
    workers.close()


def test_where_no_process_starts_that_is_said_in_a_sentence(monkeypatch):
    def refuse(*_):
        raise OSError("the process for the learner's code did not come to life")

    monkeypatch.setattr(fresh, "spawn", refuse)
    monkeypatch.setattr(launch, "can_fork", lambda: False)
    with pytest.raises(GraderError, match="Python could not be started for the learner's code: the process"):
        launch.launcher()


@pytest.mark.parametrize("cores", [1, 2, 8, 64])
def test_the_number_made_ready_follows_the_cores(started, monkeypatch, cores):
    monkeypatch.setattr(launch, "can_fork", lambda: False)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    workers = launch.launcher(count=12)
    workers.start()
    assert len(started) == 1 + {1: 1, 2: 1, 8: 4, 64: 4}[cores]
    workers.close()


def test_the_standard_library_is_on_a_workers_path_wherever_the_prefix_leads(monkeypatch, tmp_path):
    """Homebrew's Python calls a link its prefix, and has the library on its path by its real name."""
    before = payload.package_path()
    (tmp_path / "opt").symlink_to(payload.sys.base_prefix)
    monkeypatch.setattr("sys.base_prefix", str(tmp_path / "opt"))
    assert payload.package_path() == before
    monkeypatch.setattr("sys.base_prefix", str(tmp_path))
    assert set(before) - set(payload.package_path()) <= {entry for entry in before if entry.endswith(".zip")}
