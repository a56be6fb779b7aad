"""The arguments of a failing call made smaller.

Every size gets a small one, the same wherever it stands; numbers become small and whole; lengths, ids and masks stay
what they may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, combinations, product, zip_longest
from typing import Any

import torch
from torch import Tensor

from grader.diagnosis.small_call import LONG, MOST_NUMBERS, SmallCall, one_at_the_end, rows_of_the_identity

SMALL = (2, 1, 3)
"""Sizes of an axis, in the order in which they are tried."""
MOST_AXES, MOST_CONSTANT = 5, 24
"""Axes that get new sizes; and numbers beside the largest tensor, many of which will be zeros or ones."""
FILLED = 2
"""Ways to choose the tensors of zeros or ones that are tried with one choice of sizes."""
FILLS = (torch.zeros_like, torch.ones_like, rows_of_the_identity)
"""What may stand in the place of a tensor."""
FILLS_OF_LONG = (one_at_the_end, torch.zeros_like, torch.ones_like)
"""What may stand in the place of one that stays long: what stands at its end shows."""
ROUNDS = 3
"""Times that the same sizes are tried with other numbers."""
LARGE = 100.0
"""A number as large as this may be why the call fails: some are the next power of ten."""
WHOLE = torch.tensor([1, 2, -1, 3, -2])


def shrunk(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same arguments with small sizes and small whole numbers, in one way after the other.

    Axes of one size are one axis, as checks draw them; a size four times another stays so. Lengths, ids and masks stay
    what they are allowed to be. Where there are too many numbers, some of the tensors are zeros or ones.
    """
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    if not tensors:
        yield from _other_numbers(given)
        return
    numbers = [value for value in given.values() if type(value) is int and value > 1]
    for number, sizes in enumerate(_small_sizes(tensors, numbers)):
        whole = _with_sizes(given, sizes, torch.Generator().manual_seed(number))
        is_long = any(size >= LONG for size in sizes.values())
        yield from with_few(whole, turn=number, fills=FILLS_OF_LONG if is_long else FILLS)


def with_few(
    whole: dict[str, Any],
    free: int = MOST_NUMBERS,
    turn: int = 0,
    fills: Sequence[Callable[[Tensor], Tensor]] = FILLS,
) -> Iterator[dict[str, Any]]:
    """These arguments, or with something else in as few tensors as leave few enough numbers.

    Args:
        free: numbers that may be left.
        turn: which of the ways to choose them comes first.
        fills: makes what may stand in a tensor's place.
    """
    if _count(whole) <= free:
        yield whole
        return
    large = [name for name, value in whole.items() if isinstance(value, Tensor) and value.numel() > 1]
    floating = [name for name in large if whole[name].is_floating_point()]
    for many in range(1, len(floating) + 1):
        ways = [
            few
            for some in combinations(floating, many)
            for fill in fills
            if all(whole[name].dim() > 1 for name in some) or fill is not rows_of_the_identity
            if _count(few := {**whole, **{name: fill(whole[name]) for name in some}}) <= free
        ]
        if ways:
            yield from (ways[turn % len(ways) :] + ways[: turn % len(ways)])[:FILLED]
            return


def _count(given: dict[str, Any]) -> int:
    return SmallCall("", given).count


def _other_numbers(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Small whole numbers for those of a call without tensors, but 0 stays; then the numbers themselves."""
    names = [name for name, value in given.items() if type(value) is int and value]
    for numbers in ((2, 4, 3), (4, 2, 2), (3, 3, 4), (1, 4, 2), (3, 2, 5), (5, 4, 2)):
        yield {**given, **dict(zip(names, numbers, strict=False))}
    yield given


def _small_sizes(tensors: dict[str, Tensor], numbers: Sequence[int]) -> Iterator[dict[int, int]]:
    """A new size for each: 1 or 2 for the batch, 1 to 3 for the others, 4 too where a number divides it. In turn come
    those for which nothing need be constant and the others, those of one sequence and those of two; of each the ones
    with the most axes longer than 1 first. Long axes stay as they are in every other one."""
    every = {size for value in tensors.values() for size in value.shape}
    batch = {value.size(0) for value in tensors.values() if _is_lengths(value) or value.dim() == 3}
    vocab = {value.size(-1) for value in tensors.values() if _ids_of(value, tensors)}
    fourfold = {value.size(0) for value in tensors.values() if value.dim() == 2 and value.size(0) == 4 * value.size(1)}
    free = sorted(every - batch - fourfold - vocab)
    among = [(4, *SMALL) if any(size > one and size % one == 0 for one in numbers) else SMALL for size in free]
    ways = sorted(product(*among[:MOST_AXES]), key=lambda way: -sum(size > 1 for size in way))
    kinds: dict[tuple[int, bool], list[dict[int, int]]] = {}
    for turn, way in enumerate(ways):
        for sequences in (1, 2) if batch else (1,):
            found = {size: min(size, small) for size, small in zip(free, way, strict=False)}
            found.update({size: min(size, 3) for size in vocab})
            found.update({size: min(size, sequences) for size in batch})
            found.update({size: 4 * found[size // 4] for size in fourfold if size // 4 in found})
            long = {size: size for size in found if size >= LONG and turn % 2 == 0}
            counts = [math.prod(found.get(size, size) for size in value.shape) for value in tensors.values()]
            is_few = sum(counts) <= MOST_NUMBERS
            if is_few or long or sum(counts) - max(counts) <= MOST_CONSTANT:
                kinds.setdefault((sequences, is_few), []).append({**found, **long})
    order = [kinds[kind] for kind in sorted(kinds, key=lambda kind: (kind[0], not kind[1]))]
    yield from [one for one in chain.from_iterable(zip_longest(*order)) if one is not None] * ROUNDS


def _is_lengths(value: Tensor) -> bool:
    return value.dim() == 1 and value.dtype is torch.int64


def _ids_of(scores: Tensor, tensors: dict[str, Tensor]) -> list[Tensor]:
    """The ids that one axis of scores has an entry for: they have all other axes."""
    if not scores.is_floating_point() or scores.dim() < 3:
        return []
    return [one for one in tensors.values() if one.dtype is torch.int64 and one.shape == scores.shape[:-1]]


def _with_sizes(given: dict[str, Any], sizes: dict[int, int], generator: torch.Generator) -> dict[str, Any]:
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    vocab = min((sizes[value.size(-1)] for value in tensors.values() if _ids_of(value, tensors)), default=None)
    long = [sizes.get(value.size(1), value.size(1)) for value in tensors.values() if value.dim() > 1]
    longest = 2 if "max_length" in given or not long else long[0]
    small: dict[str, Any] = {}
    chosen = torch.Generator().manual_seed(generator.initial_seed())
    places = {size: torch.randperm(size, generator=chosen)[:few].sort().values for size, few in sizes.items()}
    for name, value in given.items():
        if isinstance(value, Tensor):
            part = _part(value, sizes, places if value.dtype is torch.bool else {})
            small[name] = _small_values(value, part, generator, vocab, longest)
        elif isinstance(value, bool) or not isinstance(value, int):
            small[name] = value
        elif name.endswith("_id"):
            small[name] = value % vocab if vocab else value
        else:
            small[name] = 2 if name == "max_length" else sizes.get(value, min(value, 2))
    return small


def _part(value: Tensor, sizes: dict[int, int], places: dict[int, Tensor]) -> Tensor:
    """The entries at these places of each axis; where there are none the first."""
    found = value
    for axis, size in enumerate(value.shape):
        found = found.index_select(axis, places.get(size, torch.arange(sizes.get(size, size))))
    return found


def _small_values(before: Tensor, part: Tensor, generator: torch.Generator, vocab: int | None, longest: int) -> Tensor:
    if part.is_floating_point():
        return whole_numbers(before, part.shape, generator)
    if _is_lengths(before):
        return lengths_up_to(before, part.shape, longest, generator)
    if part.dtype is torch.bool and max(part.shape, default=0) >= LONG:
        return torch.ones_like(part)
    if vocab is None or part.dtype is torch.bool:
        return part
    return torch.randint(vocab, part.shape, generator=generator).to(part.dtype)


def whole_numbers(before: Tensor, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Small whole numbers; some are 0, or large, where the tensor of the failing call has such."""
    found = WHOLE[torch.randint(len(WHOLE), shape, generator=generator)].to(before.dtype)
    some, others = torch.rand((2, *shape), generator=generator)
    if bool((before == 0).any()):
        found = found.masked_fill(some < 0.4, 0.0)
    largest = float(before.abs().max()) if before.numel() else 0.0
    if LARGE <= largest < math.inf:
        found = torch.where(others < 0.4, found.sign() * 10.0 ** math.ceil(math.log10(largest)), found)
    return found


def lengths_up_to(before: Tensor, shape: Sequence[int], longest: int, generator: torch.Generator) -> Tensor:
    """Lengths up to the longest; 0 where the failing call has such. The first sequence is mostly a shorter one, unless
    its being long may be why the call fails."""
    if longest >= LONG:
        return torch.full(tuple(shape), longest)
    least = 0 if bool((before == 0).any()) else 1
    found = torch.randint(least, longest + 1, shape, generator=generator)
    shorter = torch.randint(least, max(least + 1, longest), (), generator=generator)
    found[0] = shorter if float(torch.rand((), generator=generator)) < 0.7 else longest
    return found
