"""Do the checks notice every small change of the reference? `python -m grader.dev.mutation [EX ...] [--seeds N]`.

Every mutant (`mutants.py`) is put in the learner's place, in a worker with a deadline. One that passes every check is
right, and `tests/exNN_topic/equivalent_mutants.md` says why, or it shows that a check is missing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from grader.checks.attempt import attempt, check_seed
from grader.dev.mutants import Mutant, mutants
from grader.errors import KitError
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.collect import Check
from grader.kit.discovery import Exercise, Kit
from grader.launch.launcher import launcher
from grader.remote.code import Code
from grader.remote.transport import WorkerTransport

SECONDS = 30.0
"""For one check of a mutant, which may go on for ever; generous, because a slow machine must not kill a mutant."""
Key = tuple[str, str, str]
_BLOCK = re.compile(r"^## (\S+)\n\n```diff\n(.*?)^```\n\n(.+?)\n(?=\n## |\Z)", re.MULTILINE | re.DOTALL)
_DIFF = re.compile(r"^- (.*)\n\+ (.*)\n", re.MULTILINE)


@dataclass
class Score:
    """How many mutants of one exercise were killed, and which survived."""

    exercise: Exercise
    total: int = 0
    explained: list[Mutant] = field(default_factory=list)
    unexplained: list[Mutant] = field(default_factory=list)
    outdated: list[Key] = field(default_factory=list)
    """Explained in equivalent_mutants.md, and no such mutant survives."""

    @property
    def share(self) -> float:
        """Killed among those that are wrong."""
        wrong = self.total - len(self.explained)
        return (wrong - len(self.unexplained)) / max(1, wrong)


def key_of(mutant: Mutant) -> Key:
    return mutant.definition, mutant.before, mutant.after


def explanations(file: Path) -> dict[Key, str]:
    """The survivors that an equivalent_mutants.md explains. Raises KitError for a file in another format."""
    if not file.is_file():
        return {}
    text = file.read_text(encoding="utf-8")
    blocks = _BLOCK.findall(text)
    if len(blocks) != text.count("\n## "):
        raise KitError(f"{file}: an entry is a heading with the definition, a diff of pairs of lines, and the reason")
    return {(name, before, after): reason for name, diff, reason in blocks for before, after in _DIFF.findall(diff)}


def diff_of(mutant: Mutant) -> str:
    return f"- {mutant.before}\n+ {mutant.after}\n"


class Mutation:
    """Puts mutants through the checks of their exercise.

    Args:
        session: the checks, and how the learner's code is reached.
        seeds: a mutant must be killed on every one of them.
    """

    def __init__(self, session: Session, seeds: Sequence[int] = (0,)) -> None:
        self._session = session
        self._seeds = seeds

    def run(
        self, exercise: Exercise, chosen: Sequence[Mutant] | None = None, on_mutant: Callable[[], None] = lambda: None
    ) -> Score:
        """The score of one exercise. With `chosen`, runs these mutants alone and ignores outdated explanations."""
        known = explanations(exercise.checks.parent / "equivalent_mutants.md")
        tried = mutants(exercise.solution.read_text(encoding="utf-8")) if chosen is None else chosen
        score = Score(exercise, len(tried))
        checks = list(self._session.checks[exercise.slug])
        for mutant in tried:
            if not self._killed(exercise, mutant, checks):
                (score.explained if key_of(mutant) in known else score.unexplained).append(mutant)
            on_mutant()
        if chosen is None:
            surviving = {key_of(mutant) for mutant in score.explained}
            score.outdated = [key for key in known if key not in surviving]
        return score

    def _killed(self, exercise: Exercise, mutant: Mutant, checks: list[Check]) -> bool:
        return all(self._fails(exercise, mutant, checks, seed) for seed in self._seeds)

    def _fails(self, exercise: Exercise, mutant: Mutant, checks: list[Check], seed: int) -> bool:
        """Whether some check fails; that check is tried first with the next mutant, which is similar."""
        trusted = self._session.trusted(exercise)
        source = replace(trusted.source, filename="<mutant>", shown="mutant", text=mutant.source)
        code = Code(source, self._session.settings.connect, trusted.reference)
        code.seconds = SECONDS
        try:
            for check in checks:
                if attempt(check, code, check_seed(seed, check)).error is not None:
                    checks.remove(check)
                    checks.insert(0, check)
                    return True
        finally:
            code.close()
        return False


def _report(score: Score) -> None:
    right, unexplained = len(score.explained), len(score.unexplained)
    click.echo(
        f"{score.exercise.slug:<26}{score.total:4} mutants: {score.total - right - unexplained} killed, "
        f"{right} right and explained, {unexplained} unexplained; score {score.share:.1%}"
    )
    for mutant in score.unexplained:
        click.echo(f"\n## {mutant.definition}\n\n```diff\n{diff_of(mutant)}```\n")
    for name, before, after in score.outdated:
        click.echo(f"    explained, and no longer a survivor, in {name}:\n    - {before}\n    + {after}")


@click.command()
@click.argument("exercises", metavar="[EX]...", nargs=-1)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds.")
def main(exercises: tuple[str, ...], seeds: int) -> None:
    """Print which mutants of the reference pass every check. Exit status 1 where one of them is not explained."""
    kit = Kit()
    workers = launcher()
    try:
        chosen = kit.find(exercises)
        session = Session(kit, chosen, CheckSettings(0, connect=lambda: WorkerTransport(workers)))
        mutation = Mutation(session, range(seeds))
        scores = []
        for exercise in chosen:
            scores.append(mutation.run(exercise))
            _report(scores[-1])
    finally:
        workers.close()
    sys.exit(1 if any(score.unexplained for score in scores) else 0)


if __name__ == "__main__":
    main()
