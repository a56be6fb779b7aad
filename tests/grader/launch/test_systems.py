"""On Windows and on a Mac, emulated: the same verdicts as on Linux. `emulation.py` says what each stand-in does."""

import json
import re
import shutil
import sys

import pytest

from grader.kit.discovery import Kit
from tests.grader.support.emulation import SYSTEMS, environment
from tests.grader.support.kits import copy_kit, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="emulates other systems on Linux")
SLUG = "ex06_self_attention"
MISTAKE = ("scores / math.sqrt(d_k)", "scores")
LOOP = ("scores / math.sqrt(d_k)", "scores / (math.sqrt(d_k) if q.dim() > 2 else any(False for _ in iter(int, 1)))")
"""Endless where there are two axes: in one check."""
CLASS = 5


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """Exercise 6, with a mistake in it, and a class of five."""
    kit = copy_kit(tmp_path_factory.mktemp("systems") / "kit", only={6})
    stub = (kit / "exercises" / f"{SLUG}.py").read_text("utf-8")
    solution = (kit / "solutions" / f"{SLUG}.py").read_text("utf-8")
    wrong = solution.replace(*MISTAKE)
    (kit / "exercises" / f"{SLUG}.py").write_text(wrong, "utf-8")
    for number, text in enumerate([solution, wrong, stub, "def f(:\n", "import os\nos._exit(3)\n"]):
        (kit / "submissions" / f"student{number}").mkdir(parents=True)
        (kit / "submissions" / f"student{number}" / f"{SLUG}.py").write_text(text, "utf-8")
    return kit


@pytest.fixture(params=SYSTEMS)
def elsewhere(request, tmp_path, kit):
    """What makes a command run on another system."""
    return environment(request.param, tmp_path / request.param, kit)


@pytest.fixture(scope="module")
def on_linux(kit):
    """What commands print here, each run once."""
    return {words: run(kit, *words.split()) for words in ("check --seed 5", "check --target solutions --seed 5")}


@pytest.mark.parametrize("words", ["check --seed 5", "check --target solutions --seed 5"])
def test_a_check_says_the_same(kit, elsewhere, on_linux, words):
    there = run(kit, *words.split(), **elsewhere)
    assert there.stderr == ""
    assert (there.returncode, there.stdout) == (on_linux[words].returncode, on_linux[words].stdout)


def test_an_endless_loop_has_its_line(kit, elsewhere, tmp_path):
    file = tmp_path / f"{SLUG}.py"
    file.write_text((kit / "solutions" / file.name).read_text("utf-8").replace(*LOOP), "utf-8")
    there = run(kit, "check", file, "--timeout", "1", **elsewhere)
    assert there.returncode == 1
    assert re.search(r"time ran out at .*else any\(False for _ in iter\(int, 1\)\)", there.stdout)


def graded(kit, out, **settings):
    """What the command said of the class, how it was isolated, and the results but for times."""
    ended = run(kit, "grade", "submissions", "--out", out, "--seed", 5, "--jobs", 2, **settings)
    assert ended.returncode == 0, ended.stderr
    results = json.loads((out / "results.json").read_text("utf-8"))
    assert len(results["submissions"]) == CLASS
    timeless = re.sub(r'"seconds": [\d.e-]+', "", json.dumps(results["submissions"]))
    return ended.stderr, results["run"]["isolation"]["files"], timeless


@pytest.fixture(scope="module")
def graded_here(kit, tmp_path_factory):
    return graded(kit, tmp_path_factory.mktemp("class") / "out")


def test_a_class_gets_the_same_results(kit, elsewhere, graded_here, tmp_path):
    here, there = graded_here, graded(kit, tmp_path / "out", **elsewhere)
    assert (here[1], there[1]) == ("hidden", "visible")
    assert "the code could read your files" not in here[0]
    assert "the code could read your files" in there[0]
    assert here[2] == there[2]


def test_the_loop_sees_two_saves_and_one_process_checks_both(kit, elsewhere, tmp_path):
    pytest.importorskip("pexpect")
    from tests.grader.support.terminal import Terminal

    mine = shutil.copytree(kit, tmp_path / "kit")
    file, solution = mine / "exercises" / f"{SLUG}.py", mine / "solutions" / f"{SLUG}.py"
    file.write_bytes(Kit().find(["6"])[0].stub.read_bytes())
    settings = {**elsewhere, "EMULATED_KIT": str(mine)}
    terminal = Terminal(mine, "-m", "grader", "watch", "6", "--seed", "4", rows=100, **settings)
    terminal.shows("Nothing is written yet", "q quit")
    file.write_text(solution.read_text("utf-8").replace(*MISTAKE), "utf-8")
    terminal.shows("You get what you would get if this were so", "d debug")
    file.write_bytes(solution.read_bytes())
    terminal.shows(f"{SLUG} passes", "q quit")
    terminal.press("q")
    assert terminal.ends() == 0


def test_doctor_says_what_holds_there(kit, elsewhere):
    there = run(kit, "doctor", **elsewhere)
    assert there.returncode == 0, there.stdout + there.stderr
    name = {"windows": "Windows 10 and 11", "homebrew": "macOS"}[elsewhere["EMULATED"]]
    for words in (f"README says of {name}", "files visible, network open, memory not limited", "no  landlock"):
        assert words in there.stdout
    assert re.search(r"^verdict     your own exercises can be checked here; what others", there.stdout, re.M)
