"""What a lab is: a question, a run on a learner's code, and what it found. Imports no torch."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.labs.bench import Bench


@dataclass(frozen=True)
class Question:
    """What is asked before anything is shown.

    Args:
        text: one sentence with a question mark.
        choices: the answers to choose from.
    """

    text: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Typed:
    """A text that a lab works on: typed, or given by `--text`.

    Args:
        prompt: what is asked for.
        default: what is taken where nothing is typed.
        refused: why a text cannot be taken, a sentence; None where it can.
    """

    prompt: str
    default: str
    refused: Callable[[str], str | None]


@dataclass(frozen=True)
class Table:
    """Measured numbers as text: the first column names the row; another may hold words."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def lines(self) -> list[str]:
        """The table for a terminal, columns aligned."""
        cells = [self.columns, *self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        sides = [">" if self.is_numbers(i) else "<" for i in range(len(self.columns))]
        return [
            "  ".join(f"{text:{side}{width}}" for text, side, width in zip(row, sides, widths, strict=True)).rstrip()
            for row in cells
        ]

    def is_numbers(self, column: int) -> bool:
        """Whether every cell of a column begins with a number: such a column ends at its right."""
        return column > 0 and all(row[column].removeprefix("-")[:1].isdigit() for row in self.rows if row[column])


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        name: of its files.
        title: the finding, one sentence.
        text: what it shows, for whoever cannot see it.
        draw: draws into matplotlib axes.
    """

    name: str
    title: str
    text: str
    draw: Callable[[Any], None]


@dataclass(frozen=True)
class Riddle:
    """What was measured, shown without names first: which is which?

    Args:
        lines: what is shown.
        right: the choice that is right.
    """

    lines: list[str]
    question: Question
    right: str


@dataclass(frozen=True)
class Finding:
    """What a lab found.

    Args:
        claim: what the chapter says, one sentence.
        held: whether it held here.
        measured: what was measured, in words and numbers.
        table: the same as a table.
        figures: one for each thing to see.
        numbers: all that was measured, for `result.json`.
        notes: what else a reader must know.
        riddle: asked before anything is shown.
    """

    claim: str
    held: bool
    measured: str
    table: Table
    figures: list[Figure]
    numbers: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    riddle: Riddle | None = None


@dataclass(frozen=True)
class Lab:
    """One lab.

    Args:
        program: the name of what runs beside the learner's code, in `programs/`.
        question: asked first.
        seeds: how many, where nobody says.
        run: measures. `full` asks for more than a quick look.
        typed: what else it asks for.
        figures: where measuring takes long: what it shows, from `Finding.numbers` alone.
    """

    program: str
    question: Question
    seeds: int
    run: Callable[[Bench], Finding]
    typed: Typed | None = None
    figures: Callable[[dict[str, Any]], list[Figure]] | None = None


def spread(values: Sequence[float], form: str = ".3g") -> str:
    """The middle of some values and how far they go: `0.11 (0.09 to 0.13)`; one number where all are written alike."""
    low, middle, high = (format(of(values), form) for of in (min, statistics.median, max))
    return middle if low == high else f"{middle} ({low} to {high})"


def over(seeds: int) -> str:
    """`over 3 seeds`."""
    return "with one seed" if seeds == 1 else f"over {seeds} seeds"
