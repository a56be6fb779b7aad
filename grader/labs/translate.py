"""The lab of exercise 12: the learner's Transformer translates dates of days that it has never seen."""

from __future__ import annotations

from typing import Any

from grader.labs.alignment import alignment
from grader.labs.bench import Bench
from grader.labs.dates import EXAMPLE, dates
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread
from grader.labs.pairs import FEW, PAIRS, TESTED
from grader.labs.translator import Translator, exact, trained
from grader.text import command_line

BAR = 0.97
QUESTION = Question(
    "Your Transformer has never seen a word of either language. After 800 batches of 64 pairs, 1600 with --full, how "
    "many texts that it has not seen does it translate without one wrong character?",
    ("hardly any", "about half", "nearly all of them"),
)


def run(bench: Bench) -> Finding:
    data, steps = bench.pairs or dates(*(FEW if bench.steps else (PAIRS, TESTED))), 1600 if bench.full else 800
    further = bench.full and bench.pairs is None
    models = bench.seeds + further
    shares, losses, wrong = [], [], []
    first: Translator | None = None
    for seed in range(bench.seeds):
        translator, training = trained(bench, data, "translate", steps, seed, seed, models)
        first = first or translator
        share, missed = exact(translator, data)
        shares.append(share)
        losses.append(training.losses)
        wrong += missed
    assert first is not None
    first.keep(bench.out / "model.frame", data)
    rows = [(data.unseen, f"{100 * min(shares):.1f} %", spread([sum(row[-40:]) / len(row[-40:]) for row in losses]))]
    notes = [f"{source} became {written}, not {right}." for source, written, right in wrong[:3]]
    numbers: dict[str, Any] = {"unseen": data.unseen, "exact": shares, "losses": losses, "wrong": wrong[:50]}
    if further:
        later, words = _later(bench, steps, models)
        rows.append(("days of 2040, trained on days to 2009", f"{100 * later:.1f} %", ""))
        numbers["trained to 2009, tested on 2040"] = later
        notes.append(words)
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


def _later(bench: Bench, steps: int, models: int) -> tuple[float, str]:
    """What a model makes of a year that lies after all it was trained on."""
    data = dates(last_year=2009, test_year=2040)
    translator, _ = trained(bench, data, "to 2009", steps, 0, models - 1, models)
    share, wrong = exact(translator, data)
    example = f": {wrong[0][0]} became {wrong[0][1]}" if wrong else ""
    return share, f"Trained on days to 2009, it translates {100 * share:.1f} % of days of 2040{example}."


def _curve(axes: Any, losses: list[list[float]]) -> None:
    for seed, row in enumerate(losses):
        smooth = [sum(row[max(0, i - 9) : i + 1]) / len(row[max(0, i - 9) : i + 1]) for i in range(len(row))]
        axes.plot(range(1, len(row) + 1), smooth, ("-", "--", "-.", ":")[seed % 4], label=f"seed {seed}")
    axes.set(yscale="log", xlabel="batches of 64 pairs", ylabel="loss, nats per character (mean of 10)")
    if len(losses) > 1:
        axes.legend()


LAB = Lab("translate", QUESTION, 1, run, figures=figures)
