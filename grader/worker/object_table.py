"""What stays on the learner's side and is known to the grader by a number: modules, optimizers, and the grader's own
values on their way back."""

from __future__ import annotations

from typing import Any

from torch import nn

from grader.protocol.values import Reference
from grader.worker.describe import introduce_module
from grader.worker.optimizer import GradientDescent


class Opaque:
    """A value of the grader's that a learner's code may pass on and nothing else."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __repr__(self) -> str:
        return "<a state that only step understands>"


class ObjectTable:
    """The objects of one check, numbered in the order of appearance: the same for every file that is asked the same."""

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}

    def clear(self) -> None:
        self._objects.clear()
        self._numbers.clear()

    def __getitem__(self, number: int) -> Any:
        return self._objects[number]

    def refer(self, value: Any) -> Reference | None:
        """The reference for an object that stays here; None for everything else."""
        if isinstance(value, Opaque):
            return Reference("opaque", value._number)
        if isinstance(value, nn.Module):
            return Reference("module", self._keep(value), introduce_module(value)._asdict())
        if isinstance(value, GradientDescent):
            return Reference("optimizer", self._keep(value))
        return None

    def _keep(self, value: Any) -> int:
        number = self._numbers.setdefault(id(value), len(self._numbers))
        self._objects[number] = value
        return number
