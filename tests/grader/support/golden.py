"""The whole screen that a learner sees, for known mistakes: what is in tests/grader/support/screens, made anew.

    python -m tests.grader.support.golden                       every screen that is there
    python -m tests.grader.support.golden 6 no_scaling          another one

A file is named after the exercise and the mistake; its first line is the command. Line numbers are left out: they
follow from how a mistake's file is put together. So is the folder in which the kit lies.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

from grader.cli import check
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.discovery import Kit
from grader.kit.variants import mistakes

SCREENS = Path(__file__).with_name("screens")
SEED = 4127
FOLDER = "mine"


def found():
    """(exercise, mistake) of every screen that is kept."""
    kit = Kit()
    for file in sorted(SCREENS.glob("*.txt")):
        slug, _, name = file.stem.partition("--")
        yield kit.find([slug])[0], name


def path(exercise, name):
    return SCREENS / f"{exercise.slug}--{name}.txt"


@contextlib.contextmanager
def one_session(kit):
    """Every check of a screen in one session: to collect the checks takes longer than to run them."""
    session = Session(kit, kit.exercises, CheckSettings(SEED))
    before = check.open_session
    check.open_session = lambda *_: session
    try:
        yield
    finally:
        check.open_session = before


def screen(exercise, name):
    """What `grader check` prints for a folder that holds this mistake. Inside `one_session`."""
    variant = next(one for one in mistakes(exercise) if one.name == name)
    options = {"device": "cpu", "seed": SEED, "json_file": None, "transport": "local", "timeout": 10.0}
    with tempfile.TemporaryDirectory() as folder, _inside(folder), contextlib.redirect_stdout(io.StringIO()) as out:
        Path(FOLDER).mkdir()
        Path(FOLDER, f"{exercise.slug}.py").write_bytes(variant.source)
        check.check((str(exercise.number),), target=Path(FOLDER), **options)
    command = f"grader check {exercise.number} --target {FOLDER} --seed {SEED} --device cpu"
    printed = out.getvalue().replace(f"{exercise.root}{os.sep}", "")
    return f"$ {command}\n" + re.sub(r"(\.py:|[Ll]ine )\d+", r"\1N", printed)


@contextlib.contextmanager
def _inside(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    kit = Kit()
    wanted = [(kit.find(sys.argv[1:2])[0], name) for name in sys.argv[2:]] or list(found())
    with one_session(kit):
        for exercise, name in wanted:
            path(exercise, name).write_text(screen(exercise, name), encoding="utf-8")
            print(path(exercise, name).name)
