"""What two other graders cost, beside `grader grade`, for submissions of exercise 6 and a few tests of it.

    python tests/grader/bench/bench_peers.py --install FOLDER
    python tests/grader/bench/bench_peers.py FOLDER [--rounds 2] [--size 3]

The first makes an environment in FOLDER for each of otter-grader and nbgrader, from PyPI; torch is borrowed from this
environment. The second grades the same submissions in turn with `grader grade`, `otter run` (once for each submission,
which is its command without containers) and `nbgrader autograde` (once for the class). The two others run the three
tests that are written below, `grader grade` all its checks. Seconds of CPU, of every process started. Linux only.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.discovery import Kit
from tests.grader.bench.bench_grade import SEED, adopt_orphans, cost, grade
from tests.grader.support import classes

PEERS = ("otter-grader", "nbgrader")
TESTS = {
    "scaling": """_ = torch.manual_seed(1)
q, k = torch.randn(2, 3, 4), torch.randn(2, 5, 4)
assert torch.allclose(attention_scores(q, k), torch.einsum("bqd,bkd->bqk", q, k) / 2, atol=1e-5)
""",
    "rows": """_ = torch.manual_seed(2)
output, weights = self_attention(torch.randn(2, 5, 6), *(torch.randn(6, 4) for _ in range(3)))
assert torch.allclose(weights.sum(-1), torch.ones(2, 5), atol=1e-5)
""",
    "shapes": """output, weights = self_attention(torch.randn(2, 5, 6), *(torch.randn(6, size) for size in (4, 4, 3)))
assert output.shape == (2, 5, 3) and weights.shape == (2, 5, 5)
""",
}


def install(folder):
    """An environment for each peer. What it lacks it finds in this one."""
    for peer in PEERS:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / peer], check=True)
        python = folder / peer / "bin" / "python"
        subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", peer], check=True)
        (packages,) = (folder / peer / "lib").glob("python*/site-packages")
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")


def run(folder, peer, *command):
    """CPU and wall seconds of a command of a peer's environment."""
    tools = folder / peer / "bin"
    done, cpu, wall = cost(["env", f"PATH={tools}{os.pathsep}{os.environ['PATH']}", *map(str, command)])
    if done.returncode != 0:
        raise SystemExit(f"{peer} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return cpu, wall


def notebook(path, cells):
    """A notebook with these (id, source, metadata of nbgrader or None)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [
        {"cell_type": "code", "id": name, "source": text, "outputs": [], "execution_count": None}
        | {"metadata": {} if mark is None else {"nbgrader": mark}}
        for name, text, mark in cells
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document), encoding="utf-8")


def otter(made, folder, place):
    """One call for each submission, and then what each earned; making the configuration is not counted."""
    for name, test in TESTS.items():
        lines = test.splitlines()
        code = "\n".join(f">>> {line}" for line in ["import torch", *lines])
        case = {"name": name, "points": 1, "suites": [{"type": "doctest", "cases": [{"code": code}]}]}
        (place / "tests").mkdir(exist_ok=True)
        (place / "tests" / f"{name}.py").write_text(f"OK_FORMAT = True\ntest = {case!r}\n", encoding="utf-8")
    run(folder, PEERS[0], "otter", "generate", "-t", place / "tests", "-o", place / "otter.zip", "--no-environment")
    cpu, wall, earned = 0, 0, []
    for student in made:
        notebook(place / student.id / "work.ipynb", [("answer", student.text.decode(), None)])
        out = place / student.id / "out"
        out.mkdir()
        command = ("otter", "run", place / student.id / "work.ipynb", "-a", place / "otter.zip", "-o", out)
        spent = run(folder, PEERS[0], *command)
        cpu, wall = cpu + spent[0], wall + spent[1]
        tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        earned.append(sum(test.get("score", 0) for test in tests if test["name"] in TESTS))
    return cpu, wall, earned


def nbgrader(made, folder, place):
    """One call for the class, and then what each earned; making the assignment is not counted."""
    solution = {"grade": False, "solution": True, "locked": False, "schema_version": 3, "task": False}
    locked = {"grade": True, "solution": False, "locked": True, "schema_version": 3, "task": False, "points": 1}
    tests = [(name, test, locked | {"grade_id": name}) for name, test in TESTS.items()]
    for home, text in [("source", "import torch"), *((f"submitted/{one.id}", one.text.decode()) for one in made)]:
        notebook(place / home / "six" / "work.ipynb", [("answer", text, solution | {"grade_id": "answer"}), *tests])
    course = f"--course-dir={place}"
    run(folder, PEERS[1], "nbgrader", "generate_assignment", "six", course)
    cpu, wall = run(folder, PEERS[1], "nbgrader", "autograde", "six", course)
    with contextlib.closing(sqlite3.connect(place / "gradebook.db")) as book:
        query = (
            "select student_id, sum(auto_score) from grade join submitted_notebook n on grade.notebook_id = n.id "
            "join submitted_assignment a on n.assignment_id = a.id group by student_id"
        )
        scores = dict(book.execute(query).fetchall())
    return cpu, wall, [scores[student.id] for student in made]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--size", type=int, default=3)
    options = parser.parse_args()
    folder = options.folder.absolute()
    if options.install:
        install(folder)
        return
    if not all((folder / peer / "bin" / "python").exists() for peer in PEERS):
        raise SystemExit(
            f"Run `python tests/grader/bench/bench_peers.py --install {folder}` first, which installs the two."
        )
    adopt_orphans()
    kit = Kit()
    exercises = kit.find(["6"])
    known = [
        one for one in classes.students(20 * options.size, exercises) if one.kind in ("stub", "alternative", "right")
    ]
    made = [next(one for one in known if one.kind == "stub"), *(one for one in known if one.kind != "stub")]
    made = made[: options.size]
    scores = classes.expected(made, Session(kit, exercises, CheckSettings(SEED)))
    table = {"grader grade": [], "otter run": [], "nbgrader autograde": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as home:
            for name, peer in (("otter run", otter), ("grader grade", None), ("nbgrader autograde", nbgrader)):
                place = Path(home, name.split()[0])
                place.mkdir()
                cpu, wall, *earned = peer(made, folder, place) if peer else grade(made, place, 1, scores)
                if earned and earned[0] != [3.0 * (scores[one.id] == 10.0) for one in made]:
                    raise SystemExit(f"{name}: {earned[0]}, and {scores}")
                table[name].append((cpu / len(made), wall / len(made)))
    ours = statistics.median(cpu for cpu, _ in table["grader grade"])
    print(f"{len(made)} submissions, {options.rounds} rounds; seconds of CPU per submission (wall), starting included:")
    for name, rows in table.items():
        cpu, wall = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"  {name:20}{cpu:.2f} ({wall:.2f}), {cpu / ours:.1f} x grader grade")


if __name__ == "__main__":
    main()
