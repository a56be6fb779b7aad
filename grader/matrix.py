"""Mistakes x checks: which check catches which mistake, and what it is called. `python -m grader.matrix [EX ...]`.

Every mistake is put in the learner's place, on as many seeds as asked for. A mistake must be caught on every seed,
and the first check that names one must name it; a check that never fails has no use.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from grader.checks import Check
from grader.discovery import Exercise, Kit
from grader.errors import KitError
from grader.remote import Code
from grader.run import Settings, attempt, check_seed
from grader.session import Session
from grader.source import Source
from grader.transport import LocalTransport
from grader.understudy import Understudies
from grader.variants import Variant, mistakes


@dataclass
class Row:
    """One mistake: how often each check caught it and what it was called."""

    mistake: Variant
    caught_by: dict[str, int] = field(default_factory=dict)
    caught: int = 0
    named: int = 0
    called: dict[str, int] = field(default_factory=dict)
    named_by: Check | None = None
    """The check that named it, or caught it where none did, on the last seed."""


@dataclass
class Matrix:
    """All mistakes of one exercise against all its checks."""

    exercise: Exercise
    checks: Sequence[Check]
    seeds: Sequence[int]
    rows: list[Row] = field(default_factory=list)

    @property
    def uncaught(self) -> list[Row]:
        """Mistakes that pass every check on some seed."""
        return [row for row in self.rows if row.caught < len(self.seeds)]

    @property
    def misnamed(self) -> list[Row]:
        """Mistakes that are called something else, or nothing, on some seed."""
        return [row for row in self.rows if row.named < len(self.seeds)]

    @property
    def idle(self) -> list[str]:
        """Checks that catch no mistake, whatever their parameters."""
        busy = {name.partition("[")[0] for row in self.rows for name in row.caught_by}
        return sorted({check.id.partition("[")[0] for check in self.checks} - busy)


def build(
    session: Session, exercise: Exercise, seeds: Sequence[int], *, thorough: bool = True, first: int | None = None
) -> Matrix:
    """Runs every mistake of an exercise against its checks on every seed, in this process.

    Args:
        thorough: against every check; else only up to the first that names it.
        first: so many mistakes, the likeliest; None is all.
    """
    matrix = Matrix(exercise, session.checks[exercise.slug], seeds)
    understudies = session.understudies(exercise)
    matrix.rows = [Row(mistake) for mistake in mistakes(exercise)[:first]]
    for seed in seeds:
        for row in matrix.rows:
            _run(row, matrix.checks, understudies, seed, thorough)
    return matrix


def _run(row: Row, checks: Sequence[Check], understudies: Understudies, seed: int, thorough: bool) -> None:
    understudies.forget_learner()
    mistake, name, row.named_by = row.mistake, None, None
    own = understudies.source
    source = Source(own.slug, f"<{mistake.name}>", mistake.name, mistake.source, own.earlier, own.shortcuts)
    code = Code(source, LocalTransport, understudies.reference)
    caught = False
    for check in checks:
        drawn = check_seed(seed, check)
        tried = attempt(check, code, drawn)
        if tried.error is None:
            understudies.note_pass(check, drawn, tried)
            continue
        if not understudies.reference_passes(check, drawn):
            raise KitError(f"{check.id} fails on the reference with seed {seed}")
        caught = True
        row.caught_by[check.id] = row.caught_by.get(check.id, 0) + 1
        if name is None and (known := understudies.recognise(check, drawn, tried)).name:
            name, row.named_by = known.name, check
        row.named_by = row.named_by or check
        if name is not None and not thorough:
            break
    row.caught += caught
    row.named += name == mistake.name
    if name != mistake.name:
        row.called[name or "nothing"] = row.called.get(name or "nothing", 0) + 1


def _report(matrix: Matrix) -> None:
    rows, seeds = matrix.rows, len(matrix.seeds)
    named = sum(row.named for row in rows) / max(1, len(rows) * seeds)
    click.echo(
        f"{matrix.exercise.slug:<26}{len(rows):4} mistakes x {len(matrix.checks)} checks x {seeds} seeds: "
        f"{len(rows) - len(matrix.uncaught)} always caught, {named:.1%} named as themselves"
    )
    for row in matrix.uncaught:
        click.echo(f"    {row.mistake.target}__{row.mistake.name} passes on {seeds - row.caught} of {seeds} seeds")
    for row in matrix.misnamed:
        called = ", ".join(f"{name} ({count})" for name, count in row.called.items())
        click.echo(f"    {row.mistake.target}__{row.mistake.name} is called {called}")
    for name in matrix.idle:
        click.echo(f"    {name} catches no mistake")


@click.command()
@click.argument("exercises", metavar="[EX]...", nargs=-1)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds.")
def main(exercises: tuple[str, ...], seeds: int) -> None:
    """Print which mistakes are caught and named. Exit status 1 where one is not caught or a check has no use."""
    kit = Kit()
    chosen = kit.find(exercises)
    session = Session(kit, chosen, Settings(0))
    whole = True
    for exercise in chosen:
        matrix = build(session, exercise, range(seeds))
        _report(matrix)
        whole = whole and not matrix.uncaught and not matrix.idle
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
