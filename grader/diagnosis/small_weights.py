"""The module of a small call: each matrix is the identity, each bias 0, each factor of a norm 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from grader.checks.module_pool import ModulePool, pool_of
from grader.worker.fast_init import LAYERS, uninitialised_layers


class _Weight(NamedTuple):
    """A parameter: its first name, its shape, and what a vector's numbers are where nothing else is said."""

    name: str
    shape: torch.Size
    number: float


class _Form(NamedTuple):
    """What modules of one class that are made with the same have in common."""

    weights: list[_Weight]
    pool: ModulePool


def with_small_weights(
    kind: Callable[..., nn.Module],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dtype: torch.dtype,
    factors: Mapping[str, float],
) -> nn.Module:
    """`kind(*args, **kwargs)`, in either mode.

    Args:
        factors: by a parameter's name, how many times the identity a matrix is, or what all numbers of a vector are.
    """
    weights, pool = _form(kind, args, tuple(kwargs.items()))
    values = [_values(one, factors.get(one.name), dtype) for one in weights]
    if pool.is_formed:
        module: nn.Module = pool.lend(values).module
    else:
        module = _made(kind, args, kwargs)
        pool.see(module)
        for parameter, value in zip(module.parameters(), values, strict=True):
            parameter.data = value
    return module.to(dtype) if any(True for _ in module.buffers()) else module


def _values(weight: _Weight, factor: float | None, dtype: torch.dtype) -> Tensor:
    if len(weight.shape) > 1:
        return identity(weight.shape, dtype) * (1.0 if factor is None else factor)
    return torch.full(weight.shape, weight.number if factor is None else factor, dtype=dtype)


def identity(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The identity; where there are more rows than columns it is repeated below itself, else beside itself."""
    rows, columns = shape[0], shape[1:].numel()
    small = min(rows, columns)
    found = (torch.arange(rows)[:, None] % small == torch.arange(columns) % small).to(dtype)
    return found.view(shape)


def _form(kind: Callable[..., nn.Module], args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]) -> _Form:
    try:
        return _known_form(kind, args, kwargs)
    except TypeError:  # made with something that cannot be looked up, a list say
        return _known_form.__wrapped__(kind, args, kwargs)


@lru_cache(maxsize=1_000)
def _known_form(kind: Callable[..., nn.Module], args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]) -> _Form:
    module, pool = _made(kind, args, dict(kwargs)), pool_of(kind, args, kwargs)
    pool.see(module)
    layers = [part for part in module.modules() if isinstance(part, LAYERS)]
    undrawn = {id(parameter) for layer in layers for parameter in layer.parameters()}
    return _Form(
        [
            # a norm begins with ones, and keeps them
            _Weight(name, one.shape, float(id(one) not in undrawn and bool((one == 1).all())))
            for name, one in module.named_parameters()
        ],
        pool,
    )


def _made(kind: Callable[..., nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module:
    with uninitialised_layers(), torch.random.fork_rng(devices=[]):
        return kind(*args, **kwargs)
