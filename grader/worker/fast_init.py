"""The first values of torch's layers, for half the cost, and none where weights are loaded over them at once.

Risks: torch's `reset_parameters` is replaced in this process, so a function mode of the learner's does not see it at
work; and a layer made without values must be filled before it is used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

LAYERS: tuple[Any, ...] = (nn.Linear, nn.Embedding, nn.RNNBase)
"""The layers whose first values are drawn."""
_drawn = True


@functools.cache
def patch_layer_init() -> None:
    """Makes layers draw their initial values with function modes off: the same values at half the cost.

    Once for a process, and for good: Python looks up every attribute of a class slowly for a while after each change.
    """
    for kind in LAYERS:
        kind.reset_parameters = _light(kind.reset_parameters)


def _light(original: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(original)
    def reset_parameters(layer: Any) -> None:
        if _drawn:
            with torch._C.DisableTorchFunction():
                original(layer)

    return reset_parameters


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
