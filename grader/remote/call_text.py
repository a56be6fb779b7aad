"""Calls in the words of a learner: `attention_scores(q, k)`."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


@lru_cache(maxsize=1024)
def parameter_names(reference: object, name: str) -> list[str]:
    """The names of the parameters of a function, or of a module's `forward`; empty where they cannot be known."""
    target: Any = reference
    for part in name.split("."):
        target = getattr(target, part, None)
    if isinstance(target, type):
        target = target.forward if hasattr(target, "forward") and "." not in name else target
    try:
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return []
    return names[1:] if names[:1] == ["self"] else names


def call_text(name: str, parameters: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The call as a learner would write it."""
    shown = [_argument(value, parameters[i] if i < len(parameters) else "...") for i, value in enumerate(args)]
    shown += [f"{key}={_argument(value, key)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def _argument(value: Any, name: str) -> str:
    plain = value is None or isinstance(value, (bool, int, float, str, torch.dtype, torch.device))
    return repr(value).removeprefix("torch.") if plain else name


def tensor_names(parameters: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    named = [(parameters[i] if i < len(parameters) else f"argument {i + 1}", value) for i, value in enumerate(args)]
    names: list[str] = []
    for name, value in [*named, *kwargs.items()]:
        if isinstance(value, Tensor):
            names.append(name)
        elif isinstance(value, (list, tuple)):
            names += [name] * sum(isinstance(item, Tensor) for item in value)
    return names
