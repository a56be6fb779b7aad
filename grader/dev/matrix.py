"""The kill matrix: which check catches which mistake, and under which name. `python -m grader.dev.matrix [EX ...]`.

Every mistake is put in the learner's place, on as many seeds as asked for, over either transport. A mistake must be
caught on every seed, and the first check that names one should name it; a check that never fails has no use. Other
right ways must pass every check on every seed.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
import time
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
    """The unit of work of one process: one exercise on one seed, so that its mistakes share recorded answers."""

    number: int
    seed: int
    transports: tuple[str, ...]
    mistakes: bool
    alternatives: bool
    thorough: bool
    device: str


def carry_out(unit: Unit) -> list[Trial]:
    """Surveys one exercise on one seed, in whichever process this is."""
    exercise = _exercise(unit.number)
    session, found = _session(unit.number), list[Trial]()
    transports: dict[str, Connect] = {name: partial(_CONNECT[name], unit.device) for name in unit.transports}
    with contextlib.redirect_stdout(io.StringIO()):  # what mistakes print
        if unit.mistakes:
            found += survey_mistakes(
                session, exercise, unit.seed, transports, thorough=unit.thorough, device=unit.device
            )
        if unit.alternatives:
            found += survey_alternatives(session, exercise, unit.seed, transports, unit.device)
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


@cache
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


def _report(matrix: Matrix, *, thorough: bool) -> None:
    rows = matrix.rows
    click.echo(
        f"{matrix.exercise.slug:<26}{len(rows):4} mistakes x {len(matrix.checks)} checks: "
        f"{len(rows) - len(matrix.uncaught)} always caught, {matrix.share_named:.1%} named as themselves; "
        f"{len(matrix.right) - len(matrix.refused)} of {len(matrix.right)} alternatives accepted"
    )
    for row in matrix.uncaught:
        passed = ", ".join(f"{seen.seed} {seen.transport}" for seen in row.trials if not seen.caught_by)
        click.echo(f"    {row.variant.target}__{row.variant.name} passes on seeds {passed}")
    for row in matrix.misnamed:
        called = ", ".join(f"{name} ({count})" for name, count in row.called.items())
        click.echo(f"    {row.variant.target}__{row.variant.name} is called {called}")
    for row in matrix.refused:
        seen = next(one for one in row.trials if one.caught_by)
        click.echo(
            f"    the equivalent {row.variant.name} is refused, seed {seen.seed} {seen.transport}: {seen.message}"
        )
    for name in matrix.idle if thorough else []:
        click.echo(f"    {name} catches no mistake")


def page(matrices: Sequence[Matrix], seeds: int, transports: Sequence[str]) -> str:
    """The matrices as one page."""
    return render("matrix.html", matrices=matrices, seeds=seeds, transports=transports)


@click.command()
@click.argument("exercises", metavar="[EX]...", nargs=-1)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds.")
@click.option("--transport", type=click.Choice(list(TRANSPORTS)), default="local", show_default=True)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes. [default: one a core]"
)
@click.option("--mistakes/--no-mistakes", default=True, show_default=True, help="Put mistakes to the checks.")
@click.option("--alternatives/--no-alternatives", default=True, show_default=True, help="Put other right ways to them.")
@click.option("--quick", is_flag=True, help="On every seed stop at the check that names the mistake.")
@click.option("--device", default="cpu", show_default=True, help="Where the code works: cpu, cuda or mps.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page too.")
def main(
    exercises: tuple[str, ...],
    seeds: int,
    transport: str,
    jobs: int,
    mistakes: bool,
    alternatives: bool,
    quick: bool,
    device: str,
    html: Path | None,
) -> None:
    """Print which mistakes are caught and named, and whether other right ways pass.

    Exit status 1 where a mistake is not caught, a right way is refused or a check has no use. The first seed runs
    every check; the others stop at the check that names the mistake.
    """
    devices(device)
    if device != "cpu" and transport != "worker":
        raise click.UsageError(
            f"--device {device} needs --transport worker: some mistakes end what a GPU does for a process"
        )
    kit, start = Kit(), time.perf_counter()
    chosen, ways = kit.find(exercises), TRANSPORTS[transport]
    units = [
        Unit(exercise.number, seed, ways, mistakes, alternatives, seed == 0 and not quick, device)
        for exercise in chosen
        for seed in range(seeds)
    ]
    found: dict[int, list[Trial]] = {exercise.number: [] for exercise in chosen}
    left = {exercise.number: seeds for exercise in chosen}
    session, matrices, whole = Session(kit, chosen, CheckSettings(0)), dict[int, Matrix](), True
    for unit, trials in _all(units, jobs):
        found[unit.number] += trials
        left[unit.number] -= 1
        if not left[unit.number]:
            matrix = matrix_of(session, _exercise(unit.number), found[unit.number])
            matrices[unit.number] = matrix
            _report(matrix, thorough=mistakes and not quick)
            whole = (
                whole and not matrix.uncaught and not matrix.refused and not (mistakes and not quick and matrix.idle)
            )
    click.echo(f"{seeds} seeds, {device}, {' and '.join(ways)}, {time.perf_counter() - start:.0f} s")
    if html is not None:
        write_atomic(html, page([matrices[number] for number in sorted(matrices)], seeds, ways))
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
