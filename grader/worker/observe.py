"""What a learner's call leaves changed: its inputs, and the global state, which is put back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.protocol.codec import raw_bytes

_CPU = torch.device("cpu")


@dataclass
class Observation:
    """What a block left changed, in the words of a sentence."""

    settings: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """The settings, and the random states."""
    mutated: list[int] = field(default_factory=list)
    """Which of the inputs, by their order."""
    saved: int = 0
    """How many tensors autograd kept for a backward pass, where they were counted."""


def seed_everything(seed: int) -> None:
    """Seeds torch's, numpy's and Python's default random states."""
    torch.default_generator.manual_seed(seed)  # torch.manual_seed formats a traceback where CUDA has not started
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)
    np.random.seed(seed % (1 << 32))
    random.seed(seed)


def keep_float32_whole() -> None:
    """No TF32, with its 10 bits, in what cuDNN computes. For products of matrices torch has it off."""
    torch.backends.cudnn.allow_tf32 = False


def _settings() -> dict[str, Any]:
    return {
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "the default dtype": torch.get_default_dtype(),
        "the default device": _default_device(),
        "the number of threads": torch.get_num_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "the search for anomalies": torch.is_anomaly_enabled(),
    }


def _default_device() -> torch.device:
    """A default device is a function mode; where there is no mode, torch's slow search is not needed."""
    return torch.get_default_device() if torch._C._len_torch_function_stack() else _CPU


def _random_states() -> dict[str, Any]:
    return {
        "torch's random state": [state.numpy().tobytes() for state in _torch_states()],
        "numpy's random state": _numpy_state(),
        "Python's random state": random.getstate(),
    }


def _torch_states() -> list[Tensor]:
    """The CPU's, and the GPU's where that is in use."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if in_use else [])]


def _numpy_state() -> dict[str, Any]:
    whole: Any = np.random.get_state(legacy=False)
    parts = {**whole, **whole["state"], "state": None}
    return {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in parts.items()}


def _put_back(settings: dict[str, Any], changed: Sequence[str]) -> None:
    """Restores only what changed: setting deterministic algorithms imports the compiler, for a second."""
    device = settings["the default device"]
    setters: dict[str, Callable[[], Any]] = {
        "grad mode": lambda: torch.set_grad_enabled(settings["grad mode"]),
        "the default dtype": lambda: torch.set_default_dtype(settings["the default dtype"]),
        # None also ends the mode that a device starts.
        "the default device": lambda: torch.set_default_device(None if device.type == "cpu" else device),
        "the number of threads": lambda: torch.set_num_threads(settings["the number of threads"]),
        "deterministic algorithms": lambda: torch.use_deterministic_algorithms(settings["deterministic algorithms"]),
        "the search for anomalies": lambda: torch.set_anomaly_enabled(settings["the search for anomalies"]),
    }
    for name in changed:
        setters.get(name, lambda: None)()


@contextmanager
def observed(
    inputs: Sequence[Tensor] = (),
    sent: Sequence[memoryview] = (),
    *,
    count: bool = False,
    random_states: bool = False,
) -> Iterator[Observation]:
    """Runs a block and says what it left changed; settings are put back, random states stay.

    Args:
        inputs: what the block may change and should not.
        sent: the values of each input, in row-major order.
        count: count what autograd saves.
        random_states: look at the default random states too, which costs as much as all else.
    """
    seen = Observation()
    before = [_form(tensor) for tensor in inputs]
    settings, states = _settings(), _random_states() if random_states else {}
    try:
        with _counting(seen) if count else nullcontext():
            yield seen
    finally:
        after = {**_settings(), **(_random_states() if random_states else {})}
        seen.settings += [name for name, value in settings.items() if after[name] != value]
        seen.changed += seen.settings + [name for name, value in states.items() if after[name] != value]
        if seen.settings:
            _put_back(settings, seen.settings)
    same_form = [_form(tensor) == form for tensor, form in zip(inputs, before, strict=True)]
    seen.mutated += [i for i, values in enumerate(sent) if not (same_form[i] and raw_bytes(inputs[i]) == values)]


def _form(tensor: Tensor) -> tuple[object, ...]:
    return tuple(tensor.shape), tensor.stride(), tensor.requires_grad


def _counting(seen: Observation) -> AbstractContextManager[Any]:
    def keep(tensor: Tensor) -> Tensor:
        seen.saved += 1
        return tensor

    return torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
