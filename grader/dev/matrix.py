"""The kill matrix: which check catches which mistake, and under which name. `python -m grader.dev.matrix [EX ...]`.

Every mistake is put in the learner's place, on as many seeds as asked for, over either transport. A mistake must be
caught on every seed, no check may name another one, and the first that names one should name it; a check that never
fails has no use. Other right ways must pass every check on every seed.

Names are looked at on the first few seeds, where every check is run. On the others a mistake is run until a check
catches it, beginning with the cheapest of those that caught it before.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import click

from grader.dev.survey import Connect, Matrix, Trial, matrix_of, survey_alternatives, survey_mistakes
from grader.files import write_atomic
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session, devices
from grader.kit.discovery import Exercise, Kit
from grader.launch.launcher import Launcher, launcher
from grader.remote.transport import LocalTransport, Transport, WorkerTransport
from grader.reports.templating import render

TRANSPORTS = {"local": ("local",), "worker": ("worker",), "both": ("local", "worker")}


@dataclass(frozen=True)
class Unit:
    """The unit of work of one process: one exercise.

    Args:
        seeds: so many, from 0.
        names: on so many of them names are looked at.
    """

    number: int
    seeds: int
    names: int
    transports: tuple[str, ...]
    mistakes: bool
    alternatives: bool
    device: str


def carry_out(unit: Unit) -> list[Trial]:
    """Surveys one exercise, in whichever process this is."""
    exercise, catchers = _exercise(unit.number), defaultdict[str, set[str]](set)
    transports: dict[str, Connect] = {name: partial(_CONNECT[name], unit.device) for name in unit.transports}
    session, found = _session(unit.number), list[Trial]()
    for seed in range(unit.seeds):
        with contextlib.redirect_stdout(io.StringIO()):  # what mistakes print
            if unit.mistakes:
                known = None if seed < unit.names else {name: tuple(caught) for name, caught in catchers.items()}
                new = [*survey_mistakes(session, exercise, seed, transports, device=unit.device, catchers=known)]
                for trial in new:
                    catchers[trial.variant].update(trial.caught_by)
                found += new
            if unit.alternatives:
                found += survey_alternatives(session, exercise, seed, transports, unit.device)
    return found


@cache
def _workers() -> Launcher:
    started = launcher()
    atexit.register(started.close)
    return started


_CONNECT: dict[str, Callable[[str], Transport]] = {
    "local": lambda device: LocalTransport(),
    "worker": lambda device: WorkerTransport(_workers(), device),
}


def _exercise(number: int) -> Exercise:
    return Kit().find((str(number),))[0]


def _session(number: int) -> Session:
    return Session(Kit(), [_exercise(number)], CheckSettings(0))


def _all(units: Sequence[Unit], jobs: int) -> Iterator[tuple[Unit, list[Trial]]]:
    if jobs == 1:
        yield from ((unit, carry_out(unit)) for unit in units)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(carry_out, unit): unit for unit in units}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _report(matrix: Matrix, unit: Unit) -> None:
    rows, names = matrix.rows, min(unit.names, unit.seeds)
    said = []
    if unit.mistakes:
        said.append(f"{len(rows) - len(matrix.uncaught)} of {len(rows)} mistakes caught on {_all_of(unit)}")
    if unit.mistakes and names:
        false = sum(row.false_names.total() for row in rows)
        said.append(f"on {_seeds(names)} {matrix.share_named:.1%} named as themselves, {false_names(false)}")
    if unit.alternatives:
        accepted = len(matrix.right) - len(matrix.refused)
        said.append(f"{accepted} of {len(matrix.right)} alternatives accepted on {_all_of(unit)}")
    click.echo(f"{matrix.exercise.slug}, {len(matrix.checks)} checks: {'; '.join(said)}")
    for row in matrix.uncaught:
        passed = ", ".join(f"{seen.seed} {seen.transport}" for seen in row.trials if not seen.caught_by)
        click.echo(f"    {row.variant.target}__{row.variant.name} passes on seeds {passed}")
    for row in matrix.misnamed:
        called = ", ".join(f"{name} ({count})" for name, count in row.called.items())
        click.echo(f"    {row.variant.target}__{row.variant.name} is called {called}")
    for row in matrix.falsely_named:
        for (check, name), count in row.false_names.items():
            click.echo(f"    {row.variant.target}__{row.variant.name} is falsely called {name} ({count}): {check}")
    for row in matrix.refused:
        seen = next(one for one in row.trials if one.caught_by)
        click.echo(
            f"    the equivalent {row.variant.name} is refused, seed {seen.seed} {seen.transport}: {seen.message}"
        )
    for name in matrix.idle if _shows_idle(unit) else []:
        click.echo(f"    {name} catches no mistake")


def _shows_idle(unit: Unit) -> bool:
    """Whether every check was put to every mistake, so that one without use shows."""
    return unit.mistakes and unit.names > 0


def _is_whole(matrix: Matrix, unit: Unit) -> bool:
    idle = _shows_idle(unit) and matrix.idle
    return not (matrix.uncaught or matrix.falsely_named or matrix.refused or idle)


def looked_at(unit: Unit) -> list[str]:
    """What was run, in sentences."""
    names = min(unit.names, unit.seeds)
    whole = (
        f"A mistake on {_seeds(names)}: every check, and what the checks call it." if unit.mistakes and names else ""
    )
    rest = f"A mistake on {_seeds(unit.seeds - names)}: until one check fails; names were not looked at."
    return [
        *([whole] if whole else []),
        *([rest] if unit.mistakes and unit.seeds > names else []),
        *([f"An alternative on {_seeds(unit.seeds)}: every check."] if unit.alternatives else []),
        "Checks that call nothing of what is replaced were run on the reference alone, once a seed.",
    ]


def false_names(number: int) -> str:
    """So many, in words."""
    return "1 false name" if number == 1 else f"{number} false names"


def _all_of(unit: Unit) -> str:
    return "1 seed" if unit.seeds == 1 else f"all of {unit.seeds} seeds"


def _seeds(number: int) -> str:
    return "1 seed" if number == 1 else f"{number} seeds"


def page(matrices: Sequence[Matrix], unit: Unit) -> str:
    """The matrices as one page.

    Args:
        unit: what was run of each exercise.
    """
    return render("matrix.html", matrices=matrices, seeds=unit.seeds, transports=unit.transports, ran=looked_at(unit))


@click.command()
@click.argument("exercises", metavar="[EX]...", nargs=-1)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds.")
@click.option(
    "--names",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Run every check, and look at names, on so many of the seeds.",
)
@click.option("--transport", type=click.Choice(list(TRANSPORTS)), default="local", show_default=True)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    help="Processes, each with an exercise at a time. [default: one a core]",
)
@click.option("--mistakes/--no-mistakes", default=True, show_default=True, help="Put mistakes to the checks.")
@click.option("--alternatives/--no-alternatives", default=True, show_default=True, help="Put other right ways to them.")
@click.option("--device", default="cpu", show_default=True, help="Where the code works: cpu, cuda or mps.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page too.")
def main(
    exercises: tuple[str, ...],
    seeds: int,
    names: int,
    transport: str,
    jobs: int,
    mistakes: bool,
    alternatives: bool,
    device: str,
    html: Path | None,
) -> None:
    """Print which mistakes are caught and named, and whether other right ways pass.

    Exit status 1 where a mistake is not caught, another one is named, a right way is refused or a check has no use.
    """
    devices(device)
    if device != "cpu" and transport != "worker":
        raise click.UsageError(
            f"--device {device} needs --transport worker: some mistakes end what a GPU does for a process"
        )
    kit, start, ways = Kit(), time.perf_counter(), TRANSPORTS[transport]
    chosen = kit.find(exercises)
    units = [Unit(exercise.number, seeds, names, ways, mistakes, alternatives, device) for exercise in chosen]
    session, matrices, whole = Session(kit, chosen, CheckSettings(0)), dict[int, Matrix](), True
    for unit, trials in _all(units, jobs):
        matrix = matrices[unit.number] = matrix_of(session, _exercise(unit.number), trials)
        _report(matrix, unit)
        whole = whole and _is_whole(matrix, unit)
    click.echo("\n".join(looked_at(units[0])))
    click.echo(f"{_seeds(seeds)}, {device}, {' and '.join(ways)}, {time.perf_counter() - start:.0f} s")
    if html is not None:
        write_atomic(html, page([matrices[number] for number in sorted(matrices)], units[0]))
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
