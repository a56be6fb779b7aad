"""The lab of exercise 12: the learner's Transformer translates dates of days that it has never seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from grader.labs.alignment import alignment
from grader.labs.bench import Bench
from grader.labs.dates import EXAMPLE, dates
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread
from grader.labs.pairs import FEW, PAIRS, TESTED, Pairs
from grader.labs.side_by_side import side_by_side
from grader.labs.training import Trained
from grader.labs.translator import Translator, exact, trained
from grader.text import command_line

BAR = 0.97
QUESTION = Question(
    "Your Transformer has never seen a word of either language. After 800 batches of 64 pairs, 1600 with --full, how "
    "many texts that it has not seen does it translate without one wrong character?",
    ("hardly any", "about half", "nearly all of them"),
)


@dataclass(frozen=True)
class Model:
    """One model, trained and tested.

    Args:
        share: of the test, translated exactly.
        wrong: what was not: source, written, right.
    """

    training: Trained
    share: float
    wrong: list[tuple[str, str, str]]


def run(bench: Bench) -> Finding:
    data, steps = bench.pairs or dates(*(FEW if bench.steps else (PAIRS, TESTED))), 1600 if bench.full else 800
    further = bench.full and bench.pairs is None
    turns = [("translate", data, seed) for seed in range(bench.seeds)]
    if further:
        turns.append(("to 2009", dates(last_year=2009, test_year=2040), 0))

    def test(name: str, data: Pairs, seed: int, bench: Bench) -> Model:
        translator, training = trained(bench, data, name, steps, seed)
        return Model(training, *exact(translator, data))

    tested = side_by_side(bench, [partial(test, *turn) for turn in turns])
    models = tested[: bench.seeds]
    shares = [model.share for model in models]
    losses = [model.training.losses for model in models]
    wrong = [one for model in models for one in model.wrong]
    first = Translator(bench, models[0].training.state, data.source, data.target)
    first.keep(bench.out / "model.frame", data)
    rows = [(data.unseen, f"{100 * min(shares):.1f} %", spread([sum(row[-40:]) / len(row[-40:]) for row in losses]))]
    notes = [f"{source} became {written}, not {right}." for source, written, right in wrong[:3]]
    numbers: dict[str, Any] = {"unseen": data.unseen, "exact": shares, "losses": losses, "wrong": wrong[:50]}
    if further:
        later = tested[-1]
        rows.append(("days of 2040, trained on days to 2009", f"{100 * later.share:.1f} %", ""))
        numbers["trained to 2009, tested on 2040"] = later.share
        notes.append(_later(later))
    example = EXAMPLE if data.kind.startswith("dates") else data.test[0][0]
    written = first.write([example])[0]
    weights = first.look(example, written) if written else []
    notes.append(
        f"It wrote {written!r} for {example!r}. Try one of your own: {command_line(['grader', 'translate', example])}"
    )
    numbers |= {"example": example, "written": written, "weights": weights}
    return Finding(
        claim=f"Attention alone can translate: at least 97 % of {data.unseen}, without one wrong character.",
        held=min(shares) >= BAR,
        measured=f"share of {len(data.test)} {data.unseen} translated exactly, written greedily, {over(bench.seeds)}: "
        + spread(shares, ".3f"),
        table=Table(("tested on", "exact", "loss at the end"), rows),
        figures=figures(numbers),
        numbers=numbers,
        notes=notes,
    )


def figures(numbers: dict[str, Any]) -> list[Figure]:
    losses, worst = numbers["losses"], 100 * min(numbers["exact"])
    found = [
        Figure(
            "learning",
            f"After {len(losses[0])} batches it translates {worst:.0f} % of {numbers['unseen']} right",
            f"The loss over the batches, on a logarithmic scale, from {losses[0][0]:.2g} to {losses[0][-1]:.2g}.",
            lambda axes: _curve(axes, losses),
        )
    ]
    if numbers["weights"]:
        found.append(alignment(numbers["weights"], numbers["example"], numbers["written"]))
    return found


def _later(model: Model) -> str:
    """What a model makes of a year that lies after all it was trained on."""
    example = f": {model.wrong[0][0]} became {model.wrong[0][1]}" if model.wrong else ""
    return f"Trained on days to 2009, it translates {100 * model.share:.1f} % of days of 2040{example}."


def _curve(axes: Any, losses: list[list[float]]) -> None:
    for seed, row in enumerate(losses):
        smooth = [sum(row[max(0, i - 9) : i + 1]) / len(row[max(0, i - 9) : i + 1]) for i in range(len(row))]
        axes.plot(range(1, len(row) + 1), smooth, ("-", "--", "-.", ":")[seed % 4], label=f"seed {seed}")
    axes.set(yscale="log", xlabel="batches of 64 pairs", ylabel="loss, nats per character (mean of 10)")
    if len(losses) > 1:
        axes.legend()


LAB = Lab("translate", QUESTION, 1, run, figures=figures)
