"""Copies of the kit in a temporary folder, and the program run in them as a person would."""

import compileall
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.grader.support import warm_python

ROOT = Path(__file__).resolve().parents[3]


def copy_kit(folder, only=None):
    """A kit in `folder` with all exercises, or the numbers in `only`."""
    for name in ("exercises", "solutions"):
        (folder / name).mkdir(parents=True)
        for file in (ROOT / name).glob("ex*"):
            if file.suffix in (".py", ".md") and (only is None or int(file.name[2:4]) in only):
                shutil.copy(file, folder / name)
    for pictures in ("figures", "pictures"):
        shutil.copytree(ROOT / "exercises" / pictures, folder / "exercises" / pictures)
    for checks in (ROOT / "tests").glob("ex*"):
        if only is None or int(checks.name[2:4]) in only:
            shutil.copytree(checks, folder / "tests" / checks.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(compiled_package(), folder / "grader")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@cache
def compiled_package():
    """The grader, compiled: its copies keep their times, so what starts in one need not compile it again."""
    package = ROOT / "grader"
    compileall.compile_dir(package, quiet=2)
    return package


def run(folder, *arguments, stdin=None, **environment):
    """The program, in a kit's folder, without a terminal."""
    command = [sys.executable, "-m", "grader", *map(str, arguments)]
    return python(folder, command, stdin=stdin, **environment)


def python(folder, command, *, stdin=None, **environment):
    """A command in a folder; output as text. Without a word about its environment it may start warm."""
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    settings.pop("PYTEST_CURRENT_TEST", None)
    if sys.platform == "linux" and not environment and command[:2] == [sys.executable, "-m"]:
        return warm_python.run(folder, command[2:], stdin=stdin, environment=settings)
    return subprocess.run(
        command, cwd=folder, env=settings, input=stdin, capture_output=True, text=True, encoding="utf-8", check=False
    )
