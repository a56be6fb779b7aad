"""What the page's checker posts: the verdict on what lies there, on every save, and on a file that is gone."""

import pytest

from grader import system
from grader.kit.discovery import Kit
from grader.learner.follow_saves import SaveFollower
from grader.learner.progress import Progress
from tests.grader.support.kits import copy_kit

PATIENCE = 60.0
"""Seconds after which a verdict that did not come fails a test."""


@pytest.fixture
def kit(tmp_path):
    return Kit(copy_kit(tmp_path / "kit", only={6}))


@pytest.fixture
def follower(kit):
    made = SaveFollower(kit, 7)
    yield made
    made.close()


@pytest.fixture
def posted(follower, monkeypatch):
    """All that the board says, in order."""
    said, post = [], follower.board.post
    monkeypatch.setattr(follower.board, "post", lambda slug, *what: said.append(what[0]) or post(slug, *what))
    return said


def test_verdicts_follow_the_file(kit, follower, posted):
    (exercise,) = kit.exercises
    follower.look(exercise)
    first = follower.board.wait(exercise.slug, 0, PATIENCE)
    assert first.said == "unwritten, 0 of 10 points"
    exercise.stub.write_bytes(exercise.solution.read_bytes())
    second = follower.board.wait(exercise.slug, first.number, PATIENCE)
    if second.said.startswith("core"):
        second = follower.board.wait(exercise.slug, second.number, PATIENCE)
    assert second.said == "pass, 10 of 10 points"
    assert Progress.read(kit.root).entry(exercise.slug)["verdict"] == "pass"
    exercise.stub.unlink()
    third = follower.board.wait(exercise.slug, second.number, PATIENCE)
    assert third.said.endswith("ex06_self_attention.py is gone; it is checked when it is back")
    exercise.stub.write_text("x = = 1\n", encoding="utf-8")
    fourth = follower.board.wait(exercise.slug, third.number, PATIENCE)
    assert fourth.said == "fail, 0 of 10 points"
    assert "invalid syntax" in fourth.card
    assert [said for said in posted if said.startswith("core")] == ["core checks: pass; checking the robust ones ..."]


def test_looking_twice_checks_once(kit, follower):
    (exercise,) = kit.exercises
    follower.look(exercise)
    ordered = follower._ordered
    follower.look(exercise)
    assert follower._ordered is ordered


def test_an_exercise_left_too_soon_is_checked_when_it_is_looked_at_again(tmp_path):
    kit = Kit(copy_kit(tmp_path / "two", only={1, 6}))
    first, sixth = kit.exercises
    follower = SaveFollower(kit, 7)
    try:
        for exercise in (first, sixth, first):
            follower.look(exercise)
        assert follower.board.wait(first.slug, 0, PATIENCE).said == "unwritten, 0 of 10 points"
        follower.look(sixth)
        assert follower.board.wait(sixth.slug, 0, PATIENCE).said == "unwritten, 0 of 10 points"
    finally:
        follower.close()


def test_a_process_that_ends_is_said_and_started_anew(kit, follower):
    (exercise,) = kit.exercises
    follower.look(exercise)
    follower._standby._process.kill()
    said = follower.board.wait(exercise.slug, 0, PATIENCE)
    assert said.said == "grader error (not your code): the process that checks ended"
    follower.look(exercise)
    assert follower.board.wait(exercise.slug, said.number, PATIENCE).said == "unwritten, 0 of 10 points"


@pytest.mark.parametrize(
    ("settings", "opens"), [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True)]
)
def test_a_browser_that_would_take_the_terminal_is_not_started(monkeypatch, settings, opens):
    for name in ("WINDOWS", "MACOS"):
        monkeypatch.setattr(system, name, False)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert system.can_open_a_window() is opens
