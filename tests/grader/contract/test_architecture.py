"""The rooms of the grader and the order in which they import each other: the contracts in pyproject.toml."""

import re
import shutil
import subprocess
import sys

import pytest

from grader.paths import PACKAGE, ROOT

LINT = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"


def lint(folder):
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    """A copy of the grader, and of the contracts about it."""
    shutil.copytree(PACKAGE, tmp_path / "grader", ignore=shutil.ignore_patterns("__pycache__", "attacks"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_room_imports_from_below():
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("luggage.py", "", "grader.luggage"),
        ("protocol/channel.py", "import grader.checks.compare", "is not allowed to import grader.checks"),
        ("results/verdicts.py", "import torch", "torch"),
        ("remote/calls.py", "from grader.remote.code import Code", "No cycles are allowed in grader.remote"),
    ],
)
def test_what_breaks_the_order_is_seen(copy, file, text, why):
    path = copy / "grader" / file
    path.write_text((path.read_text("utf-8") if path.exists() else "") + f"\n{text}\n", "utf-8")
    found = lint(copy)
    assert found.returncode == 1
    assert why in found.stdout


def test_every_room_is_in_the_wheel():
    """`packages` is a list by hand, as the course is installed from other folders."""
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.findall(r'"([\w.]+)"', re.search(r"^packages = \[(.*?)\]", settings, re.M | re.S)[1])
    rooms = {".".join(file.parent.relative_to(ROOT).parts) for file in PACKAGE.rglob("__init__.py")}
    assert {name for name in listed if not name.startswith("grader.course")} == rooms


def test_the_top_folder_has_at_most_thirty_entries():
    assert len([path for path in PACKAGE.iterdir() if path.name not in ("__pycache__", "course")]) <= 30
