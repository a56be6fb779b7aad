"""The lab of exercise 6: how one-sided a softmax gets as keys grow wider."""

from __future__ import annotations

from typing import Any

from grader.labs.bench import Bench, numbers
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread

WIDTHS, KEYS = (4, 16, 64, 256), 10
QUESTION = Question(
    "Ten random keys, scores that are not divided. How large is the largest of the ten weights when d_k is 256?",
    ("about 0.1, as for any ten", "about 0.5", "above 0.9"),
)


def run(bench: Bench) -> Finding:
    plain: list[list[float]] = []
    yours: list[list[float]] = []
    slope: list[list[float]] = []
    for seed in range(bench.seeds):
        bench.tell(f"seed {seed}", seed / bench.seeds)
        answer = bench.ask("largest", seed, list(WIDTHS), KEYS)
        weight = numbers(answer.get("weight"), (len(WIDTHS), 2), "the weights")
        plain.append(weight[:, 0].tolist())
        yours.append(weight[:, 1].tolist())
        slope.append(numbers(answer.get("slope"), (len(WIDTHS), 2), "the slopes")[:, 0].tolist())
    column = {
        name: [[row[i] for row in rows] for i in range(len(WIDTHS))]
        for name, rows in (("plain", plain), ("yours", yours), ("slope", slope))
    }
    middle = {name: [sorted(v)[len(v) // 2] for v in values] for name, values in column.items()}
    rows = [
        (f"d_k = {width}", spread(column["plain"][i], ".2f"), spread(column["yours"][i], ".2f"))
        for i, width in enumerate(WIDTHS)
    ]
    flat = max(middle["yours"]) - min(middle["yours"])
    return Finding(
        claim="Undivided scores make the softmax one-sided as keys grow wider; divided by sqrt(d_k) they do not.",
        held=middle["plain"][-1] > 0.85 and flat < 0.1,
        measured=f"the largest of {KEYS} weights at d_k {WIDTHS[0]} and {WIDTHS[-1]}, {over(bench.seeds)}: undivided "
        f"{middle['plain'][0]:.2f} and {middle['plain'][-1]:.2f}, yours {middle['yours'][0]:.2f} and "
        f"{middle['yours'][-1]:.2f}; the mean slope of the undivided softmax falls from {middle['slope'][0]:.3f} to "
        f"{middle['slope'][-1]:.3f}",
        table=Table((f"largest of {KEYS} weights", "undivided", "your attention_scores"), rows),
        figures=[
            Figure(
                "saturation",
                f"At d_k = {WIDTHS[-1]} the largest of {KEYS} weights is {middle['plain'][-1]:.2f} undivided, "
                f"{middle['yours'][-1]:.2f} with your attention_scores",
                f"Two lines over d_k, from {WIDTHS[0]} to {WIDTHS[-1]}: undivided from {middle['plain'][0]:.2f} to "
                f"{middle['plain'][-1]:.2f}, your attention_scores from {middle['yours'][0]:.2f} to "
                f"{middle['yours'][-1]:.2f}.",
                lambda axes: _draw(axes, column),
            )
        ],
        numbers={"d_k": list(WIDTHS), **column},
    )


def _draw(axes: Any, column: dict[str, list[list[float]]]) -> None:
    for name, label, style in (("plain", "undivided", "s--"), ("yours", "your attention_scores", "o-")):
        middle = [sorted(values)[len(values) // 2] for values in column[name]]
        low = [m - min(v) for m, v in zip(middle, column[name], strict=True)]
        high = [max(v) - m for m, v in zip(middle, column[name], strict=True)]
        axes.errorbar(WIDTHS, middle, yerr=[low, high], fmt=style, capsize=4, label=label)
    axes.set(xscale="log", xlabel="d_k, features of a key", ylabel=f"largest of {KEYS} weights", ylim=(0, 1.05))
    axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    axes.minorticks_off()
    axes.legend()


LAB = Lab("saturation", QUESTION, 3, run)
