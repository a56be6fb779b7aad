"""Lines of digits to be copied, and how much of them is copied right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from grader.labs.bench import Bench, numbers
from grader.labs.lab import Table, spread
from grader.labs.side_by_side import side_by_side
from grader.labs.training import Run, Trained, train

PAD, BOS, EOS = 0, 1, 2
SHORTEST, LONGEST, BATCH = 2, 12, 64
LENGTHS, LINES = (4, 6, 8, 10, 12), 200
"""The lengths of the test, and how many lines of each."""


def lines(seed: str, count: int, shortest: int, longest: int, backwards: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Sources, lengths and targets, padded to LONGEST.

    Args:
        backwards: the target is the source written backwards.
    """
    random = torch.Generator().manual_seed(int.from_bytes(seed.encode(), "big") % (1 << 62))
    lengths = torch.randint(shortest, longest + 1, (count,), generator=random)
    digits = torch.randint(3, 13, (count, LONGEST), generator=random)
    positions = torch.arange(LONGEST)
    real = positions < lengths.unsqueeze(1)
    source = digits.masked_fill(~real, PAD)
    turned = (lengths.unsqueeze(1) - 1 - positions).clamp(min=0)
    body = digits.gather(1, turned).masked_fill(~real, PAD) if backwards else source
    target = torch.cat([body, torch.full((count, 1), PAD)], dim=1)
    target[torch.arange(count), lengths] = EOS
    return source, lengths, target


def batches(seed: int, backwards: bool, first: int, last: int) -> list[Tensor]:
    made = [lines(f"{seed} {step}", BATCH, SHORTEST, LONGEST, backwards) for step in range(first, last)]
    return [torch.stack(tensors) for tensors in zip(*made, strict=True)]


def exact(bench: Bench, trained: Trained, kind: str, backwards: bool) -> list[float]:
    """The share of lines that are written without a mistake, at each of LENGTHS."""
    shares = []
    for length in LENGTHS:
        source, lengths, target = lines(f"test {length}", LINES, length, length, backwards)
        answer = bench.ask("write", trained.state, kind, source, lengths, LONGEST + 1)
        tokens = numbers(answer.get("tokens"), (LINES, None), "what was written").long()
        width = max(tokens.size(1), target.size(1))
        same = _wide(tokens, width) == _wide(target, width)
        shares.append(same.all(dim=1).double().mean().item())
    return shares


def _wide(tokens: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(tokens, (0, width - tokens.size(1)), value=PAD)


@dataclass(frozen=True)
class Contender:
    """One model on one task.

    Args:
        name: in tables and figures.
        kind: `fixed`, `reversed` or `attention`.
        backwards: it writes the line backwards.
    """

    name: str
    kind: str
    backwards: bool = False


@dataclass(frozen=True)
class Scores:
    """For each contender: the share of exact lines by seed and length, and the loss by seed."""

    exact: dict[str, list[list[float]]]
    loss: dict[str, list[float]]

    def at(self, name: str, length: int) -> list[float]:
        """Over the seeds, at one length."""
        return [row[LENGTHS.index(length)] for row in self.exact[name]]

    def table(self) -> Table:
        columns = ("lines without a mistake", *(f"{length} digits" for length in LENGTHS), "loss")
        rows = [
            (name, *(spread(self.at(name, length), ".2f") for length in LENGTHS), spread(self.loss[name], ".3f"))
            for name in self.exact
        ]
        return Table(columns, rows)


def compete(bench: Bench, contenders: Sequence[Contender], steps: int) -> Scores:
    """Trains and tests every contender with every seed."""
    found: dict[str, list[list[float]]] = {one.name: [] for one in contenders}
    losses: dict[str, list[float]] = {one.name: [] for one in contenders}
    turns = [(seed, one) for seed in range(bench.seeds) for one in contenders]

    def test(seed: int, one: Contender, bench: Bench) -> tuple[list[float], float]:
        run = Run(one.name, one.kind, partial(batches, seed, one.backwards), bench.steps or steps, seed)
        trained = train(bench, run)
        return exact(bench, trained, one.kind, one.backwards), trained.loss

    results = side_by_side(bench, [partial(test, *turn) for turn in turns])
    for (_, one), (shares, loss) in zip(turns, results, strict=True):
        found[one.name].append(shares)
        losses[one.name].append(loss)
    return Scores(found, losses)
