"""Which two mistakes may have given one answer together, judged by what each gives alone: before any pair is tried.

Where neither changes a number, both together hardly do; where one alone does, the number is mostly its. What both leave
as it is, or both bring about, such as rows that sum to one, is seen of the two together as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from grader.protocol.values import leaves

NEAR = 1e-6
MOST = 4_096
"""Numbers of an answer that are looked at."""


class Answer:
    """What came of one request, ready to be compared.

    Args:
        value: the result, with all that it holds.
    """

    def __init__(self, value: Any) -> None:
        self.tensors = [one for one in leaves(value) if isinstance(one, Tensor) and not one.is_complex()]

    @property
    def form(self) -> list[tuple[int, ...]]:
        return [tuple(one.shape) for one in self.tensors]

    @cached_property
    def numbers(self) -> Tensor:
        """(n,) float64: all that it holds, one after the other."""
        parts = [one.detach().flatten()[:MOST].double() for one in self.tensors]
        return torch.cat(parts).nan_to_num(nan=1e300, posinf=1e301, neginf=-1e301) if parts else torch.zeros(0)

    @cached_property
    def traits(self) -> dict[str, Any]:
        """What can be seen of it without knowing what is right."""
        return dict(self._traits())

    def _traits(self) -> Iterator[tuple[str, Any]]:
        ordered = self.numbers.sort().values
        yield "form", self.form
        yield "least", bool(self.numbers.numel()) and bool(ordered[0] < -NEAR)
        yield "zeros", int((self.numbers == 0).sum())
        yield "far", bool((self.numbers.abs() > 1e6).any())
        yield "whole", bool((self.numbers == self.numbers.round()).all())
        yield "sum", round(float(self.numbers.clamp(-1e6, 1e6).sum()), 6)
        for number, one in enumerate(self.tensors):
            for axis in range(one.dim() if 0 < one.numel() <= MOST else 0):
                sums = one.double().sum(axis)
                yield f"ones {number} {axis}", bool(torch.allclose(sums, torch.ones_like(sums), atol=NEAR))
                yield f"flat {number} {axis}", bool((one.double() - one.double().narrow(axis, 0, 1)).abs().max() < NEAR)


@dataclass(frozen=True)
class Question:
    """One request, its right answer, and the learner's."""

    right: Answer
    learners: Answer

    def fit(self, one: Answer, other: Answer) -> float:
        """How well two answers of mistakes alone go with the learner's as one of both: the more, the better."""
        alike = [name for name, value in one.traits.items() if other.traits.get(name) == value]
        held = sum(1.0 if self.learners.traits.get(name) == one.traits[name] else -3.0 for name in alike)
        seen = held / max(1, len(alike))
        sizes = {one.numbers.numel(), other.numbers.numel(), self.right.numbers.numel(), self.learners.numbers.numel()}
        if len(sizes) > 1 or not self.right.numbers.numel():
            return seen
        first, second = _changed(one.numbers, self.right.numbers), _changed(other.numbers, self.right.numbers)
        wanted = torch.where(first, one.numbers, other.numbers)
        clear = ~(first & second)
        wrong = clear & _changed(self.learners.numbers, wanted)
        return seen - 2.0 * float(wrong.sum()) / wrong.numel()


def _changed(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs() > NEAR * (1 + other.abs())
