"""`grader lab`: asks, measures on a learner's own code, and shows what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from grader.errors import EXIT_FAIL, EXIT_PASS, UsageError
from grader.files import write_atomic
from grader.kit.discovery import Exercise, Kit
from grader.kit.labs import LABS, LabEntry
from grader.labs.catalogue import demand, entry_of, lab_of
from grader.labs.known_mistake import known_mistake, with_mistake
from grader.labs.lab import Finding, Lab, Question, Typed, over
from grader.learner.commands import OPENED
from grader.learner.progress import Progress
from grader.reports.terminal import Screen
from grader.source.file import File
from grader.submissions.intake import read_one
from grader.text import short_path

if TYPE_CHECKING:
    from grader.labs.pairs import Pairs
    from grader.launch.launcher import Launcher

EXIT_STOPPED = 130
"""As a shell says it of what Ctrl-C ended."""


class Prompt(Protocol):
    """Asks on the terminal and returns the line that was typed: the default where it was empty."""

    def __call__(self, text: str, default: str | None = None, /) -> str: ...


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
        text: what a lab works on, where it asks for a text.
        pairs: a file of texts and their translations, to learn instead of dates.
        numbers: Korean number words instead of dates.
        locale: the language that dates are translated into.
        steps: of training, where a test wants few.
    """

    target: Path | None = None
    full: bool = False
    seeds: int | None = None
    device: str = "cpu"
    out: Path | None = None
    mistake: str | None = None
    anyway: bool = False
    text: str | None = None
    pairs: Path | None = None
    numbers: bool = False
    locale: str | None = None
    steps: int | None = None


def list_labs() -> None:
    """Every lab: after which exercise, how long, and what it shows."""
    screen = Screen()
    for entry in LABS:
        when = f"after ex{entry.after:02}" if entry.after else "at first"
        screen.line(f"  {entry.name:<12}{when:<12}{entry.seconds:>4} s  {entry.title}", whole=True)
    screen.line()
    screen.line("One of them: grader lab NAME")


def run_lab(name: str, options: LabOptions, prompt: Prompt | None) -> int:
    """Runs a lab and says what came of it. Returns the exit status.

    Args:
        prompt: asks the question; None where there is no terminal.
    """
    screen = Screen()
    try:
        return _run(screen, entry_of(name), options, prompt)
    except KeyboardInterrupt:
        screen.line("Stopped. The same command goes on from here.")
        return EXIT_STOPPED


def _run(screen: Screen, entry: LabEntry, options: LabOptions, prompt: Prompt | None) -> int:
    kit = Kit()
    demand(("matplotlib", *entry.extras))
    chosen = _pairs(entry, options)
    if entry.shipped and options.seeds is not None:
        raise UsageError(f"--seeds: the lab {entry.name} trains nothing; it has one model")
    files, place = _files(kit, entry, options)
    run_on = with_mistake(kit, files, options.mistake, entry) if options.mistake else files
    skipped = known_mistake(kit, options.mistake)[0].slug if options.mistake else None
    needed = [exercise for exercise in kit.exercises if exercise.number in entry.needs and exercise.slug != skipped]
    if not options.anyway and (failing := _failing(kit, needed, files, place, options)):
        screen.line(f"The lab {entry.name} runs your code of {_names(entry)}. Not passing yet:")
        for exercise, why in failing:
            screen.line(f"  {exercise.slug:<26}{why}")
        screen.line("Finish that first (grader watch), or run it as it is: --anyway")
        return EXIT_FAIL
    with _workers(entry) as workers:
        lab = lab_of(entry)
        if lab.typed is None and options.text is not None:
            raise UsageError(f"--text: the lab {entry.name} asks for no text")
        out = options.out or kit.workspace / "labs" / entry.name
        screen.line(f"Lab {entry.name}: {entry.title}", "bold")
        screen.line()
        answer = _ask(screen, lab.question, out / "guess.txt", prompt)
        typed = _typed(screen, lab.typed, options.text, prompt) if lab.typed else ""
        return _measure(
            screen,
            entry,
            lab,
            options,
            run_on,
            partial(with_mistake, kit, files),
            workers,
            out,
            prompt,
            answer,
            typed,
            chosen,
            place,
        )


@contextmanager
def _workers(entry: LabEntry) -> Iterator[Launcher]:
    """What starts workers: it imports torch while this process does, and while the question is asked."""
    from grader.launch.launcher import launcher
    from grader.limits import Limits

    started = launcher(Limits(memory_mb=4096), trains=entry.trains)
    try:
        yield started
    finally:
        started.close()


def _measure(
    screen: Screen,
    entry: LabEntry,
    lab: Lab,
    options: LabOptions,
    files: dict[str, File],
    substitute: Callable[[str], dict[str, File]],
    workers: Launcher,
    out: Path,
    prompt: Prompt | None,
    answer: str | None,
    typed: str,
    pairs: Pairs | None,
    place: Path,
) -> int:
    from grader.judging.session import devices, present
    from grader.labs.bench import Bench, Stopped

    devices(options.device)  # which raises where it is not here
    seeds, begun = options.seeds or lab.seeds, time.monotonic()
    with _progress() as tell:
        bench = Bench(lab.program, files, workers, options.device, seeds, options.full, out, tell)
        bench.substitute, bench.others = substitute, [one for one in ("cpu", *present()) if one != options.device]
        bench.mistake, bench.typed, bench.pairs, bench.steps = options.mistake, typed, pairs, options.steps
        try:
            finding = lab.run(bench)
        except Stopped as stopped:
            screen.line(f"The lab ends here: {stopped}")
            return EXIT_FAIL
        finally:
            bench.close()
    seconds = time.monotonic() - begun
    runs = "" if entry.shipped else f" {over(seeds)}"
    took = f"{seconds:.0f} s" if seconds >= 1 else "less than a second"
    how = f"Measured{runs} in {took} on {options.device}, on {_on(entry, place)}"
    how += f" with the mistake {options.mistake} in it" if options.mistake else ""
    solved = _solve(screen, finding, out, prompt)
    _show(screen, finding, answer, solved, how)
    _write(screen, entry, lab, finding, answer, solved, how, out)
    return EXIT_PASS


def _pairs(entry: LabEntry, options: LabOptions) -> Pairs | None:
    """What to learn, where it was said. Raises UsageError where that cannot be."""
    asked = {"--pairs": options.pairs is not None, "--numbers": options.numbers, "--locale": options.locale is not None}
    given = [name for name, was in asked.items() if was]
    if not given:
        return None
    if entry.name != "translate":
        raise UsageError(f"{given[0]}: it is the lab translate that learns from pairs of texts, not {entry.name}")
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)}: one of them at a time")
    from grader.labs.dates import dates, known_locale
    from grader.labs.number_words import number_words
    from grader.labs.pairs import FEW, PAIRS, TESTED, from_file

    pairs, test = FEW if options.steps else (PAIRS, TESTED)
    if options.pairs is not None:
        return from_file(options.pairs)
    if options.numbers:
        demand(("num2words",))
        return number_words(pairs, test)
    assert options.locale is not None
    return dates(pairs, test, locale=known_locale(options.locale))


def _files(kit: Kit, entry: LabEntry, options: LabOptions) -> tuple[dict[str, File], Path]:
    """What the lab runs, by slug, and where the learner's part of it lies."""
    files, place = files_of(kit, options)
    if not entry.shipped:
        return files, place
    own = {exercise.slug for exercise in kit.exercises if exercise.number in entry.needs}
    reference = {exercise.slug: File.at(exercise.solution) for exercise in kit.exercises}
    mine = {slug: file for slug, file in files.items() if slug in own}
    return {**{slug: file for slug, file in reference.items() if slug not in own}, **mine}, place


def files_of(kit: Kit, options: LabOptions) -> tuple[dict[str, File], Path]:
    """The learner's files by slug, and where they lie."""
    target = options.target
    if target == Path("solutions") and not target.exists():
        target = kit.root / target
    place = kit.exercises_folder if target is None else target
    return dict(read_one(place, kit.exercises).files), place


def _failing(
    kit: Kit, needed: list[Exercise], files: dict[str, File], place: Path, options: LabOptions
) -> list[tuple[Exercise, str]]:
    """The needed exercises whose core does not pass, and what they are. What is known to pass is not checked again."""
    own = options.target is None
    progress = Progress.read(kit.workspace) if own else None
    unknown, failing = [], []
    for exercise in needed:
        state = progress.state(exercise) if progress is not None else "changed"
        if exercise.slug not in files:
            failing.append((exercise, "missing"))
        elif state in ("changed", "not checked"):
            unknown.append(exercise)
        elif state not in OPENED:
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
    return [(exercise, result.verdict) for exercise, result in results if not result.core_passes]


def _on(entry: LabEntry, place: Path) -> str:
    """Whose code ran."""
    if not entry.shipped:
        return f"the code in {short_path(place)}"
    return "the reference" + (f" with {_names(entry)} of {short_path(place)}" if entry.needs else "")


def _names(entry: LabEntry) -> str:
    *others, last = [f"ex{number:02}" for number in entry.needs]
    return f"{', '.join(others)} and {last}" if others else last


def _ask(screen: Screen, question: Question, kept: Path, prompt: Prompt | None) -> str | None:
    """The guess: asked once, and kept in a file."""
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


def _typed(screen: Screen, asked: Typed, given: str | None, prompt: Prompt | None) -> str:
    """The text that the lab works on. Raises UsageError where the one that was given cannot be taken."""
    if given is not None:
        text = " ".join(given.split())
        if why := asked.refused(text):
            raise UsageError(f"--text: {why}")
        return text
    if prompt is None:
        return asked.default
    while True:
        text = " ".join(prompt(asked.prompt, asked.default).split())
        if (why := asked.refused(text)) is None:
            screen.line()
            return text
        screen.line(why)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """How far it is, on standard error: a bar with the time left on a terminal, nothing elsewhere."""
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda text, share: bar.update(task, completed=share, description=text)


def _solve(screen: Screen, finding: Finding, out: Path, prompt: Prompt | None) -> str | None:
    """Shows the riddle, and says what was answered and what is right; None where there is none."""
    if (riddle := finding.riddle) is None:
        return None
    for line in riddle.lines:
        screen.line(f"  {line}", whole=True)
    screen.line()
    answer = _ask(screen, riddle.question, out / "riddle.txt", prompt)
    said = "" if answer is None else f"You said {answer}: " + ("right. " if answer == riddle.right else "no. ")
    return f"{riddle.question.text} {said}It is {riddle.right}."


def _show(screen: Screen, finding: Finding, answer: str | None, solved: str | None, how: str) -> None:
    for line in finding.table.lines():
        screen.line(f"  {line}", whole=True)
    screen.line()
    screen.line(finding.claim)
    screen.line(("It held here: " if finding.held else "It did not hold here: ") + finding.measured)
    for note in finding.notes:
        screen.line(note)
    if solved is not None:
        screen.line(solved)
    if answer is not None:
        screen.line(f"Your guess was: {answer}")
    screen.line()
    screen.line(how)


def _write(
    screen: Screen,
    entry: LabEntry,
    lab: Lab,
    finding: Finding,
    answer: str | None,
    solved: str | None,
    how: str,
    out: Path,
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
        write_atomic(out / "index.html", page(entry, lab.question, answer, solved, finding, pictures, how))
        document: dict[str, Any] = {"lab": entry.name, "claim": finding.claim, "held": finding.held, "guess": answer}
        document |= {"measured": finding.measured, "numbers": finding.numbers}
        write_atomic(out / "result.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UsageError(f"{out}: the results cannot be written there: {error.strerror}") from None
    screen.line(f"The page and its figures: {short_path(out / 'index.html')}")
