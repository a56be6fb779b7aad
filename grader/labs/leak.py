"""The lab of exercise 10 and what follows it: a loss that looks wonderful, and a model that has learned nothing."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median_high
from typing import Any

from grader.labs.bench import Bench
from grader.labs.dates import dates
from grader.labs.lab import Figure, Finding, Lab, Question, Riddle, Table, over, spread
from grader.labs.pairs import FEW, PAIRS, TESTED
from grader.labs.side_by_side import side_by_side
from grader.labs.training import Trained
from grader.labs.translator import exact, trained

YOURS = "your code"
BROKEN = {
    "heads joined in one reshape": "concat_heads__joined_in_one_reshape",
    "softmax over the queries": "MultiHeadAttention__softmax_over_queries",
    "targets not shifted": "train_step__not_shifted",
}
"""What is said of each mistake, and its name in the catalogue. However the rest is written, it runs these parts."""
QUESTION = Question(
    "Four models, trained alike. Three have a mistake in them that lets each position see the word it should predict. "
    "Can you tell the right one by its loss?",
    ("yes, it is the lowest", "yes, it is the highest", "no, all four look wonderful"),
)
LOGS, WONDERFUL, MOVED, WORSE = "ABCD", 0.01, 1e-4, 10.0
"""The names of the logs; the loss of a model that has learned, in nats per character; from where a score has moved; how
much worse than its log a loss is that was fed otherwise."""


@dataclass(frozen=True)
class Model:
    """One model, trained and tested.

    Args:
        share: of the unseen days, translated exactly.
        written: for the example.
        probed: on the example, as Translator.probe says it.
    """

    training: Trained
    share: float
    written: str
    probed: tuple[float, float]


def run(bench: Bench) -> Finding:
    data, steps = dates(*(FEW if bench.steps else (PAIRS, TESTED))), 1200 if bench.full else 450
    assert bench.substitute is not None
    yours = f"your code with {bench.mistake}" if bench.mistake else YOURS
    models = {yours: bench.files, **{name: bench.substitute(mistake) for name, mistake in BROKEN.items()}}
    shares: dict[str, list[float]] = {name: [] for name in models}
    losses: dict[str, list[float]] = {name: [] for name in models}
    curves: dict[str, list[float]] = {}
    said: dict[str, str] = {}
    probes: dict[str, tuple[float, float]] = {}
    example, right = data.test[2]
    turns = [(seed, name) for seed in range(bench.seeds) for name in models]

    def test(seed: int, name: str, bench: Bench) -> Model:
        translator, training = trained(bench, data, name, steps, seed, models[name])
        share, _ = exact(translator, data)
        return Model(training, share, translator.write([example])[0], translator.probe(example, right))

    results = side_by_side(bench, [partial(test, *turn) for turn in turns])
    for (seed, name), model in zip(turns, results, strict=True):
        shares[name].append(model.share)
        losses[name].append(model.training.loss)
        if seed == 0:
            curves[name], said[name], probes[name] = model.training.losses, model.written, model.probed
    logs = dict(zip(random.Random(yours).sample(list(models), len(models)), LOGS, strict=True))
    proofs = {name: _proof(*probes[name], losses[name][0]) for name in models}
    riddle = None if bench.mistake else _riddle(curves, logs)

    def log(name: str) -> tuple[str, ...]:
        return (logs[name],) if riddle else ()

    rows = [
        (name, *log(name), spread(losses[name], ".4f"), spread(shares[name], ".3f"), said[name], proofs[name])
        for name in models
    ]
    better = [name for name in BROKEN if max(losses[name]) < min(losses[yours])]
    exactly = {name: spread(values, ".3f") for name, values in shares.items()}
    numbers = {"exact": shares, "loss": losses, "losses": curves, "written": said, "probes": probes}
    return Finding(
        claim="No loss shows a leak: models that write nothing right reach one as wonderful as the right model's.",
        held=min(shares[yours]) >= 0.95 and len(_worthless(shares)) == len(_wonderful(losses)) == len(BROKEN),
        measured=f"exact translations of {len(data.test)} unseen days, {over(bench.seeds)}: "
        + "; ".join(f"{name} {exactly[name]} with a loss of {spread(losses[name], '.4f')}" for name in models),
        table=Table(
            (
                f"after {len(curves[yours])} batches",
                *(("log",) if riddle else ()),
                "loss",
                "exact",
                f"for {example}",
                "proof",
            ),
            rows,
        ),
        figures=figures(numbers),
        numbers=numbers,
        notes=[
            f"{len(better)} of 3 leaks have a lower loss than {yours}. Judge a model by what it writes on its own.",
            "The proof needs no training. Change the last token that the decoder is fed: no score before it may move. "
            "Then feed the token before each and compare: the loss must be about that of the log.",
        ],
        riddle=riddle,
    )


def figures(numbers: dict[str, Any]) -> list[Figure]:
    shares, curves = numbers["exact"], numbers["losses"]
    labels = {name: f"{name}: {100 * median_high(values):.0f} % right" for name, values in shares.items()}
    wonderful, worthless = _wonderful(numbers["loss"]), _worthless(shares)
    return [
        Figure(
            "leak",
            f"{len(wonderful)} of 3 leaks reach a loss below {WONDERFUL:g}, {len(worthless)} of 3 write nonsense",
            "The loss of each model over the batches, of the first seed; " + "; ".join(labels.values()),
            lambda axes: _draw(axes, curves, labels),
        )
    ]


def _wonderful(losses: Mapping[str, list[float]]) -> list[str]:
    """The mistakes whose loss is that of a model that has learned, with every seed."""
    return [name for name in BROKEN if max(losses[name]) < WONDERFUL]


def _worthless(shares: Mapping[str, list[float]]) -> list[str]:
    """The mistakes that write nearly nothing right, with every seed."""
    return [name for name in BROKEN if max(shares[name]) <= 0.05]


def _proof(moved: float, loss: float, logged: float) -> str:
    """What gives a leak away; nothing, where nothing does."""
    if moved > MOVED:
        return f"a later token moves earlier scores by {moved:.2g}"
    return f"fed the token before each, its loss is {loss:.2g}" if loss > WORSE * max(logged, 0.01) else "no leak found"


def _riddle(curves: dict[str, list[float]], logs: dict[str, str]) -> Riddle:
    steps = len(curves[YOURS])
    seen = sorted({1, *(max(1, steps * part // 6) for part in range(1, 7))})
    lines = ["batch  " + "".join(f"{step:>9}" for step in seen)]
    for name in sorted(logs, key=logs.__getitem__):
        lines.append(f"log {logs[name]}  " + "".join(f"{_around(curves[name], step):>9.4f}" for step in seen))
    question = Question("Four logs of the loss. Which is that of the one model without a leak?", tuple(LOGS))
    return Riddle(lines, question, logs[YOURS])


def _around(row: list[float], step: int) -> float:
    part = row[max(0, step - 20) : step]
    return sum(part) / len(part)


def _draw(axes: Any, curves: dict[str, list[float]], labels: dict[str, str]) -> None:
    for (name, row), style in zip(curves.items(), ("-", "--", "-.", ":"), strict=True):
        smooth = [_around(row, step) for step in range(1, len(row) + 1)]
        axes.plot(range(1, len(row) + 1), smooth, style, label=labels[name])
    axes.set(yscale="log", xlabel="batches of 64 pairs", ylabel="loss, nats per character (mean of 20)")
    axes.legend()


LAB = Lab("translate", QUESTION, 1, run, figures=figures)
