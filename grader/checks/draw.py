"""Inputs for a check: fresh in every run, the same for the same seed, with sizes that are never equal."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from grader.checks.module_pool import ModulePool, PooledModule, pool_of
from grader.protocol.gradients import split_like
from grader.worker.describe import each_once, parts_of, set_training
from grader.worker.fast_init import uninitialised_layers

SIZES = (2, 3, 4, 5, 6, 7)
M = TypeVar("M", bound=nn.Module)


@functools.lru_cache(maxsize=10_000)
def derived_seed(*parts: object) -> int:
    """A number below 2^31 that depends on its arguments alone."""
    text = ":".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "little") >> 1


class Draw:
    """Draws tensors whose axes have names; an axis keeps its size for the whole check.

    `draw("batch query d_k")` is (batch, query, d_k), standard normal, float64. A name that is new gets a size that
    no other name has; `d_k=16` sets one. A number alone is a size without a name.

    Args:
        seed: everything drawn follows from it.
        widest: the widest floating dtype of the device under test.
    """

    def __init__(self, seed: int, *, widest: torch.dtype = torch.float64) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype = widest
        self.sizes: dict[str, int] = {}
        """The size of every axis that has a name so far."""
        self._borrowed: list[tuple[ModulePool, PooledModule]] = []

    def size(self, name: str) -> int:
        """The size of this axis in this check: from 2 to 7, different from every other axis while that is possible."""
        name, _, given = name.partition("=")
        if given:
            self.sizes[name] = int(given)
        if name.isdigit():
            return int(name)
        if name not in self.sizes:
            taken = set(self.sizes.values())
            free = [size for size in SIZES if size not in taken] or list(SIZES)
            self.sizes[name] = free[self.integer(0, len(free) - 1)]
        return self.sizes[name]

    def shape(self, axes: str) -> tuple[int, ...]:
        return tuple(self.size(axis) for axis in axes.split())

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def number(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator, dtype=torch.float64))

    def __call__(self, axes: str, *, scale: float = 1.0, dtype: torch.dtype | None = None) -> Tensor:
        """A normal tensor with standard deviation `scale`."""
        values = torch.randn(self.shape(axes), generator=self.generator, dtype=torch.float64) * scale
        return values.to(dtype or self.dtype)

    def tokens(self, axes: str, vocab: int, *, low: int = 0) -> Tensor:
        """Token ids from low to vocab - 1, int64."""
        return torch.randint(low, vocab, self.shape(axes), generator=self.generator)

    def lengths(self, batch: str = "batch", length: str = "source") -> Tensor:
        """(batch,) int64, ragged: from 1 to the padded length, which one row has; another row is shorter."""
        rows, longest = self.size(batch), self.size(length)
        lengths = torch.randint(1, longest + 1, (rows,), generator=self.generator)
        order = torch.randperm(rows, generator=self.generator)
        if rows > 1 and longest > 1:
            lengths[order[1]] = self.integer(1, longest - 1)
        lengths[order[0]] = longest
        return lengths

    def weights(self, module: M, *, scale: float = 0.5) -> M:
        """The same module with every parameter drawn anew, in float64 and in eval mode."""
        parts = parts_of(module)
        parameters = each_once(parts)
        shapes = [tuple(parameter.shape) for parameter in parameters]
        for parameter, values in zip(parameters, self._values(shapes, scale), strict=True):
            parameter.data = values
        set_training(parts, False)
        return module

    def module(self, kind: Callable[..., M], *args: Any, **kwargs: Any) -> M:
        """`kind(*args, **kwargs)` with every parameter drawn; torch's own random numbers stay where they are.

        A check may change values, gradients, dtypes and training flags of what it gets: the rest others will have too.
        """
        pool = pool_of(kind, args, tuple(kwargs.items()))
        if pool.is_formed:
            lent = pool.lend(self._values(pool.shapes, 0.5))
            self._borrowed.append((pool, lent))
            module: M = lent.module
            return module
        with uninitialised_layers(), torch.random.fork_rng(devices=[]):  # some draw their first values themselves
            made = kind(*args, **kwargs)
        self.weights(made)
        pool.see(made)
        return made

    def give_back(self) -> None:
        """Returns the modules that this check borrowed to their pools: the check is over."""
        for pool, lent in self._borrowed:
            pool.take_back(lent)
        self._borrowed.clear()

    def _values(self, shapes: Sequence[tuple[int, ...]], scale: float) -> list[Tensor]:
        count = sum(math.prod(shape) for shape in shapes)
        values = torch.randn(count, generator=self.generator, dtype=torch.float64).mul_(scale).to(self.dtype)
        return split_like(values, shapes)

    def non_contiguous(self, tensor: Tensor) -> Tensor:
        """The same values in another memory order, so that the tensor is not contiguous (where its shape allows it)."""
        if tensor.dim() < 2:
            return torch.stack([tensor, tensor], dim=-1)[..., 0]
        reversed_axes = tuple(reversed(range(tensor.dim())))
        return tensor.permute(reversed_axes).contiguous().permute(reversed_axes)

    def permutation(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self.generator)

    def choice(self, *options: Any) -> Any:
        return options[self.integer(0, len(options) - 1)]
