"""The learner's commands that run no checks: init, list, lesson, hint, solution, reset. Imports no torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from grader.errors import UsageError
from grader.files import write_atomic
from grader.kit import hints
from grader.kit.discovery import Exercise, Kit
from grader.kit.labs import unlocked_by
from grader.kit.stub import stub_of
from grader.learner import workspace
from grader.learner.progress import RESET, Progress, digest
from grader.reports.terminal import QUIET, Screen
from grader.results.verdicts import CORE
from grader.text import command_line, short_path

Ask = Callable[[str], bool]
OPENED = ("pass", CORE)
"""The states of an exercise that open the next one."""


def progress_of(kit: Kit, screen: Screen) -> Progress:
    progress = Progress.read(kit.workspace)
    if progress.warning:
        screen.remark(progress.warning)
    return progress


def following(kit: Kit, progress: Progress, after: Exercise | None = None) -> Exercise | None:
    """The next exercise whose core is open: behind `after` if there is one, else the first; None if there is none."""
    open_ones = [exercise for exercise in kit.exercises if progress.state(exercise) not in OPENED]
    later = [exercise for exercise in open_ones if after is not None and exercise.number > after.number]
    return next(iter(later or open_ones), None)


def show_list(*, then_what: bool = False) -> None:
    """Every exercise and its state, one line each; and the next step."""
    kit, screen = Kit(), Screen()
    progress = progress_of(kit, screen)
    list_lines(screen, kit, progress)
    if then_what:
        screen.line()
        _next_step(screen, following(kit, progress))


def list_lines(screen: Screen, kit: Kit, progress: Progress) -> None:
    for exercise in kit.exercises:
        state, points = progress.state(exercise), progress.points(exercise)
        effort = exercise.effort
        beside = f"{points:>5.4g}/10" if points is not None else f"{effort.minutes:>4} min" if effort else ""
        screen.mark(state, f" {exercise.slug:<26}{beside:<9}{exercise.title}")


def _next_step(screen: Screen, exercise: Exercise | None) -> None:
    if exercise is None:
        screen.line("All exercises pass.")
        return
    effort = exercise.effort
    screen.line(f"Next{f' ({effort})' if effort else ''}: read the lesson, edit {short_path(exercise.stub)}, check it:")
    screen.line(f"  grader lesson {exercise.number}")
    screen.line(f"  grader check {exercise.number}")
    for lab in unlocked_by(0) if exercise.number == 1 else ():
        screen.line(f"What all of them make together: {lab.offer}")


def show_lesson(word: str) -> None:
    from grader.reports import lesson  # what reads Markdown takes 4 MB

    kit, screen = Kit(), Screen()
    (exercise,) = kit.find((word,))
    lesson.show(screen, exercise)


def show_hint(word: str, check: str | None) -> None:
    """The next rung for the check that fails first, or for the check named."""
    kit, screen = Kit(), Screen()
    (exercise,) = kit.find((word,))
    progress = progress_of(kit, screen)
    again = command_line(["grader", "hint", str(exercise.number), *([check] if check else [])])
    hint_lines(screen, progress, exercise, check, again)


def hint_lines(screen: Screen, progress: Progress, exercise: Exercise, check: str | None, again: str) -> None:
    """What a request for a hint is answered with; `again` is how one asks once more."""
    entry = progress.entry(exercise.slug)
    ladders = hints.read(exercise.hints)
    if progress.state(exercise) == "pass":
        _whole_ladders(screen, exercise, ladders, [_named(exercise, check, ladders)] if check else _failed(entry))
        return
    if not check and entry.get("failing") is None and "verdict" in entry:
        screen.line(f"Nothing that is written of {exercise.slug} fails a check.")
        screen.line(f"Its lesson: grader lesson {exercise.number}")
        return
    title = _named(exercise, check, ladders) if check else _failing(exercise, entry)
    rungs = hints.of_check(ladders, title)
    if not rungs:
        raise UsageError(f"there are no hints for {title!r} in {exercise.slug}")
    with progress.changing(exercise.slug) as entry:
        memory = entry.setdefault("hints", {}).setdefault(title, {})
        text = exercise.stub.read_bytes() if exercise.stub.is_file() else b""
        rung = hints.climb(memory, len(rungs), digest(text))
    if rung is None:
        screen.line(f"Try what the last hint says and save; then the next one comes. To see it now: {again}", QUIET)
        return
    screen.line(title, "bold")
    screen.line(hints.worded(rungs, rung, entry.get("diagnosis") if title == entry.get("failing") else None))
    if rung < len(rungs):
        screen.line(f"Save a try; then the next hint: {again}", QUIET)


def _whole_ladders(screen: Screen, exercise: Exercise, ladders: dict[str, list[str]], titles: list[str]) -> None:
    """The exercise passes: nothing is held back."""
    for title in titles:
        screen.line(title, "bold")
        for number, text in enumerate(hints.of_check(ladders, title), 1):
            screen.line(f"  {number}. {text}")
    screen.line(f"The reference solution: {short_path(exercise.solution)}")


def _failed(entry: dict[str, object]) -> list[str]:
    """The checks whose hints were looked at."""
    seen = entry.get("hints")
    return list(seen) if isinstance(seen, dict) else []


def _failing(exercise: Exercise, entry: dict[str, object]) -> str:
    if entry.get("failing") is None:
        raise UsageError(
            f"no failing check of {exercise.slug} is known: run `grader check {exercise.number}` first, or name a check"
        )
    return str(entry["failing"])


def _named(exercise: Exercise, check: str, ladders: dict[str, list[str]]) -> str:
    words = check.removeprefix("test_").replace("_", " ").lower()
    matches = [title for title in ladders if words in title.lower()]
    if len(matches) != 1:
        found = "; ".join(matches or ladders)
        raise UsageError(f"{check!r} names {len(matches) or 'no'} checks of {exercise.slug}: {found}")
    return matches[0]


def show_solution(word: str, *, yes: bool, ask: Ask) -> None:
    """The reference; asks first unless the exercise passes."""
    kit, screen = Kit(), Screen()
    (exercise,) = kit.find((word,))
    if progress_of(kit, screen).state(exercise) != "pass" and not yes:
        _confirm(f"{exercise.slug} does not pass yet. Show its solution?", ask)
    sys.stdout.write(exercise.solution.read_text(encoding="utf-8"))


def is_stub(exercise: Exercise) -> bool:
    stub = stub_of(exercise.solution.read_text(encoding="utf-8"))
    return exercise.stub.is_file() and exercise.stub.read_text(encoding="utf-8", errors="replace") == stub


def reset(word: str, *, yes: bool, ask: Ask) -> None:
    """Puts the stub back; the learner's file is kept."""
    kit, screen = Kit(), Screen()
    (exercise,) = kit.find((word,))
    if is_stub(exercise):
        screen.line(f"{short_path(exercise.stub)} is the stub already")
        return
    if not yes:
        _confirm(f"Replace {short_path(exercise.stub)} by the stub? Your file is kept.", ask)
    for text in put_stub_back(progress_of(kit, screen), exercise):
        screen.line(text)


def put_stub_back(progress: Progress, exercise: Exercise) -> list[str]:
    """Keeps the learner's file, writes the stub in its place, and says so."""
    said = []
    if exercise.stub.is_file():
        kept = progress.keep(exercise.slug, exercise.stub.read_bytes(), because=RESET)
        said.append(f"your file is kept as {short_path(kept)}")
    write_atomic(exercise.stub, stub_of(exercise.solution.read_text(encoding="utf-8")).encode())
    return [*said, f"{short_path(exercise.stub)} is the stub again"]


def init(folder: Path) -> None:
    """Writes stubs, lessons and pictures into a folder of the learner's own; what lies there already stays as it is."""
    kit, screen = Kit(), Screen()
    place = folder / "exercises"
    try:
        place.mkdir(parents=True, exist_ok=True)
        for exercise in kit.exercises:
            stub = stub_of(exercise.solution.read_text(encoding="utf-8")).encode()
            _write_new(place / f"{exercise.slug}.py", stub, screen)
            for text in (exercise.lesson, exercise.questions):
                _write_new(place / text.name, text.read_bytes(), screen)
        for picture in kit.pictures:
            (place / picture.parent.name).mkdir(exist_ok=True)
            _write_new(place / picture.parent.name / picture.name, picture.read_bytes(), screen)
        for name, data in workspace.files(kit).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _write_new(folder / name, data, screen)
    except OSError as error:
        raise UsageError(f"{folder}: no exercises can be written there: {error.strerror}") from None
    screen.line(f"{len(kit.exercises)} exercises lie in {short_path(place)}. Go on there:")
    screen.line(f"  {_go_to(folder)}")
    screen.line("  grader")


def _go_to(folder: Path) -> str:
    """The command that makes a folder the current one. `cd` of Windows' cmd goes to no other drive, `pushd` does."""
    other_drive = folder.resolve().drive != Path.cwd().drive
    return command_line(["pushd" if other_drive else "cd", short_path(folder)])


def _write_new(file: Path, data: bytes, screen: Screen) -> None:
    if os.path.lexists(file):
        screen.remark(f"{short_path(file)} already exists and was left as it is")
    else:
        write_atomic(file, data)


def _confirm(question: str, ask: Ask) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to answer on: say --yes")
    if not ask(question):
        raise SystemExit(1)
