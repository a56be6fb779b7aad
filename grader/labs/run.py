"""`grader lab`: asks, measures on a learner's own code, and shows what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from grader.errors import EXIT_FAIL, EXIT_PASS, UsageError
from grader.files import write_atomic
from grader.kit.discovery import Exercise, Kit
from grader.kit.labs import LABS, LabEntry
from grader.labs.catalogue import demand, entry_of, lab_of
from grader.labs.lab import Finding, Lab, over
from grader.learner.progress import Progress
from grader.reports.terminal import Screen
from grader.source.file import File
from grader.submissions.intake import read_one
from grader.text import short_path

Prompt = Callable[[str], str]
"""Asks on the terminal and returns the line that was typed."""


@dataclass(frozen=True)
class LabOptions:
    """What `grader lab` was told.

    Args:
        target: the folder of the files; None is the learner's own.
        full: more than a quick look.
        seeds: how many; None is the lab's own number.
        device: where the code works.
        out: where results go; None is `labs/NAME` beside the learner's exercises.
        mistake: a variant of the catalogue in the learner's place.
        anyway: goes on where an exercise does not pass.
    """

    target: Path | None = None
    full: bool = False
    seeds: int | None = None
    device: str = "cpu"
    out: Path | None = None
    mistake: str | None = None
    anyway: bool = False


def list_labs() -> None:
    """Every lab: after which exercise, how long, and what it shows."""
    screen = Screen()
    for entry in LABS:
        screen.line(f"  {entry.name:<12}after ex{entry.after:02}  {entry.seconds:>4} s  {entry.title}", whole=True)
    screen.line()
    screen.line("One of them: grader lab NAME")


def run_lab(name: str, options: LabOptions, prompt: Prompt | None) -> int:
    """Runs a lab and says what came of it. Returns the exit status.

    Args:
        prompt: asks the question; None where there is no terminal.
    """
    entry, screen, kit = entry_of(name), Screen(), Kit()
    demand(("matplotlib", *(("babel",) if entry.name in ("translate", "leak") else ())))
    files, place = files_of(kit, options)
    mistaken = _substitute(kit, files, options.mistake) if options.mistake else None
    skipped = mistaken[0] if mistaken else None
    if skipped is not None and int(skipped[2:4]) not in entry.needs:
        raise UsageError(f"--mistake {options.mistake}: the lab {entry.name} runs nothing of {skipped}")
    needed = [exercise for exercise in kit.exercises if exercise.number in entry.needs and exercise.slug != skipped]
    if not options.anyway and (failing := _failing(kit, needed, files, place, options)):
        screen.line(f"The lab {entry.name} runs your code of {_names(entry)}. Not passing yet:")
        for exercise, why in failing:
            screen.line(f"  {exercise.slug:<26}{why}")
        screen.line("Finish that first (grader watch), or run it as it is: --anyway")
        return EXIT_FAIL
    lab = lab_of(entry)
    out = options.out or kit.workspace / "labs" / entry.name
    screen.line(f"Lab {entry.name}: {entry.title}", "bold")
    screen.line()
    answer = _ask(screen, lab, out, prompt)
    run_on = mistaken[1] if mistaken else files
    return _measure(screen, entry, lab, options, run_on, partial(_with_mistake, kit, files), out, answer, place)


def _measure(
    screen: Screen,
    entry: LabEntry,
    lab: Lab,
    options: LabOptions,
    files: dict[str, File],
    substitute: Callable[[str], dict[str, File]],
    out: Path,
    answer: str | None,
    place: Path,
) -> int:
    from grader.judging.session import devices
    from grader.labs.bench import Bench, Stopped
    from grader.launch.launcher import launcher
    from grader.limits import Limits

    devices(options.device)  # which raises where it is not here
    workers = launcher(Limits(memory_mb=4096), many=entry.trains)
    seeds, begun = options.seeds or lab.seeds, time.monotonic()
    with _progress() as tell:
        bench = Bench(lab.program, files, workers, options.device, seeds, options.full, out, tell)
        bench.substitute = substitute
        bench.mistake = options.mistake
        try:
            finding = lab.run(bench)
        except Stopped as stopped:
            screen.line(f"The lab ends here: {stopped}")
            return EXIT_FAIL
        except KeyboardInterrupt:
            screen.line("Stopped. The same command goes on from here.")
            return 130
        finally:
            bench.close()
            workers.close()
    seconds = time.monotonic() - begun
    how = f"Measured {over(seeds)} in {seconds:.0f} s on {options.device}, on the code in {short_path(place)}"
    how += f" with the mistake {options.mistake} in it" if options.mistake else ""
    _show(screen, finding, answer, how)
    _write(screen, entry, lab, finding, answer, how, out)
    return EXIT_PASS


def files_of(kit: Kit, options: LabOptions) -> tuple[dict[str, File], Path]:
    """The learner's files by slug, and where they lie."""
    target = options.target
    if target == Path("solutions") and not target.exists():
        target = kit.root / target
    place = kit.exercises_folder if target is None else target
    return dict(read_one(place, kit.exercises).files), place


def _substitute(kit: Kit, files: dict[str, File], name: str) -> tuple[str, dict[str, File]]:
    """The exercise of a known mistake, and the files with that mistake in the place of the learner's.

    Raises UsageError where the catalogue has no such mistake, or several.
    """
    from grader.kit.variants import mistakes

    target, _, slug = name.rpartition("__")
    found = [
        (exercise.slug, variant)
        for exercise in kit.exercises
        for variant in mistakes(exercise)
        if variant.name == slug and target in ("", variant.target)
    ]
    if len(found) != 1:
        several = ", ".join(f"{variant.target}__{slug} of {exercise}" for exercise, variant in found)
        raise UsageError(f"the catalogue has {several or 'no mistake'} called {name!r}: say one as TARGET__NAME")
    exercise, variant = found[0]
    return exercise, {**files, exercise: File(f"{exercise}.py", variant.source)}


def _with_mistake(kit: Kit, files: dict[str, File], name: str) -> dict[str, File]:
    return _substitute(kit, files, name)[1]


def _failing(
    kit: Kit, needed: list[Exercise], files: dict[str, File], place: Path, options: LabOptions
) -> list[tuple[Exercise, str]]:
    """The needed exercises that do not pass, and what they are. What is known to pass is not checked again."""
    own = options.target is None
    progress = Progress.read(kit.workspace) if own else None
    unknown, failing = [], []
    for exercise in needed:
        state = progress.state(exercise) if progress is not None else "changed"
        if exercise.slug not in files:
            failing.append((exercise, "missing"))
        elif state in ("changed", "not checked"):
            unknown.append(exercise)
        elif state != "pass":
            failing.append((exercise, state))
    if failing or not unknown:
        return failing
    from grader.judging.open import new_seed, open_session
    from grader.launch.launcher import launcher

    workers = launcher()
    try:
        session = open_session(kit, unknown, "cpu", new_seed(), 10.0, workers)
        results = [(exercise, session.run(exercise, files[exercise.slug])) for exercise in unknown]
    finally:
        workers.close()
    return [(exercise, result.verdict) for exercise, result in results if result.verdict != "pass"]


def _names(entry: LabEntry) -> str:
    *others, last = [f"ex{number:02}" for number in entry.needs]
    return f"{', '.join(others)} and {last}" if others else last


def _ask(screen: Screen, lab: Lab, out: Path, prompt: Prompt | None) -> str | None:
    """The guess: asked once, and kept."""
    kept, question = out / "guess.txt", lab.question
    if kept.is_file() and (before := kept.read_text(encoding="utf-8").strip()) in question.choices:
        screen.line(question.text)
        screen.line(f"  your guess was: {before}")
        screen.line()
        return before
    screen.line(question.text)
    for number, choice in enumerate(question.choices, 1):
        screen.line(f"  {number} {choice}")
    answer = None
    if prompt is not None:
        while answer is None:
            typed = prompt(f"your guess, 1 to {len(question.choices)}").strip()
            if typed.isdecimal() and 1 <= int(typed) <= len(question.choices):
                answer = question.choices[int(typed) - 1]
        write_atomic(kept, answer + "\n")
    screen.line()
    return answer


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """How far it is, on standard error: a bar with the time left on a terminal, nothing elsewhere."""
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda text, share: bar.update(task, completed=share, description=text)


def _show(screen: Screen, finding: Finding, answer: str | None, how: str) -> None:
    for line in finding.table.lines():
        screen.line(f"  {line}", whole=True)
    screen.line()
    screen.line(finding.claim)
    screen.line(("It held here: " if finding.held else "It did not hold here: ") + finding.measured)
    for note in finding.notes:
        screen.line(note)
    if answer is not None:
        screen.line(f"Your guess was: {answer}")
    screen.line()
    screen.line(how)


def _write(
    screen: Screen, entry: LabEntry, lab: Lab, finding: Finding, answer: str | None, how: str, out: Path
) -> None:
    from grader.labs.figures import drawn
    from grader.labs.page import page

    pictures = {}
    try:
        for figure in finding.figures:
            for kind, data in drawn(figure).items():
                write_atomic(out / f"{figure.name}.{kind}", data)
                if kind == "png":
                    pictures[figure.name] = data
        write_atomic(out / "index.html", page(entry, lab.question, answer, finding, pictures, how))
        document: dict[str, Any] = {"lab": entry.name, "claim": finding.claim, "held": finding.held, "guess": answer}
        document |= {"measured": finding.measured, "numbers": finding.numbers}
        write_atomic(out / "result.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UsageError(f"{out}: the results cannot be written there: {error.strerror}") from None
    screen.line(f"The page and its figures: {short_path(out / 'index.html')}")
