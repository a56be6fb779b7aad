"""`grader check`: the code of one person."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import EXIT_FAIL, EXIT_GRADER, EXIT_PASS, GraderError, UsageError
from grader.files import same_place
from grader.judging.open import new_seed, open_session
from grader.kit.discovery import Exercise, Kit
from grader.launch import isolation
from grader.launch.launcher import Launcher, launcher
from grader.learner.progress import Progress
from grader.reports.crash_report import own_failure
from grader.reports.terminal import Screen
from grader.results.verdicts import ERROR, PASS, ExerciseResult, errors_of
from grader.source.file import File
from grader.submissions.intake import Entry, read_one
from grader.text import short_path

STDOUT = Path("-")
"""Where `--json -` writes; what a person reads goes to standard error then."""


@dataclass(frozen=True)
class Shown:
    """What of a result is printed.

    Args:
        problems: one line for each failure and nothing else, for an editor.
        every_check: one line for each check, too.
    """

    problems: bool = False
    every_check: bool = False


def check(
    words: tuple[str, ...],
    *,
    target: Path | None,
    device: str,
    seed: int | None,
    json_file: Path | None,
    problems: bool = False,
    every_check: bool = False,
    transport: str,
    timeout: float,
) -> int:
    """Checks one folder of exercises and says what is wrong. Returns the exit status."""
    kit, screen = Kit(), Screen(sys.stderr if json_file == STDOUT else None)
    words, path = _path_among(kit, words)
    if path is not None and target is not None:
        raise UsageError(f"{path} and --target {target}: say one of them")
    exercises = kit.find(words)
    place = path or (kit.exercises_folder if target is None else _place(kit, target))
    handed_in = read_one(place, kit.exercises)
    if path is not None:
        exercises = [exercise for exercise in exercises if exercise.slug in handed_in.files]
    if not exercises:
        raise UsageError("; ".join([f"{place} holds no exercise that was asked for", *handed_in.problems]))
    drawn = new_seed() if seed is None else seed
    workers = launcher(count=len(exercises)) if transport == "worker" else None
    try:
        shown = Shown(problems, every_check)
        return _check(kit, screen, exercises, place, handed_in, device, drawn, timeout, json_file, shown, workers)
    finally:
        if workers is not None:
            workers.close()


def _path_among(kit: Kit, words: tuple[str, ...]) -> tuple[tuple[str, ...], Path | None]:
    """The words that name exercises, and the one that is a file or folder of somebody's, if there is one."""
    paths = [word for word in words if _is_path(kit, word)]
    if len(paths) > 1:
        raise UsageError(f"{' and '.join(paths)}: one file or folder can be checked at a time")
    return tuple(word for word in words if word not in paths), Path(paths[0]) if paths else None


def _is_path(kit: Kit, word: str) -> bool:
    """An exercise's own file, `exercises/ex06_self_attention.py`, names that exercise."""
    path = Path(word)
    if path.suffix == ".ipynb":
        return True
    there = path.is_file() or (len(path.parts) > 1 and path.is_dir())
    return there and not any(same_place(path, exercise.stub) for exercise in kit.exercises)


def _check(
    kit: Kit,
    screen: Screen,
    exercises: list[Exercise],
    place: Path,
    handed_in: Entry,
    device: str,
    seed: int,
    timeout: float,
    json_file: Path | None,
    shown: Shown,
    workers: Launcher | None,
) -> int:
    start = time.perf_counter()
    session = open_session(kit, exercises, device, seed, timeout, workers)
    from grader.results import document

    progress = _own_progress(kit, place)
    remarks = handed_in.problems if progress is None else [progress.warning]
    for remark in filter(None, remarks):
        screen.remark(remark)
    found: list[ExerciseResult] = []
    for exercise in exercises:
        file = handed_in.files.get(exercise.slug)
        name = _name(file, place) if file else None
        result = session.run(exercise, file, shown=name)
        found.append(result)
        if shown.problems:
            screen.problems(result, name or exercise.slug)
        else:
            screen.exercise(result, every_check=shown.every_check)
        if name is not None and not shown.problems:
            screen.explain(result, name, seed, None if progress is not None else place, file)
        if progress is not None and file is not None and not file.refusal:
            _record(progress, screen, result, file.text)
    screen.line()
    for device in session.settings.absent:
        screen.line(f"There is no {device} here: the checks ran on the cpu alone.")
    screen.line(f"Inputs come from seed {seed}. Repeat them with --seed {seed}.")
    screen.totals(found)
    if json_file is not None:
        surrounds = _surrounds(workers, session.settings.devices)
        seconds = time.perf_counter() - start
        you = document.submission("you", str(place), found, seconds=seconds, problems=handed_in.problems)
        errors, absent = document.errors(you), session.settings.absent
        run = document.Run(seed, session.settings.devices, surrounds, seconds, errors, absent)
        if json_file == STDOUT:
            sys.stdout.buffer.writelines(document.parts(run, [document.bounded(you)]))
        else:
            document.write(json_file, run, [document.bounded(you)])
    return _exit_status(kit, screen, found)


def _place(kit: Kit, target: Path) -> Path:
    """What `--target` names; `solutions` means the course's where this folder has none."""
    return kit.root / target if target == Path("solutions") and not target.exists() else target


def _own_progress(kit: Kit, place: Path) -> Progress | None:
    """The learner's progress where it is their own folder that is checked."""
    try:
        own = same_place(place, kit.exercises_folder)
    except UsageError:  # nobody learns here
        return None
    return Progress.read(kit.workspace) if own else None


def _name(file: File, place: Path) -> str:
    """A file as it is called in messages."""
    return short_path(file.path) if file.path is not None else f"{short_path(place)}/{file.name}"


def _record(progress: Progress, screen: Screen, result: ExerciseResult, text: bytes) -> None:
    try:
        progress.record(result, text)
    except OSError as error:
        screen.remark(f"progress could not be saved in {progress.folder}: {error.strerror}")


def _exit_status(kit: Kit, screen: Screen, found: Sequence[ExerciseResult]) -> int:
    broken = [result for result in found if result.verdict == ERROR]
    if broken:
        what = f"the checks of {', '.join(result.slug for result in broken)} are broken"
        screen.remark(own_failure(kit.reports_folder, what, "\n".join(errors_of(broken))))
        return EXIT_GRADER
    return EXIT_PASS if all(result.verdict == PASS for result in found) else EXIT_FAIL


def _surrounds(workers: Launcher | None, devices: Sequence[str]) -> dict[str, Any]:
    """What surrounded the code. Where a device had no worker its checks have said why."""
    if workers is None:
        return isolation.NONE
    try:
        return workers.surrounds(devices)
    except GraderError:
        return workers.isolation
