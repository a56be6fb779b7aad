"""What chance decides: the outcomes of many equal draws, each with its share, and whether two files draw alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.diagnosis.small_loop import TableStep, step_of

DRAWS, TOSSES = 256, 512
"""Equal sentences in one call, and equal targets in one loop."""
MORE = 8
"""Times as many sentences that the reference is given: its shares are near the right ones. A loop costs too much."""
SURE = 6.0
"""Standard errors between two shares that chance alone does not explain: that would take 1e-9."""
DECIMALS = 2
"""Of numbers that are one outcome."""
MOST_OUTCOMES = 4
"""Of what is right; and those that are shown of what is not."""


@dataclass(frozen=True, eq=False)
class Shares:
    """How often each outcome came.

    Args:
        outcomes: the results that differ, the most frequent first.
        counts: how often each came.
    """

    outcomes: list[Any]
    counts: list[int]

    @classmethod
    def of(cls, draws: Tensor) -> Shares:
        """draws (draw, ...): a result each."""
        rows = draws.double().round(decimals=DECIMALS) + 0.0  # no -0
        found, counts = torch.unique(rows, dim=0, return_counts=True)
        order = counts.argsort(descending=True, stable=True)
        return cls((found if draws.is_floating_point() else found.long())[order].tolist(), counts[order].tolist())

    @property
    def is_chance(self) -> bool:
        """Whether there are several outcomes, few enough to be listed."""
        return 1 < len(self.outcomes) <= MOST_OUTCOMES

    def near(self, other: Shares) -> bool:
        """Whether no outcome's shares differ by more than chance explains."""
        mine, others = self._shares(), other._shares()
        return all(
            abs(mine.get(one, 0.0) - others.get(one, 0.0))
            <= SURE * math.hypot(self._error(mine.get(one, 0.0)), other._error(others.get(one, 0.0)))
            for one in mine | others
        )

    def listed(self) -> list[tuple[Any, float]]:
        """The outcomes that are shown, with their shares."""
        total = sum(self.counts)
        return [(one, count / total) for one, count in zip(self.outcomes, self.counts, strict=True)][:MOST_OUTCOMES]

    def _shares(self) -> dict[str, float]:
        total = sum(self.counts)
        return {repr(one): count / total for one, count in zip(self.outcomes, self.counts, strict=True)}

    def _error(self, share: float) -> float:
        """The standard error of a share: of one that never came too, it is not 0."""
        total = sum(self.counts)
        return math.sqrt(max(share * (1.0 - share), 1.0 / total) / total)


def repeated(given: dict[str, Any], draws: int) -> dict[str, Any]:
    """The arguments with as many equal sentences; of a loop with as many equal targets in each of them."""
    is_loop = step_of(list(given.values())) is not None
    return {name: _repeated(value, draws, is_loop) for name, value in given.items()}


def _repeated(value: Any, draws: int, is_loop: bool) -> Any:
    if not isinstance(value, Tensor):
        return value
    if is_loop:
        return value.repeat(1, draws)
    has_batch = value.dim() == 3 or value.dtype is torch.int64
    return value.repeat(draws, *[1] * (value.dim() - 1)) if has_batch else value


def by_chance(values: Sequence[Any], draws: int, step: TableStep | None) -> list[tuple[str, Any]]:
    """What came of the draws: of a loop what its step was fed, else the sentences; nothing where they are not there.

    Args:
        values: what each call returned; of several calls one outcome is what all of them gave.
    """
    if step is not None:
        what, draws_of_calls = "what step is fed, by chance", _fed(step, draws, len(values))
    else:
        are_whole = all(isinstance(one, Tensor) and one.shape[:1] == (draws,) for one in values)
        what, draws_of_calls = "by chance", [one.squeeze(1) for one in values] if are_whole else []
    if len({one.shape for one in draws_of_calls}) != 1:
        return []
    if len(values) == 1:
        return [(what, Shares.of(draws_of_calls[0]))]
    return [(f"one call and the next, {what}", Shares.of(torch.stack(draws_of_calls, dim=1)))]


def _fed(step: TableStep, draws: int, calls: int) -> list[Tensor]:
    """What a step was fed in each call but for bos, which is no draw; nothing where the loops are longer or shorter."""
    if len(step.fed) != calls * draws or len({one.shape for one in step.fed}) != 1:
        return []
    return list(torch.stack(step.fed).view(calls, draws, -1)[:, 1:])
