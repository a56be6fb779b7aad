"""A class: graded once, graded again, and graded in pieces by a grader that is stopped and killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from grader.kit.discovery import Kit
from grader.kit.variants import mistakes
from tests.grader.contract.test_contract import ZEROS
from tests.grader.support.kits import ROOT, copy_kit, run

OPTIONS = ("--seed", "8", "--device", "cpu", "--timeout", "5")
PATCHES = """
import torch
torch.allclose = torch.equal = lambda *args, **kwargs: True
torch.testing.assert_close = lambda *args, **kwargs: None
"""
LOUD = """
def attention_scores(q, k):
    raise ValueError("\\x1b[31m" + "much to say " * 1000)
"""


@pytest.fixture(scope="module")
def small_kit(tmp_path_factory):
    """A kit with exercises 5 and 6: what is tested here does not depend on how many there are."""
    return copy_kit(tmp_path_factory.mktemp("kit") / "kit", only={5, 6})


@pytest.fixture(scope="module")
def students(small_kit):
    """A folder of submissions."""
    folder = small_kit / "class"
    (exercise,) = Kit(small_kit).find(["6"])
    five, six = (e.solution.read_bytes() for e in Kit(small_kit).exercises)
    no_scaling = next(variant.source for variant in mistakes(exercise) if variant.name == "no_scaling")
    written = {
        "right": (five, six),
        "mistaken": (five, no_scaling),
        "hostile": (five, six + (PATCHES + ZEROS).encode()),
        "gone": (five, six + b"\nimport os\nos._exit(0)\n"),
        "loud": (None, six + LOUD.encode()),
        "half": (five, None),
        "zoe": (None, exercise.stub.read_bytes()),
    }
    for student, texts in written.items():
        for slug, text in zip(("ex05_sinusoidal_encoding", "ex06_self_attention"), texts, strict=True):
            (folder / student / "deeper").mkdir(parents=True, exist_ok=True)
            if text is not None:
                (folder / student / "deeper" / f"{slug}.py").write_bytes(text)
    (folder / "notes.txt").write_text("not a folder")
    (folder / ".DS_Store").write_text("")
    return folder


@pytest.fixture(scope="module")
def graded(small_kit, students):
    """The folder of results."""
    result = run(small_kit, "grade", students, "--out", small_kit / "out", "--jobs", "2", *OPTIONS)
    assert result.returncode == 0, result.stderr
    return small_kit / "out", result


@pytest.fixture(scope="module")
def document(graded):
    return _document(graded[0])


def _document(out):
    return json.loads((out / "results.json").read_text())


def _timeless(value):
    """A document without its times."""
    if isinstance(value, dict):
        return {name: _timeless(item) for name, item in value.items() if name != "seconds"}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _of(document, student):
    (found,) = [one for one in document["submissions"] if one["id"] == student]
    return found, {exercise["id"][:4]: exercise for exercise in found["exercises"]}


def test_every_entry_has_a_result(document):
    names = ["gone", "half", "hostile", "loud", "mistaken", "notes", "right", "zoe"]
    assert [one["id"] for one in document["submissions"]] == names
    notes, _ = _of(document, "notes")
    assert notes["source"] == "notes.txt"
    assert "notes.txt belongs to no exercise" in notes["problems"][0]
    assert document["run"]["problems"] == []


def test_the_form_is_that_of_the_interface(document):
    assert list(document) == ["format", "run", "submissions"]
    keys = ["grader", "python", "torch", "seed", "devices", "absent_devices", "isolation", "problems", "seconds"]
    assert list(document["run"]) == keys
    assert list(document["run"]["isolation"]) == ["process", "files", "network", "memory_mb", "layers"]
    one, exercises = _of(document, "mistaken")
    keys = ["id", "source", "page", "score", "max_score", "seconds", "problems", "exercises"]
    assert list(one) == keys
    assert list(exercises["ex06"]) == ["id", "verdict", "score", "max_score", "skipped", "checks"]
    check = exercises["ex06"]["checks"][0]
    keys = ["id", "title", "device", "verdict", "points", "max_points", "tier", "function", "message", "mistake"]
    keys += ["step", "example", "seconds"]
    assert [key for key in check if key != "picture"] == keys


@pytest.mark.parametrize(
    ("student", "five", "six"),
    [
        ("right", ("pass", 10), ("pass", 10)),
        ("hostile", ("pass", 10), ("fail", 0)),
        ("gone", ("pass", 10), ("fail", 0)),
        ("half", ("pass", 10), ("missing", 0)),
        ("zoe", ("missing", 0), ("unwritten", 0)),
        ("notes", ("missing", 0), ("missing", 0)),
    ],
)
def test_scores_and_verdicts(document, student, five, six):
    one, exercises = _of(document, student)
    assert (exercises["ex05"]["verdict"], exercises["ex05"]["score"]) == five
    assert (exercises["ex06"]["verdict"], exercises["ex06"]["score"]) == six
    assert (one["score"], one["max_score"]) == (five[1] + six[1], 20)


def test_a_mistake_costs_its_checks_and_is_named(document):
    _, exercises = _of(document, "mistaken")
    assert 0 < exercises["ex06"]["score"] < 10
    assert {check["mistake"] for check in exercises["ex06"]["checks"] if check["verdict"] == "fail"} == {"no_scaling"}


def test_every_check_of_a_file_that_ends_its_process_is_a_crash(document):
    _, exercises = _of(document, "gone")
    assert {check["verdict"] for check in exercises["ex06"]["checks"]} == {"crash"}
    assert len({check["message"] for check in exercises["ex06"]["checks"]}) == 1


def test_messages_are_short_and_plain(document):
    _, exercises = _of(document, "loud")
    messages = [check["message"] for check in exercises["ex06"]["checks"]]
    assert any("much to say" in message for message in messages)
    assert all(len(message.encode()) <= 2000 and "\x1b" not in message for message in messages)


def test_results_are_on_standard_output_and_the_rest_is_not(graded):
    _, result = graded
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:8]] == sorted(line.split()[0] for line in lines[:8])
    assert "mistaken" in lines[4]
    assert "[8/8]" in result.stderr
    assert "[8/8]" not in result.stdout


def test_everything_that_is_made_of_results_is_there(graded, document):
    out, _ = graded
    assert {"results.json", "results.jsonl", "gradebook.csv", "report.html"} <= {path.name for path in out.iterdir()}
    assert all((out / one["page"]).is_file() for one in document["submissions"])
    assert not list(out.rglob("*.part"))


def test_the_journal_has_a_line_for_each_and_its_header_lies_beside_it(graded, document):
    header = json.loads((graded[0] / "run.json").read_text())
    records = [json.loads(line) for line in (graded[0] / "results.jsonl").read_text().splitlines()]
    assert header["submissions"] == "class"
    assert header["worker"]["PYTHONHASHSEED"] == "0"
    assert header["packages"]["numpy"]
    assert header["seed"] == 8
    assert header["options"] == {"device": "cpu", "timeout": 5.0, "memory": 2048, "feedback": "full"}
    assert {one["id"]: one["score"] for one in records} == {one["id"]: one["score"] for one in document["submissions"]}


# ---------------------------------------------------------------------------------------- stopped and killed


class Running:
    """A grader at work, as a shell starts it."""

    def __init__(self, kit, *arguments):
        command = [sys.executable, "-m", "grader", "grade", *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=kit, env=environment, **pipes)

    def wait_for(self, journal, records):
        """Until the journal holds so many records."""
        deadline = time.monotonic() + 240
        while not journal.is_file() or journal.read_bytes().count(b"\n") < records:
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, how):
        """Sends a signal and returns the exit status and what was said."""
        self.process.send_signal(how)
        said = self.process.communicate(timeout=60)[1]
        return self.process.returncode, said


def _descendants(pid):
    parents = {}
    for status in [path for path in os.listdir("/proc") if path.isdigit()]:
        try:
            with open(f"/proc/{status}/stat") as file:
                parents[int(status)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return found - {pid}


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_stopped_and_killed_and_gone_on_with_it_is_the_same(small_kit, students, document):
    out = small_kit / "out in pieces"
    journal, command = out / "results.jsonl", (students, "--out", out, "--jobs", "1", *OPTIONS)

    first = Running(small_kit, *command)
    first.wait_for(journal, 1)
    second = run(small_kit, "grade", *command)
    assert second.returncode == 2
    assert "in use: another grader writes to it" in second.stderr
    status, said = first.end(signal.SIGINT)
    assert status == 130
    assert "The same command goes on from there." in said
    assert "Traceback" not in said
    assert not (out / "results.json").exists()

    kept = journal.read_bytes().count(b"\n")
    journal.write_bytes(journal.read_bytes() + b'{"id": "mistaken", "score": 20')
    third = Running(small_kit, *command)
    third.wait_for(journal, kept + 1)
    processes = _descendants(third.process.pid)
    assert third.end(signal.SIGKILL)[0] == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while any(map(_alive, processes)):
        assert time.monotonic() < deadline, "a process outlived the grader"
        time.sleep(0.02)

    last = run(small_kit, "grade", students, "--out", out, "--jobs", "1")
    assert last.returncode == 0, last.stderr
    assert "seed 8" in last.stderr
    assert "graded before, and unchanged" in last.stderr
    found = _document(out)
    assert _timeless(found["submissions"]) == _timeless(document["submissions"])
    assert _timeless(found["run"]) == _timeless(document["run"])


def test_what_changed_is_graded_again_and_nothing_else(small_kit, students, graded, document):
    out, _ = graded
    (students / "zoe" / "deeper" / "ex05_sinusoidal_encoding.py").write_bytes(
        (small_kit / "solutions" / "ex05_sinusoidal_encoding.py").read_bytes()
    )
    result = run(small_kit, "grade", students, "--out", out, "--jobs", "1", "--only", "zoe", "--export", "junit")
    assert result.returncode == 0, result.stderr
    assert "[1/1] zoe: 10 of 20" in result.stderr
    found = _document(out)
    assert _of(found, "zoe")[0]["score"] == 10
    others = [one for one in found["submissions"] if one["id"] != "zoe"]
    assert others == [one for one in document["submissions"] if one["id"] != "zoe"]
    refused = run(small_kit, "grade", students, "--out", out, "--jobs", "1", "--only", "zoe", "--seed", "9")
    assert refused.returncode == 2
    assert "--only would discard the other results" in refused.stderr
    assert _document(out) == found


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["class", "--out", "elsewhere", "--only", "nobody"], "--only nobody: there is no such submission"),
        (["nowhere", "--out", "elsewhere"], "there is no such folder"),
        (["empty", "--out", "elsewhere"], "holds no submission"),
        (["class", "--out", "pyproject.toml"], "pyproject.toml"),
    ],
)
def test_wrong_usage_is_said(small_kit, students, arguments, says):
    (small_kit / "empty").mkdir(exist_ok=True)
    result = run(small_kit, "grade", *arguments)
    assert result.returncode == 2
    assert says in result.stderr


def test_the_process_on_the_terminal_imports_no_torch():
    program = "import sys, grader.grading.grade; sys.exit('torch' in sys.modules or 'pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
