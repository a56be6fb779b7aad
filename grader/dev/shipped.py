"""Makes anew what comes with the kit and was trained or measured on the reference.

`python -m grader.dev.shipped model` trains the model of the labs `trailer` and `surgery`, some minutes. It is written
only if it translates every date of the test, days that it was not trained on, after rounding to float16.
`python -m grader.dev.shipped figures [LAB ...]` measures with three seeds and writes the figures of the lessons into
`exercises/figures`, with what each finds as its text alternative: seconds for a lab that trains nothing, minutes for
another. What was measured in minutes is kept beside the tests, which draw these figures again.

A stop loses nothing: checkpoints lie in `labs/shipped`, beside what was measured.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from grader.files import write_atomic
from grader.kit.discovery import COURSE, Kit
from grader.kit.labs import LABS, LabEntry
from grader.labs.bench import Bench
from grader.labs.catalogue import entry_of, lab_of
from grader.labs.dates import dates
from grader.labs.figures import drawn
from grader.labs.known_mistake import with_mistake
from grader.labs.lab import Figure, Finding
from grader.labs.shipped import MODEL, ship, shipped
from grader.labs.translator import exact, trained
from grader.launch.launcher import launcher
from grader.limits import Limits
from grader.source.file import File

OUT = Path("labs") / "shipped"
FIGURES = COURSE / "exercises" / "figures"
STEPS, SEEDS = 2000, 3
MEASURED = COURSE / "tests" / "grader" / "labs" / "measured"
DIGITS = 5
"""Of a number that is kept."""
SHOWN = {"translate": "alignment", "positions": "drowned"}
"""Which figure of a lab a lesson shows, where it is not called as the lab is."""


def opened(program: str, out: Path, seeds: int) -> Bench:
    """A bench with the reference in the learner's place."""
    kit = Kit()
    files = {exercise.slug: File.at(exercise.solution) for exercise in kit.exercises}
    workers = launcher(Limits(memory_mb=4096), many=True)

    bench = Bench(program, files, workers, "cpu", seeds, False, out, _tell)
    bench.substitute = partial(with_mistake, kit, files)
    return bench


def _tell(text: str, share: float) -> None:
    click.echo(f"{100 * share:3.0f} %  {text}", err=True)


def build(out: Path, file: Path, steps: int) -> float:
    """Trains the model and writes it; the share of the test that it translates exactly.

    Args:
        out: where checkpoints are kept.
        file: where the model goes.
    """
    data, bench = dates(), opened("translate", out, 1)
    try:
        ship(trained(bench, data, "shipped", steps, 0)[0], file)
        share, _ = exact(shipped(bench, file), data)
    finally:
        bench.close()
        bench.launcher.close()
    return share


def measure(entry: LabEntry, out: Path, seeds: int) -> Finding:
    """What a lab finds on the reference."""
    lab = lab_of(entry)
    bench = opened(lab.program, out, seeds if lab.typed is None else 1)
    try:
        return lab.run(bench)
    finally:
        bench.close()
        bench.launcher.close()


def figure_of(entry: LabEntry, figures: Sequence[Figure]) -> Figure:
    """The figure that the lesson shows."""
    name = SHOWN.get(entry.name, entry.name)
    (figure,) = (figure for figure in figures if figure.name == name)
    return figure


def keep(entry: LabEntry, finding: Finding) -> Sequence[Figure]:
    """Keeps what was measured, where a test draws the figures from it. Returns the lab's figures, drawn from that."""
    figures = lab_of(entry).figures
    if figures is None:
        return finding.figures
    numbers = _rounded(finding.numbers)
    write_atomic(MEASURED / f"{entry.name}.json", json.dumps(numbers, ensure_ascii=False) + "\n")
    return figures(numbers)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def show(entry: LabEntry, figure: Figure) -> None:
    """Writes the figure, and its finding where a text shows it."""
    write_atomic(FIGURES / f"{entry.name}.svg", drawn(figure)["svg"])
    for file in (COURSE / "README.md", *sorted((COURSE / "exercises").glob("*.md"))):
        text = file.read_text(encoding="utf-8")
        link = rf"^!\[.*\](\(.*figures/{entry.name}\.svg\))$"
        new = re.sub(link, lambda found: f"![{figure.title}]{found[1]}", text, flags=re.MULTILINE)
        if new != text:
            write_atomic(file, new)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["model", "figures"])
    options.add_argument("labs", nargs="*", metavar="LAB")
    options.add_argument("--out", type=Path, default=OUT, help="for checkpoints")
    given = options.parse_args()
    if given.what == "model":
        return _model(given.out)
    for name in given.labs or [entry.name for entry in LABS if entry.after]:
        entry = entry_of(name)
        finding = measure(entry, given.out / name, SEEDS)
        show(entry, figure_of(entry, keep(entry, finding)))
        document = {"held": finding.held, "measured": finding.measured, "table": finding.table.lines()}
        write_atomic(given.out / name / "measured.json", json.dumps(document, indent=1, ensure_ascii=False))
        click.echo(f"{name}: {'held' if finding.held else 'did not hold'}: {finding.measured}")
    return 0


def _model(out: Path) -> int:
    new = out / MODEL.name
    out.mkdir(parents=True, exist_ok=True)
    share = build(out, new, STEPS)
    click.echo(f"{100 * share:.1f} % of the test's dates are translated exactly; {new.stat().st_size} bytes")
    if share < 1:
        click.echo(f"{MODEL} stays as it was")
        return 1
    write_atomic(MODEL, new.read_bytes())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
