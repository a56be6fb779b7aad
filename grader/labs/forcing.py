"""The lab of exercise 3: how much worse a model is on its own than with the truth at its side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median_high
from typing import Any

import torch
from torch import Tensor

from grader.labs.bench import Bench, numbers
from grader.labs.digits import LINES, LONGEST, PAD, batches, lines
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread
from grader.labs.side_by_side import side_by_side
from grader.labs.training import Run, train

KIND = "looped"
CONTENDERS = ("always told the truth", "told less and less")
QUESTION = Question(
    "A model learned to copy digits and was always told the digits before. In the test it hears only its own. What "
    "happens to its mistakes?",
    ("as many as in training", "a few more", "far more, as one leads to the next"),
)


@dataclass(frozen=True)
class Right:
    """For one model: the share of digits right at each place of a line, told the truth up to there, and alone."""

    told: list[float]
    alone: list[float]

    @property
    def gap(self) -> float:
        """The exposure gap: how much of the share is lost alone."""
        return sum(self.told) / len(self.told) - sum(self.alone) / len(self.alone)


def run(bench: Bench) -> Finding:
    steps = bench.steps or (1200 if bench.full else 500)
    found: dict[str, list[Right]] = {name: [] for name in CONTENDERS}
    losses: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    turns = [(seed, name) for seed in range(bench.seeds) for name in CONTENDERS]

    def test(seed: int, name: str, bench: Bench) -> tuple[Right, float]:
        make = partial(_batches, seed, steps, name == CONTENDERS[1])
        trained = train(bench, Run(name, KIND, make, steps, seed))
        return _right(bench, trained.state), trained.loss

    results = side_by_side(bench, [partial(test, *turn) for turn in turns])
    for (_, name), (right, loss) in zip(turns, results, strict=True):
        found[name].append(right)
        losses[name].append(loss)
    gaps = {name: [one.gap for one in ones] for name, ones in found.items()}
    told, alone = (
        {name: [_mean(getattr(one, kind)) for one in ones] for name, ones in found.items()}
        for kind in ("told", "alone")
    )
    always, falling = (gaps[name] for name in CONTENDERS)
    closed = all(b < a for a, b in zip(always, falling, strict=True))
    better = sum(b > a for a, b in zip(*(alone[name] for name in CONTENDERS), strict=True))
    rows = [
        (
            name,
            spread(told[name], ".3f"),
            spread(alone[name], ".3f"),
            spread(gaps[name], ".3f"),
            spread(losses[name], ".3f"),
        )
        for name in CONTENDERS
    ]
    numbers = {name: [{"told": one.told, "alone": one.alone} for one in ones] for name, ones in found.items()}
    return Finding(
        claim="A model that was always told the truth is far worse alone; told less and less, it has a smaller gap.",
        held=min(always) > 0.01 and closed,
        measured=f"exposure gap (digits right when told the truth, less those right alone) at {LONGEST} digits, "
        f"{over(bench.seeds)}: {spread(always, '.3f')} always told, {spread(falling, '.3f')} told less and less",
        table=Table(("digits right", "told the truth", "alone", "gap", "loss at the end"), rows),
        figures=figures(numbers),
        numbers=numbers,
        notes=[
            "A smaller gap is no better model by itself: alone, the one that was told less and less got "
            f"{_more(better, bench.seeds)}. The gap is a measure; a model without mistakes has none."
        ],
    )


def figures(numbers: dict[str, Any]) -> list[Figure]:
    found = {name: [Right(**one) for one in ones] for name, ones in numbers.items()}
    middle = {
        name: [100 * median_high(_mean(getattr(one, kind)) for one in ones) for kind in ("told", "alone")]
        for name, ones in found.items()
    }
    return [
        Figure(
            "forcing",
            "Digits right of 100, with the truth at its side and alone: "
            + "; ".join(f"{name} {told:.0f} and {alone:.0f}" for name, (told, alone) in middle.items()),
            f"Four lines over the place in the line, from 1 to {LONGEST}: for each way of training the share of digits "
            "right with the truth at its side, and alone.",
            lambda axes: _draw(axes, found),
        )
    ]


def _more(better: int, seeds: int) -> str:
    """Whether a model got more digits right, as a seed or several say it."""
    if seeds == 1:
        return "more digits right" if better else "no more digits right"
    return f"more digits right with {better} of {seeds} seeds"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _batches(seed: int, steps: int, falling: bool, first: int, last: int) -> list[Tensor]:
    """Batches, and for each step how often it is told the truth."""
    ratios = [1 - step / steps if falling else 1.0 for step in range(first, last)]
    return [*batches(seed, False, first, last), torch.tensor(ratios, dtype=torch.float64)]


def _right(bench: Bench, state: dict[str, Tensor]) -> Right:
    source, lengths, target = lines("test told", LINES, LONGEST, LONGEST, False)
    answer = bench.ask("told_and_alone", state, KIND, source, lengths, target)
    real = target[:, :LONGEST]
    assert bool((real != PAD).all())
    said = (numbers(answer.get(kind), tuple(target.shape), kind)[:, :LONGEST] == real for kind in ("told", "alone"))
    told, alone = (same.double().mean(0).tolist() for same in said)
    return Right(told, alone)


def _draw(axes: Any, found: dict[str, list[Right]]) -> None:
    places = range(1, LONGEST + 1)
    for number, (name, ones) in enumerate(found.items()):
        for kind, style in (("told", "--"), ("alone", "-")):
            rows = [getattr(one, kind) for one in ones]
            middle = [sorted(row[i] for row in rows)[len(rows) // 2] for i in range(LONGEST)]
            label = f"{name}: " + ("truth at its side" if kind == "told" else "alone")
            axes.plot(places, middle, style, marker="os"[number], color=f"C{number}", label=label)
    axes.set(xlabel="place in the line", ylabel="share of digits right", xticks=places, ylim=(0, 1.25))
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.legend(ncols=2, loc="upper center", fontsize=10)


LAB = Lab("copying", QUESTION, 1, run, figures=figures)
