"""Gradients for a given cotangent, the same way on both sides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from grader.protocol.messages import Gradients
from grader.protocol.values import leaves


def pull_back(outputs: Sequence[Tensor], cotangents: Sequence[Tensor], wanted: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradient of the sum of outputs times cotangents with respect to each wanted tensor.

    A weighted sum, because `grad_outputs` of `torch.autograd.grad` imports sympy: 0.25 s in every process.

    Args:
        outputs: floating tensors; those without a graph do not count.
        cotangents: one for each output, of its shape and dtype.
        wanted: leaves.

    Returns:
        one gradient each, None where nothing flows back.
    """
    terms = [
        (output * cotangent).sum()
        for output, cotangent in zip(outputs, cotangents, strict=True)
        if output.requires_grad
    ]
    if not terms or not wanted:
        return [None] * len(wanted)
    return list(torch.autograd.grad(terms, list(wanted), allow_unused=True))


class Graph:
    """The outputs of a call and what they follow from.

    Args:
        value: what the call returned.
        inputs: its leaves.
        owner: the module whose method it was, if one.
    """

    def __init__(self, value: Any, inputs: list[Tensor], owner: Any) -> None:
        self._outputs = [item for item in leaves(value) if isinstance(item, Tensor) and item.is_floating_point()]
        self._inputs = inputs
        self._parameters = dict(owner.named_parameters()) if isinstance(owner, nn.Module) else {}

    def pull_back(self, cotangents: list[Tensor]) -> Gradients:
        """The gradients of the inputs, in their order, and of the parameters, by name."""
        gradients = pull_back(self._outputs, cotangents, [*self._inputs, *self._parameters.values()])
        of_parameters = dict(zip(self._parameters, gradients[len(self._inputs) :], strict=True))
        return Gradients(gradients[: len(self._inputs)], of_parameters)


def flattened(state: Mapping[str, Tensor]) -> Tensor:
    """All values of a state, of one dtype, in one row: one tensor crosses faster than fifty."""
    with torch.no_grad():
        return torch.cat([tensor.reshape(-1) for tensor in state.values()])


def split_like(values: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Splits a row of values into tensors of these shapes."""
    pieces = torch.split(values, [math.prod(shape) for shape in shapes])
    both = zip(pieces, shapes, strict=True)
    return [piece if len(shape) == 1 else piece.view(shape) for piece, shape in both]
