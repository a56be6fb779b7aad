"""The global state around a learner's call: set before it, compared after it, put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass
class Surroundings:
    """What a call left changed, in the words of a sentence: settings, and everything with the random states."""

    settings: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def seed_everything(seed: int) -> None:
    """Seeds torch's, numpy's and Python's default random states."""
    torch.manual_seed(seed)
    np.random.seed(seed % (1 << 32))
    random.seed(seed)


def _settings() -> dict[str, Any]:
    return {
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "the number of threads": torch.get_num_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
    }


def _random_states() -> dict[str, Any]:
    state: tuple[Any, ...] = np.random.get_state()  # type: ignore[assignment]
    _, keys, position, *gauss = state
    return {
        "torch's random state": torch.get_rng_state().numpy().tobytes(),
        "numpy's random state": (keys.tobytes(), position, *gauss),
        "Python's random state": random.getstate(),
    }


def _put_back(settings: dict[str, Any]) -> None:
    torch.set_grad_enabled(settings["grad mode"])
    torch.set_default_dtype(settings["the default dtype"])
    device = settings["the default device"]
    torch.set_default_device(None if device.type == "cpu" else device)  # None also ends the mode that a device starts
    torch.set_num_threads(settings["the number of threads"])
    torch.use_deterministic_algorithms(settings["deterministic algorithms"])


@contextmanager
def watched(*, seed: int | None = None) -> Iterator[Surroundings]:
    """Runs a block and says what it left changed; settings are put back, random states stay.

    Args:
        seed: seeds the default random states first.
    """
    if seed is not None:
        seed_everything(seed)
    settings, states, seen = _settings(), _random_states(), Surroundings()
    try:
        yield seen
    finally:
        after = {**_settings(), **_random_states()}
        seen.settings += [name for name, before in settings.items() if after[name] != before]
        seen.changed += seen.settings + [name for name, before in states.items() if after[name] != before]
        if seen.settings:
            _put_back(settings)


def counting_saved(saved: list[int]) -> AbstractContextManager[Any]:
    """Appends to `saved` whenever autograd keeps a tensor for a backward pass."""

    def keep(tensor: Tensor) -> Tensor:
        saved.append(1)
        return tensor

    return torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
