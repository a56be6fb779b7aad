"""How often a wrong file is told the step at which it parts from the reference, and how often that is the place of the
change. `python -m grader.dev.steps [EX ...] [--most N]`.

A mutant of the reference is changed in one statement, so the right line is known. No catalogue has a part in it.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from grader.dev.mutants import Mutant, mutants
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.discovery import Exercise, Kit
from grader.results.verdicts import FAIL, ExerciseResult
from grader.source.file import File


@dataclass
class Share:
    """What became of the mutants of one exercise.

    Args:
        failing: mutants of which some check fails at a wrong value.
        told: of these, how many are told a step.
        in_place: of these, how many a step in the changed statement.
    """

    failing: int = 0
    told: int = 0
    in_place: int = 0
    elsewhere: list[tuple[Mutant, str]] | None = None

    def __str__(self) -> str:
        right = f", {self.in_place / self.told:.0%} of these in the changed statement" if self.told else ""
        return f"{self.failing} mutants with wrong values, {self.told / max(1, self.failing):.0%} told a step{right}"


def changed_lines(mutant: Mutant) -> set[int]:
    """The lines of a mutant's file on which its changed statement stands."""
    after = mutant.after.removesuffix("  # again").strip()
    found: set[int] = set()
    for node in _inside(ast.parse(mutant.source), mutant.definition.split(".")):
        if isinstance(node, ast.stmt) and ast.unparse(node).partition("\n")[0].strip() == after.partition("\n")[0]:
            found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def _inside(tree: ast.AST, names: Sequence[str]) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if getattr(node, "name", None) == names[0]:
            yield from _inside(node, names[1:]) if len(names) > 1 else ast.walk(node)


def survey(session: Session, exercise: Exercise, chosen: Sequence[Mutant]) -> Share:
    """Puts mutants to the checks without a catalogue's help and counts what they are told."""
    share = Share(elsewhere=[])
    for mutant in chosen:
        result: ExerciseResult = session.run(exercise, File(exercise.stub.name, mutant.source))
        first = result.first_failure
        if first is None or first.verdict != FAIL or first.heading or first.unloadable:
            continue
        share.failing += 1
        if first.step is not None:
            share.told += 1
            if first.step[0] in changed_lines(mutant):
                share.in_place += 1
            elif share.elsewhere is not None:
                share.elsewhere.append((mutant, first.step[1]))
    return share


@click.command()
@click.argument("exercises", metavar="[EX]...", nargs=-1)
@click.option("--most", type=click.IntRange(min=1), default=40, show_default=True, help="Mutants of each exercise.")
@click.option("--show", is_flag=True, help="Print the steps that lie elsewhere.")
def main(exercises: tuple[str, ...], most: int, show: bool) -> None:
    """Print for each exercise how many mutants are told a step, and how many the right one."""
    kit = Kit()
    for exercise in kit.find(exercises):
        found = mutants(exercise.solution.read_text(encoding="utf-8"))
        chosen = random.Random(0).sample(found, min(most, len(found)))
        session = Session(kit, [exercise], CheckSettings(0))
        share = survey(session, exercise, chosen)
        click.echo(f"{exercise.slug:<26}{share}")
        for mutant, text in (share.elsewhere or []) if show else []:
            click.echo(f"    {mutant.definition}: {mutant.before.strip()}  ->  {mutant.after.strip()}\n      {text}")


if __name__ == "__main__":
    main()
