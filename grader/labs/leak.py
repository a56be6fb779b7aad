"""The lab of exercise 10 and what follows it: a loss that looks wonderful, and a model that has learned nothing."""

from __future__ import annotations

from typing import Any

from grader.labs.bench import Bench
from grader.labs.dates import dates
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread
from grader.labs.translator import exact, trained

YOURS = "your code"
BROKEN = {
    "heads joined in one reshape": "concat_heads__joined_in_one_reshape",
    "softmax over the queries": "masked_attention__softmax_over_queries",
    "targets not shifted": "train_step__not_shifted",
}
"""What is said of each mistake, and its name in the catalogue."""
QUESTION = Question(
    "Four models, trained alike. Three have a mistake in them that lets each position see the word it should predict. "
    "Which have the lower loss?",
    ("the right one", "the three with a mistake", "all four about the same"),
)


def run(bench: Bench) -> Finding:
    pairs, test = (64, 8) if bench.steps else (11_000, 300)
    data, steps = dates(pairs, test), 1200 if bench.full else 600
    assert bench.substitute is not None
    yours = f"your code with {bench.mistake}" if bench.mistake else YOURS
    models = {yours: bench.files, **{name: bench.substitute(mistake) for name, mistake in BROKEN.items()}}
    shares: dict[str, list[float]] = {name: [] for name in models}
    losses: dict[str, list[float]] = {name: [] for name in models}
    curves: dict[str, list[float]] = {}
    said: dict[str, tuple[str, str]] = {}
    turns = [(seed, name) for seed in range(bench.seeds) for name in models]
    for place, (seed, name) in enumerate(turns):
        translator, training = trained(bench, data, name, steps, seed, place, len(turns), models[name])
        share, _ = exact(translator, data)
        shares[name].append(share)
        losses[name].append(training.loss)
        curves.setdefault(name, training.losses)
        said.setdefault(name, (data.test[2][0], translator.write([data.test[2][0]])[0]))
    rows = [(name, spread(losses[name], ".4f"), spread(shares[name], ".3f"), said[name][1]) for name in models]
    better = [name for name in BROKEN if max(losses[name]) < min(losses[yours])]
    worthless = [name for name in BROKEN if max(shares[name]) <= 0.05]
    exactly = {name: spread(values, ".3f") for name, values in shares.items()}
    labels = {name: f"{name}: {exactly[name]} exact" for name in models}
    return Finding(
        claim="A leak makes the loss better and the model worthless: judge it by what it writes on its own.",
        held=min(shares[yours]) >= 0.95 and len(worthless) == len(better) == len(BROKEN),
        measured=f"exact translations of {len(data.test)} unseen days, {over(bench.seeds)}: "
        + "; ".join(f"{name} {exactly[name]} with a loss of {spread(losses[name], '.4f')}" for name in models),
        table=Table((f"after {len(curves[yours])} batches", "loss", "exact", f"for {data.test[2][0]}"), rows),
        figures=[
            Figure(
                "leak",
                f"{len(better)} of 3 leaks have a better loss than {yours}, {len(worthless)} of 3 write nonsense",
                "The loss of each model over the steps; " + "; ".join(labels.values()),
                lambda axes: _draw(axes, curves, labels),
            )
        ],
        numbers={"exact": shares, "loss": losses, "losses": curves, "written": said},
        notes=[
            "What proves a leak without any training: change the last word that the decoder is fed. No score before it "
            "may move."
        ],
    )


def _draw(axes: Any, curves: dict[str, list[float]], labels: dict[str, str]) -> None:
    for (name, row), style in zip(curves.items(), ("-", "--", "-.", ":"), strict=True):
        smooth = [sum(row[max(0, i - 19) : i + 1]) / len(row[max(0, i - 19) : i + 1]) for i in range(len(row))]
        axes.plot(range(1, len(row) + 1), smooth, style, label=labels[name])
    axes.set(yscale="log", xlabel="batches of 64 pairs", ylabel="loss, nats per character (mean of 20)")
    axes.legend()


LAB = Lab("translate", QUESTION, 1, run, ("matplotlib", "babel"))
