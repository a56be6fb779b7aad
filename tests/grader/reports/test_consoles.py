"""What a console with few characters shows: signs of typography become ASCII, and nothing is lost in silence."""

import subprocess
import sys

import pytest

from grader import text
from grader.kit.discovery import Kit
from grader.reports import lesson, terminal
from grader.reports.terminal import Pager, Screen
from grader.text import command_line, fitted
from tests.grader.support.kits import ROOT

CODE_PAGES = ("ascii", "cp437", "cp850", "cp932", "cp949", "cp1252")


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_every_lesson_can_be_read(encoding, capsys):
    screen = Screen()
    for exercise in Kit().exercises:
        lesson.show(screen, exercise)
    whole = capsys.readouterr().out
    assert fitted(whole, encoding).count("?") == whole.count("?")


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_a_command_prints_in_the_encoding_of_its_console(encoding):
    command = [sys.executable, "-m", "grader", "lesson", "6"]
    settings = {**text.os.environ, "PYTHONIOENCODING": encoding}
    shown = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, check=True).stdout.decode(encoding)
    assert "\\u" not in shown
    assert "self-attention" in shown


def test_what_no_console_has_becomes_a_question_mark():
    assert fitted("\uac00 \u2022 \u2026 \u221ad \U0001f600", "ascii") == "? * ... sqrtd ?"
    assert fitted("\uac00 \u2022", "cp949") == "\uac00 *"


def test_the_pager_of_windows_gets_the_encoding_of_the_console(monkeypatch):
    seen = []
    monkeypatch.setattr("pydoc.pager", seen.append)
    Pager().show("\u2022 one")
    monkeypatch.setattr(terminal, "WINDOWS", True)
    monkeypatch.setattr("os.device_encoding", lambda _: "cp437")
    Pager().show("\u2022 one")
    assert seen == ["\u2022 one", "* one"]


@pytest.mark.parametrize(
    ("words", "here", "on_windows"),
    [
        (["python", "-m", "pytest", "-k", "test_a"], "python -m pytest -k test_a", "python -m pytest -k test_a"),
        (["cd", r"C:\kit\tests"], r"cd 'C:\kit\tests'", r"cd C:\kit\tests"),
        (["cd", r"C:\my kit"], r"cd 'C:\my kit'", r'cd "C:\my kit"'),
        (["grader", "hint", "6", "scores worked"], "grader hint 6 'scores worked'", 'grader hint 6 "scores worked"'),
        (["cd", "a&b (1)"], "cd 'a&b (1)'", 'cd "a&b (1)"'),
    ],
)
def test_a_command_is_written_as_the_shells_of_the_system_take_it(monkeypatch, words, here, on_windows):
    """A single quote is no quote for cmd."""
    assert command_line(words) == here
    monkeypatch.setattr(text, "WINDOWS", True)
    assert command_line(words) == on_windows
