"""Submissions and what is known of them: `python -m grader.dev.field DIR [--seed N]`.

DIR holds one folder for each submission. Where DIR/README.md has a table whose rows begin with `| folder | exercise |
right or wrong`, a row that is right must pass with full marks and one that is wrong must not. What is said of each is
printed for a reader, who alone can tell whether it is true.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.discovery import Kit
from grader.launch.launcher import launcher
from grader.remote.transport import WorkerTransport
from grader.results.verdicts import PASS, ExerciseResult
from grader.submissions.intake import read_one

_ROW = re.compile(r"^\|\s*(\S+)\s*\|\s*(ex\d+)\S*\s*\|\s*(right|wrong)\s*\|", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One exercise of one submission.

    Args:
        folder: its name.
        is_right: what its table says; None where it says nothing.
        result: what the grader says.
    """

    folder: str
    is_right: bool | None
    result: ExerciseResult

    @property
    def is_as_expected(self) -> bool:
        return self.is_right is None or self.is_right == (self.result.verdict == PASS)


def expected(readme: Path) -> dict[str, bool]:
    """Which folders are right, from the table."""
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    return {folder: word == "right" for folder, _, word in _ROW.findall(text)}


def cases(folder: Path, session: Session) -> Iterator[Case]:
    """Every exercise that some folder holds."""
    table = expected(folder / "README.md")
    for one in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = read_one(one, session.kit.exercises).files
        for exercise in session.exercises:
            if exercise.slug in files:
                yield Case(one.name, table.get(one.name), session.run(exercise, files[exercise.slug]))


def _said(case: Case) -> Iterator[str]:
    result, first = case.result, case.result.first_failure
    names = sorted({outcome.mistake for outcome in result.outcomes if outcome.mistake})
    odd = "" if case.is_as_expected else "   NOT AS EXPECTED"
    score = "no score" if result.score is None else f"{result.score:g} of {result.max_score:g}"
    yield f"{case.folder}: {result.verdict}, {score}, {', '.join(names) or 'no name'}{odd}"
    if first is not None:
        yield f"    {first.title}"
        yield from (f"        {line}" for line in first.message.split("\n")[:4])


def summary(found: Sequence[Case]) -> str:
    """How many are as expected."""
    known = [case for case in found if case.is_right is not None]
    odd = [case for case in known if not case.is_as_expected]
    return f"{len(found)} submissions, {len(known)} in the table, {len(known) - len(odd)} as it says"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seed", default=0, show_default=True)
def main(folder: Path, seed: int) -> None:
    """Print the verdict and the first sentence of every submission. Exit status 1 where the table says otherwise."""
    kit, workers = Kit(), launcher()
    try:
        session = Session(kit, kit.exercises, CheckSettings(seed, connect=lambda: WorkerTransport(workers)))
        found = []
        for case in cases(folder, session):
            found.append(case)
            for line in _said(case):
                click.echo(line)
    finally:
        workers.close()
    click.echo(summary(found))
    sys.exit(0 if all(case.is_as_expected for case in found) else 1)


if __name__ == "__main__":
    main()
