"""The first values of torch's layers, for less, and none where weights are loaded over them at once.

Risks: torch's `reset_parameters` is replaced in this process, so a function mode of the learner's does not see it at
work; and a layer made without values must be filled before it is used.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

LAYERS: tuple[Any, ...] = (nn.Linear, nn.Embedding, nn.RNNBase)
"""The layers whose first values are drawn."""
_drawn = True


@functools.cache
def patch_layer_init() -> None:
    """Makes layers draw their initial values with function modes off: the same values for less.

    Once for a process, and for good: Python looks up every attribute of a class slowly for a while after each change.
    """
    for kind in LAYERS:
        kind.reset_parameters = _light(kind.reset_parameters)


def _light(original: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(original)
    def reset_parameters(layer: Any) -> None:
        if not _drawn:
            return
        with torch._C.DisableTorchFunction():
            if type(layer) is nn.Linear and layer.weight.numel():
                _draw_linear(layer.weight.detach(), None if layer.bias is None else layer.bias.detach())
            else:
                original(layer)

    return reset_parameters


def _draw_linear(weight: Tensor, bias: Tensor | None) -> None:
    """What nn.Linear draws: its weights as `kaiming_uniform_` with a slope of sqrt(5), its biases within the same."""
    of_weight, of_bias = _bounds(weight.size(1))
    weight.uniform_(-of_weight, of_weight)
    if bias is not None:
        bias.uniform_(-of_bias, of_bias)


@functools.cache
def _bounds(fan_in: int) -> tuple[float, float]:
    """Those of a linear layer's weights and of its biases, in the order of torch's own steps: to the last bit."""
    deviation = nn.init.calculate_gain("leaky_relu", math.sqrt(5)) / math.sqrt(fan_in)
    return math.sqrt(3.0) * deviation, 1 / math.sqrt(fan_in)


@contextmanager
def uninitialised_layers() -> Iterator[None]:
    """Leaves layers that are made in this block uninitialised; torch's random state stays as it is."""
    global _drawn
    patch_layer_init()
    _drawn = False
    try:
        yield
    finally:
        _drawn = True
