"""What surrounds a worker: found out by trying, told in words, and required by name."""

import ast
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from grader import paths
from grader.dev.red_team import processes
from grader.errors import GraderError, LearnerError, UsageError
from grader.launch import bubblewrap, isolation, payload
from grader.launch import launcher as launch
from grader.launch.fresh import SpawnLauncher
from grader.launch.isolation import LAYERS
from grader.launch.launcher import launcher
from grader.limits import Limits
from grader.remote.code import Code
from grader.remote.transport import WorkerTransport
from grader.source.file import Source
from grader.worker import fork_server
from grader.worker.sandbox import sandbox
from grader.worker.sandbox import sandbox as visible

linux = pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's")
ALL = {"process": True, "files": "hidden", "network": "none", "memory_mb": 100, "layers": list(LAYERS)}

TEXT = b"""
import os, tempfile
import torch

def take(megabytes):
    return len(bytearray(megabytes << 20))

def scratch():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "x"), "w") as file:
            return file.write("abc")

def fill(megabytes):
    with open(os.path.join(tempfile.gettempdir(), "large"), "wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))

def use_threads():
    torch.set_num_threads(4)
    return (torch.ones(300, 300) @ torch.ones(300, 300))[0, 0]

def optimize():
    layer = torch.nn.Linear(2, 2)
    torch.optim.Adam(layer.parameters()).step()
    return 1

def see(path):
    try:
        return os.listdir(path)
    except OSError:
        return None

def loaded(name):
    __import__(name)
    return 1
"""


@pytest.fixture
def code():
    """Code of these limits and layers."""
    made = []

    def start(workers):
        source = Source("ex06_self_attention", "x.py", "x.py", TEXT)
        made.append(Code(source, lambda: WorkerTransport(workers), sys))
        made[-1].seconds = 60.0
        made[-1].begin(1)
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def small():
    """Workers with little."""
    workers = launcher(Limits(memory_mb=256, disk_mb=4))
    yield workers
    workers.close()


def test_a_report_names_promises_and_layers(workers):
    found = workers.isolation
    assert set(found) == {"process", "files", "network", "memory_mb", "layers"}
    assert {"process", "environment", "lifetime"} <= set(found["layers"]) <= set(LAYERS)


@linux
def test_this_machine_hides_files_and_network_and_limits_memory(workers):
    assert (workers.isolation["files"], workers.isolation["network"]) == ("hidden", "none")
    assert workers.isolation["memory_mb"] == Limits().memory_mb


@linux
def test_namespaces_hide_files_without_landlock_too(workers):
    if "namespaces" not in workers.isolation["layers"]:
        pytest.skip("no bubblewrap here")
    bubbled = launcher(without=["landlock"])
    try:
        assert bubbled.isolation["files"] == "hidden"
        assert "landlock" not in bubbled.isolation["layers"]
    finally:
        bubbled.close()


@linux
def test_layers_left_out_are_not_reported():
    workers = launcher(without=["seccomp", "namespaces", "landlock", "scratch"])
    try:
        assert not {"seccomp", "namespaces", "landlock", "scratch"} & set(workers.isolation["layers"])
        assert (workers.isolation["files"], workers.isolation["network"]) == ("visible", "open")
    finally:
        workers.close()


def test_a_missing_layer_is_named():
    isolation.require(ALL, ["files", "network", "memory", *LAYERS])
    with pytest.raises(UsageError, match="does not isolate by network, seccomp"):
        isolation.require({**ALL, "network": "open", "layers": ["process"]}, ["process", "network", "seccomp"])
    with pytest.raises(UsageError, match="there is no isolation layer 'armour'; there are: files"):
        isolation.require(ALL, ["armour"])


def test_what_surrounds_workers_of_several_kinds_is_what_surrounds_each():
    less = {**ALL, "files": "visible", "memory_mb": None, "layers": ["process", "limits"]}
    assert isolation.weakest([ALL]) == ALL
    assert isolation.weakest([ALL, less]) == {**less, "network": ALL["network"]}


@linux
def test_a_device_has_workers_of_its_own_and_they_may_have_less_around_them(monkeypatch):
    workers = launcher()
    less = {**ALL, "layers": ["process"]}
    monkeypatch.setattr(launch, "SpawnLauncher", lambda *_, device: SimpleNamespace(isolation=less, close=list))
    try:
        assert workers.surrounds(["cpu"]) == workers.isolation
        assert workers.surrounds(["cpu", "cuda"])["layers"] == ["process"]
    finally:
        workers.close()


def test_a_worker_carries_what_the_list_says_and_nothing_else():
    rooms = {name.split(".")[1] for name in payload.modules() if name != "grader"}
    assert rooms == {"limits", "protocol", "simulated_gpu", "source", "system", "worker"}


def test_what_a_worker_carries_imports_nothing_that_stays_behind():
    """Nor would it work: a module that is missing ends every worker."""
    files = [paths.ROOT / code.co_filename for name, code in payload.modules().items() if name != "grader"]
    wanted = {name for file in files for name in imported(file)}
    assert {name for name in wanted if name.partition(".")[0] == "grader"} <= set(payload.modules())


def imported(file):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "grader":
            yield from (f"grader.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_a_worker_cannot_read_where_the_kit_lies():
    def names(code):
        yield code.co_filename
        for inner in code.co_consts:
            if isinstance(inner, type(code)):
                yield from names(inner)

    found = {name for code in payload.modules().values() for name in names(code)}
    assert {name for name in found if not name.startswith("grader/")} == set()


@linux
def test_a_worker_that_fails_while_it_serves_does_not_end_as_if_all_were_well():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = os.fork()
        if number == 0:
            box = SimpleNamespace(enter=lambda: None)
            fork_server.ForkServer(ours, box, lambda connection: 1 / 0)._work(theirs.fileno())
        assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == sandbox.BROKEN


def test_only_packages_are_on_a_workers_path(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path), "", str(payload.ROOT), *sys.path])
    assert not {str(tmp_path), "", str(payload.ROOT)} & set(payload.package_path())
    assert str(Path(torch.__file__).parent.parent) in payload.package_path()


def test_an_installed_kit_is_hidden_among_the_packages(monkeypatch):
    monkeypatch.setattr(payload, "ROOT", Path(torch.__file__).parent.parent)
    monkeypatch.setattr(payload, "PACKAGE", payload.ROOT / "grader")
    assert payload.hidden() == [str(payload.PACKAGE)]


def test_a_hidden_folder_is_left_out_of_those_around_it(tmp_path):
    for name in ("a/kit/tests", "a/torch", "b"):
        (tmp_path / name).mkdir(parents=True)
    seen = visible.around([str(tmp_path / "a"), str(tmp_path / "b")], [str(tmp_path / "a" / "kit")])
    assert list(seen) == [str(tmp_path / "a" / "torch"), str(tmp_path / "b")]


def test_a_link_does_not_lead_into_a_hidden_folder(tmp_path):
    (tmp_path / "lib" / "kit").mkdir(parents=True)
    (tmp_path / "lib" / "torch").mkdir()
    (tmp_path / "lib64").symlink_to("lib")
    (tmp_path / "other").symlink_to(tmp_path / "lib" / "kit")
    assert list(visible.around([str(tmp_path)], [str(tmp_path / "lib" / "kit")])) == [str(tmp_path / "lib" / "torch")]


def test_every_link_on_the_way_to_python_is_visible(monkeypatch, tmp_path):
    """A virtual environment of the system's Python: .venv/bin/python, /usr/bin/python3, /usr/bin/python3.11."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    (tmp_path / "python").symlink_to("bin/python3")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    payload.visible.cache_clear()
    try:
        assert {str(tmp_path / name) for name in ("python", "bin/python3")} <= set(payload.visible())
    finally:
        payload.visible.cache_clear()


def test_a_kit_is_hidden_by_every_name_that_it_has(monkeypatch, tmp_path):
    (tmp_path / "real" / "packages" / "grader").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setattr(payload, "ROOT", tmp_path / "real" / "packages")
    monkeypatch.setattr(payload, "PACKAGE", tmp_path / "real" / "packages" / "grader")
    monkeypatch.setattr(payload, "package_path", lambda: [str(tmp_path / "link" / "packages")])
    monkeypatch.setattr(payload, "visible", lambda: [str(tmp_path / "link")])
    assert set(payload.hidden()) == {str(tmp_path / name / "packages" / "grader") for name in ("real", "link")}


def test_the_bubble_shows_a_virtual_environment_inside_a_hidden_kit():
    command = bubblewrap.command("bwrap", ["/opt", "/opt/kit/.venv"], ["/opt/kit"], "/tmp")
    order = [command.index(part) for part in ("/opt", "--tmpfs", "/opt/kit/.venv")]
    assert command[command.index("--tmpfs") + 1] == "/opt/kit"
    assert order == sorted(order)


@linux
def test_a_package_that_is_hidden_is_not_there(code, monkeypatch):
    package = str(Path(pytest.__file__).parent)
    monkeypatch.setattr(payload, "hidden", lambda: [package])
    for without in ((), ("namespaces", "scratch")):
        workers = launcher(without=without)
        try:
            learner = code(workers)
            assert not learner.see(package)
            assert learner.see(os.path.dirname(torch.__file__))
        finally:
            workers.close()


@linux
def test_memory_ends_in_words_and_the_next_call_works(code, small):
    learner = code(small)
    with pytest.raises(LearnerError, match="MemoryError: out of memory"):
        learner.take(300)
    assert learner.take(100) == 100 << 20


@linux
def test_a_worker_has_a_limited_folder_of_its_own(code, small):
    if "scratch" not in small.isolation["layers"]:
        pytest.skip("no private folder here")
    learner = code(small)
    assert learner.scratch() == 3
    learner.fill(3)
    with pytest.raises(LearnerError, match=r"No space left|File too large"):
        learner.fill(8)
    assert not (Path(payload.scratch()) / "large").exists()


def test_honest_code_may_use_threads_optimizers_and_any_package(code, workers):
    learner = code(workers)
    assert learner.use_threads() == 300
    assert learner.optimize() == 1
    assert learner.loaded("nbformat") == 1


@linux
def test_workers_die_with_the_judge_however_it_dies():
    program = (
        "import sys, grader.launch.launcher as l; w = l.launcher(); p = [w.start(), w.start()];"
        "[one.channel.receive() for one in p]; print('up', flush=True); sys.stdin.read()"
    )
    grader = subprocess.Popen(
        [sys.executable, "-c", program], cwd=payload.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    label = f"worker-of-{grader.pid}".encode()
    with grader:
        assert grader.stdout.readline() == b"up\n"
        theirs = [number for number in _numbers() if label in _command(number)]
        assert len(theirs) >= 3
        waits = [os.pidfd_open(number) for number in theirs]
        grader.send_signal(signal.SIGKILL)
    for wait in waits:  # readable when its process has ended
        assert select.select([wait], [], [], 20.0)[0]
        os.close(wait)


def _numbers():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _command(number):
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


@linux
def test_what_a_worker_has_started_ends_with_it():
    workers = launcher(without=["seccomp"])
    try:
        before = set(processes())
        text = b"import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n"
        code = Code(Source("ex06_self_attention", "x.py", "x.py", text), lambda: WorkerTransport(workers), sys)
        code.begin(1)
        assert len(set(processes()) - before) > 1
        code.close()
        assert set(processes()) <= before
    finally:
        workers.close()


def test_a_device_that_does_not_answer_is_the_graders_fault():
    gone = SpawnLauncher(device="meta")  # a device that holds no numbers: nothing can be read from it
    try:
        for _ in range(2):  # the second is not tried again
            with pytest.raises(GraderError, match=r"can use meta \(--device cpu leaves it out\): .*meta"):
                WorkerTransport(gone)
    finally:
        gone.close()


def test_layers_that_a_driver_cannot_bear_are_left_out(monkeypatch):
    tried = []

    class Box:
        def leave_out(self, layer):
            tried.append(layer)

        def keep(self, layers):
            assert layers == ["limits"]

    seen, nothing = {"layers": ["limits"], "files": False}, {"failure": "RuntimeError: no driver"}
    monkeypatch.setattr(fork_server, "_seen_by_a_child", lambda box, orders: seen if len(tried) == 3 else nothing)
    report = fork_server.try_layers(Box(), {"bubble": False})
    assert report == {"layers": ["limits"], "files": False, "network": False, "memory": False}
    assert tried == [None, "seccomp", "landlock"]


@linux
@pytest.mark.parametrize(
    ("packages", "folder"),
    [("/opt/venv", "/tmp"), ("/tmp/clone/.venv", "/var/tmp"), ("/tmp", "/var/tmp")],
)
def test_a_workers_own_folder_covers_no_package(monkeypatch, packages, folder):
    """A clone under /tmp has its packages there: an empty folder over it would hide them."""
    monkeypatch.setattr(payload, "visible", lambda: ["/usr", packages])
    payload.scratch.cache_clear()
    try:
        assert payload.scratch() == folder
    finally:
        payload.scratch.cache_clear()


def test_of_a_hidden_folder_everything_is_covered_but_what_is_visible(tmp_path):
    for name in ("solutions", "tests", ".venv/lib"):
        (tmp_path / "kit" / name).mkdir(parents=True)
    (tmp_path / "kit" / "README.md").write_text("")
    kit = str(tmp_path / "kit")
    assert list(visible.covers([kit], ["/usr"])) == [kit]
    assert list(visible.covers([kit], [f"{kit}/.venv"])) == [f"{kit}/solutions", f"{kit}/tests"]


def test_packages_inside_the_kit_may_be_read_and_nothing_else_of_it(tmp_path):
    kit, inside = tmp_path / "kit", tmp_path / "kit" / ".venv" / "lib"
    for folder in (inside / "grader", inside / "torch", kit / "solutions"):
        folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(kit / "solutions")
    readable = visible.around(
        [str(kit / ".venv"), str(tmp_path / "link"), str(kit / "solutions" / "..")], [str(kit), str(inside / "grader")]
    )
    assert list(readable) == [str(inside / "torch")]
