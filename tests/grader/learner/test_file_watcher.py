"""What tells the loop that somebody saved."""

import threading

import pytest

from grader.learner import file_watcher
from grader.learner.file_watcher import FolderWatch, on_network, signature


def test_a_signature_changes_with_every_save_and_is_none_without_a_file(tmp_path):
    file = tmp_path / "ex01_encoder.py"
    assert signature(file) is None
    file.write_text("1")
    first = signature(file)
    other = tmp_path / "new"
    other.write_text("1")
    other.replace(file)
    assert signature(file) != first


@pytest.mark.parametrize("polling", [False, True])
def test_a_change_is_told_with_events_and_without(tmp_path, monkeypatch, polling):
    monkeypatch.setattr(file_watcher, "on_network", lambda _: polling)
    monkeypatch.setattr(file_watcher, "TICK", 60_000)
    changed = threading.Event()
    watch = FolderWatch(tmp_path, changed.set)
    number = 0
    while not changed.is_set():  # until the watch is up
        number += 1
        (tmp_path / "ex01_encoder.py").write_text(f"{number}")
        changed.wait(0.2)
        assert number < 600
    watch.close()


def test_without_any_event_there_is_a_look_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(file_watcher, "TICK", 10)
    looked = threading.Event()
    watch = FolderWatch(tmp_path, looked.set)
    assert looked.wait(120)
    watch.close()


def test_where_no_watch_can_be_had_there_is_a_look_now_and_then(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(file_watcher.watchfiles, "watch", refuse)
    monkeypatch.setattr(file_watcher, "TICK", 10)
    looked = threading.Event()
    watch = FolderWatch(tmp_path, looked.set)
    assert looked.wait(120)
    watch.close()


@pytest.mark.parametrize(
    ("kind", "expected"), [("ext4", False), ("nfs4", True), ("9p", True), ("fuse.sshfs", True), ("btrfs", False)]
)
def test_the_mount_that_holds_a_folder_decides(tmp_path, kind, expected):
    (tmp_path / "with blank").mkdir()
    mounts = tmp_path / "mounts"
    place = str(tmp_path.resolve() / "with blank").replace(" ", "\\040")
    mounts.write_text(f"/dev/root / ext4 rw 0 0\nx {place} {kind} rw 0 0\nproc /proc proc rw 0 0\n")
    assert on_network(tmp_path / "with blank", mounts) is expected
    assert on_network(tmp_path, mounts) is False
    assert on_network(tmp_path, tmp_path / "none") is False
