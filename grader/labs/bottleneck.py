"""The lab of exercise 4: a context of fixed size against attention, as lines grow longer."""

from __future__ import annotations

from statistics import median_high
from typing import Any

from grader.labs.bench import Bench
from grader.labs.digits import LENGTHS, LONGEST, Contender, Scores, compete
from grader.labs.lab import Figure, Finding, Lab, Question, over, spread

CONTENDERS = (
    Contender("fixed context", "fixed"),
    Contender("fixed, reversed", "reversed"),
    Contender("attention", "attention"),
)
QUESTION = Question(
    "Three models learn to copy 2 to 12 digits. The one whose context is a single vector copies most lines of 4 "
    "digits. How many lines of 12?",
    ("nearly all of them, too", "about half", "nearly none"),
)


def run(bench: Bench) -> Finding:
    scores = compete(bench, CONTENDERS, 3000 if bench.full else 1500)
    attention, fixed = scores.at("attention", LONGEST), scores.at("fixed context", LONGEST)
    numbers = {"lengths": list(LENGTHS), "exact": scores.exact, "loss": scores.loss}
    return Finding(
        claim="A context of fixed size fails on long lines, and attention does not.",
        held=min(attention) >= 0.9 and max(fixed) <= 0.2,
        measured=f"share of lines of {LONGEST} digits copied without a mistake, {over(bench.seeds)}: {_copied(scores)}",
        table=scores.table(),
        figures=figures(numbers),
        numbers=numbers,
        notes=["All three have 64 features of state, the same lines and the same number of steps."],
    )


def figures(numbers: dict[str, Any]) -> list[Figure]:
    scores = Scores(numbers["exact"], numbers["loss"])
    attention, fixed = (100 * median_high(scores.at(name, LONGEST)) for name in ("attention", "fixed context"))
    return [
        Figure(
            "bottleneck",
            f"At {LONGEST} digits attention copies {attention:.0f} % of the lines, a fixed context {fixed:.0f} %",
            f"Lines over the number of digits, {LENGTHS[0]} to {LONGEST}. At {LONGEST}: {_copied(scores)}",
            lambda axes: draw(axes, scores),
        )
    ]


def _copied(scores: Scores) -> str:
    return "; ".join(f"{one.name}: {spread(scores.at(one.name, LONGEST), '.2f')}" for one in CONTENDERS)


def draw(axes: Any, scores: Scores) -> None:
    """Exact lines against length, one line for each contender, error bars from the lowest to the highest seed."""
    for name, style in zip(scores.exact, ("s--", "^-.", "o-", "D:"), strict=False):
        values = [scores.at(name, length) for length in LENGTHS]
        middle = [sorted(row)[len(row) // 2] for row in values]
        low = [m - min(row) for m, row in zip(middle, values, strict=True)]
        high = [max(row) - m for m, row in zip(middle, values, strict=True)]
        axes.errorbar(LENGTHS, middle, yerr=[low, high], fmt=style, capsize=4, label=name)
    axes.set(xlabel="digits in a line", ylabel="share of lines without a mistake", ylim=(-0.03, 1.05), xticks=LENGTHS)
    axes.legend()


LAB = Lab("copying", QUESTION, 1, run, figures=figures)
