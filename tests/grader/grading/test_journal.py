"""The journal survives being cut off anywhere; one grader at a time writes it."""

import json
import shutil
import subprocess
import sys

import pytest

from grader import paths
from grader.errors import UsageError
from grader.grading.journal import Journal, digest_of_checks
from grader.grading.lock import Lock
from tests.grader.support.kits import ROOT, copy_kit

HEADER = {"format": 1, "seed": 7, "options": {"timeout": 10.0}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.jsonl"


@pytest.fixture
def begun(path):
    """Opens the journal and begins; closed after the test."""
    opened = []

    def begin(header=HEADER, **how):
        opened.append(Journal(path))
        opened[-1].begin(header, **how)
        return opened[-1]

    yield begin
    for journal in opened:
        journal.close()


def add(journal, name, content="a", score=5.0):
    journal.add(json.dumps({"id": name, "score": score}), name, content, complete=score is not None)


def test_a_record_is_on_the_disk_when_it_is_added(begun, path):
    journal = begun()
    add(journal, "ada")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"id": "ada", "score": 5.0, "content": "a"}]
    assert json.loads(path.with_name("run.json").read_text()) == HEADER
    assert journal.record("ada") == {"id": "ada", "score": 5.0}


def test_every_cut_leaves_the_whole_lines(begun, path):
    journal = begun()
    for name in ("ada", "bob"):
        add(journal, name)
    journal.close()
    data = path.read_bytes()
    end = len(data.splitlines(keepends=True)[0])
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        again = Journal(path)
        assert len(again) == (cut >= end), cut
        again.begin(HEADER)
        add(again, "eve")
        again.close()
        assert [json.loads(line)["id"] for line in path.read_text().splitlines()][-1] == "eve"


def test_the_last_record_of_an_id_counts(begun, path):
    journal = begun()
    add(journal, "ada", "a", 1.0)
    add(journal, "ada", "b", 2.0)
    journal.close()
    again = Journal(path)
    assert again.record("ada")["score"] == 2.0
    assert again.has("ada", "b")
    assert not again.has("ada", "a")


def test_a_record_without_a_score_is_graded_again(begun, path):
    journal = begun()
    add(journal, "ada", score=None)
    journal.close()
    again = Journal(path)
    assert again.knows("ada")
    assert not again.has("ada", "a")


def test_another_header_starts_anew(begun, path):
    journal = begun()
    add(journal, "ada")
    journal.close()
    assert len(begun()) == 1
    assert len(begun({**HEADER, "seed": 8})) == 0
    assert json.loads(path.with_name("run.json").read_text())["seed"] == 8
    assert path.read_text() == ""


def test_what_is_only_noted_decides_nothing(path):
    for name in ("hw5", "hw6"):
        journal = Journal(path)
        journal.begin(HEADER, {"submissions": name})
        add(journal, name)
        journal.close()
    again = Journal(path)
    assert again.ids == ["hw5", "hw6"]
    assert (again.header, again.noted) == (HEADER, {"submissions": "hw6"})


def test_at_the_end_the_records_of_a_class_are_left_in_its_order(begun, path):
    journal = begun()
    for name, content in (("bob", "a"), ("gone", "a"), ("ada", "a"), ("bob", "b")):
        add(journal, name, content)
    journal.keep(["ada", "bob"])
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["ada", "bob"]
    assert journal.record("bob")["id"] == "bob"
    assert Journal(path).has("bob", "b")
    assert not Journal(path).knows("gone")


def test_a_fresh_start_keeps_nothing(begun):
    journal = begun()
    add(journal, "ada")
    journal.close()
    assert len(begun(fresh=True)) == 0


@pytest.mark.parametrize("noise", [b"not json\n", b"[]\n", b"3\n", b'{"id": 3}\n', b"\xff\xfe\n"])
def test_a_line_that_is_no_record_is_passed_over(begun, path, noise):
    journal = begun()
    add(journal, "ada")
    journal.close()
    with path.open("ab") as file:
        file.write(noise)
    again = begun()
    add(again, "bob")
    again.close()
    assert Journal(path).record("bob")["id"] == "bob"


@pytest.mark.parametrize("text", ["", "what is this", "[]", '{"seed": "x", "options": {}}', '{"seed": 7}'])
def test_records_without_a_header_do_not_count(begun, path, text):
    journal = begun()
    add(journal, "ada")
    journal.close()
    path.with_name("run.json").write_text(text)
    assert Journal(path).header is None
    assert len(Journal(path)) == 0


HOLD = """
import sys
from pathlib import Path
from grader.grading.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_by_the_living_and_left_by_the_dead(tmp_path):
    file = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=f"in use: another grader writes to it .process {holder.pid} on "):
            Lock(file)
        holder.kill()
        holder.wait()
        Lock(file).release()


def test_the_digest_follows_the_checks(tmp_path, kit):
    from grader.kit.discovery import Kit

    copy = Kit(copy_kit(tmp_path / "kit", only={3}))
    assert digest_of_checks(copy) == digest_of_checks(copy) != digest_of_checks(kit)
    exercise = copy.exercises[0]
    for file in (exercise.checks, exercise.solution, exercise.alternatives, *exercise.mistakes.iterdir()):
        before = digest_of_checks(copy)
        file.write_text(file.read_text() + "\n")
        assert digest_of_checks(copy) != before, file


def test_a_byte_changed_in_any_folder_of_the_grader_changes_the_digest(tmp_path, kit):
    copy = tmp_path / "grader"
    shutil.copytree(paths.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    files = [path for path in sorted(copy.rglob("*")) if path.is_file()]
    assert paths.files(copy) == files
    before = digest_of_checks(kit)
    assert digest_of_checks(kit, copy) == before
    unnoticed = []
    for file in {path.parent: path for path in files}.values():
        text = file.read_bytes()
        file.write_bytes(text[:-1] + bytes([text[-1] ^ 1]) if text else b"x")
        after = digest_of_checks(kit, copy)
        unnoticed += [file] if after == before else []
        before = after
    assert unnoticed == []
