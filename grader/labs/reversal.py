"""The lab of exercise 2: reading backwards helps, and where it hurts."""

from __future__ import annotations

from grader.labs.bench import Bench
from grader.labs.bottleneck import draw
from grader.labs.digits import LENGTHS, Contender, compete
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
    copied = [scores.loss[one.name] for one in CONTENDERS[:2]]
    turned = [scores.loss[one.name] for one in CONTENDERS[2:]]
    helps = all(backwards < forwards for forwards, backwards in zip(*copied, strict=True))
    hurts = all(backwards > forwards for forwards, backwards in zip(*turned, strict=True))
    losses = [spread(scores.loss[one.name], ".3f") for one in CONTENDERS]
    return Finding(
        claim="Reading backwards helps where the first words belong together, and hurts where they do not.",
        held=helps and hurts,
        measured=f"loss at the end, {over(bench.seeds)}: copying {losses[0]} read forwards and {losses[1]} read "
        f"backwards; writing backwards {losses[2]} read forwards and {losses[3]} read backwards",
        table=scores.table(),
        figures=[
            Figure(
                "reversal",
                "Reading backwards " + ("helps" if helps else "does not help") + " to copy, and "
                + ("hurts" if hurts else "does not hurt") + " where the line is written backwards",
                "Lines over the number of digits, two for each task: read forwards and read backwards.",
                lambda axes: draw(axes, scores),
            )
        ],
        numbers={"lengths": list(LENGTHS), "exact": scores.exact, "loss": scores.loss},
        notes=["What counts is the distance between a word and its translation, not the direction of reading."],
    )  # fmt: skip


LAB = Lab("copying", QUESTION, 1, run)
