"""The kit without a clone: a wheel in an environment of its own, and a folder of exercises made by `grader init`."""

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from grader.kit.discovery import Kit
from tests.grader.support.kits import ROOT, copy_kit, python, run

EXERCISES = [exercise.slug for exercise in Kit().exercises]


def succeed(folder, *command, **environment):
    result = python(folder, list(map(str, command)), **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of an environment that holds the wheel; what the wheel needs is borrowed from this environment."""
    home = tmp_path_factory.mktemp("installed")
    tree = home / "tree"
    ignored = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info")
    shutil.copytree(ROOT, tree, ignore=ignored)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    succeed(home, *pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", home, tree)
    (wheel,) = home.glob("*.whl")
    succeed(home, sys.executable, "-m", "venv", "--without-pip", home / "venv")
    mine = home / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    succeed(home, *pip, "--python", mine, "install", "--quiet", "--no-deps", "--no-index", wheel)
    packages = Path(succeed(home, mine, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return mine


@pytest.fixture(scope="module")
def workspace(installed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "my course"
    assert "12 exercises" in succeed(folder.parent, installed, "-m", "grader", "init", folder)
    return folder


def grader(installed, folder, *arguments):
    return python(folder, [str(installed), "-m", "grader", *map(str, arguments)])


def test_the_course_lies_inside_the_package(installed, tmp_path):
    where = succeed(tmp_path, installed, "-c", "from grader.kit.discovery import COURSE; print(COURSE)").strip()
    assert Path(where).parts[-2:] == ("grader", "course")
    assert ROOT not in Path(where).parents


def test_the_model_of_the_labs_comes_with_the_package(installed, tmp_path):
    find = "from grader.paths import PACKAGE; print((PACKAGE / 'labs' / 'dates.safetensors').is_file())"
    assert succeed(tmp_path, installed, "-c", find).strip() == "True"


def test_a_new_workspace_holds_every_stub_and_lesson(installed, workspace):
    names = sorted(path.name for path in (workspace / "exercises").glob("ex*_*"))
    assert names == sorted(f"{slug}{ending}" for slug in EXERCISES for ending in (".md", ".py", ".questions.md"))
    for folder in ("figures", "pictures"):
        here = sorted(path.name for path in (ROOT / "exercises" / folder).iterdir())
        assert here
        assert sorted(path.name for path in (workspace / "exercises" / folder).iterdir()) == here
    listed = grader(installed, workspace, "list").stdout
    assert listed.count("unwritten") == len(EXERCISES)


def test_the_packaged_reference_passes_from_a_workspace(installed, workspace):
    result = grader(installed, workspace, "check", "1", "5", "12", "--target", "solutions", "--device", "cpu")
    assert result.stdout.splitlines()[-1] == "3 of 3 exercises pass, 30 of 30 points", result.stderr


def test_a_learner_works_in_a_folder_below_their_workspace(installed, workspace):
    exercise = Kit().find(["6"])[0]
    text = exercise.solution.read_text(encoding="utf-8").replace("scores / math.sqrt(d_k)", "scores")
    (workspace / "exercises" / f"{exercise.slug}.py").write_text(text, encoding="utf-8")
    result = grader(installed, workspace / "exercises", "check", "6", "--seed", 1, "--device", "cpu")
    assert result.returncode == 1
    assert "not divided by sqrt(d_k)" in result.stdout
    assert (workspace / ".grader" / "progress.json").is_file()
    assert "Exercise 6" in grader(installed, workspace, "lesson", "6").stdout
    assert grader(installed, workspace, "hint", "6").returncode == 0


def test_the_command_that_steps_in_works_from_a_workspace(installed, workspace):
    exercise = Kit().find(["6"])[0]
    text = exercise.solution.read_text(encoding="utf-8").replace("scores / math.sqrt(d_k)", "scores")
    (workspace / "exercises" / f"{exercise.slug}.py").write_text(text, encoding="utf-8")
    told = grader(installed, workspace, "check", "6", "--seed", 1, "--device", "cpu").stdout
    command = re.search(r"step in: python (.*) --pdb", told)[1]
    result = subprocess.run(
        f'"{installed}" {command}', shell=True, cwd=workspace, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1, result.stderr
    assert "not divided by sqrt(d_k)" in result.stdout


def test_pytest_in_a_workspace_collects_the_checks_and_nothing_else(installed, workspace):
    for words in ([], ["."]):
        listed = succeed(workspace, installed, "-m", "pytest", *words, "--collect-only", "-q")
        items = [line for line in listed.splitlines() if "::" in line]
        assert {item.split("tests/")[-1].split("/")[0] for item in items} == set(EXERCISES)
    (workspace / "exercises" / "ex05_sinusoidal_encoding.py").write_bytes(Kit().find(["5"])[0].solution.read_bytes())
    said = succeed(workspace / "tests", installed, "-m", "pytest", "ex05_sinusoidal_encoding", "-q")
    assert " passed" in said


def test_an_exercise_runs_by_itself_though_it_imports_others(installed, workspace):
    for number in ("7", "11"):
        succeed(workspace.parent, installed, workspace / "exercises" / f"{Kit().find([number])[0].slug}.py")


def test_what_an_editor_reads_is_the_same_in_the_kit_and_in_a_workspace(workspace):
    for file in (ROOT / ".vscode").iterdir():
        assert (workspace / ".vscode" / file.name).read_bytes() == file.read_bytes()
    inner = Path("exercises/exercises/__init__.py")
    assert (workspace / inner).read_bytes() == (ROOT / inner).read_bytes()


def test_what_lies_there_already_stays(installed, workspace):
    (workspace / "exercises" / "ex01_encoder.py").write_text("mine = 1\n", encoding="utf-8")
    again = grader(installed, workspace.parent, "init", workspace)
    assert again.returncode == 0
    assert "ex01_encoder.py already exists and was left as it is" in again.stderr
    assert (workspace / "exercises" / "ex01_encoder.py").read_text(encoding="utf-8") == "mine = 1\n"


def test_without_a_workspace_it_is_said_what_makes_one(installed, tmp_path):
    result = grader(installed, tmp_path, "list")
    assert result.returncode == 2
    assert result.stderr == (
        "grader: there are no exercises in this folder: `grader init DIR` makes a folder with them\n"
    )
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = grader(installed, tmp_path, "init", tmp_path / "file" / "deeper")
    assert result.returncode == 2
    assert "no exercises can be written there" in result.stderr


def test_checking_somebody_elses_folder_needs_no_workspace(installed, tmp_path):
    shutil.copytree(ROOT / "solutions", tmp_path / "ada", ignore=shutil.ignore_patterns("__pycache__"))
    result = grader(installed, tmp_path, "check", "6", "--target", "ada", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / ".grader").exists()


def test_a_clone_whose_lines_end_as_windows_ends_them_says_the_same(tmp_path):
    """`core.autocrlf`: every text of the clone has other line ends."""
    said = []
    for name in ("plain", "crlf"):
        kit = copy_kit(tmp_path / name / "kit", only={6})
        mine = kit / "exercises" / "ex06_self_attention.py"
        solution = (kit / "solutions" / mine.name).read_bytes()
        if name == "crlf":
            solution = solution.replace(b"\n", b"\r\n")
            for file in [path for path in kit.rglob("*") if path.suffix in (".py", ".md", ".toml", ".html", ".js")]:
                file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
            compileall.compile_dir(kit / "grader", quiet=2)
        said.append(run(kit, "list").stdout)
        said[-1] += run(kit, "check", "--target", "solutions", "--seed", 4).stdout
        mine.write_bytes(solution.replace(b"scores / math.sqrt(d_k)", b"scores"))
        said[-1] += run(kit, "check", "6", "--seed", 4).stdout + run(kit, "hint", "6").stdout
        run(kit, "reset", "6", "--yes")
        said[-1] += run(kit, "list").stdout + run(kit, "reset", "6", "--yes").stdout
    assert "The scores are not divided by sqrt(d_k)" in said[0]
    assert "is the stub already" in said[0]
    assert said[0] == said[1]


def test_a_folder_that_knows_no_capitals_holds_the_exercises_under_any_spelling(tmp_path):
    """Emulated by links: another spelling leads to the same file."""
    kit = copy_kit(tmp_path / "kit", only={6})
    mine = kit / "exercises" / "ex06_self_attention.py"
    mine.write_bytes((kit / "solutions" / mine.name).read_bytes())
    (kit / "Exercises").mkdir()
    os.link(mine, kit / "Exercises" / "EX06_Self_Attention.py")
    assert run(kit, "check", "Exercises/EX06_Self_Attention.py").returncode == 0
    assert run(kit, "list").stdout.split()[0] == "pass", "it was the learner's own file, so progress was kept"
