"""The lab of exercise 9: what six layers do to the differences between words."""

from __future__ import annotations

from typing import Any

from grader.labs.bench import Bench, numbers
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread

LAYERS, LENGTH, WIDTH = 6, 12, 64
KINDS = ("attention alone", "with the residual", "your whole layer")
QUESTION = Question(
    "Twelve random words go through six attentions, one after the other, without residual connections. What then?",
    ("they differ more than before", "they differ as much as before", "all twelve are the same"),
)


def run(bench: Bench) -> Finding:
    found: list[list[list[float]]] = []
    sizes: list[list[list[float]]] = []
    for seed in range(bench.seeds):
        bench.tell(f"seed {seed}", seed / bench.seeds)
        answer = bench.ask("cosines", seed, LAYERS, LENGTH, WIDTH)
        found.append(numbers(answer.get("cosine"), (3, LAYERS + 1), "the cosines").tolist())
        sizes.append(numbers(answer.get("size"), (3, LAYERS + 1), "the sizes").tolist())
    middle = [[_middle([one[kind][i] for one in found]) for i in range(LAYERS + 1)] for kind in range(3)]
    size = [_middle([one[kind][-1] for one in sizes]) for kind in range(3)]
    rows = [
        (
            name,
            *(spread([one[kind][i] for one in found], ".2f") for i in (1, 3, LAYERS)),
            f"{size[kind]:.2f}",
        )
        for kind, name in enumerate(KINDS)
    ]
    alone, whole = middle[0][-1], middle[2][-1]
    return Finding(
        claim="Without residual connections attention makes all words the same; with them they stay apart.",
        held=alone > 0.95 and whole < 0.7,
        measured=f"mean cosine between different words after {LAYERS} layers, {over(bench.seeds)}: "
        + "; ".join(f"{row[0]}: {row[3]}" for row in rows),
        table=Table(("cosine between words", "1 layer", "3 layers", f"{LAYERS} layers", "size of an entry"), rows),
        figures=[
            Figure(
                "collapse",
                f"Mean cosine between words after {LAYERS} layers: {alone:.2f} with attention alone, {whole:.2f} with "
                "your whole layer",
                f"Three lines over the number of layers, from 0 to {LAYERS}: "
                + "; ".join(f"{name}: {_points(line)}" for name, line in zip(KINDS, middle, strict=True)),
                lambda axes: _draw(axes, found),
            )
        ],
        numbers={"kinds": list(KINDS), "cosine": found, "size": sizes},
        notes=["Nothing was trained. Directions are compared: 1 means that all vectors point one way."],
    )


def _points(line: list[float]) -> str:
    return ", ".join(f"{round(value, 2) + 0.0:.2f}" for value in line)  # -0.0 is no less than 0


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _draw(axes: Any, found: list[list[list[float]]]) -> None:
    layers = range(LAYERS + 1)
    for kind, style in enumerate(("-", "--", "-.")):
        lines = [one[kind] for one in found]
        axes.plot(layers, [_middle([line[i] for line in lines]) for i in layers], style, label=KINDS[kind])
        axes.fill_between(
            layers, [min(line[i] for line in lines) for i in layers], [max(line[i] for line in lines) for i in layers],
            alpha=0.2,
        )  # fmt: skip
    axes.set(xlabel="layers", ylabel="mean cosine between different words", ylim=(-0.1, 1.05))
    axes.legend()


LAB = Lab("collapse", QUESTION, 3, run)
