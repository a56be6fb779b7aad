"""The lab of exercise 5: a head built by hand that looks one word back, and what drowns it."""

from __future__ import annotations

from typing import Any

from grader.labs.bench import Bench, numbers
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread

LENGTH, WIDTH, SHARPNESS = 50, 64, 50.0
SIZES = (0.0, 0.1, 0.3, 1.0)
QUESTION = Question(
    "A head made by hand finds the word before by its position. How often, once words of the same size as the "
    "positions are added?",
    ("nearly always", "about half of the time", "almost never"),
)


def run(bench: Bench) -> Finding:
    weight: list[list[float]] = []
    share: list[list[float]] = []
    table: list[list[float]] = []
    error = 0.0
    for seed in range(bench.seeds):
        bench.tell(f"seed {seed}", seed / bench.seeds)
        answer = bench.ask("look_back", seed, LENGTH, WIDTH, SHARPNESS, list(SIZES))
        weight.append(numbers(answer.get("weight"), (len(SIZES),), "the weights").tolist())
        share.append(numbers(answer.get("share"), (len(SIZES),), "the shares").tolist())
        table = numbers(answer.get("table"), (LENGTH, WIDTH), "the table of positions").tolist()
        error = max(error, float(numbers(answer.get("error"), (), "the error").item()))
    by_size = [[row[i] for row in share] for i in range(len(SIZES))]
    by_weight = [[row[i] for row in weight] for i in range(len(SIZES))]
    middle = [sorted(values)[len(values) // 2] for values in by_size]
    names = [f"words of size {size:g}" if size else "positions alone" for size in SIZES]
    rows = [(names[i], spread(by_weight[i], ".3f"), spread(by_size[i], ".2f")) for i in range(len(SIZES))]
    return Finding(
        claim="A head can look one word back by positions alone, and words of the positions' size drown that.",
        held=middle[0] > 0.99 and middle[-1] < 0.1,
        measured=f"how often the largest weight is on the word before, {over(bench.seeds)}: "
        + "; ".join(f"{row[0]}: {row[2]}" for row in rows),
        table=Table(("what the head reads", "weight on the word before", "how often it is the largest"), rows),
        figures=[
            Figure(
                "drowned",
                f"The head that looks one word back is right {100 * middle[0]:.0f} % of the time by positions alone, "
                f"{100 * middle[-1]:.0f} % under words of size 1",
                "A bar for each size of words: " + "; ".join(f"{r[0]}: {r[2]}" for r in rows),
                lambda axes: _bars(axes, by_size),
            ),
            Figure(
                "waves",
                "Every position has its own row: fast waves on the left, slow ones on the right",
                f"The table of positions as a picture, {LENGTH} rows and {WIDTH} columns, from -1 to 1.",
                lambda axes: _waves(axes, table),
            ),
        ],
        numbers={"sizes": list(SIZES), "weight": by_weight, "share": by_size, "largest error of the turning": error},
        notes=[
            "The head's queries are the positions turned back one step: table[p] @ turn(-1) is table[p-1], here to "
            f"within {error:.0e}. Its keys are the positions themselves. A trained model has to find such matrices, "
            "and has to keep words out of them."
        ],
    )


def _bars(axes: Any, by_size: list[list[float]]) -> None:
    names = ["positions\nalone", *(f"words of\nsize {size:g}" for size in SIZES[1:])]
    middle = [sorted(values)[len(values) // 2] for values in by_size]
    low = [m - min(v) for m, v in zip(middle, by_size, strict=True)]
    high = [max(v) - m for m, v in zip(middle, by_size, strict=True)]
    axes.bar(names, middle, yerr=[low, high], capsize=4)
    axes.set(ylabel="share of places where it is right", ylim=(0, 1.05))


def _waves(axes: Any, table: list[list[float]]) -> None:
    image = axes.imshow(table, aspect="auto", cmap="cividis", vmin=-1, vmax=1)
    axes.set(xlabel="column", ylabel="position")
    axes.grid(False)
    axes.figure.colorbar(image, ax=axes, label="entry")


LAB = Lab("positions", QUESTION, 3, run)
