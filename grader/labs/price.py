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
QUESTION = Question(
    "A sequence becomes twice as long. For which of your two encoders does the work grow more than twofold?",
    ("the recurrent one", "the one with attention", "neither"),
)


def run(bench: Bench) -> Finding:
    lengths = [*LENGTHS, *MORE] if bench.full else [*LENGTHS]
    lengths = lengths[:3] if bench.steps else lengths
    bench.tell(f"lengths up to {lengths[-1]}", 0.1)
    answer = bench.ask("cost", 0, torch.zeros(1), lengths, BATCH, WIDTH, 1 if bench.steps else 3)
    shape = (len(lengths), 2)
    work, chain, seconds = (numbers(answer.get(name), shape, name).tolist() for name in ("work", "chain", "seconds"))
    bench.tell("done", 1.0)
    growth = [work[-1][kind] / max(work[-2][kind], 1) for kind in (0, 1)]
    longer = [chain[-1][kind] / max(chain[0][kind], 1) for kind in (0, 1)]
    rows = [
        (
            f"{length} words",
            *(f"{work[i][kind] / 1e6:.1f}" for kind in (0, 1)),
            *(f"{chain[i][kind]:.0f}" for kind in (0, 1)),
            *(f"{1000 * seconds[i][kind]:.1f}" for kind in (0, 1)),
        )
        for i, length in enumerate(lengths)
    ]
    kinds = [f"{name}: {what}" for what in ("M products", "chain", "ms") for name in ("recurrent", "attention")]
    heads = (f"batch of {BATCH}, d {WIDTH}", *kinds)
    million = [[row[kind] / 1e6 for row in work] for kind in (0, 1)]
    chains = [[row[kind] for row in chain] for kind in (0, 1)]
    faster = "faster" if seconds[-1][1] < seconds[-1][0] else "slower"
    return Finding(
        claim="Twice the length is twice the work for recurrence and more for attention, which need not wait.",
        held=1.9 < growth[0] < 2.1 and growth[1] > growth[0] + 0.1 and longer[1] < 1.5 < longer[0],
        measured=f"from {lengths[-2]} to {lengths[-1]} words the work grows {growth[0]:.2f} times (recurrent) and "
        f"{growth[1]:.2f} times (attention); the longest chain of operations is {chain[-1][0]:.0f} and "
        f"{chain[-1][1]:.0f} long. At {lengths[-1]} words attention was {faster} here, on {bench.device}",
        table=Table(heads, rows),
        figures=[
            Figure(
                "price",
                f"Twice the words: {growth[1]:.1f} times the work for attention, {growth[0]:.1f} for recurrence",
                "Two rising lines on logarithmic scales: millions of products over the number of words.",
                lambda axes: _lines(axes, lengths, million, "work, M products"),
            ),
            Figure(
                "chain",
                f"{chain[-1][0]:.0f} operations in a row against {chain[-1][1]:.0f}: recurrence must wait for itself",
                "The recurrent encoder's chain of operations grows with the length, that of attention is one number.",
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


def _lines(axes: Any, lengths: list[int], values: list[list[float]], what: str) -> None:
    for kind, style in enumerate(("s--", "o-")):
        axes.plot(lengths, values[kind], style, label=KINDS[kind])
    axes.set(xscale="log", yscale="log", xlabel="words in a sequence", ylabel=what)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.legend()


LAB = Lab("price", QUESTION, 1, run)
