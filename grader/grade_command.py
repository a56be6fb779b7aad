"""`grader grade`: the code of many."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from grader import intake
from grader.check_command import EXIT_GRADER, EXIT_PASS, new_seed, open_session
from grader.discovery import Exercise, Kit
from grader.launch import Launcher, launcher


def grade(
    submissions: Path,
    *,
    out: Path,
    device: str,
    seed: int | None,
    timeout: float,
    on_done: Callable[[str], None],
) -> int:
    """Grades every folder in `submissions`. Returns the exit status."""
    kit = Kit()
    exercises = kit.find(())
    entries = intake.read(submissions, exercises)
    drawn = new_seed() if seed is None else seed
    workers = launcher()
    try:
        return _grade(kit, exercises, entries, out, device, drawn, timeout, workers, on_done)
    finally:
        workers.close()


def _grade(
    kit: Kit,
    exercises: list[Exercise],
    entries: list[intake.Entry],
    out: Path,
    device: str,
    seed: int,
    timeout: float,
    workers: Launcher,
    on_done: Callable[[str], None],
) -> int:
    start = time.perf_counter()
    session = open_session(kit, exercises, device, seed, timeout, workers)
    from grader import results

    done: list[results.Submission] = []
    for entry in entries:
        began = time.perf_counter()
        found = [session.run(e, entry.files.get(e.slug), shown=f"{e.slug}.py") for e in exercises]
        one = results.Submission(entry.id, entry.source, found, time.perf_counter() - began, entry.problems)
        done.append(one)
        on_done(f"{one.id}: {'no score' if one.score is None else f'{one.score:g} of {one.max_score:g}'}")
    run = results.Run(seed, session.settings.devices, workers.isolation, time.perf_counter() - start)
    results.write(out / "results.json", run, done)
    return EXIT_GRADER if any(one.score is None for one in done) else EXIT_PASS
