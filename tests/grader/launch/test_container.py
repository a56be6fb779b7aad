"""As in a container of Docker: the system calls that make namespaces are refused. Layers fewer, verdicts the same."""

import json
import re
import sys

import pytest

from tests.grader.support.kits import copy_kit, python, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's")
SLUG = "ex06_self_attention"
NO_NAMESPACES = """
import errno, os, sys
import pyseccomp as seccomp
rules = seccomp.SyscallFilter(seccomp.ALLOW)
for name in ("unshare", "setns", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsmount"):
    rules.add_rule(seccomp.ERRNO(errno.EPERM), name)
for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
    rules.add_rule(seccomp.ERRNO(errno.EPERM), "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
rules.load()
os.execv(sys.executable, [sys.executable, "-m", "grader", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """Exercise 6, its solution and a wrong copy of it as two students."""
    pytest.importorskip("pyseccomp")
    kit = copy_kit(tmp_path_factory.mktemp("container") / "kit", only={6})
    solution = (kit / "solutions" / f"{SLUG}.py").read_text("utf-8")
    for name, text in (("ada", solution), ("bob", solution.replace("scores / math.sqrt(d_k)", "scores"))):
        (kit / "submissions" / name).mkdir(parents=True)
        (kit / "submissions" / name / f"{SLUG}.py").write_text(text, "utf-8")
    return kit


def inside(kit, *arguments):
    """A command where namespaces are refused, and nobody's home can be found."""
    return python(kit, [sys.executable, "-c", NO_NAMESPACES, *map(str, arguments)], HOME="/proc/none")


def test_the_same_scores_with_files_and_network_hidden(kit, tmp_path):
    scores = []
    for name, grade in (("out", run), ("in", inside)):
        ended = grade(kit, "grade", "submissions", "--out", tmp_path / name, "--seed", 3, "--jobs", 1)
        assert ended.returncode == 0, ended.stderr
        document = json.loads((tmp_path / name / "results.json").read_text("utf-8"))
        scores.append(re.sub(r'"seconds": [\d.e-]+', "", json.dumps(document["submissions"])))
    assert scores[0] == scores[1]
    found = document["run"]["isolation"]
    assert (found["files"], found["network"], found["memory_mb"]) == ("hidden", "none", 2048)
    assert not {"namespaces", "scratch"} & set(found["layers"])


def test_doctor_says_what_is_missing_why_and_what_brings_it_back(kit):
    said = inside(kit, "doctor").stdout
    assert re.search(r"no  namespaces .*\n +bubblewrap says: .*; \S", said)
    assert re.search(r"no  scratch .*\n +.*Operation not permitted; allow namespaces", said)
    assert "README says of Linux without namespaces" in said
    assert "verdict     all of it works here" in said
