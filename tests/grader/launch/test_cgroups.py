"""Control groups: made where this machine lets us, closed before any code is there, and removed however it ends."""

import errno
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.errors import Crashed, GraderError, LearnerError, UsageError
from grader.grading import pool
from grader.launch import cgroups, isolation, payload
from grader.launch.fresh import SpawnLauncher
from grader.launch.launcher import launcher
from grader.learner.standby import Standby
from grader.limits import Limits
from grader.remote.code import Code
from grader.remote.transport import WorkerTransport
from grader.source.file import Source

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
LITTLE = Limits(memory_mb=128, processes=8, disk_mb=4)
OPEN = ("limits", "landlock")
"""What would end the same code in another way, or hide /proc from it."""
TEXT = b"""
import os, threading

def take(megabytes):
    return len([bytearray(1 << 20) for _ in range(megabytes)])

def end():
    os.kill(os.getpid(), 9)

def threads(count):
    stop = threading.Event()
    started = []
    try:
        for _ in range(count):
            started.append(threading.Thread(target=stop.wait))
            started[-1].start()
    finally:
        stop.set()
    return count

def take_and_stay(megabytes):
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("0")
    return take(megabytes)

def read(path):
    with open(path) as file:
        return file.read()
"""


def ours():
    """The groups that this process has made and not removed."""
    homes = cgroups.homes() or {}
    return {path for home in homes.values() for path in home.glob(f"{cgroups._prefix()}{os.getpid()}-*")}


@pytest.fixture(scope="module")
def possible():
    """Skips where no real group can be made. Nothing is left of those that tests make."""
    before = ours() if sys.platform == "linux" else set()
    with cgroups.open_group(()) as (group, _):
        if group is None:
            pytest.skip("this process may make no control group here")
        group.remove()
    yield
    assert ours() == before


@pytest.fixture(scope="module", params=["forked", "fresh"])
def small(request, possible):
    """Workers with little, and nothing but the control group to hold them to it."""
    made = launcher(LITTLE, without=OPEN) if request.param == "forked" else SpawnLauncher(LITTLE, OPEN)
    yield made
    made.close()


@pytest.fixture
def code(small):
    source = Source("ex06_self_attention", "x.py", "x.py", TEXT)
    made = Code(source, lambda: WorkerTransport(small), sys)
    made.seconds = 60.0
    made.begin(1)
    yield made
    made.close()


def test_a_worker_is_in_a_group_and_the_report_says_so(code, small):
    assert "cgroup" in small.isolation["layers"]
    assert small.isolation["memory_mb"] == LITTLE.memory_mb
    groups = code.read("/proc/self/cgroup").split()
    inside = [line for line in groups if f"/grader-{os.stat('/proc/self/ns/pid').st_ino}-{os.getpid()}-" in line]
    assert {name for line in inside for name in line.split(":")[1].split(",")} in ({"memory", "pids"}, {""})


def test_a_worker_goes_before_the_server_that_forked_it(code):
    assert int(code.read("/proc/self/oom_score_adj")) == 1000
    assert int(Path("/proc/self/oom_score_adj").read_text()) < 1000


def test_memory_beyond_the_limit_ends_a_worker_in_words_and_the_next_one_works(code, small):
    assert code.take(100) == 100
    server = getattr(small, "_server", None)
    with pytest.raises(Crashed, match="ran out of memory"):
        code.take(4_000)
    code.begin(1)
    assert code.take(100) == 100
    assert getattr(small, "_server", None) is server
    assert server is None or server.poll() is None


def test_a_death_of_another_kind_is_not_taken_for_it(code):
    with pytest.raises(Crashed, match=r"killed by signal 9|exit status 137"):
        code.end()


def test_threads_beyond_the_limit_are_refused(code):
    assert code.threads(5) == 5
    with pytest.raises(LearnerError, match="can't start new thread"):
        code.threads(100)


def test_the_kernel_has_the_limits(possible):
    workers = launcher(LITTLE)
    try:
        assert "cgroup" in workers.isolation["layers"]
        group = workers._server.group
        numbers = {int(number) for place in group.places for number in (place / "cgroup.procs").read_text().split()}
        assert len(numbers) == 1
        assert b"worker-of-%d" % os.getpid() in Path(f"/proc/{numbers.pop()}/cmdline").read_bytes()
        top = int((group._memory / group._limit).read_text()) >> 20
        assert LITTLE.memory_mb < top < LITTLE.memory_mb + 2_000
        assert int((group._pids / "pids.max").read_text()) == 1 + LITTLE.processes + cgroups.SPARE_PROCESSES
    finally:
        workers.close()
    assert not any(place.exists() for place in group.places)


def test_where_the_server_itself_is_ended_the_death_has_its_name_and_another_takes_its_place(possible):
    workers = launcher(LITTLE, without=(*OPEN, "user", "seccomp"))
    made = Code(Source("ex06_self_attention", "x.py", "x.py", TEXT), lambda: WorkerTransport(workers), sys)
    made.seconds = 60.0
    try:
        made.begin(1)
        assert made.take(1) == 1
        server = workers._server
        for number in (server.group.places[0] / "cgroup.procs").read_text().split():
            Path(f"/proc/{number}/oom_score_adj").write_text("1000")
        with pytest.raises(Crashed, match="ran out of memory"):
            made.take_and_stay(4_000)
        made.begin(1)
        assert made.take(1) == 1
        assert workers._server is not server
    finally:
        made.close()
        workers.close()


def test_what_fits_into_a_workers_own_limits_is_not_ended_by_the_group(possible):
    workers = launcher(LITTLE)
    made = Code(Source("ex06_self_attention", "x.py", "x.py", TEXT), lambda: WorkerTransport(workers), sys)
    try:
        made.begin(1)
        with pytest.raises(LearnerError, match="MemoryError: out of memory"):
            made.take(4_000)
    finally:
        made.close()
        workers.close()


@pytest.fixture
def killed_grader(possible):
    """Another grader, in a process of its own, and its groups."""
    program = (
        "import sys, grader.launch.launcher as l; w = l.launcher(); print(w.isolation, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=payload.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert b"cgroup" in process.stdout.readline()
        left = {path for home in cgroups.homes().values() for path in home.glob(f"grader-*-{process.pid}-*")}
        assert left
        yield process, left
        process.kill()


def test_what_a_killed_grader_left_is_removed_at_the_next_start(killed_grader):
    process, left = killed_grader
    with cgroups.open_group(()) as (group, _):
        group.remove()
    cgroups.clean_up_after(process.pid)
    assert all(path.exists() for path in left)  # it lives
    process.kill()
    process.wait()
    end = time.monotonic() + 20.0
    while any(path.exists() for path in left) and time.monotonic() < end:  # its workers are ending
        with cgroups.open_group(()) as (group, _):
            group.remove()
    assert not any(path.exists() for path in left)


def test_what_a_process_that_we_have_killed_left_is_ended_and_removed_at_once(killed_grader):
    process, left = killed_grader
    process.kill()
    process.wait()
    cgroups.clean_up_after(process.pid)
    assert not any(path.exists() for path in left)


def test_the_pool_and_the_loop_clean_up_after_what_they_kill(monkeypatch):
    cleaned = []
    monkeypatch.setattr(cgroups, "clean_up_after", cleaned.append)
    process = SimpleNamespace(pid=5, kill=lambda: None, join=lambda: None, wait=lambda: None, stdin=io.BytesIO())
    pool._GraderProcess(process, None).end()
    standby = object.__new__(Standby)
    standby._process, standby._log = process, io.BytesIO()
    standby.close()
    assert cleaned == [5, 5]


def test_only_groups_of_dead_graders_are_removed(tmp_path):
    prefix, started = cgroups._prefix(), cgroups._started(os.getpid())
    stay = [f"{prefix}{os.getpid()}-{started}-1", "grader-1-1-1-1", f"{prefix}1-x-1", "grader-mine", "other"]
    go = [f"{prefix}{os.getpid()}-{int(started) + 1}-1", f"{prefix}{2**22 + 1}-5-1"]
    for name in (*stay, *go):
        (tmp_path / name).mkdir()
    cgroups.sweep({"memory": tmp_path, "pids": tmp_path})
    assert {path.name for path in tmp_path.iterdir()} == set(stay)


def test_where_none_can_be_made_nothing_happens_and_the_report_says_so(monkeypatch):
    monkeypatch.setattr(cgroups, "homes", lambda: None)
    workers = launcher()
    try:
        assert workers._server.group is None
        assert "cgroup" not in workers.isolation["layers"]
        with pytest.raises(UsageError, match="does not isolate by cgroup"):
            isolation.require(workers.isolation, ["cgroup"])
    finally:
        workers.close()


def test_a_group_that_does_not_hold_is_not_reported(possible, monkeypatch):
    monkeypatch.setattr(cgroups.Group, "joining_files", lambda self, opened: [])  # nobody enters it
    workers = launcher()
    try:
        assert workers._server.group is not None
        assert "cgroup" not in workers.isolation["layers"]
    finally:
        workers.close()


def test_what_was_told_holds_for_a_server_that_takes_anothers_place(possible, monkeypatch):
    workers = launcher()
    try:
        assert "cgroup" in workers.isolation["layers"]
        monkeypatch.setattr(cgroups, "homes", lambda: None)
        workers._server.group.remove()  # with the server in it
        with pytest.raises(GraderError, match="no process could be started"):
            workers.start()
    finally:
        workers.close()


# ------------------------------------------------------------------------------------ version 2, on a tree of files


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A machine with version 2: /a/b is this process's group, and holds processes."""

    def make(own="/a/b", controllers="cpu memory pids", given="", delegated=(), busy=("a/b",)):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(f"0::{own}\n")
        root = tmp_path / "sys"
        (root / "a" / "b").mkdir(parents=True)
        for folder in (root, root / "a", root / "a" / "b"):
            (folder / "cgroup.controllers").write_text(controllers + "\n")
            (folder / "cgroup.subtree_control").write_text(given + "\n")
        write = Path.write_text

        def refused_where_busy(path, text, **options):
            if str(path.parent.relative_to(root)) in busy:
                raise OSError(errno.EBUSY, "Device or resource busy")
            return write(path, text, **options)

        monkeypatch.setattr(Path, "write_text", refused_where_busy)
        monkeypatch.setattr(cgroups, "_delegated", lambda folder: str(folder.relative_to(root)) in delegated)
        found = cgroups.homes(root, tmp_path / "proc")
        return None if found is None else {name: str(folder.relative_to(root)) for name, folder in found.items()}

    return make


@pytest.mark.parametrize(
    ("machine", "home"),
    [
        ({"given": "memory pids"}, "a/b"),
        ({"busy": ()}, "a/b"),
        ({}, None),  # its own group holds processes, and the one above is another's
        ({"delegated": ("a",)}, "a"),
        ({"delegated": ("a",), "controllers": "cpu pids"}, None),
        ({"delegated": ("a",), "busy": ("a", "a/b")}, None),
        ({"own": "/", "given": "cpu memory pids"}, "."),
        ({"own": "/", "busy": (".",), "delegated": ("..",)}, None),
        ({"own": "/../sys/a/b", "given": "memory pids"}, None),
    ],
)
def test_of_version_2_a_group_that_can_give_both_controllers_is_found(tree, machine, home):
    assert tree(**machine) == (None if home is None else {"memory": home, "pids": home})


def test_without_version_2s_files_there_is_none(tree, tmp_path):
    assert tree(given="memory pids") is not None
    (tmp_path / "sys" / "cgroup.controllers").unlink()
    assert cgroups.homes(tmp_path / "sys", tmp_path / "proc") is None


def test_of_version_1_both_must_be_there(tmp_path):
    root, about = tmp_path / "sys", tmp_path / "proc" / "self" / "cgroup"
    for path in (root / "memory" / "a", root / "pids", about.parent):
        path.mkdir(parents=True)
    about.write_text("8:pids:/\n4:memory:/a\n3:cpu,cpuacct:/\n0::/\n")
    assert cgroups.homes(root, tmp_path / "proc") == {"memory": root / "memory" / "a", "pids": root / "pids"}
    about.write_text("8:pids:/\n4:memory:/gone\n0::/\n")
    assert cgroups.homes(root, tmp_path / "proc") is None
    about.write_text("8:pids:/\n0::/\n")
    assert cgroups.homes(root, tmp_path / "proc") is None


def test_a_group_is_anothers_unless_it_was_delegated(tmp_path, monkeypatch):
    assert not cgroups._delegated(tmp_path) or os.geteuid() != 0
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not cgroups._delegated(tmp_path)
    monkeypatch.setattr(os, "getxattr", lambda path, name: b"1" if name == "user.delegate" else b"0")
    assert cgroups._delegated(tmp_path)


@pytest.fixture
def second(tmp_path):
    """A group of version 2, with files as the kernel has them."""
    group = cgroups.Group(dict.fromkeys(cgroups.CONTROLLERS, tmp_path))
    (place,) = group.places
    written = {
        "cgroup.procs": "17\n",
        "memory.current": f"{300 << 20}\n",
        "memory.stat": f"anon {200 << 20}\nfile 5\n",
        "memory.events": "low 0\nmax 3\noom 2\noom_kill 1\n",
        "memory.max": "max\n",
        "memory.swap.max": "max\n",
        "pids.current": "2\n",
        "pids.max": "max\n",
    }
    for name, text in written.items():
        (place / name).write_text(text)
    return group, place


def test_version_2s_limits_are_what_the_server_has_and_a_copy_of_it_and_the_workers(second):
    group, place = second
    assert group.hold(LITTLE)
    assert int((place / "memory.max").read_text()) == 300 + 200 + 128 + 4 + cgroups.SPARE_MB << 20
    assert (place / "memory.swap.max").read_text() == "0"
    assert int((place / "pids.max").read_text()) == 2 + 8 + cgroups.SPARE_PROCESSES
    assert group.killed() == 1


def test_a_group_that_nobody_is_in_does_not_hold(second):
    group, place = second
    (place / "cgroup.procs").write_text("")
    assert not group.hold(LITTLE)


def test_limits_that_the_kernel_does_not_keep_do_not_hold(second):
    group, place = second
    (place / "pids.max").unlink()
    (place / "pids.max").symlink_to("/dev/null")  # takes everything, and says nothing
    assert not group.hold(LITTLE)
