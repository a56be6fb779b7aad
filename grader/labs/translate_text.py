"""`grader translate TEXT`: the model that the lab `translate` has trained, on one text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import EXIT_FAIL, EXIT_PASS, UsageError
from grader.kit.discovery import Kit
from grader.labs.catalogue import demand
from grader.labs.run import LabOptions, files_of
from grader.launch.launcher import launcher
from grader.reports.terminal import Screen
from grader.text import short_path

if TYPE_CHECKING:
    from grader.labs.translator import Kept
    from grader.launch.launcher import Launcher


def translate(text: str, out: Path | None = None, target: Path | None = None) -> int:
    """Says a Korean date in English, and whether that is right. Returns the exit status.

    Args:
        out: where the lab kept its model; None is `labs/translate` beside the learner's exercises.
        target: the folder of the files; None is the learner's own.

    Raises UsageError for a text that the model cannot read, and where no model was trained.
    """
    demand(("babel",))
    workers = launcher()  # its process imports torch while this one does
    try:
        return _translate(text, out, target, workers)
    finally:
        workers.close()


def _translate(text: str, out: Path | None, target: Path | None, workers: Launcher) -> int:
    from grader.labs.bench import Bench, Stopped
    from grader.labs.pairs import unreadable
    from grader.labs.translator import kept

    kit, screen = Kit(), Screen()
    files, _ = files_of(kit, LabOptions(target=target))
    folder = out or kit.workspace / "labs" / "translate"
    bench = Bench("translate", files, workers, "cpu", 1, False, folder)
    try:
        found = kept(folder / "model.frame", bench)
        if found is None:
            raise UsageError(f"no model lies in {short_path(folder)}: train it first, grader lab translate")
        if not found.same:
            screen.remark("your files have changed since the model was trained; it runs on them as they are now")
        text = " ".join(text.split())
        if why := unreadable(text, found.translator.source, found.examples):
            raise UsageError(why)
        written = found.translator.write([text])[0]
    except Stopped as stopped:
        screen.line(f"Your code does not translate it: {stopped}")
        return EXIT_FAIL
    finally:
        bench.close()
    screen.line(written)
    if remark := _judged(found, text, written):
        screen.remark(remark)
    return EXIT_PASS


def _judged(model: Kept, text: str, written: str) -> str | None:
    """What is to be said of a translation; None where it is right, or nobody can know."""
    from grader.labs.dates import FIRST, LAST, read, translated
    from grader.labs.number_words import said

    kind, _, locale = model.kind.partition(" ")
    if kind == "numbers":
        demand(("num2words",))
        return None if said(text, written) else "That is not right, or the text was no number as it has learned them."
    if kind != "dates":
        return None
    form, day = read(text)
    if form is None:
        return "That was no date in a way of writing that it has learned, so nobody knows what is right."
    if day is None:
        return "There is no such day."
    korean, right = translated(day, form, locale)
    if korean != text:
        return f"That day is written {korean} in Korean, and that is: {right}"
    if written == right:
        return None
    years = f"{FIRST.year}" <= "".join(filter(str.isdigit, text))[:4] <= f"{LAST.year}"
    return f"Right is: {right}" + ("" if years else f". It has learned the years {FIRST.year} to {LAST.year} alone.")
