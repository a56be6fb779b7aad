"""A class on a Dask cluster: a scheduler and two workers on loopback, of which one is killed, and then the client."""

import json
import subprocess
import sys

import pytest

from grader.errors import UsageError
from grader.grading.process import Task
from grader.kit.discovery import Kit
from grader.source.file import File
from tests.grader.support.classes import students as make_class
from tests.grader.support.clusters import Cluster, killed_twice, records, without_times
from tests.grader.support.kits import copy_kit, run

pytest.importorskip("distributed")
from grader.grading.cluster import Cluster as OnCluster
from grader.grading.cluster import _read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
OPTIONS = ("--seed", "8", "--device", "cpu", "--timeout", "5")
SIZE = 16
"""`tests/grader/bench/kill_cluster.py` does the same with 300."""
MAKE_CERTIFICATE = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=kit -keyout key.pem -out cert.pem"


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A kit of exercises 5 and 6 with a class, some of it hostile, and a class of one."""
    kit = copy_kit(tmp_path_factory.mktemp("cluster") / "kit", only={5, 6})
    made = make_class(SIZE, Kit(kit).exercises)
    assert any(student.kind == "attack" for student in made)
    for student in made:
        student.write(kit / "class")
    made[0].write(kit / "one")
    return kit


@pytest.fixture(scope="module")
def alone(kit):
    """What one machine makes of the class."""
    result = run(kit, "grade", "class", "--out", "alone", "--jobs", 2, *OPTIONS)
    assert result.returncode == 0, result.stderr
    return without_times(kit / "alone")


def test_a_killed_worker_and_a_killed_client_change_nothing(kit, alone, tmp_path):
    with Cluster(kit, tmp_path / "dask") as cluster:
        at, status, said = killed_twice(cluster, tmp_path / "out", *OPTIONS, first=1, second=3)
    assert status == 0, said
    assert 0 < at[0] <= at[1] < SIZE
    assert f"{SIZE - at[1]} of {SIZE} submissions to grade" in said
    assert without_times(tmp_path / "out") == alone


def test_workers_started_here_give_one_machines_results(kit, alone, tmp_path):
    result = run(kit, "grade", "class", "--out", tmp_path / "out", "--cluster", "local:2", *OPTIONS)
    assert result.returncode == 0, result.stderr
    assert without_times(tmp_path / "out") == alone


def test_a_worker_with_other_checks_is_refused(kit, tmp_path):
    other = copy_kit(tmp_path / "other", only={5, 6})
    with (other / "solutions" / "ex06_self_attention.py").open("a") as file:
        file.write("# another kit\n")
    with Cluster(other, tmp_path / "dask") as cluster:
        cluster.worker()
        result = run(kit, "grade", "one", "--out", tmp_path / "out", "--cluster", cluster.file, *OPTIONS)
    assert result.returncode == 2
    assert "a worker of the cluster would not give the same results: the checks or the grader changed there" in (
        result.stderr
    )


def test_tls_is_used_where_the_address_says_so_and_whoever_has_no_certificate_is_refused(kit, tmp_path):
    try:
        subprocess.run(
            ["openssl", *MAKE_CERTIFICATE.split()],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no openssl to make a certificate with")
    tls = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}
    tls["DASK_DISTRIBUTED__COMM__TLS__CA_FILE"] = str(tmp_path / "cert.pem")
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        tls[f"DASK_DISTRIBUTED__COMM__TLS__{who}__CERT"] = str(tmp_path / "cert.pem")
        tls[f"DASK_DISTRIBUTED__COMM__TLS__{who}__KEY"] = str(tmp_path / "key.pem")
    with Cluster(kit, tmp_path / "dask", tls) as cluster:
        cluster.worker()
        address = json.loads(cluster.file.read_text())["address"]
        assert address.startswith("tls://")
        command = ("grade", "one", "--out", tmp_path / "out", "--cluster", address, *OPTIONS)
        refused = run(kit, *command)
        assert refused.returncode == 2
        assert "TLS needs a certificate, and Dask's configuration names none" in refused.stderr
        graded = run(kit, *command, **{name: value for name, value in tls.items() if "CLIENT" in name or "CA_" in name})
    assert graded.returncode == 0, graded.stderr
    assert records(tmp_path / "out") == 1


def test_a_cluster_that_does_not_end_in_time_costs_no_result():
    class Slow:
        def close(self, timeout):
            raise TimeoutError

        def unregister_worker_plugin(self, name):
            raise OSError("it is gone")

    cluster = object.__new__(OnCluster)
    cluster._client, cluster._own, cluster._plugin = Slow(), Slow(), "x"
    cluster.close()
    cluster.close()
    assert cluster._own is None


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
    assert Task.from_json(json.loads(json.dumps(task.as_json()))) == task
