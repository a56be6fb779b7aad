"""What wrong files are told: `python -m grader.dev.feedback [EX ...] [--sample N] [--field DIR] [--no-catalogue]`.

Every mistake of the catalogue, every mutant of the references that fails, and every submission in DIR is put to the
checks. Counted are the files whose first failure has a true name, a first step, a first step in the statement that was
changed, an example that a hand can redo, and what all that cost. The statement is known of mistakes and mutants: it is
one that the reference does not have; of a statement that was left out, or moved, it is also its neighbours.

Steps and examples are shares of the files whose first failure is a wrong value. Where it is an exception the message
has its line already, and where it is a wrong form it says what was asked for: a shape, a dtype, a type.
"""

from __future__ import annotations

import ast
import contextlib
import io
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import click

from grader.dev.claims import disagreeing
from grader.dev.field import expected
from grader.dev.mutants import mutants
from grader.diagnosis.diagnosis import Certainty, Diagnosis
from grader.diagnosis.recognise import Recogniser
from grader.errors import LearnerError, Mismatch, TimedOut
from grader.judging.exercise import CheckSettings, checked
from grader.judging.explanation import explained
from grader.judging.session import Session
from grader.kit.discovery import Exercise, Kit
from grader.kit.variants import mistakes
from grader.remote.code import Code
from grader.remote.transport import Answer, LocalTransport
from grader.results.verdicts import FAIL, PASS, Outcome
from grader.submissions.intake import read_one

SECONDS = 5.0
"""For one call of a wrong file, which may go on for ever."""
CATALOGUE, MUTANTS, FIELD = "catalogue", "mutants", "field"
VALUE, RAISES, FORM, LATE = "a wrong value", "an exception", "a wrong form", "no end"


@dataclass(frozen=True)
class Wrong:
    """A file that is wrong.

    Args:
        name: the mistake's, the mutant's or the submission's.
        text: the whole file.
        lines: the lines of the statements that make it wrong; None where that is not known.
    """

    name: str
    text: bytes
    lines: frozenset[int] | None = None


@dataclass(frozen=True)
class Told:
    """What one wrong file is told with its first failure.

    Args:
        kind: what that failure is.
        name: the mistake that is named.
        is_true: whether that name is true; False without one.
        seconds: of the processor, for all that is said beside the check's own message.
    """

    wrong: Wrong
    kind: str
    first: Outcome
    name: str | None
    is_true: bool
    seconds: float

    @property
    def is_in_place(self) -> bool:
        return self.first.step is not None and self.wrong.lines is not None and self.first.step[0] in self.wrong.lines


class Impatient(LocalTransport):
    """Code in this process, each of whose calls has a deadline."""

    def __init__(self) -> None:
        super().__init__(debugging=True)

    def request(self, frame: bytes, answer: Answer) -> bytes:
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            return super().request(frame, answer)
        except KeyboardInterrupt:
            raise TimedOut(f"no result after {SECONDS:g} seconds") from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


# ---------------------------------------------------------------------------------------------- where it is wrong


@dataclass(frozen=True)
class _Statement:
    """A statement without what stands below it, and its lines."""

    text: str
    lines: frozenset[int]


def changed_lines(reference: str, text: str) -> frozenset[int]:
    """The lines of a file's statements that the reference does not have; where one of its statements is left out, the
    lines of those on both sides, and where one is made twice both.

    Of several definitions of one name in the file the last counts, as for Python.
    """
    known = _definitions(ast.parse(reference))
    found: set[int] = set()
    for name, body in _definitions(ast.parse(text)).items():
        before = known.get(name, [])
        texts = [one.text for one in before], [one.text for one in body]
        for what, _, _, i, j in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
            if what == "delete" or (what == "replace" and all(one.text == "pass" for one in body[i:j])):
                i, j = max(0, i - 1), j + 1
            twice = [one.text for one in body[i:j]] if what == "insert" else []
            near = [one for one in (*body[max(0, i - 1) : i], *body[j : j + 1]) if one.text in twice]
            found.update(*(one.lines for one in near))
            if what != "equal":
                found.update(*(one.lines for one in body[i:j]))
    return frozenset(found)


def _definitions(tree: ast.Module) -> dict[str, list[_Statement]]:
    """The statements of each function and method; what a later definition replaces is gone."""
    found: dict[str, list[_Statement]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = [*_defaults(node), *_statements(node.body)]
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    found[f"{node.name}.{part.name}"] = [*_defaults(part), *_statements(part.body)]
    return found


def _defaults(node: ast.FunctionDef) -> Iterator[_Statement]:
    """What the arguments are that are not given, like a statement; an annotation says nothing."""
    given = node.args.args[len(node.args.args) - len(node.args.defaults) :]
    pairs = [
        *zip(given, node.args.defaults, strict=True),
        *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
    ]
    said = [f"{name.arg}={ast.unparse(value)}" for name, value in pairs if value is not None]
    yield _Statement(", ".join(said), frozenset(range(node.lineno, node.body[0].lineno)) or frozenset({node.lineno}))


def _statements(body: Sequence[ast.stmt]) -> Iterator[_Statement]:
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        inner = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
        first = next((part[0].lineno for part in inner if part), None)
        last = max(node.lineno, first - 1) if first is not None else (node.end_lineno or node.lineno)
        plain = ast.Assign([node.target], node.value) if isinstance(node, ast.AnnAssign) and node.value else node
        shown = ast.unparse(ast.fix_missing_locations(ast.copy_location(plain, node)))
        yield _Statement(shown.partition("\n")[0], frozenset(range(node.lineno, last + 1)))
        for part in inner:
            yield from _statements(part)


# ---------------------------------------------------------------------------------------------- what is wrong


def of_the_catalogue(exercise: Exercise) -> list[Wrong]:
    """The known mistakes, but for those that show only on a GPU."""
    reference = exercise.solution.read_text(encoding="utf-8")
    found = [one for one in mistakes(exercise) if not one.shows_on_gpus_only]
    return [Wrong(one.name, one.source, changed_lines(reference, one.source.decode())) for one in found]


def of_mutants(exercise: Exercise) -> list[Wrong]:
    reference = exercise.solution.read_text(encoding="utf-8")
    return [
        Wrong(
            f"{one.definition}: {one.before.strip()}  ->  {one.after.strip()}",
            one.source,
            changed_lines(reference, one.source.decode()),
        )
        for one in mutants(reference)
    ]


def of_the_field(folder: Path, kit: Kit, exercise: Exercise) -> list[Wrong]:
    """The submissions of one exercise in a folder, but for those that its table calls right."""
    right = expected(folder / "README.md")
    found = []
    for one in sorted(path for path in folder.iterdir() if path.is_dir() and not right.get(path.name)):
        files = read_one(one, kit.exercises).files
        if exercise.slug in files:
            found.append(Wrong(one.name, files[exercise.slug].text))
    return found


# ---------------------------------------------------------------------------------------------- what is told


def told(session: Session, exercise: Exercise, recogniser: Recogniser, wrong: Wrong, group: str) -> Told | None:
    """What a wrong file is told; None where it passes."""
    trusted, settings = session.trusted(exercise), session.settings
    own = trusted.source
    code = Code(
        type(own)(own.slug, "<mine>", "mine", wrong.text, own.earlier, own.shortcuts), Impatient, trusted.reference
    )
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            ran = checked(session.checks[exercise.slug], code, recogniser, settings)
            start = time.process_time()
            outcomes = explained(ran, code, recogniser, settings.seed)
            seconds = time.process_time() - start
    finally:
        code.close()
    first = next((one for one in outcomes if one.verdict != PASS), None)
    if first is None:
        return None
    error = next((run.tried.error for one, run in ran if run is not None and one.id == first.id), None)
    name = next((one.mistake for one in outcomes if one.mistake), None)
    return Told(wrong, _kind(first, error), first, name, _is_true(name, wrong, group, ran, recogniser), seconds)


def _kind(first: Outcome, error: BaseException | None) -> str:
    if first.verdict != FAIL:
        return LATE
    if isinstance(error, Mismatch) and error.kind == "value":
        return VALUE
    return RAISES if isinstance(error, LearnerError) or first.unloadable else FORM


def _is_true(
    name: str | None, wrong: Wrong, group: str, ran: Sequence[tuple[Outcome, Any]], recogniser: Recogniser
) -> bool:
    """Whether a name holds. Of a mistake it is its own; else no check of the same functions may say otherwise."""
    if name is None or group == CATALOGUE:
        return name == wrong.name and name is not None
    failed = [run for outcome, run in ran if run is not None and outcome.verdict == FAIL]
    passed = [run for outcome, run in ran if run is not None and outcome.verdict == PASS]
    known = [one for one in recogniser.diagnose(failed, passed).values() if one.certainty is Certainty.NAME]
    claims: list[Diagnosis] = [one for one in known if one.name == name]
    return not any(True for one in claims[:1] for _ in disagreeing(recogniser, one, failed, passed))


# ---------------------------------------------------------------------------------------------- in numbers


@dataclass
class Table:
    """What the files of one group are told."""

    rows: list[Told] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        values = [row for row in self.rows if row.kind == VALUE]
        kinds = {kind: sum(row.kind == kind for row in self.rows) for kind in (VALUE, RAISES, FORM, LATE)}
        yield f"{len(self.rows)} fail first with " + ", ".join(f"{kind} ({many})" for kind, many in kinds.items())
        yield _share("a true name", self.rows, lambda row: row.is_true)
        false = [row.name for row in self.rows if row.name is not None and not row.is_true]
        yield f"a false name: {len(false)} {' '.join(map(str, false))}".rstrip()
        yield "of those with a wrong value:"
        yield "  " + _share("a first step", values, lambda row: row.first.step is not None)
        placed = [row for row in values if row.first.step is not None and row.wrong.lines is not None]
        yield "  " + _share("  of these in the changed statement", placed, lambda row: row.is_in_place)
        yield "  " + _share("a first step in the changed statement", values, lambda row: row.is_in_place)
        yield "  " + _share("a small example", values, lambda row: row.first.example is not None)
        yield "  " + _share("a name, a step or an example", values, _is_helped)
        costs = sorted(row.seconds for row in self.rows) or [0.0]
        middle = costs[len(costs) // 2]
        most = f"{_near_the_top(costs):.2f} s for 95 %, {costs[-1]:.2f} s most"
        yield f"CPU for each: {middle:.2f} s in the middle, {most}"


def _is_helped(row: Told) -> bool:
    return row.is_true or row.first.step is not None or row.first.example is not None


def _near_the_top(costs: Sequence[float]) -> float:
    return costs[min(len(costs) - 1, round(0.95 * (len(costs) - 1)))]


def _share(what: str, rows: Sequence[Told], is_so: Callable[[Told], bool]) -> str:
    many = sum(map(is_so, rows))
    return f"{what}: {many} of {len(rows)}" + (f", {many / len(rows):.1%}" if rows else "")


def _details(row: Told, lacking: str) -> Iterator[str]:
    """The files that lack something, with what they are told instead."""
    step = row.first.step
    lacks = {"step": step is None, "place": step is not None and not row.is_in_place, "example": not row.first.example}
    if lacking == "all" or (row.kind == VALUE and lacks[lacking]):
        yield f"    {row.wrong.name}   [{row.first.id}, {row.seconds:.2f} s]"
        if lacking in ("place", "all") and step is not None:
            yield f"      at {step[0]}, changed {sorted(row.wrong.lines or ())}: {step[1]}"
        if lacking == "all" and row.first.example:
            yield from (f"      | {line}" for line in row.first.example.splitlines())


@click.command()
@click.argument("exercises", metavar="[EX]...", nargs=-1)
@click.option("--sample", type=click.IntRange(min=1), help="So many files of each exercise and group; all without it.")
@click.option("--group", "groups", type=click.Choice([CATALOGUE, MUTANTS]), multiple=True, help="Only this group.")
@click.option("--field", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--no-catalogue", is_flag=True, help="Recognise nothing: what is said without a name.")
@click.option("--lacking", type=click.Choice(["step", "place", "example", "all"]), help="Print the files that lack it.")
def main(
    exercises: tuple[str, ...],
    sample: int | None,
    groups: tuple[str, ...],
    folder: Path | None,
    no_catalogue: bool,
    lacking: str | None,
) -> None:
    """Print for each exercise and group what wrong files are told, and the same for all exercises."""
    kit = Kit()
    chosen = kit.find(exercises)
    session = Session(kit, chosen, CheckSettings(0, connect=Impatient))
    whole: dict[str, Table] = {}
    for exercise in chosen:
        known = session.recogniser(exercise)
        recogniser = Recogniser(known.trusted, []) if no_catalogue else known
        for group, every in _groups(kit, exercise, groups, folder):
            files = random.Random(0).sample(every, min(sample or len(every), len(every)))
            rows = [row for one in files if (row := told(session, exercise, recogniser, one, group))]
            _print(f"{exercise.slug}, {group}", Table(rows), lacking)
            whole.setdefault(group, Table()).rows.extend(rows)
    for group, table in whole.items() if len(chosen) > 1 else ():
        _print(f"all, {group}", table, None)


def _groups(
    kit: Kit, exercise: Exercise, groups: Sequence[str], folder: Path | None
) -> Iterator[tuple[str, list[Wrong]]]:
    if CATALOGUE in groups or not groups:
        yield CATALOGUE, of_the_catalogue(exercise)
    if MUTANTS in groups or not groups:
        yield MUTANTS, of_mutants(exercise)
    if folder is not None and (files := of_the_field(folder, kit, exercise)):
        yield FIELD, files


def _print(heading: str, table: Table, lacking: str | None) -> None:
    click.echo(heading)
    for line in table.lines():
        click.echo(f"    {line}")
    for row in table.rows if lacking else ():
        for line in _details(row, lacking or ""):
            click.echo(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
