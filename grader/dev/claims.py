"""Is every name true? `python -m grader.dev.claims [EX ...] [--seeds N] [--transport T] [--mutants N]`.

Every mistake of the catalogue is put in the learner's place: no check may name another one. Of the other right ways
nothing may be named at all. Mutants of the references have mistakes that nobody listed: a name is true of one where the
named mistake fails and passes the same checks of its functions, with the same results.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import click

from grader.checks.attempt import attempt, check_seed
from grader.dev.matrix import TRANSPORTS, false_names
from grader.dev.mutants import Mutant, mutants
from grader.dev.survey import Connect, survey_alternatives, survey_mistakes
from grader.diagnosis.diagnosis import Certainty, Diagnosis
from grader.diagnosis.evidence import Evidence, Run, Witness
from grader.diagnosis.recognise import Recogniser
from grader.errors import Lost
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.discovery import Exercise, Kit
from grader.launch.launcher import launcher
from grader.remote.code import Code
from grader.remote.transport import LocalTransport, WorkerTransport

SECONDS = 20.0
"""For one check of a mutant, which may go on for ever."""
PLENTY = 1e6


@dataclass(frozen=True)
class FalseName:
    """A name that is not true.

    Args:
        what: the file it was given to.
        name: the name.
        check: the check that tells.
    """

    what: str
    name: str
    check: str


def of_mistakes(
    session: Session, exercise: Exercise, seed: int, transports: dict[str, Connect], first: int | None = None
) -> list[FalseName]:
    """Other mistakes that are named in a file that holds one; anything that is named in a right one.

    Args:
        first: only so many mistakes of the catalogue, and so many other right ways, are looked at.
    """
    found = []
    for trial in survey_mistakes(session, exercise, seed, transports, first=first):
        found += [FalseName(trial.variant, name, check) for check, name in trial.false_names]
    for trial in survey_alternatives(session, exercise, seed, transports, first=first):
        found += [FalseName(trial.variant, "nothing: it is refused", check) for check in trial.caught_by]
    return found


def of_mutant(session: Session, exercise: Exercise, mutant: Mutant, seed: int, connect: Connect) -> list[FalseName]:
    """The names that a mutant gets and that are not true of it."""
    recogniser = session.recogniser(exercise)
    failed, passed = _runs(session, exercise, mutant, seed, connect)
    said = recogniser.diagnose(failed, passed)
    known = {one.mistakes: one for one in said.values() if one.mistakes and one.certainty is Certainty.NAME}
    what = f"{mutant.definition}: {mutant.before} -> {mutant.after}"
    return [
        FalseName(what, str(one.name), check)
        for one in known.values()
        for check in disagreeing(recogniser, one, failed, passed)
    ]


def disagreeing(
    recogniser: Recogniser, known: Diagnosis, failed: Sequence[Run], passed: Sequence[Run]
) -> Iterator[str]:
    """The checks of the functions of some mistakes in which they do otherwise than a learner's file.

    What fails on a GPU may fail for the device's sake: it says something of mistakes alone that show nowhere else.
    """
    witness, units = Witness(recogniser.trusted, PLENTY, recogniser.units_of), recogniser.units_of(known.mistakes)
    on_gpus = any(one.shows_on_gpus_only for one in known.mistakes)
    for run in failed if on_gpus else [one for one in failed if not one.tried.is_on_a_gpu]:
        if run.entered & units and witness.of(known.mistakes, run) not in (Evidence.PROVEN, Evidence.CRASHES):
            yield run.check.id
    for run in passed:
        if run.entered & units and witness.fails(known.mistakes, run):
            yield run.check.id


def _runs(
    session: Session, exercise: Exercise, mutant: Mutant, seed: int, connect: Connect
) -> tuple[list[Run], list[Run]]:
    recogniser = session.recogniser(exercise)
    trusted = recogniser.trusted
    code = Code(
        replace(trusted.source, filename="<mutant>", shown="mutant", text=mutant.source), connect, trusted.reference
    )
    code.seconds = SECONDS
    failed, passed = list[Run](), list[Run]()
    try:
        for check in session.checks[exercise.slug]:
            drawn = check_seed(seed, check)
            tried = attempt(check, code, drawn)
            if not isinstance(tried.error, Lost):
                (passed if tried.error is None else failed).append(recogniser.run_of(check, drawn, tried))
    finally:
        code.close()
    return failed, passed


def sample(exercises: Sequence[Exercise], number: int) -> list[tuple[Exercise, Mutant]]:
    """So many mutants, always the same, by exercise."""
    every = [(one, mutant) for one in exercises for mutant in mutants(one.solution.read_text(encoding="utf-8"))]
    chosen = random.Random(0).sample(every, min(number, len(every)))
    return sorted(chosen, key=lambda one: one[0].number)


@click.command()
@click.argument("exercises", metavar="[EX]...", nargs=-1)
@click.option(
    "--seeds",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="How many seeds, for mistakes and other right ways.",
)
@click.option(
    "--transport",
    type=click.Choice(list(TRANSPORTS)),
    default="local",
    show_default=True,
    help="For mistakes and other right ways; mutants run in workers.",
)
@click.option(
    "--mutants",
    "number",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="How many mutants, on one seed.",
)
def main(exercises: tuple[str, ...], seeds: int, transport: str, number: int) -> None:
    """Print every name that is not true, and their count. Exit status 1 where there is one."""
    kit, workers = Kit(), launcher()
    ways: dict[str, Connect] = {"local": LocalTransport, "worker": partial(WorkerTransport, workers)}
    found: list[FalseName] = []
    try:
        chosen = kit.find(exercises)
        session = Session(kit, chosen, CheckSettings(0))
        for exercise in chosen:
            for seed in range(seeds):
                with contextlib.redirect_stdout(io.StringIO()):  # what mistakes print
                    new = of_mistakes(session, exercise, seed, {name: ways[name] for name in TRANSPORTS[transport]})
                _report(f"{exercise.slug}, seed {seed}", new)
                found += new
        for exercise, some in groupby(sample(chosen, number), key=lambda one: one[0]):
            mutated = [mutant for _, mutant in some]
            new = [false for mutant in mutated for false in of_mutant(session, exercise, mutant, 0, ways["worker"])]
            _report(f"{exercise.slug}, {len(mutated)} mutants, seed 0", new)
            found += new
    finally:
        workers.close()
    click.echo(false_names(len(found)))
    sys.exit(1 if found else 0)


def _report(where: str, found: Sequence[FalseName]) -> None:
    click.echo(f"{where}: {false_names(len(found))}")
    for one in found[:10]:
        click.echo(f"    {one.what} is called {one.name}: {one.check}")


if __name__ == "__main__":
    main()
