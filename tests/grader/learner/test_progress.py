"""What a learner reached is kept: whoever writes beside, whatever is killed."""

import json
import random
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from grader.kit.discovery import Exercise
from grader.learner import progress as progress_module
from grader.learner.progress import KEPT_ATTEMPTS, RESET, Progress, digest
from grader.results.verdicts import ExerciseResult, Outcome
from tests.grader.support import saver

SLUG = "ex06_self_attention"
FAILED = Outcome("test_x", "x holds", "cpu", "fail", 1.0, message="It is not scaled.\nworst at 0", mistake="no_scaling")


@pytest.fixture
def progress(tmp_path):
    return Progress.read(tmp_path)


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, saver.__file__, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_verdict_is_remembered_with_the_check_that_fails_and_its_diagnosis(progress, tmp_path):
    progress.record(ExerciseResult(SLUG, "fail", 4.0, 10.0, [FAILED]), b"mine")
    entry = Progress.read(tmp_path).entry(SLUG)
    assert entry["verdict"] == "fail"
    assert entry["file"] == digest(b"mine")
    assert (entry["failing"], entry["diagnosis"]) == ("x holds", "It is not scaled.")
    progress.record(ExerciseResult(SLUG, "pass", 10.0, 10.0), b"better")
    assert Progress.read(tmp_path).entry(SLUG)["failing"] is None


def test_what_this_version_does_not_know_is_kept(progress, tmp_path):
    progress.file.parent.mkdir()
    progress.file.write_text(json.dumps({"theme": 1, "exercises": {SLUG: {"stars": 2}, "ex99_later": {"a": 3}}}))
    progress.record(ExerciseResult(SLUG, "pass", 10.0, 10.0), b"")
    data = json.loads(progress.file.read_text())
    assert data["theme"] == 1
    assert data["exercises"][SLUG]["stars"] == 2
    assert data["exercises"]["ex99_later"] == {"a": 3}


@pytest.mark.parametrize("text", ["{", "[]", '{"exercises": 1}', "", "\xff"])
def test_a_damaged_file_is_kept_aside_and_said(tmp_path, text):
    folder = tmp_path / ".grader"
    folder.mkdir()
    (folder / "progress.json").write_bytes(text.encode("latin-1"))
    read = Progress.read(tmp_path)
    assert "could not be read; it was moved to" in read.warning
    assert [file.read_bytes() for file in folder.glob("progress-damaged-*")] == [text.encode("latin-1")]
    with read.changing(SLUG) as entry:
        entry["verdict"] = "pass"
    assert Progress.read(tmp_path).entry(SLUG) == {"verdict": "pass"}


def test_an_attempt_is_kept_when_it_differs_from_the_last(progress):
    for text in (b"a", b"a", b"b", b"a"):
        progress.keep(SLUG, text)
    assert [file.read_bytes() for file in progress.attempts(SLUG)] == [b"a", b"b", b"a"]


def test_old_attempts_go_but_never_what_a_reset_put_away(progress):
    progress.keep(SLUG, b"before", because=RESET)
    for number in range(KEPT_ATTEMPTS + 5):
        progress.keep(SLUG, b"%d" % number)
    kept = [file.read_bytes() for file in progress.attempts(SLUG)]
    assert len(kept) == KEPT_ATTEMPTS + 1
    assert kept[0] == b"before"
    assert kept[1] == b"5"
    assert kept[-1] == b"%d" % (KEPT_ATTEMPTS + 4)


def test_a_reset_keeps_its_own_copy_of_a_text_that_is_an_attempt(progress):
    progress.keep(SLUG, b"mine")
    assert RESET in progress.keep(SLUG, b"mine", because=RESET).name


def test_what_is_written_through_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    progress_module.write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_solved_file_that_changes_is_changed(tmp_path, progress):
    for folder in ("exercises", "solutions"):
        (tmp_path / folder).mkdir()
    exercise = Exercise("ex01_encoder", tmp_path)
    exercise.solution.write_text("def f():\n    return 1\n")
    exercise.stub.write_text("def f():\n    return 2\n")
    assert progress.state(exercise) == "not checked"
    progress.record(ExerciseResult(exercise.slug, "pass", 10.0, 10.0), exercise.stub.read_bytes())
    assert progress.state(exercise) == "pass"
    exercise.stub.write_text("def f():\n    return 3\n")
    assert progress.state(exercise) == "changed"
    exercise.stub.unlink()
    assert progress.state(exercise) == "missing"


def test_two_at_once_lose_nothing_of_each_other(tmp_path):
    both = [start(tmp_path, f"ex0{number}_x", 40) for number in (1, 2)]
    for process in both:
        assert process.communicate()[1] == b""
        assert process.returncode == 0
    read = Progress.read(tmp_path)
    for number in (1, 2):
        assert read.entry(f"ex0{number}_x")["seen"] == list(range(40))


def test_two_threads_lose_nothing_of_each_other(tmp_path):
    def add(first):
        mine = Progress.read(tmp_path)
        for number in range(20):
            with mine.changing(SLUG) as entry:
                entry.setdefault("numbers", []).append(first + number)

    threads = [threading.Thread(target=add, args=[first]) for first in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(Progress.read(tmp_path).entry(SLUG)["numbers"]) == [*range(20), *range(100, 120)]


@pytest.mark.parametrize("seed", range(20))
def test_killed_at_any_moment_everything_can_be_read(tmp_path, seed):
    saves = random.Random(seed).randrange(1, 40)
    process = start(tmp_path, SLUG)
    for _ in range(saves):
        assert process.stdout.readline()
    process.kill()
    process.communicate()
    data = json.loads((tmp_path / ".grader" / "progress.json").read_text())
    assert data["exercises"][SLUG]["score"] >= saves - 1
    kept = Progress.read(tmp_path).attempts(SLUG)
    assert len(kept) >= min(saves, KEPT_ATTEMPTS)
    assert all(saver.whole(file.read_bytes()) for file in kept)
    again = start(tmp_path, SLUG, 1)
    assert again.communicate()[1] == b"", "the next one is not hindered by what a killed one left"
    assert again.returncode == 0


@pytest.mark.parametrize("error", [OSError("no locks available"), NotImplementedError()])
def test_a_file_system_without_locks_is_written_all_the_same(progress, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    progress.keep(SLUG, b"mine")
    assert [Path(file).read_bytes() for file in progress.attempts(SLUG)] == [b"mine"]
