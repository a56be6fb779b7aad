"""The lab of exercise 11: what twice the length costs, and how much of the work must wait for other work."""

from __future__ import annotations

from typing import Any

import torch

from grader.labs.bench import Bench, numbers
from grader.labs.lab import Figure, Finding, Lab, Question, Table

LENGTHS, BATCH, WIDTH = (16, 32, 64, 128, 256), 8, 64
MORE = (512, 1024)
"""Lengths of a full run."""
KINDS = ("your encode (recurrent)", "your EncoderLayer (attention)")
COUNTED = ("work", "chain", "seconds")
QUESTION = Question(
    "A sequence becomes twice as long. For which of your two encoders does the work grow more than twofold?",
    ("the recurrent one", "the one with attention", "neither"),
)


def run(bench: Bench) -> Finding:
    lengths = [*LENGTHS, *MORE] if bench.full else [*LENGTHS]
    lengths = lengths[:3] if bench.steps else lengths
    found: dict[str, dict[str, list[list[float]]]] = {}
    places = [bench.device, *bench.others]
    for number, device in enumerate(places):
        bench.tell(f"lengths up to {lengths[-1]} on {device}", 0.1 + 0.9 * number / len(places))
        answer = bench.ask("cost", 0, torch.zeros(1), lengths, BATCH, WIDTH, 1 if bench.steps else 3, device=device)
        found[device] = {name: numbers(answer.get(name), (len(lengths), 2), name).tolist() for name in COUNTED}
    bench.tell("done", 1.0)
    work, chain = found[bench.device]["work"], found[bench.device]["chain"]
    seconds = {device: counted["seconds"] for device, counted in found.items()}
    growth = [work[-1][kind] / max(work[-2][kind], 1) for kind in (0, 1)]
    longer = [chain[-1][kind] / max(chain[0][kind], 1) for kind in (0, 1)]
    rows = [
        (
            f"{length} words",
            *(f"{work[i][kind] / 1e6:.1f}" for kind in (0, 1)),
            *(f"{chain[i][kind]:.0f}" for kind in (0, 1)),
            *(f"{1000 * times[i][kind]:.1f}" for times in seconds.values() for kind in (0, 1)),
        )
        for i, length in enumerate(lengths)
    ]
    whats = ["M products", "chain", *("ms" if len(places) == 1 else f"ms on {device}" for device in places)]
    kinds = [f"{name}: {what}" for what in whats for name in ("recurrent", "attention")]
    heads = (f"batch of {BATCH}, d {WIDTH}", *kinds)
    million = [[row[kind] / 1e6 for row in work] for kind in (0, 1)]
    chains = [[row[kind] for row in chain] for kind in (0, 1)]
    compared = [f"{_faster(times[-1])} on {device}" for device, times in seconds.items()]
    return Finding(
        claim="Twice the length is twice the work for recurrence and more for attention, which need not wait.",
        held=1.9 < growth[0] < 2.1 and growth[1] > growth[0] + 0.1 and longer[1] < 1.5 < longer[0],
        measured=f"from {lengths[-2]} to {lengths[-1]} words the work grows {growth[0]:.2f} times (recurrent) and "
        f"{growth[1]:.2f} times (attention); the longest chain of operations is {chain[-1][0]:.0f} and "
        f"{chain[-1][1]:.0f} long. At {lengths[-1]} words attention was {' and '.join(compared)}",
        table=Table(heads, rows),
        figures=[
            Figure(
                "price",
                f"Twice the words: {growth[1]:.1f} times the work for attention, {growth[0]:.1f} for recurrence",
                f"Two rising lines on logarithmic scales, millions of products over {lengths[0]} to {lengths[-1]} "
                f"words: recurrence from {million[0][0]:.0f} to {million[0][-1]:.0f}, attention from "
                f"{million[1][0]:.0f} to {million[1][-1]:.0f}.",
                lambda axes: _lines(axes, lengths, million, "work, millions of products"),
            ),
            Figure(
                "chain",
                f"{chain[-1][0]:.0f} operations in a row against {chain[-1][1]:.0f}: recurrence must wait for itself",
                f"The recurrent encoder's chain of operations grows from {chain[0][0]:.0f} to {chain[-1][0]:.0f} with "
                f"the length, that of attention stays {chain[-1][1]:.0f}.",
                lambda axes: _lines(axes, lengths, chains, "operations in a row"),
            ),
        ],
        numbers={"lengths": lengths, "work": work, "chain": chain, "seconds": seconds},
        notes=[
            "Work is counted in the forward pass (products of two numbers), time over forward and backward, best of "
            "three. The part of attention that grows fourfold is the table of weights, one for each pair of words; the "
            "rest of its layer grows twofold."
        ],
    )


def _faster(seconds: list[float]) -> str:
    """What attention was, of the two."""
    return "faster" if seconds[1] < seconds[0] else "slower"


def _lines(axes: Any, lengths: list[int], values: list[list[float]], what: str) -> None:
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    for kind, style in enumerate(("s--", "o-")):
        axes.plot(lengths, values[kind], style, label=KINDS[kind])
    axes.set(xscale="log", yscale="log", xlabel="words in a sequence", ylabel=what)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.legend()


LAB = Lab("price", QUESTION, 1, run)
