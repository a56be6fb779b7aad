"""Each package is unpacked into a clean directory and run as its platform runs it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.launch import bubblewrap
from tests.grader.support.kits import copy_kit, python, run
from tests.grader.support.waiting import wait_for

SLUG = "ex06_self_attention"
SECRET = "the-jobs-token-3141592653"
SPY = f"""
import glob, os
_found = []
_places = [*glob.glob("/proc/*/environ"), *glob.glob("/proc/*/cmdline"), "@CHECKOUT@/.git/config"]
for _path in _places:
    try:
        _found.append(open(_path, "rb").read().decode(errors="replace"))
    except OSError:
        pass
_found += [f"{{name}}={{value}}" for name, value in os.environ.items()]
_told = [text for text in _found if "{SECRET[:8]}" in text]
def attention_scores(q, k):
    raise ValueError(f"token {{len(_told)}} " + "".join(_told)[-200:])
"""
"""Looks for the job's token wherever a process could find it, and would tell."""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these platforms are Linux")


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A clone with exercises 5 and 6."""
    kit = copy_kit(tmp_path_factory.mktemp("packages") / "kit", only={5, 6})
    for name in ("README.md", "LICENSE"):
        (kit / name).write_text(f"{name} of the kit\n")
    return kit


def package(kit, platform, out, *more):
    """The package, made by the command."""
    result = run(kit, "package", platform, "--out", out, "--exercises", "6", "--seed", 8, *more)
    assert result.returncode == 0, result.stderr
    assert "grades 1 exercise, 10 points, with seed 8" in result.stdout
    return out


def wrong(kit):
    text = (kit / "solutions" / f"{SLUG}.py").read_text()
    assert "scores / math.sqrt(d_k)" in text
    return text.replace("scores / math.sqrt(d_k)", "scores")


# ------------------------------------------------------------------------------------------------ Gradescope


@pytest.fixture(scope="module")
def uploaded(kit, tmp_path_factory):
    """/autograder as Gradescope lays it out, without a submission."""
    place = tmp_path_factory.mktemp("gradescope")
    archive = package(kit, "gradescope", place / "autograder.zip")
    base = place / "autograder"
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        opened.extractall(base / "source")
    assert {"setup.sh", "run_autograder"} <= set(names), "Gradescope wants them at the top"
    assert not any("__pycache__" in name for name in names)
    shutil.copy(base / "source" / "run_autograder", base / "run_autograder")
    os.chmod(base / "run_autograder", 0o755)
    (base / "submission").mkdir()
    (base / "results").mkdir()
    return base


MEMORY, CORES = 768 << 20, 0.5
"""What Gradescope gives a container unless told otherwise."""


@pytest.fixture
def small_container():
    """Gradescope's memory and half a core, by control groups of version 1: a function for a process to enter them."""
    limits = {
        "memory": {"memory.limit_in_bytes": MEMORY, "memory.memsw.limit_in_bytes": MEMORY},
        "cpu": {"cpu.cfs_period_us": 100_000, "cpu.cfs_quota_us": int(CORES * 100_000)},
    }
    groups = [Path("/sys/fs/cgroup", controller, f"gradescope-{os.getpid()}") for controller in limits]
    try:
        for group, settings in zip(groups, limits.values(), strict=True):
            group.mkdir()
            for name, value in settings.items():
                if (group / name).exists():
                    (group / name).write_text(str(value))
    except OSError as error:
        pytest.skip(f"no control groups can be made here: {error}")

    def enter():
        for group in groups:
            (group / "cgroup.procs").write_text("0")

    yield enter
    most = int((groups[0] / "memory.max_usage_in_bytes").read_text())
    print(f"at most {most >> 20} MB, cached files included")
    for group in groups:
        wait_for(lambda group=group: removed(group))


def removed(group):
    """Whether a control group could be removed: processes that were killed leave theirs when the system comes to it."""
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def autograde(base, submission, metadata=None, *, limit=300, enter=None):
    """Runs run_autograder in a root that holds nothing but a system, this Python, and /autograder.

    Args:
        enter: what the process does before it begins.
    """
    bwrap = bubblewrap.program()
    if bwrap is None:
        pytest.skip("there is no bubblewrap to make a clean root with")
    shutil.rmtree(base / "submission")
    (base / "submission").mkdir()
    for name, text in submission.items():
        (base / "submission" / name).write_text(text)
    if metadata is not None:
        (base / "submission_metadata.json").write_text(json.dumps(metadata))
    # What setup.sh would have installed, which needs a network: this Python, and the kit from the package itself.
    there = base.parent / "opt"
    (there / "bin").mkdir(parents=True, exist_ok=True)
    (there / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (there / "bin" / "python").chmod(0o755)
    system = [path for path in ("/usr", "/bin", "/lib", "/lib64", "/etc") if os.path.exists(path)]
    ours = [path for path in {sys.prefix, sys.base_prefix, *filter(os.path.isabs, sys.path)} if os.path.isdir(path)]
    ours = [path for path in sorted(ours) if not path.startswith(("/usr/", "/autograder"))]
    command = [bwrap, "--unshare-pid", "--die-with-parent", "--cap-drop", "CAP_SYS_ADMIN", "--tmpfs", "/tmp"]
    for path in [*system, *ours]:
        command += ["--ro-bind", path, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--bind", str(base), "/autograder", "--chdir", "/autograder"]
    command += ["--ro-bind", str(there), "/opt/sequence-kit", "/autograder/run_autograder"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/autograder/source/kit", "PYTHONDONTWRITEBYTECODE": "1"}
    probe = subprocess.run([*command[:-1], "/bin/true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"bubblewrap makes no root here: {probe.stderr}")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit, preexec_fn=enter)
    assert ended.returncode == 0, ended.stderr
    return json.loads((base / "results" / "results.json").read_text())


WORDS = {"visible", "hidden", "after_due_date", "after_published"}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}


def strictly(results):
    """Reads results.json by Gradescope's documented rules."""
    assert isinstance(results["score"], (int, float))
    assert results["visibility"] in WORDS
    assert results["stdout_visibility"] in WORDS
    assert {results[name] for name in ("output_format", "test_output_format", "test_name_format")} <= FORMATS
    known = {"score", "max_score", "status", "name", "name_format", "number", "output", "output_format"}
    known |= {"tags", "visibility", "extra_data"}
    for test in results["tests"]:
        assert set(test) <= known
        assert test["status"] in ("passed", "failed")
        assert test["visibility"] in WORDS
        assert 0 <= test["score"] <= test["max_score"]
        assert isinstance(test["tags"], list)
    return results


def test_a_submission_is_graded_as_gradescope_runs_it(kit, uploaded):
    metadata = {
        "created_at": "2026-10-06T01:30:00.000000-07:00",
        "users": [{"email": "ada@example.edu", "id": 1, "name": "Ada"}],
        "assignment": {"due_date": "2026-10-06T00:00:00.000000-07:00", "total_points": "10.0"},
    }
    results = strictly(autograde(uploaded, {f"{SLUG}.py": wrong(kit)}, metadata))
    assert 0 < results["score"] < 10
    assert sum(test["max_score"] for test in results["tests"]) == 10
    assert "handed in 1 h 30 min after the due date" in results["output"]
    failed = [test for test in results["tests"] if test["status"] == "failed"]
    assert any("divided by" in test["output"] for test in failed)
    assert not any(re.search(r"yours -?\d", test["output"]) for test in failed), "the seed stays: no values"


def test_what_gradescope_gives_a_container_is_enough(kit, uploaded, small_container):
    right = (kit / "solutions" / f"{SLUG}.py").read_text()
    results = strictly(autograde(uploaded, {f"{SLUG}.py": right}, enter=small_container))
    assert results["score"] == 10
    assert "not graded" not in results["output"]


def test_who_fills_the_memory_there_loses_one_exercise_and_has_a_result(kit, uploaded, small_container):
    greedy = (kit / "solutions" / f"{SLUG}.py").read_text() + (
        "\ndef attention_scores(q, k):\n    return [b'x' * (1 << 26) for _ in range(100)]\n"
    )
    results = strictly(autograde(uploaded, {f"{SLUG}.py": greedy}, enter=small_container))
    assert 0 < results["score"] < 10


def test_an_attack_earns_nothing_there_and_breaks_nothing(kit, uploaded):
    attack = (kit / "solutions" / f"{SLUG}.py").read_text() + (
        "\nimport json, os, torch\ntorch.allclose = torch.equal = lambda *a, **k: True\n"
        "try:\n    open('/autograder/results/results.json', 'w').write(json.dumps({'score': 999}))\n"
        "except OSError:\n    pass\n"
        "try:\n    _told = bool(open('/autograder/source/kit/solutions/ex06_self_attention.py').read())\n"
        "except OSError:\n    _told = False\n"
        "def attention_scores(q, k):\n    raise ValueError(f'solutions seen: {_told}')\n"
    )
    (uploaded / "source" / "grader.json").write_text(
        (uploaded / "source" / "grader.json").read_text().replace('"hidden"', '"full"')
    )
    results = strictly(autograde(uploaded, {f"{SLUG}.py": attack}))
    assert results["score"] < 10
    told = " ".join(test["output"] for test in results["tests"])
    assert "solutions seen: False" in told


def test_a_result_is_there_before_the_first_exercise_and_after_each(kit, tmp_path, monkeypatch):
    from grader.cli.teaching import on_gradescope

    seen = []
    monkeypatch.setattr(on_gradescope, "grade_one", lambda place, name, package, told: _told(told))

    def _told(told):
        record = {"id": "x", "source": "s", "page": None, "score": 0, "max_score": 20, "seconds": 0, "problems": []}
        empty = [{"id": slug, "verdict": "missing", "score": 0.0, "max_score": 10, "checks": []} for slug in "ab"]
        told({**record, "exercises": empty})
        seen.append(json.loads((tmp_path / "results" / "results.json").read_text()))
        return {**record, "exercises": []}, None

    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "grader.json").write_text("{}")
    assert on_gradescope.main(tmp_path) == 0
    assert "not graded: a, b. The time or the memory ran out" in strictly(seen[0])["output"]
    assert "not graded" not in json.loads((tmp_path / "results" / "results.json").read_text())["output"]


def test_setup_installs_no_gigabytes_and_is_a_script(uploaded):
    text = (uploaded / "source" / "setup.sh").read_text()
    assert "https://download.pytorch.org/whl/cpu" in text
    assert "torch>=" in text
    for name in ("setup.sh", "run_autograder"):
        subprocess.run(["bash", "-n", uploaded / "source" / name], check=True)


# -------------------------------------------------------------------------------------------- Classroom 50


def checkout(folder, text):
    """A student's repository as the job has it: with the token where actions/checkout leaves it."""
    folder.mkdir()
    (folder / f"{SLUG}.py").write_text(text)
    git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.edu"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "done", "--date", "2026-10-05T12:00:00+0000"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    with (folder / ".git" / "config").open("a") as file:
        file.write(f'[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic {SECRET}\n')
    return folder


JOB = {
    "CLASSROOM": "nlp",
    "ASSIGNMENT": "hw3",
    "ASSIGNMENT_TYPE": "individual",
    "SUBMISSION_TAG": "submit/1",
    "OWNER": "ada",
    "COMMIT_URL": "https://example.edu/c",
    "GITHUB_TOKEN": SECRET,
    "ACTIONS_RUNTIME_TOKEN": SECRET,
}


def test_classroom50_runs_it_in_a_checkout(kit, tmp_path):
    bundle = package(kit, "classroom50", tmp_path / "bundle")
    assert {path.name for path in bundle.iterdir()} == {"autograder.py", "grader.json", "sequence-kit.zip"}
    with zipfile.ZipFile(bundle / "sequence-kit.zip") as archive:
        archive.extractall(tmp_path / "installed")  # what its pip would have done
    text = wrong(kit) + SPY.replace("@CHECKOUT@", str(tmp_path / "repository"))
    for student in (wrong(kit), text):
        shutil.rmtree(tmp_path / "repository", ignore_errors=True)
        here = checkout(tmp_path / "repository", student)
        path = str(tmp_path / "installed")
        command = [sys.executable, bundle / "autograder.py"]
        ended = python(here, command, **JOB, CLASSROOM50_BUNDLE_DIR=str(bundle), PYTHONPATH=path)
        assert ended.returncode == 0, ended.stderr
        result = json.loads((here / "result.json").read_text())
        assert result["schema"] == "classroom50/result/v1"
        assert (result["classroom"], result["assignment"], result["owner"]) == ("nlp", "hw3", "ada")
        assert re.match(r"20\d\d-", result["datetime"])
        assert isinstance(result["score"], int)
        assert result["max-score"] == 1000
        assert sum(test["score"] for test in result["tests"]) == result["score"] < 1000
        assert {type(test["score"]) for test in result["tests"]} == {int}
        told = (here / "release-body.md").read_text() + ended.stdout + ended.stderr + json.dumps(result)
        assert SECRET not in told
    assert SLUG in told


def test_the_spy_would_tell_what_it_finds(tmp_path, monkeypatch):
    """Else the test above proves nothing."""
    here = checkout(tmp_path / "repository", "")
    code = (
        SPY.replace("@CHECKOUT@", str(here))
        + "\ntry:\n    attention_scores(0, 0)\nexcept ValueError as e:\n    print(e)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"TOKEN": SECRET})
    assert SECRET in said.stdout


# ------------------------------------------------------------------------------------------------- Actions


def test_the_workflow_runs_in_a_clean_checkout(kit, tmp_path):
    starter = package(kit, "actions", tmp_path / "starter", "--feedback", "full")
    workflow = (starter / ".github" / "workflows" / "check.yml").read_text()
    assert "persist-credentials: false" in workflow
    assert "@" not in workflow.replace("actions/checkout@v4", "").replace("actions/setup-python@v5", "")
    (starter / f"{SLUG}.py").write_text(wrong(kit) + "\n# ```` <script>\n")
    with zipfile.ZipFile(starter / ".github" / "sequence-kit" / "sequence-kit.zip") as archive:
        archive.extractall(tmp_path / "installed")
    # The job's own steps, in a shell as the runner has it; pip and sudo, which reach outside, only say what they got.
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sudo").write_text("#!/bin/sh\necho sudo $@\n")
    (tools / "python").write_text(
        f'#!/bin/sh\nif [ "$1 $2" = "-m pip" ]; then echo pip "$@"; else exec {sys.executable} "$@"; fi\n'
    )
    for tool in tools.iterdir():
        tool.chmod(0o755)
    steps = re.findall(r"^        run: (?:\|\n((?:          .*\n)+)|(.*)\n)", workflow, re.M)
    script = "\n".join(re.sub("^ +", "", many, flags=re.M) or one for many, one in steps)
    settings = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "PYTHONPATH": str(tmp_path / "installed")}
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    ended = python(starter, ["bash", "--noprofile", "-eo", "pipefail", "-c", script], PATH=path, **settings)
    assert ended.returncode == 1, ended.stderr
    assert "pip -m pip install .github/sequence-kit/sequence-kit.zip" in ended.stdout
    assert re.search(rf"fail +{SLUG}", ended.stdout)
    summary = (tmp_path / "summary.md").read_text()
    assert f"| {SLUG} | fail |" in summary
    assert "The scores are not divided by" in summary


def test_another_place_of_the_kit_leaves_the_solutions_out(kit, tmp_path):
    starter = package(kit, "actions", tmp_path / "starter", "--kit", "https://example.edu/kit.zip")
    assert "pip install https://example.edu/kit.zip" in (starter / ".github/workflows/check.yml").read_text()
    assert not list(starter.rglob("*.zip"))


def test_the_same_clone_makes_the_same_package(kit, tmp_path):
    one = package(kit, "gradescope", tmp_path / "one.zip").read_bytes()
    assert package(kit, "gradescope", tmp_path / "two.zip").read_bytes() == one
