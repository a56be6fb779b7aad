"""The lab of exercise 2: reading backwards helps, and where it hurts."""

from __future__ import annotations

from typing import Any

from grader.labs.bench import Bench
from grader.labs.bottleneck import draw
from grader.labs.digits import LENGTHS, Contender, Scores, compete
from grader.labs.lab import Figure, Finding, Lab, Question, over, spread

CONTENDERS = (
    Contender("copy, read forwards", "fixed"),
    Contender("copy, read backwards", "reversed"),
    Contender("write backwards, read forwards", "fixed", backwards=True),
    Contender("write backwards, read backwards", "reversed", backwards=True),
)
QUESTION = Question(
    "Reading the source backwards helps to copy a line of digits. Does it help to write the line backwards, too?",
    ("yes, it always helps", "it makes no difference", "no, it hurts"),
)


def run(bench: Bench) -> Finding:
    scores = compete(bench, CONTENDERS, 2000 if bench.full else 800)
    numbers = {"lengths": list(LENGTHS), "exact": scores.exact, "loss": scores.loss}
    losses = [spread(scores.loss[one.name], ".3f") for one in CONTENDERS]
    return Finding(
        claim="Reading backwards helps where the first words belong together, and hurts where they do not.",
        held=_helps(scores) and _hurts(scores),
        measured=f"loss at the end, {over(bench.seeds)}: copying {losses[0]} read forwards and {losses[1]} read "
        f"backwards; writing backwards {losses[2]} read forwards and {losses[3]} read backwards",
        table=scores.table(),
        figures=figures(numbers),
        numbers=numbers,
        notes=["What counts is the distance between a word and its translation, not the direction of reading."],
    )


def figures(numbers: dict[str, Any]) -> list[Figure]:
    scores = Scores(numbers["exact"], numbers["loss"])
    helps = "helps" if _helps(scores) else "does not help"
    hurts = "hurts" if _hurts(scores) else "does not hurt"
    middle = LENGTHS[len(LENGTHS) // 2]
    copied = "; ".join(f"{one.name}: {spread(scores.at(one.name, middle), '.2f')}" for one in CONTENDERS)
    return [
        Figure(
            "reversal",
            f"Reading backwards {helps} to copy, and {hurts} where the line is written backwards",
            f"Lines over the number of digits, {LENGTHS[0]} to {LENGTHS[-1]}. At {middle}: {copied}",
            lambda axes: draw(axes, scores),
        )
    ]


def _helps(scores: Scores) -> bool:
    """Whether reading backwards made the loss of copying smaller, with every seed."""
    copied = (scores.loss[one.name] for one in CONTENDERS[:2])
    return all(backwards < forwards for forwards, backwards in zip(*copied, strict=True))


def _hurts(scores: Scores) -> bool:
    """Whether it made the loss of writing backwards larger, with every seed."""
    turned = (scores.loss[one.name] for one in CONTENDERS[2:])
    return all(backwards > forwards for forwards, backwards in zip(*turned, strict=True))


LAB = Lab("copying", QUESTION, 1, run, figures=figures)
