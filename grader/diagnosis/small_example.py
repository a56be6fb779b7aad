"""A failing call small enough to redo by hand: the same call with few small whole numbers.

An example is shown only where the reference, given the same, returns something else, and the learner's file raises
nothing. The right result is worked out with the reference's own variables.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grader.diagnosis.way import Way, equal, way_of
from grader.errors import Finding
from grader.protocol.messages import Done, RecordSteps, StepsTaken, TellSteps
from grader.protocol.values import leaves
from grader.remote.handles import Module
from grader.worker.steps import RETURNED

if TYPE_CHECKING:
    from grader.diagnosis.evidence import Run
    from grader.diagnosis.trusted import TrustedCode
    from grader.remote.code import Code

MOST_NUMBERS = 8
"""Of all inputs together, but for tensors of zeros, and of a result."""
TRIES = 10
MOST_AXES, MOST_ZEROS = 5, 16
"""Axes that get new sizes; and numbers beside the largest tensor, some of which will be zeros."""
ROUNDS = 3
"""Times that the same sizes are tried with other numbers."""
WHOLE = torch.tensor([1, 2, -1, 3, -2])
MOST_LETTERS, MOST_WORKED_OUT = 90, 65
"""Of one result; and of what it follows from."""
PLAIN = (Tensor, bool, int, float, type(None), torch.dtype, torch.device, str)


@dataclass(frozen=True)
class Example:
    """A call with what it gives and what is right.

    Args:
        name: the function.
        given: its arguments.
        yours, expected: its result, and the reference's.
        way: how the reference comes to that.
    """

    name: str
    given: dict[str, Any]
    yours: Any
    expected: Any
    way: Way

    def __str__(self) -> str:
        which, yours, expected = _first_difference(self.yours, self.expected)
        given = "  ".join(f"{name} = {_numbers(value)}" for name, value in self.given.items())
        lines = [f"{self.name} with {given}", f"  yours{which}     {yours}", f"  expected{which}  {expected}"]
        steps = _worked_out(self.way, expected)
        return "\n".join([*lines, *([f"    from {steps}"] if steps else [])])

    @property
    def is_small(self) -> bool:
        _, yours, expected = _first_difference(self.yours, self.expected)
        numbers = sum(value.numel() for value in leaves([self.yours, self.expected]) if isinstance(value, Tensor))
        return numbers <= 4 * MOST_NUMBERS and yours != expected and max(len(yours), len(expected)) <= MOST_LETTERS


def small_example(trusted: TrustedCode, runs: Sequence[Run], code: Code, seed: int) -> Example | None:
    """A call of the learner's with what it returns and what is right; None where there is none.

    Args:
        runs: checks that the file fails with a wrong value.
        code: the learner's file, still open.
    """
    tried = set()
    for run in runs:
        call = run.tried.calls[-1]
        values = list(call.given.values())
        if any(not isinstance(value, PLAIN) for value in values) or isinstance(call.value, Module):
            continue
        if "." in call.name or call.name[:1].isupper():
            continue
        for given in islice(shrunk(call.given), TRIES):
            key = repr([call.name, given])
            if key in tried:
                continue
            tried.add(key)
            found = _compared(trusted, code, call.name, given, seed)
            if found is not None and found.is_small:
                return found
    return None


def _compared(trusted: TrustedCode, code: Code, name: str, given: dict[str, Any], seed: int) -> Example | None:
    right = _called(trusted.reference_code(), name, given, seed, recorded=True)
    mine = _called(code, name, given, seed) if right is not None else None
    if right is None or mine is None or not _is_finite(right[0]) or _agree(mine[0], right[0]):
        return None
    return Example(name, given, mine[0], right[0], right[1])


def _called(
    code: Code, name: str, given: dict[str, Any], seed: int, *, recorded: bool = False
) -> tuple[Any, Way] | None:
    """What a file returns, and how; None where it raises something."""
    with suppress(Finding):
        code.begin(seed)
        if recorded:
            code.request(RecordSteps(), Done, text="the start of a call")
        value = getattr(code, name)(**_copies(given))
        taken = code.request(TellSteps(), StepsTaken, text="the steps of a call") if recorded else None
        return value, way_of(taken, {}) if taken is not None else Way([])
    return None


def _copies(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value.clone() if isinstance(value, Tensor) else value for name, value in given.items()}


def _is_finite(value: Any) -> bool:
    found = [one for one in leaves(value) if isinstance(one, Tensor) and one.is_floating_point()]
    return all(bool(one.isfinite().all()) for one in found)


def _agree(mine: Any, right: Any) -> bool:
    if isinstance(right, (tuple, list)):
        same_number = isinstance(mine, (tuple, list)) and len(mine) == len(right)
        return same_number and all(_agree(one, other) for one, other in zip(mine, right, strict=True))
    return equal(mine, right)


# ---------------------------------------------------------------------------------------------- smaller


def shrunk(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same arguments with small sizes and small whole numbers, in one way after the other.

    Axes of one size are one axis, as checks draw them; a size four times another stays so. Lengths, ids and masks stay
    what they are allowed to be. Where there are too many numbers, some of the tensors are zeros.
    """
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    if not tensors:
        yield from _other_numbers(given)
        return
    for number, sizes in enumerate(_small_sizes(tensors)):
        whole = _with_sizes(given, sizes, torch.Generator().manual_seed(number))
        if _count(whole) <= MOST_NUMBERS:
            yield whole
            continue
        large = [name for name, value in whole.items() if isinstance(value, Tensor) and value.numel() >= 4]
        floating = [name for name in large if whole[name].is_floating_point()]
        for kept in floating:
            zero = {name: torch.zeros_like(whole[name]) for name in floating if name != kept}
            if _count(few := {**whole, **zero}) <= MOST_NUMBERS:
                yield few


def _other_numbers(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Small whole numbers for those of a call without tensors."""
    names = [name for name, value in given.items() if type(value) is int]
    for numbers in ((2, 4, 3), (4, 2, 2), (3, 3, 4), (1, 4, 2), (3, 2, 5), (5, 4, 2)):
        yield {**given, **dict(zip(names, numbers, strict=False))}


def _small_sizes(tensors: dict[str, Tensor]) -> Iterator[dict[int, int]]:
    """A new size for each: 1 for the batch, 1 to 3 for the others; the most axes longer than 1 come first."""
    lengths = {value.size(0) for name, value in tensors.items() if name == "lengths"}
    batch = lengths | {value.size(0) for value in tensors.values() if value.dim() == 3}
    vocab = {value.size(-1) for name, value in tensors.items() if name == "logits"}
    every = {size for value in tensors.values() for size in value.shape}
    fourfold = {size for size in every if size % 4 == 0 and size // 4 in every} if "w_x" in tensors else set()
    free = sorted(every - batch - fourfold - vocab)
    ways = sorted(product((2, 1, 3), repeat=min(len(free), MOST_AXES)), key=lambda way: -sum(size > 1 for size in way))
    for way in ways * ROUNDS:
        found = {size: min(size, small) for size, small in zip(free, way, strict=False)}
        found.update({size: min(size, 3) for size in vocab})
        found.update(dict.fromkeys(batch, 1))
        found.update({size: 4 * found[size // 4] for size in fourfold if size // 4 in found})
        numbers = [math.prod(found.get(size, size) for size in value.shape) for value in tensors.values()]
        if sum(numbers) <= MOST_NUMBERS or (sum(numbers) - sorted(numbers)[-1] <= MOST_ZEROS and len(numbers) > 3):
            yield found


def _with_sizes(given: dict[str, Any], sizes: dict[int, int], generator: torch.Generator) -> dict[str, Any]:
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    logits = tensors.get("logits")
    vocab = sizes.get(logits.size(-1), logits.size(-1)) if logits is not None else None
    long = [sizes.get(value.size(1), value.size(1)) for value in tensors.values() if value.dim() > 1]
    longest = 2 if "max_length" in given else max(long, default=2)
    small: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, Tensor):
            part = value[tuple(slice(0, sizes.get(size, size)) for size in value.shape)].contiguous().clone()
            small[name] = _small_values(name, part, generator, vocab, longest)
        elif isinstance(value, bool) or not isinstance(value, int):
            small[name] = value
        elif name.endswith("_id"):
            small[name] = value % vocab if vocab else value
        else:
            small[name] = 2 if name == "max_length" else sizes.get(value, value)
    return small


def _small_values(name: str, value: Tensor, generator: torch.Generator, vocab: int | None, longest: int) -> Tensor:
    if value.is_floating_point():
        return WHOLE[torch.randint(len(WHOLE), value.shape, generator=generator)].to(value.dtype)
    if value.dtype is torch.bool or not (vocab or name == "lengths"):
        return value
    return value.clamp(max=longest) if name == "lengths" else value % (vocab or 1)


def _count(given: dict[str, Any]) -> int:
    """The numbers of an example's inputs; zeros are said in a word."""
    tensors = [value for value in given.values() if isinstance(value, Tensor)]
    return sum(value.numel() for value in tensors if not _is_zero(value))


def _is_zero(value: Tensor) -> bool:
    return value.is_floating_point() and value.numel() > 1 and not bool(value.any())


# ---------------------------------------------------------------------------------------------- in words


def _worked_out(way: Way, expected: str) -> str:
    """The reference's variables on the way to its result, in order: the last of them, as many as a line holds."""
    said: list[str] = []
    for one in way.assigned:
        shown = _numbers(one.value)
        is_told = one.name.startswith((RETURNED, "_")) or shown == expected or f"{one.name} = {shown}" in said
        if isinstance(one.value, Tensor) and not is_told:
            said.append(f"{one.name} = {shown}")
    while said and len("; ".join(said)) > MOST_WORKED_OUT:
        said = said[1:]
    return "; ".join(said)


def _first_difference(mine: Any, right: Any) -> tuple[str, str, str]:
    """What is returned in words: of several results the first that differs, with its number."""
    if type(mine) is tuple and type(right) is tuple and len(mine) == len(right):
        for number, (one, other) in enumerate(zip(map(_numbers, mine), map(_numbers, right), strict=True), 1):
            if one != other:
                return f", result {number}", one, other
    return "", _numbers(mine), _numbers(right)


def _numbers(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"zeros {tuple(value.shape)}" if _is_zero(value) and value.numel() > 3 else _nested(value.tolist())
    if isinstance(value, (tuple, list)):
        return "; ".join(_numbers(item) for item in value)
    return _nested(value)


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(item) for item in value)}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).removeprefix("torch.")
