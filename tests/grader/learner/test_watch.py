"""The learner's loop in a real terminal, on a copy of the kit: what test_readme.py's story does not show."""

import ast
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from grader.learner.progress import Progress
from tests.grader.support.kits import copy_kit

pytest.importorskip("pexpect")
pytest.importorskip("pyte")
from tests.grader.support.terminal import PATIENCE, Terminal


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    return copy_kit(tmp_path_factory.mktemp("watch") / "kit", only={5, 6})


@pytest.fixture(scope="module")
def terminal(kit):
    """One loop for all tests of this file, on exercise 6, which passes at first."""
    file = kit / "exercises" / "ex06_self_attention.py"
    file.write_bytes((kit / "solutions" / file.name).read_bytes())
    started = Terminal(kit, "-m", "grader", "watch", "6", "--seed", "4", rows=100)
    started.shows("ex06_self_attention passes", "n next")
    yield started
    started.process.close(force=True)


def descendants(number):
    """The processes that descend from this one."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    family = {number}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family - {number}


def wait_until_gone(processes):
    end = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{number}").exists() for number in processes):
        assert time.monotonic() < end, "a process lives on"
        os.sched_yield()


@pytest.fixture
def file(kit):
    return kit / "exercises" / "ex06_self_attention.py"


def rename(file, text):
    """As vim and most editors save."""
    new = file.with_name("4913")
    new.write_text(text)
    os.replace(new, file)


def swap(file, text):
    """The old file is moved away first, the new one written in its place, the old one deleted."""
    aside = file.with_name(f"{file.name}~")
    os.replace(file, aside)
    file.write_text(text)
    aside.unlink()


def truncate(file, text):
    """As nano saves."""
    with file.open("r+") as opened:
        opened.truncate(0)
        opened.flush()
        opened.write(text)


def delete(file, text):
    file.unlink()
    file.write_text(text)


@pytest.mark.parametrize("save", [rename, swap, truncate, delete])
def test_every_way_to_save_is_seen(terminal, file, kit, save):
    solution = (kit / "solutions" / file.name).read_text()
    save(file, solution.replace("scores / math.sqrt(d_k)", "scores"))
    terminal.shows("  scores worked by hand", "d debug")
    save(file, solution + f"# {save.__name__}\n")
    terminal.shows("ex06_self_attention passes", "n next")


def test_a_file_that_is_gone_is_checked_when_it_is_back(terminal, file):
    text = file.read_text()
    file.unlink()
    terminal.shows("ex06_self_attention.py is gone")
    file.write_text(text + "# back\n")
    terminal.until(lambda: "is gone" not in terminal.text and "n next" in terminal.text, "a fresh verdict")


ENDLESS = "\n\ndef attention_scores(q, k):\n    while True:\n        pass\n"
FLOOD = "\n\ndef attention_scores(q, k):\n    for i in range(10**9):\n        print(f'debug {i} {q.sum()}')\n"


@pytest.mark.parametrize("endless", [ENDLESS, FLOOD])
def test_a_save_ends_a_run_that_has_no_end_and_is_answered_itself(terminal, file, kit, endless):
    solution = (kit / "solutions" / file.name).read_text()
    idle = descendants(terminal.process.pid)
    file.write_text(solution + endless)
    terminal.shows("s   save to begin anew, q to quit")
    at_work = descendants(terminal.process.pid) - idle
    assert sys.platform != "linux" or at_work
    file.write_text(f"{solution}# after {len(endless)}\n")
    terminal.shows("ex06_self_attention passes", "n next")
    wait_until_gone(at_work)


def test_after_the_first_check_that_does_not_end_no_other_is_run(terminal, file, kit):
    file.write_text((kit / "solutions" / file.name).read_text() + ENDLESS)
    terminal.shows("no result after 10 seconds", "time ran out at line", "d debug")
    assert Progress.read(kit).entry("ex06_self_attention")["verdict"] == "fail"
    file.write_text((kit / "solutions" / file.name).read_text())
    terminal.shows("ex06_self_attention passes", "n next")


def test_while_paused_saves_wait(terminal, file):
    terminal.press("p", "paused: saves are not checked", "p go on")
    assert "r run" not in terminal.lines[-1]
    file.write_text(file.read_text() + "# paused\n")
    terminal.press("p", "checking...")
    terminal.until(lambda: "checking..." not in terminal.text and "n next" in terminal.text, "a fresh verdict")


def test_a_solution_is_shown_only_after_a_yes_unless_the_exercise_passes(terminal, file, kit):
    solution = (kit / "solutions" / file.name).read_text()
    file.write_text(solution.replace("scores / math.sqrt(d_k)", "scores"))
    terminal.shows("  scores worked by hand", "d debug")
    terminal.press("s", "Show the solution?", "y yes  n no")
    terminal.press("n", "d debug")
    assert "The solution is" not in terminal.text
    terminal.press("s", "y yes  n no")
    terminal.press("y", "The solution is solutions/ex06_self_attention.py", "d debug")


def test_the_debugger_has_the_terminal_and_gives_it_back(terminal, file):
    """Exercise 6 fails when this begins."""
    terminal.press("d", "-> d_k = q.size(-1)", "(Pdb)")
    terminal.press("p q.size(-1) * 7\n", "28")
    begun = len(terminal.raw)
    terminal.press("q\n")
    terminal.until(lambda: b"You get what you would get" in terminal.raw[begun:], "the verdict again")
    terminal.shows("d debug")
    terminal.press("l", "ex05_sinusoidal_encoding")


def test_sigterm_ends_the_loop_and_restores_the_terminal(terminal):
    terminal.process.kill(signal.SIGTERM)
    assert terminal.ends() == 128 + signal.SIGTERM
    assert terminal.echoes_at_the_end


def test_q_leaves_a_run_that_does_not_end(kit, file):
    file.write_text((kit / "solutions" / file.name).read_text() + ENDLESS)
    leaving = Terminal(kit, "-m", "grader", "watch", "6")
    leaving.shows("s   save to begin anew, q to quit")
    family = descendants(leaving.process.pid)
    leaving.press("q")
    assert leaving.ends() == 0
    assert leaving.echoes_at_the_end
    wait_until_gone(family)


def test_the_file_is_a_link_and_opens_at_the_line_in_the_learners_editor(kit, file, tmp_path):
    solution = (kit / "solutions" / file.name).read_text()
    file.write_text(solution.replace("scores / math.sqrt(d_k)", "scores"))
    told = tmp_path / "told"
    (tmp_path / "vim").write_text(f'#!/bin/sh\necho "$@" > {told}\nread key\n')
    (tmp_path / "vim").chmod(0o755)
    loop = Terminal(kit, "-m", "grader", "watch", "6", rows=100, VISUAL=str(tmp_path / "vim"), COLORTERM="truecolor")
    loop.shows("  scores worked by hand", "e edit")
    assert file.resolve().as_uri().encode() in loop.raw
    loop.press("e")
    loop.until(lambda: told.is_file() and told.read_text().endswith("\n"), "the editor")
    line = solution[: solution.index("def attention_scores")].count("\n") + 1
    assert told.read_text().split() == [f"+{line}", str(file)]
    loop.press("\n", "e edit")
    loop.press("q")
    assert loop.ends() == 0


def test_a_plain_terminal_gets_plain_ascii_and_ctrl_c_ends_the_loop(kit):
    """Without a command the loop begins at the first exercise that does not pass."""
    plain = Terminal(kit, "-m", "grader", TERM="dumb", PYTHONIOENCODING="ascii")
    plain.shows("Exercise 1 of 2: sinusoidal positional encoding", "checking...")
    plain.process.send("\x03")
    assert plain.ends() == 0
    assert b"\x1b" not in plain.raw
    assert plain.raw.isascii()
    assert plain.echoes_at_the_end


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("words", ["Exercise", "checking..."])
def test_a_loop_that_is_killed_leaves_whole_files_and_no_process(kit, file, words):
    file.write_text(f"# {words}\n")
    killed = Terminal(kit, "-m", "grader", "watch", "6")
    killed.shows(words)
    family = descendants(killed.process.pid)
    killed.process.kill(signal.SIGKILL)
    killed.ends()
    assert Progress.read(kit).warning is None
    for attempt in (kit / ".grader" / "attempts").rglob("*.py"):
        ast.parse(attempt.read_text())
    wait_until_gone(family)
