"""`grader translate TEXT`: the model that the lab `translate` has trained, on one text."""

from __future__ import annotations

from pathlib import Path

from grader.errors import EXIT_FAIL, EXIT_PASS, UsageError
from grader.kit.discovery import Kit
from grader.labs.bench import Bench, Stopped
from grader.labs.catalogue import demand
from grader.labs.dates import FIRST, LAST, expected, translated
from grader.labs.run import LabOptions, files_of
from grader.labs.translator import Translator, kept
from grader.launch.launcher import launcher
from grader.reports.terminal import Screen
from grader.text import short_path, shown

LONGEST_TEXT = 24
"""Characters: the longest date has 17."""


def translate(text: str, out: Path | None = None, target: Path | None = None) -> int:
    """Says a Korean date in English, and whether that is right. Returns the exit status.

    Args:
        out: where the lab kept its model; None is `labs/translate` beside the learner's exercises.
        target: the folder of the files; None is the learner's own.

    Raises UsageError for a text that the model cannot read, and where no model was trained.
    """
    demand(("babel",))
    kit, screen = Kit(), Screen()
    files, _ = files_of(kit, LabOptions(target=target))
    folder = out or kit.workspace / "labs" / "translate"
    workers = launcher()
    bench = Bench("translate", files, workers, "cpu", 1, False, folder)
    try:
        found = kept(folder / "model.frame", bench)
        if found is None:
            raise UsageError(f"no model lies in {short_path(folder)}: train it first, grader lab translate")
        translator, same = found
        if not same:
            screen.remark("your files have changed since the model was trained; it runs on them as they are now")
        written = _written(translator, " ".join(text.split()))
    except Stopped as stopped:
        screen.line(f"Your code does not translate it: {stopped}")
        return EXIT_FAIL
    finally:
        bench.close()
        workers.close()
    _say(screen, " ".join(text.split()), written)
    return EXIT_PASS


def _written(translator: Translator, text: str) -> str:
    if not text:
        raise UsageError("there is nothing to translate")
    if unknown := translator.source.unknown(text):
        ways = " or ".join(translated(FIRST, form)[0] for form in ("long", "medium"))
        raise UsageError(f"the model has never seen {shown(unknown)!r}; it reads Korean dates: {ways}")
    if len(text) > LONGEST_TEXT:
        raise UsageError(f"{len(text)} characters are more than it has learned: the longest date has 17")
    return translator.write([text])[0]


def _say(screen: Screen, text: str, written: str) -> None:
    right = expected(text)
    screen.line(written)
    if right is None:
        screen.remark("That was no date in a way of writing that it has learned, so nobody knows what is right.")
    elif written != right:
        screen.remark(f"Right is: {right}")
        if not f"{FIRST.year}" <= "".join(filter(str.isdigit, text))[:4] <= f"{LAST.year}":
            screen.remark(f"It has learned the years {FIRST.year} to {LAST.year} alone.")
