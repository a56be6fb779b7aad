"""A course folder that a hub shares read-only: a student's notebooks lie elsewhere, and are checked from there."""

import os
import subprocess
import sys

import pytest

from grader.launch import bubblewrap
from tests.grader.support.kits import copy_kit

SLUG = "ex06_self_attention"
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout=120, resources={"metadata": {"path": sys.argv[2]}}).execute()
print([output["data"]["text/plain"] for cell in book.cells for output in cell.get("outputs", ()) if "data" in output])
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Runs Python in the course's folder, which nothing may write to; beside it a student's home."""
    place = tmp_path_factory.mktemp("hub")
    course, home = copy_kit(place / "course", only={5, 6}), place / "home"
    home.mkdir()
    program = bubblewrap.program()
    inside = [program, "--dev-bind", "/", "/", "--ro-bind", str(course), str(course), "--chdir", str(course)]
    if program is None or subprocess.run([*inside, "/bin/true"], capture_output=True).returncode:
        pytest.skip("bubblewrap makes no root here")

    def python(*words):
        settings = {**os.environ, "PYTHONPATH": str(course), "OMP_NUM_THREADS": "1", "HOME": str(home)}
        command = [*inside, sys.executable, *map(str, words)]
        return subprocess.run(command, env=settings, capture_output=True, text=True)

    return python, home


def test_notebooks_are_written_beside_a_read_only_course_and_checked_there(hub):
    python, home = hub
    made = python("-m", "grader", "notebook", "6", "--out", home / "nb")
    assert made.returncode == 0, made.stderr
    file = home / "nb" / f"{SLUG}.ipynb"
    checked = python("-m", "grader", "check", file)
    assert checked.returncode == 1
    assert f"unwritten {SLUG}" in checked.stdout
    pytest.importorskip("nbclient")
    ran = python("-c", EXECUTE, file, home)
    assert ran.returncode == 0, ran.stderr
    assert f"unwritten {SLUG}" in " ".join(ran.stdout.split())


def test_a_folder_that_cannot_be_made_is_said(hub):
    python, _ = hub
    refused = python("-m", "grader", "notebook", "6")
    assert refused.returncode == 2
    assert "notebooks cannot be made here (Read-only file system): name a folder of your own with --out" in (
        refused.stderr
    )
