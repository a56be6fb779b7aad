"""The lab of exercise 1: how much of the gradient is left 20 steps back."""

from __future__ import annotations

from typing import Any

from grader.labs.bench import Bench, numbers
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread

STEPS = 20
KINDS = {"rnn": "plain RNN", "lstm": "your LSTM", "forget": "your LSTM, forget bias 2"}
QUESTION = Question(
    "An LSTM, not trained yet, reads 21 words. Which change makes the gradient at the first word largest?",
    ("gates instead of a plain RNN", "a larger bias of the forget gate", "neither makes a difference"),
)


def run(bench: Bench) -> Finding:
    found: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    for seed in range(bench.seeds):
        bench.tell(f"seed {seed}", seed / bench.seeds)
        answer = bench.ask("gradients", seed, STEPS)
        for kind in KINDS:
            found[kind].append(numbers(answer.get(kind), (STEPS + 1,), "the gradients").tolist())
    shares = {kind: [row[STEPS] / max(row[0], 1e-300) for row in rows] for kind, rows in found.items()}
    middle = {kind: sorted(values)[len(values) // 2] for kind, values in shares.items()}
    held = middle["lstm"] > middle["rnn"] and middle["forget"] > 100 * middle["lstm"]
    rows = [(name, spread(shares[kind], ".2g")) for kind, name in KINDS.items()]
    left = f"{STEPS} steps back, a forget bias of 2 leaves {middle['forget']:.2f} of the gradient"
    title = f"{left}; gates alone leave {middle['lstm']:.5f}"
    return Finding(
        claim="Gates carry a gradient further than a plain RNN does, and most of all when they start open.",
        held=held,
        measured=f"gradient at the word {STEPS} steps back, as a share of that at the last word, {over(bench.seeds)}: "
        + "; ".join(f"{name}: {spread(shares[kind], '.2g')}" for kind, name in KINDS.items()),
        table=Table(("before any training", f"gradient {STEPS} steps back"), rows),
        figures=[
            Figure(
                "memory",
                title,
                f"Three lines over the words back, from 0 to {STEPS}, on a logarithmic scale. They end at: "
                + "; ".join(f"{name}: {middle[kind]:.2g}" for kind, name in KINDS.items()),
                lambda axes: _draw(axes, found),
            )
        ],
        numbers={"share": shares, "gradients": found},
        notes=["Nothing was trained: this is how a model begins. Gates can learn to open; these have not yet."],
    )


def _draw(axes: Any, found: dict[str, list[list[float]]]) -> None:
    for (kind, name), style in zip(KINDS.items(), ("-", "--", "-."), strict=True):
        rows = found[kind]
        middle = [sorted(row[k] / row[0] for row in rows)[len(rows) // 2] for k in range(STEPS + 1)]
        axes.plot(range(STEPS + 1), middle, style, label=name)
        low = [min(row[k] / row[0] for row in rows) for k in range(STEPS + 1)]
        high = [max(row[k] / row[0] for row in rows) for k in range(STEPS + 1)]
        axes.fill_between(range(STEPS + 1), low, high, alpha=0.2)
    axes.set(
        yscale="log",
        xticks=range(0, STEPS + 1, 5),
        xlabel="words back from the last one",
        ylabel="gradient, share of the last word's",
    )
    axes.legend()


LAB = Lab("memory", QUESTION, 3, run)
