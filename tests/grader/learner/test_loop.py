"""The loop's own decisions, with a standby that answers what a test wants: no process, no terminal."""

import json
import os
import re
import shutil
from dataclasses import replace

import pytest

from grader import paths
from grader.learner import actions
from grader.learner import loop as loops
from grader.learner.loop import Loop
from grader.learner.standby import as_record, from_record, trusted_files
from grader.results.verdicts import ExerciseResult, Outcome
from tests.grader.support.kits import copy_kit

SOLVED, OPEN = "ex05_sinusoidal_encoding", "ex06_self_attention"


made = []
"""Every standby of a test, in order."""


class FakeStandby:
    """Remembers what it was asked."""

    def __init__(self, settings, told):
        self.settings, self.texts, self.closed, self.good, self.log = settings, [], False, True, ""
        self.stale = False
        self.tell = lambda **message: told(self, message)
        made.append(self)

    def serves(self, exercise):
        return self.good and exercise.slug in self.settings.slugs

    def is_stale(self):
        return self.stale

    def check(self, exercise, text):
        self.texts.append((exercise.slug, text))
        return len(self.texts)

    def check_all(self):
        self.texts.append("all")

    def close(self):
        self.closed = True


@pytest.fixture
def kit(tmp_path):
    from grader.kit.discovery import Kit

    return Kit(copy_kit(tmp_path / "kit", only={5, 6}))


@pytest.fixture
def loop(kit, monkeypatch):
    monkeypatch.setattr(loops, "Standby", FakeStandby)
    made.clear()
    loop = Loop(kit, "cpu", 7, actions.Actions)
    loop.go_to(kit.find(["6"])[0])
    return loop


def result(slug=OPEN, *verdicts, message="It is wrong."):
    outcomes = [
        Outcome(f"test_{i}", f"check {i}", "cpu", verdict, 1.0, message="" if verdict == "pass" else message)
        for i, verdict in enumerate(verdicts or ["pass"])
    ]
    whole = "pass" if {o.verdict for o in outcomes} == {"pass"} else "fail"
    return ExerciseResult(slug, whole, 0.0, 10.0, outcomes)


def settle(loop):
    """Lets the loop take all that has happened."""
    while not loop._events.empty():
        loop._take(*loop._events.get())


def answer(loop, *verdicts, **about):
    made[0].tell(result=as_record(result(OPEN, *verdicts, **about)), order=len(made[0].texts))
    settle(loop)


def save(loop, text):
    loop.exercise.stub.write_text(text)
    loop._events.put(("saved", None))
    settle(loop)


def press(loop, keys):
    for key in keys:
        loop._events.put(("key", key))
    settle(loop)


def test_a_run_can_be_left_and_no_other_key_acts_on_it(loop):
    press(loop, "xpd")
    assert loop.status is None
    assert not loop.paused
    press(loop, "q")
    assert loop.status == 0


def test_a_save_during_a_run_is_checked_at_once_and_only_the_newest_text_is_answered(loop, capsys):
    save(loop, "one")
    save(loop, "two")
    assert [text for _, text in made[0].texts[1:]] == [b"one", b"two"]
    made[0].tell(result=as_record(result(OPEN, "fail", message="About one.")), order=2)
    settle(loop)
    assert loop.running
    assert loop.streak.length == 0
    answer(loop, "fail", message="About two.")
    assert not loop.running
    said = capsys.readouterr().out
    assert "About two." in said
    assert "About one." not in said


def test_the_same_text_saved_again_does_not_begin_a_run_anew(loop):
    save(loop, "one")
    save(loop, "one")
    assert len(made[0].texts) == 2
    answer(loop, "fail")
    assert len(made[0].texts) == 2


def test_nothing_moves_by_itself_and_next_needs_a_pass(loop, capsys):
    answer(loop, "pass", "fail")
    press(loop, "n")
    assert loop.exercise.slug == OPEN
    assert "n next" not in capsys.readouterr().out
    save(loop, "better")
    answer(loop, "pass", "pass")
    assert loop.exercise.slug == OPEN
    assert "n next" in capsys.readouterr().out
    press(loop, "n")
    assert loop.exercise.slug == SOLVED


def test_after_three_texts_that_fail_on_one_check_a_line_offers_a_hint(loop, capsys):
    for number in range(3):
        assert "h gives a hint" not in capsys.readouterr().out
        answer(loop, "fail")
        save(loop, f"# {number}")
    assert "Try 3 at this one. h gives a hint." in capsys.readouterr().out


def test_a_standby_that_dies_is_our_failure_with_a_report(loop, capsys, kit):
    made[0].log = "Traceback\nMemoryError: no more"
    made[0].tell(gone=-9)
    settle(loop)
    assert loop.status == 3
    said = capsys.readouterr().err
    assert "grader error (not your code): MemoryError: no more" in said
    (kept,) = (kit.root / ".grader").glob("error-*.txt")
    assert str(kept) in said
    assert "Traceback" in kept.read_text()


def test_a_check_that_is_broken_is_our_failure(loop, capsys):
    broken = ExerciseResult(OPEN, "error", None, 10.0, [Outcome("test_a", "a", "cpu", "error", 1.0, message="why")])
    made[0].tell(result=as_record(broken), order=1)
    settle(loop)
    assert loop.status == 3
    assert "the checks of ex06_self_attention are broken" in capsys.readouterr().err


def test_a_standby_that_ended_between_two_saves_is_followed_by_another(loop):
    answer(loop, "fail")
    made[0].tell(gone=0)
    settle(loop)
    assert loop.status is None
    save(loop, "again")
    assert made[1].texts == [(OPEN, b"again")]


def test_a_standby_that_read_another_kit_is_replaced_and_not_heard(loop):
    answer(loop, "fail")
    made[0].stale = True
    save(loop, "again")
    assert made[0].closed
    assert made[1].texts == [(OPEN, b"again")]
    made[0].tell(result=as_record(result(OPEN)), order=1)  # the new one's first order has this number, too
    settle(loop)
    assert loop.running
    made[1].tell(result=as_record(result(OPEN, "fail")), order=1)
    settle(loop)
    assert not loop.running


def test_a_standby_that_died_is_replaced(loop):
    answer(loop, "fail")
    made[0].good = False
    save(loop, "again")
    assert made[0].closed
    assert made[1].texts == [(OPEN, b"again")]


def test_what_passed_before_is_checked_again_after_a_pass_and_a_regression_is_named(loop, capsys):
    solved = loop.kit.find([SOLVED])[0]
    loop.progress.record(result(SOLVED), b"then")
    answer(loop, "pass")
    again = made[1]
    assert (again.settings.slugs, again.settings.quiet, again.texts) == ([SOLVED], True, ["all"])
    assert again.settings.seed != loop.seed, "other inputs than last time"
    again.tell(again=as_record(result(SOLVED, "pass", "fail")))
    again.tell(done=True)
    settle(loop)
    assert "FAIL  ex05_sinusoidal_encoding passed before and does not now: check 1" in capsys.readouterr().out
    assert loop.progress.entry(SOLVED)["verdict"] == "fail"
    assert loop.progress.attempts(SOLVED)[-1].read_bytes() == solved.stub.read_bytes()
    assert again.closed


def test_when_all_is_done_it_says_what_was_built(loop, capsys):
    solved = loop.kit.find([SOLVED])[0]
    solved.stub.write_bytes(solved.solution.read_bytes())
    loop.progress.record(result(SOLVED), solved.stub.read_bytes())
    answer(loop, "fail")
    capsys.readouterr()
    save(loop, loop.exercise.solution.read_text())
    answer(loop, "pass")
    said = capsys.readouterr().out
    assert "That was the last exercise. You have built:" in said
    assert re.search(r" 5  sinusoidal positional encoding\n +6  self-attention", said)
    assert "n next" not in said


def test_a_reset_asks_keeps_the_file_and_says_where_with_the_next_verdict(loop, capsys):
    answer(loop, "fail")
    save(loop, "mine")
    answer(loop, "fail")
    press(loop, "xn")
    assert loop.exercise.stub.read_text() == "mine"
    press(loop, "xy")
    assert "NotImplementedError" in loop.exercise.stub.read_text()
    answer(loop, "unwritten")
    kept = loop.kit.root / re.search(r"your file is kept as (\S+)", capsys.readouterr().out)[1]
    assert kept.read_text() == "mine"


def test_keys_that_make_no_sense_are_neither_shown_nor_obeyed(loop):
    answer(loop, "fail")
    keys = dict(loop.actions.names())
    assert "n" not in keys
    assert "x" not in keys, "it is the stub"
    assert "d" in keys
    syntax = ExerciseResult(OPEN, "fail", 0.0, 10.0, [Outcome("a", "a", "cpu", "fail", 1.0, unloadable=True)])
    save(loop, "(")
    made[0].tell(result=as_record(syntax), order=2)
    settle(loop)
    assert "d" not in dict(loop.actions.names()), "nothing runs, so there is nothing to step into"
    press(loop, "p")
    assert dict(loop.actions.names()) == {"p": "go on", "q": "quit"}


def test_a_file_that_cannot_be_loaded_has_no_hints_and_makes_no_streak(loop, capsys):
    syntax = ExerciseResult(OPEN, "fail", 0.0, 10.0, [Outcome("a", "a", "cpu", "fail", 1.0, unloadable=True)])
    for number in range(4):
        save(loop, f"( {number}")
        made[0].tell(result=as_record(syntax), order=len(made[0].texts))
        settle(loop)
    assert "h" not in dict(loop.actions.names())
    assert "h gives a hint" not in capsys.readouterr().out


def test_the_core_opens_the_next_exercise_and_the_rest_can_wait(loop, capsys):
    edge = replace(result(OPEN, "pass", "fail").outcomes[1], tier="robust")
    one = ExerciseResult(OPEN, "fail", 8.0, 10.0, [result(OPEN).outcomes[0], edge])
    made[0].tell(result=as_record(one), order=1)
    settle(loop)
    said = capsys.readouterr().out
    assert "All 1 core checks pass, 1 of 1 robust checks fails:" in said
    assert "The core passes. Exercise 5" in said
    press(loop, "n")
    assert loop.exercise.slug == SOLVED


def test_the_core_is_answered_while_the_robust_checks_run(loop, capsys, monkeypatch):
    monkeypatch.setattr(loop.screen, "_moves", True)
    made[0].tell(core=as_record(result(OPEN, "pass", "fail", message="About the core.")), order=1)
    settle(loop)
    said = capsys.readouterr().out
    assert "1 of 2 core checks pass, 1 fails:" in said
    assert "About the core." in said
    assert said.rstrip().endswith("checking the robust ones...")
    assert loop.running
    assert loop.result is None
    assert not loop.progress.entry(OPEN)
    made[0].tell(core=as_record(result(OPEN, "fail", message="About another text.")), order=0)
    settle(loop)
    assert "About another text." not in capsys.readouterr().out
    answer(loop, "pass")
    assert "ex06_self_attention passes" in capsys.readouterr().out


def test_of_a_file_that_says_nothing_yet_only_the_verdict_is_shown(loop, capsys, monkeypatch):
    monkeypatch.setattr(loop.screen, "_moves", True)
    capsys.readouterr()
    unwritten = replace(result(OPEN, "unwritten"), verdict="unwritten")
    unloadable = ExerciseResult(OPEN, "fail", 0.0, 10.0, [Outcome("a", "a", "cpu", "fail", 1.0, unloadable=True)])
    for one in (unwritten, unloadable):
        made[0].tell(core=as_record(one), order=1)
    settle(loop)
    assert capsys.readouterr().out == ""


def test_what_is_unwritten_is_no_failure(loop, capsys):
    outcomes = [
        replace(outcome, of=name)
        for outcome, name in zip(result(OPEN, "pass", "unwritten").outcomes, ("project_qkv", "scores"), strict=True)
    ]
    made[0].tell(result=as_record(ExerciseResult(OPEN, "fail", 1.0, 10.0, outcomes)), order=1)
    settle(loop)
    said = capsys.readouterr().out
    assert "project_qkv 1/1 \u00b7 scores to do" in said
    assert "What is written so far is right: 1 of 2 checks pass, 1 are to do." in said
    assert "FAIL" not in said
    assert not {"h", "d"} & dict(loop.actions.names()).keys()


def test_every_check_is_one_key_away(loop, capsys):
    answer(loop, "pass", "fail", "fail")
    assert "FAIL" not in capsys.readouterr().out, "one sentence, not a wall"
    press(loop, "a")
    assert capsys.readouterr().out.count("  FAIL      check ") == 2


def test_the_list_goes_to_an_exercise_and_back(loop, capsys):
    answer(loop, "fail")
    press(loop, "l5")
    assert loop.exercise.slug == SOLVED
    made[-1].tell(result=as_record(result(SOLVED, "fail")), order=len(made[-1].texts))
    settle(loop)
    press(loop, "b")
    assert loop.exercise.slug == OPEN
    assert "b" not in dict(loop.actions.names())


def test_a_number_that_is_no_exercise_is_said_and_any_other_key_stays(loop, capsys):
    answer(loop, "fail")
    press(loop, "l4\n")
    assert "There is no exercise 4." in capsys.readouterr().out
    press(loop, "lx")
    assert loop.exercise.slug == OPEN
    assert "l" in dict(loop.actions.names())


def test_a_regression_is_named_once_and_a_key_goes_there(loop, capsys):
    loop.progress.record(result(SOLVED), b"then")
    answer(loop, "pass")
    made[1].tell(again=as_record(result(SOLVED, "fail")))
    settle(loop)
    assert "passed before and does not now" in capsys.readouterr().out
    save(loop, "# other")
    answer(loop, "fail")
    assert "passed before and does not now" not in capsys.readouterr().out
    assert dict(loop.actions.names())["g"] == "go to 5"
    press(loop, "g")
    assert loop.exercise.slug == SOLVED


def test_the_page_gets_every_verdict(loop, capsys, monkeypatch):
    monkeypatch.setattr(actions, "can_open_a_window", lambda: False)
    answer(loop, "fail", message="About one.")
    press(loop, "o")
    try:
        assert loop.page().address(loop.exercise) in capsys.readouterr().out
        assert "About one." in loop.page().board.newest(OPEN).card
        save(loop, "two")
        made[0].tell(core=as_record(result(OPEN, "pass", "fail", message="About its core.")), order=2)
        settle(loop)
        assert "1 of 2 core checks pass, 1 fails:" in loop.page().board.newest(OPEN).card
        assert "About its core." in loop.page().board.newest(OPEN).card
        answer(loop, "fail", message="About two.")
        assert "About two." in loop.page().board.newest(OPEN).card
    finally:
        loop.page().close()


def test_a_terminal_of_another_size_is_drawn_anew(loop, capsys, monkeypatch):
    answer(loop, "fail", message="About one.")
    capsys.readouterr()
    monkeypatch.setattr(loop.screen, "_moves", True)
    loop.resized()
    settle(loop)
    assert "About one." in capsys.readouterr().out


def test_a_file_that_is_gone_stops_nothing(loop, capsys):
    answer(loop, "fail")
    loop.exercise.stub.unlink()
    loop._events.put(("saved", None))
    press(loop, "hr")
    assert "ex06_self_attention.py is gone" in capsys.readouterr().out
    save(loop, "back")
    assert made[0].texts[-1] == (OPEN, b"back")


def test_progress_that_cannot_be_written_is_said_and_the_loop_goes_on(loop, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(loop.progress, "record", refuse)
    answer(loop, "fail")
    assert "Read-only file system" in capsys.readouterr().err
    assert loop.status is None


def test_results_cross_whole_to_the_loop():
    import torch

    from grader.results.tensor_diff import picture

    table = torch.rand(3, 4)
    shown = picture(table, table + 1, table < 2, [0, 0], ["query", "key"])
    one = result(OPEN, "fail")
    one.outcomes[0] = Outcome("a", "a", "cpu", "fail", 1.0, line=3, output="hi", picture=shown, step=(3, "here"))
    assert from_record(json.loads(json.dumps(as_record(one)))) == one


def test_a_changed_check_or_solution_is_noticed(kit):
    (six,) = kit.find(["6"])
    mistakes = six.folder / "mistakes" / "softmax.py"
    mistakes.parent.mkdir()
    mistakes.write_text("")
    for file in (six.checks, six.solution, mistakes):
        before = trusted_files(kit)
        assert trusted_files(kit) == before
        file.write_text(file.read_text() + "\n")
        assert trusted_files(kit) != before, file


def test_a_change_in_any_file_of_the_grader_is_noticed(tmp_path, kit):
    copy = tmp_path / "grader"
    shutil.copytree(paths.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    known = trusted_files(kit, copy)
    files = [path for path in copy.rglob("*") if path.is_file()]
    assert len(files) > 100
    for file in files:
        os.utime(file, ns=(1, 1))
    changed = trusted_files(kit, copy)
    assert {name for name in changed if changed[name] != known[name]} == set(map(str, files))
