"""Running the reference beside a learner's code: with leaves for its inputs, or in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import Tensor, nn


class Leaves:
    """Arguments whose floating tensors are leaves, as the executor makes them, callbacks' results included."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.leaves: list[Tensor] = []
        self._positions: list[int | str] = []
        self.args = tuple(self._leaf(value, i) for i, value in enumerate(args))
        self.kwargs = {name: self._leaf(value, name) for name, value in kwargs.items()}

    def _leaf(self, value: Any, position: int | str) -> Any:
        if isinstance(value, Tensor):
            if not value.is_floating_point():
                return value
            leaf = value.detach().clone().requires_grad_()
            self.leaves.append(leaf)
            self._positions.append(position)
            return leaf
        if isinstance(value, (tuple, list)):
            return type(value)(self._leaf(item, position) for item in value)
        if callable(value) and not isinstance(value, nn.Module):
            return lambda *args: self._leaf(value(*args), position)
        return value

    def names(self, parameters: list[str]) -> list[str]:
        names = []
        for position in self._positions:
            known = isinstance(position, int) and position < len(parameters)
            names.append(parameters[position] if known else str(position))  # type: ignore[index]
        return names


def contiguous(value: Any) -> Any:
    """The same value; a tensor that is not contiguous is copied into order."""
    return value.contiguous() if isinstance(value, Tensor) else value


def detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    return tuple(detached(item) for item in value) if isinstance(value, tuple) else value


def owner_of(reference: Callable[..., Any]) -> nn.Module | None:
    owner = getattr(reference, "__self__", reference)
    return owner if isinstance(owner, nn.Module) else None


def widened(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.double() if value.is_floating_point() else value
    if isinstance(value, (tuple, list)):
        return type(value)(widened(item) for item in value)
    if isinstance(value, dict):
        return {name: widened(item) for name, item in value.items()}
    if callable(value):
        return lambda *args: widened(value(*args))
    return value


def in_float64(reference: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the reference returns in float64; its module, if it has one, is float64 meanwhile."""
    owner = owner_of(reference)
    with _widened_weights(owner) if owner is not None else nullcontext():
        return reference(*widened(args), **widened(kwargs))


@contextmanager
def _widened_weights(module: nn.Module) -> Iterator[None]:
    """A tenth of the cost of a copy."""
    weights = [(parameter, parameter.data) for parameter in module.parameters()]
    buffers = [(part, dict(part._buffers)) for part in module.modules() if part._buffers]
    for parameter, values in weights:
        parameter.data = widened(values)
    for part, held in buffers:
        part._buffers.update(widened(held))
    try:
        yield
    finally:
        for parameter, values in weights:
            parameter.data = values
        for part, held in buffers:
            part._buffers.update(held)
