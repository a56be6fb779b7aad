"""The lab of exercise 8: which heads a trained model needs, and what it writes where it may not look."""

from __future__ import annotations

from typing import Any

import torch

from grader.labs.bench import Bench
from grader.labs.dates import EXAMPLE, dates
from grader.labs.lab import Figure, Finding, Lab, Question, Table, Typed
from grader.labs.shipped import shipped
from grader.labs.translator import HEADS, LAYERS, exact

HIDDEN = "_"
PARTS = {
    "encoder": "the source looks at itself",
    "decoder": "the target looks back",
    "cross": "the target looks at the source",
}
"""The kinds of attention: as the program calls them, and what they do."""
DAYS = 60
QUESTION = Question(
    "A model that translates dates has 24 heads. You switch off one at a time. How many of the 24 can it do without, "
    "alone, and still write 9 dates of 10 right?",
    ("at most 6", "7 to 14", "15 or more"),
)


def run(bench: Bench) -> Finding:
    data = dates(pairs=3 * DAYS, test=6 if bench.steps else DAYS)
    translator = shipped(bench)
    whole, _ = exact(translator, data)
    places = [(part, layer) for part in PARTS for layer in range(LAYERS)]
    shares: dict[str, list[float]] = {}
    for number, (part, layer) in enumerate(places):
        bench.tell(f"{part} layer {layer + 1}", number / len(places))
        cut = [translator.write([source for source, _ in data.test], {part: [layer, head]}) for head in range(HEADS)]
        right = [[w == t for w, (_, t) in zip(written, data.test, strict=True)] for written in cut]
        shares[_name(part, layer)] = [sum(row) / len(row) for row in right]
    mask = bench.typed or _without_month(EXAMPLE)
    seen = torch.tensor([character != HIDDEN for character in mask])
    looked, read = (
        translator.write([EXAMPLE], {"seen": seen, "everywhere": all_of_it})[0] for all_of_it in (False, True)
    )
    bench.tell("done", 1.0)
    numbers = {"right": shares, "all heads": whole, "mask": mask, "decoder masked": looked, "all masked": read}
    flat, spared = _heads(shares)
    worst = min(shares, key=lambda name: min(shares[name]))
    return Finding(
        claim="Heads are not alike: most can be spared, one at a time, and some cost many dates.",
        held=spared > len(flat) / 2 and min(flat) < 0.8,
        measured=f"of {len(flat)} heads {spared} can be switched off with 9 of 10 dates still right; without the most "
        f"needed one ({worst}) {100 * min(flat):.0f} % of {len(data.test)} dates are right, with all heads "
        f"{100 * whole:.0f} %",
        table=Table(
            ("dates right without the head", *(f"head {head}" for head in range(HEADS))),
            [(name, *(f"{share:.2f}" for share in row)) for name, row in shares.items()],
        ),
        figures=figures(numbers),
        numbers=numbers,
        notes=[
            f"Your mask {mask}: where the decoder may not look there, it writes {looked!r}; where nothing may, the "
            f"encoder neither, {read!r}. Without a mask: {translator.write([EXAMPLE])[0]!r}.",
        ],
    )


def figures(numbers: dict[str, Any]) -> list[Figure]:
    shares = numbers["right"]
    flat, spared = _heads(shares)
    return [
        Figure(
            "surgery",
            f"{spared} of the {len(flat)} heads can be spared, one at a time; without the most needed one "
            f"{100 * min(flat):.0f} % of the dates are right",
            "A grid, a row for each layer and a column for each head: "
            + "; ".join(_row(name, row) for name, row in shares.items()),
            lambda axes: _draw(axes, shares),
        )
    ]


def _heads(shares: dict[str, list[float]]) -> tuple[list[float], int]:
    """The share of dates that is right without each head, and how many heads can be spared."""
    flat = [share for row in shares.values() for share in row]
    return flat, sum(share >= 0.9 for share in flat)


def _name(part: str, layer: int) -> str:
    return f"{PARTS[part]}, layer {layer + 1}"


def _row(name: str, row: list[float]) -> str:
    return f"{name}: " + ", ".join(f"{share:.2f}" for share in row)


def _draw(axes: Any, shares: dict[str, list[float]]) -> None:
    image = axes.imshow(list(shares.values()), aspect="auto", cmap="Greys_r", vmin=0.2, vmax=1)
    for y, row in enumerate(shares.values()):
        for x, share in enumerate(row):
            axes.text(x, y, f"{share:.2f}", ha="center", va="center", color="black" if share > 0.6 else "white")
    axes.set_xticks(range(HEADS), [f"head {head}" for head in range(HEADS)])
    axes.set_yticks(range(len(shares)), list(shares), fontsize=9)
    axes.grid(False)
    axes.figure.colorbar(image, ax=axes, label="share of dates right without it")


def _without_month(text: str) -> str:
    return text.replace("3", HIDDEN)


def _refused(mask: str) -> str | None:
    if len(mask) == len(EXAMPLE) and all(m in (HIDDEN, c) for m, c in zip(mask, EXAMPLE, strict=True)):
        return None
    say = _without_month(EXAMPLE)
    return f"a mask is {EXAMPLE} with {HIDDEN} for every character that may not be looked at: {say}, for example"


LAB = Lab(
    "translate",
    QUESTION,
    1,
    run,
    Typed(f"your own mask: {EXAMPLE} with {HIDDEN} for what may not be looked at", _without_month(EXAMPLE), _refused),
    figures,
)
