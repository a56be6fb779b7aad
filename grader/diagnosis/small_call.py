"""A failing call made smaller: the same function or method, with few small whole numbers.

What a check asked is known: the arguments of the call, and what its module was made with. Every size in it gets a small
one, the same wherever it stands; numbers become small and whole; lengths, ids and masks stay what they may be. Matrices
of a module become the identity, so that a hand has little to multiply.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, combinations, product, zip_longest
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from grader.remote.calls import Call
from grader.remote.handles import Module
from grader.worker.fast_init import uninitialised_layers

MOST_NUMBERS = 8
"""Of all inputs together, but for tensors of zeros and matrices that are the identity; and of a result."""
MOST_AXES, MOST_CONSTANT = 5, 24
"""Axes that get new sizes; and numbers beside the largest tensor, many of which will be zeros or ones."""
FILLED = 2
"""Ways to choose the tensors of zeros or ones that are tried with one choice of sizes."""
ROUNDS = 3
"""Times that the same sizes are tried with other numbers."""
LONG = 1_000
"""An axis as long as this may be why the call fails: it stays as it is in some of the ways."""
LARGE = 10_000.0
"""The largest number that padding and scores may hold; it is tried where the failing call holds such numbers."""
SIZES, WIDTHS = (2, 1, 3, 2), (3, 2, 4, 2)
"""What sizes are drawn from, and those that a class is made with: of two features a norm leaves little."""
WHOLE = torch.tensor([1, 2, -1, 3, -2])
FACTORS = (2.0, -1.0, 3.0)
MOST_FACTORS = 2
"""Parameters of a module that are not as the others are."""
MOST_WAYS = 200
"""Sizes and numbers that may be drawn for one module; most are too many to be shown."""
SUM, COUNTED = "the sum of its results", "the sum of its results, each times 1, 2, 3 ... in order"
"""What gradients are of."""
PLAIN = (Tensor, bool, int, float, type(None), torch.dtype, torch.device, str)


@dataclass(frozen=True)
class SmallCall:
    """A call that can be made on any file.

    Args:
        name: the function, `attention_scores`; the class, `MultiHeadAttention`; or a method, `Seq2Seq.encode`.
        given: its arguments. A part of the module itself stands as `Part`.
        made: what the module is made with; None for a function.
        factors: the matrices that are so many times the identity, and the vectors that are so many times one.
        training: whether the module is in train mode.
        positional: how many arguments of the class, and of the call, are passed without their names, as the check does:
            a file may call its parameters otherwise.
        times: how often it is made, one after the other.
        backward: of what the gradients are looked at too: SUM or COUNTED; empty for none.
    """

    name: str
    given: dict[str, Any]
    made: dict[str, Any] | None = None
    factors: dict[str, float] = field(default_factory=dict)
    training: bool = False
    positional: tuple[int, int] = (0, 0)
    backward: str = ""
    times: int = 1

    @property
    def count(self) -> int:
        """The numbers that it is given; tensors of zeros or ones, masks of True and the identity are said in a word."""
        tensors = [value for value in self.given.values() if isinstance(value, Tensor)]
        return sum(value.numel() for value in tensors if not is_plain(value)) + len(self.factors)

    @property
    def is_long(self) -> bool:
        """Whether it keeps a long axis of the failing call."""
        return any(size >= LONG for value in self.given.values() if isinstance(value, Tensor) for size in value.shape)

    @property
    def owner(self) -> str:
        """The class."""
        return self.name.partition(".")[0]

    @property
    def method(self) -> str:
        return self.name.partition(".")[2]

    @property
    def pad_id(self) -> int | None:
        """Padding of the module's sequences: what it computes there may be anything."""
        found = (self.made or {}).get("pad_id")
        return found if type(found) is int else None

    def module(self, kind: Any) -> nn.Module:
        """A module of this class, with these weights."""
        with uninitialised_layers(), torch.random.fork_rng(devices=[]):
            made: nn.Module = self.make(kind)
        tensors = [value for value in self.given.values() if isinstance(value, Tensor) and value.is_floating_point()]
        made.to(tensors[0].dtype if tensors else torch.float64)
        with torch.no_grad():
            for name, parameter in made.named_parameters():
                if parameter.dim() > 1:
                    parameter.copy_(identity(parameter) * self.factors.get(name, 1.0))
                else:
                    is_norm = bool((parameter == 1).all())  # which begins with ones, and keeps them
                    parameter.fill_(self.factors.get(name, 1.0 if is_norm else 0.0))
        return made.train(self.training)

    def make(self, kind: Any) -> Any:
        """Calls the class."""
        made = list((self.made or {}).items())
        return kind(*(value for _, value in made[: self.positional[0]]), **dict(made[self.positional[0] :]))

    @property
    def has_padding(self) -> bool:
        """Whether a sequence of ids ends in padding."""
        pad = (self.made or {}).get("pad_id")
        ids = [one for one in self.given.values() if isinstance(one, Tensor) and one.dtype is torch.int64]
        return pad is not None and any(bool((one == pad).any()) for one in ids)

    def passed(self, given: Sequence[tuple[str, Any]]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """These arguments as they are passed: some without their names."""
        return tuple(value for _, value in given[: self.positional[1]]), dict(given[self.positional[1] :])

    def cotangents(self, results: Sequence[Tensor]) -> list[Tensor]:
        """What the entries of each floating result are multiplied by before they are summed."""
        if self.backward == SUM:
            return [torch.ones_like(one) for one in results]
        return [torch.arange(1, one.numel() + 1).view(one.shape).to(one.dtype) for one in results]


@dataclass(frozen=True)
class Part:
    """A part of the module, as an argument of one of its methods."""

    name: str


def identity(like: Tensor) -> Tensor:
    """The identity; where there are more rows than columns it is repeated below itself, else beside itself."""
    rows, columns = like.shape[0], like[0].numel()
    small = min(rows, columns)
    found = (torch.arange(rows)[:, None] % small == torch.arange(columns) % small).to(like.dtype)
    return found.view(like.shape)


def is_plain(value: Tensor) -> bool:
    """Whether it is said in a word: a tensor of zeros or of ones, or a mask of True."""
    if value.numel() < 2 or not (value.is_floating_point() or value.dtype is torch.bool):
        return False
    first = float(value.flatten()[0])
    return first in ((1.0,) if value.dtype is torch.bool else (0.0, 1.0)) and bool((value == first).all())


# ---------------------------------------------------------------------------------------------- functions


def smaller(calls: Sequence[Call], reference: ModuleType) -> Iterator[SmallCall]:
    """The last of these calls with small sizes and small whole numbers, in one way after the other; nothing where it
    cannot be made again. Where the check asked for its gradients, they are looked at too.

    Args:
        reference: has the classes that modules are made of.
    """
    with_graph = calls[-1].number >= 0
    for turn, call in enumerate(_smaller(calls, reference)):
        if not with_graph:
            yield call
        elif not call.has_padding:  # the gradient of results that may be anything may be anything
            yield replace(call, backward=(SUM, COUNTED)[turn % 2])


def _smaller(calls: Sequence[Call], reference: ModuleType) -> Iterator[SmallCall]:
    call = calls[-1]
    if isinstance(call.value, Module):
        return
    if not call.name[:1].isupper():
        if all(isinstance(value, PLAIN) for value in call.given.values()):
            count = (0, len(call.arguments[0]))
            yield from (SmallCall(call.name, given, positional=count) for given in shrunk(call.given))
        return
    kind = getattr(reference, call.name.partition(".")[0], None)
    made, passed = made_with(calls[:-1], kind)
    given = {name: _as_a_part(value, calls) for name, value in call.given.items()}
    if made is not None and all(isinstance(value, (*PLAIN, Part)) for value in [*given.values(), *made.values()]):
        yield from _smaller_modules(call.name, given, made, kind, (passed, len(call.arguments[0])))


def made_with(calls: Sequence[Call], kind: Any) -> tuple[dict[str, Any] | None, int]:
    """What the last module of a class was made with, by parameter, and how much of it without a name."""
    for call in reversed(calls):
        if kind is not None and call.name == kind.__name__ and isinstance(call.value, Module):
            args, kwargs = call.arguments
            return dict(inspect.signature(kind).bind(*args, **kwargs).arguments), len(args)
    return None, 0


def _as_a_part(value: Any, calls: Sequence[Call]) -> Any:
    """A module that a check took out of another, by its name in it."""
    if not isinstance(value, Module):
        return value
    taken = [one for one in calls if one.value is value and one.name.endswith(".get_submodule")]
    names = [one.text.partition("'")[2].partition("'")[0] for one in taken]
    return Part(names[0]) if names and names[0] else value


def shrunk(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same arguments with small sizes and small whole numbers, in one way after the other.

    Axes of one size are one axis, as checks draw them; a size four times another stays so. Lengths, ids and masks stay
    what they are allowed to be. Where there are too many numbers, some of the tensors are zeros or ones.
    """
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    if not tensors:
        yield from _other_numbers(given)
        return
    for number, sizes in enumerate(_small_sizes(tensors)):
        whole = _with_sizes(given, sizes, torch.Generator().manual_seed(number))
        yield from _few(whole, turn=number)


def _few(whole: dict[str, Any], free: int = MOST_NUMBERS, turn: int = 0) -> Iterator[dict[str, Any]]:
    """These arguments, or with zeros or ones in as few tensors as leave few enough numbers.

    Args:
        free: numbers that may be left.
        turn: which of the ways to choose them comes first.
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
            for fill in (torch.zeros_like, torch.ones_like)
            if _count(few := {**whole, **{name: fill(whole[name]) for name in some}}) <= free
        ]
        if ways:
            yield from (ways[turn % len(ways) :] + ways[: turn % len(ways)])[:FILLED]
            return


def _count(given: dict[str, Any]) -> int:
    return SmallCall("", given).count


def _other_numbers(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Small whole numbers for those of a call without tensors."""
    names = [name for name, value in given.items() if type(value) is int]
    for numbers in ((2, 4, 3), (4, 2, 2), (3, 3, 4), (1, 4, 2), (3, 2, 5), (5, 4, 2)):
        yield {**given, **dict(zip(names, numbers, strict=False))}


def _small_sizes(tensors: dict[str, Tensor]) -> Iterator[dict[int, int]]:
    """A new size for each: 1 or 2 for the batch, 1 to 3 for the others. In turn come those for which nothing need be
    constant and the others, those of one sequence and those of two; of each the ones with the most axes longer than 1
    first. Long axes stay as they are in every other one."""
    every = {size for value in tensors.values() for size in value.shape}
    batch = {value.size(0) for value in tensors.values() if _is_lengths(value) or value.dim() == 3}
    vocab = {value.size(-1) for value in tensors.values() if _ids_of(value, tensors)}
    fourfold = {value.size(0) for value in tensors.values() if value.dim() == 2 and value.size(0) == 4 * value.size(1)}
    free = sorted(every - batch - fourfold - vocab)
    ways = sorted(product((2, 1, 3), repeat=min(len(free), MOST_AXES)), key=lambda way: -sum(size > 1 for size in way))
    kinds: dict[tuple[int, bool], list[dict[int, int]]] = {}
    for turn, way in enumerate(ways):
        for sequences in (1, 2) if batch else (1,):
            found = {size: min(size, small) for size, small in zip(free, way, strict=False)}
            found.update({size: min(size, 3) for size in vocab})
            found.update({size: min(size, sequences) for size in batch})
            found.update({size: 4 * found[size // 4] for size in fourfold if size // 4 in found})
            long = {size: size for size in found if size >= LONG and turn % 2 == 0}
            numbers = [math.prod(found.get(size, size) for size in value.shape) for value in tensors.values()]
            is_few = sum(numbers) <= MOST_NUMBERS
            if is_few or long or sum(numbers) - max(numbers) <= MOST_CONSTANT:
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
    for name, value in given.items():
        if isinstance(value, Tensor):
            part = value[tuple(slice(0, sizes.get(size, size)) for size in value.shape)].contiguous().clone()
            small[name] = _small_values(value, part, generator, vocab, longest)
        elif isinstance(value, bool) or not isinstance(value, int):
            small[name] = value
        elif name.endswith("_id"):
            small[name] = value % vocab if vocab else value
        else:
            small[name] = 2 if name == "max_length" else sizes.get(value, min(value, 2))
    return small


def _small_values(before: Tensor, part: Tensor, generator: torch.Generator, vocab: int | None, longest: int) -> Tensor:
    if part.is_floating_point():
        return _whole_numbers(before, part.shape, generator)
    if _is_lengths(before):
        return _lengths(before, part.shape, longest, generator)
    return part if vocab is None or part.dtype is torch.bool else part % vocab


def _whole_numbers(before: Tensor, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Small whole numbers; some are 0, or as large as any may be, where the tensor of the failing call has such."""
    found = WHOLE[torch.randint(len(WHOLE), shape, generator=generator)].to(before.dtype)
    some, others = torch.rand((2, *shape), generator=generator)
    if bool((before == 0).any()):
        found = found.masked_fill(some < 0.4, 0.0)
    if bool((before.abs() >= LARGE / 10).any()):
        found = torch.where(others < 0.4, found.sign() * LARGE, found)
    return found


def _lengths(before: Tensor, shape: Sequence[int], longest: int, generator: torch.Generator) -> Tensor:
    """Lengths up to the longest; 0 where the failing call has such. The first sequence is mostly a shorter one."""
    least = 0 if bool((before == 0).any()) else 1
    found = torch.randint(least, longest + 1, shape, generator=generator)
    shorter = torch.randint(least, max(least + 1, longest), (), generator=generator)
    found[0] = shorter if float(torch.rand((), generator=generator)) < 0.7 else longest
    return found


# ---------------------------------------------------------------------------------------------- modules


def _smaller_modules(
    name: str, given: dict[str, Any], made: dict[str, Any], kind: Any, positional: tuple[int, int]
) -> Iterator[SmallCall]:
    """The same call of a smaller module, in one way after the other: which of them are possible, the reference says."""
    names: dict[str, list[str]] = {}
    for number in range(MOST_WAYS):
        draw = SmallNumbers(number, given, made)
        if not draw.is_possible:
            continue
        dropout = draw.made.get("dropout", 0.0)
        training = number % 3 != 1 if dropout == 1.0 else not dropout and number % 3 == 2
        factors = MOST_FACTORS if number % 2 else 0
        for few in _few(draw.given, MOST_NUMBERS - factors, number):
            call = SmallCall(name, few, draw.made, training=training, positional=positional)
            if not factors:
                yield call
                continue
            if (key := repr(draw.made)) not in names:
                names[key] = parameters_of(call, kind)
            yield replace(call, factors=draw.factors(names[key]))


def parameters_of(call: SmallCall, kind: Any) -> list[str]:
    """The names of a module's parameters; none where it cannot be made."""
    with suppress(Exception):  # of a width that no number of heads divides, say
        return [name for name, _ in call.module(kind).named_parameters()]
    return []


class SmallNumbers:
    """Small sizes and values for one call of a module, all from one number.

    Args:
        seed: which of the ways.
        given, made: what the call, and the class, were given.
    """

    def __init__(self, seed: int, given: dict[str, Any], made: dict[str, Any]) -> None:
        self._seed, self._generator = seed, torch.Generator().manual_seed(seed)
        tensors = [value for value in given.values() if isinstance(value, Tensor)]
        batch = {value.size(0) for value in tensors if value.dim() > 1 and value.dtype is not torch.bool}
        self._sizes: dict[int, int] = {}
        for size in (size for value in tensors for size in value.shape):
            small = 1 + (seed % 4 == 3) if size in batch else self._size(WIDTHS if size in made.values() else SIZES)
            self._sizes.setdefault(size, min(size, small))
        self._made_before = made
        self._has_only_padding = False
        self.made = {name: self._small(name, value) for name, value in made.items()}
        self._pad = self.made.get("pad_id")
        self.given = {name: self._value(name, value, given) for name, value in given.items()}
        words = [name for name, value in given.items() if name.endswith("_id") and value != made.get("pad_id")]
        self._begins_with_padding = self._pad in [self.given[name] for name in words]

    @property
    def is_possible(self) -> bool:
        """Whether heads divide the width, and no vocabulary is so small that it holds only padding or that another id
        is that of padding: no sequence is empty, and none begins with padding."""
        is_divided = not self.made.get("d_model", 0) % self.made.get("num_heads", 1)
        return is_divided and not self._has_only_padding and not self._begins_with_padding

    def _size(self, among: Sequence[int]) -> int:
        return among[self._integer(len(among))]

    def _integer(self, most: int) -> int:
        return int(torch.randint(most, (), generator=self._generator))

    def _small(self, name: str, value: Any) -> Any:
        """A size of the class; its padding is 0. A share of what is dropped becomes all or nothing, in turn: what
        chance drops is no result."""
        if name == "dropout" and 0.0 < value < 1.0:
            return float(self._seed % 3 != 2)
        if type(value) is not int or value == 0:
            return value
        return 0 if name.endswith("_id") else self._sizes.setdefault(value, min(value, self._size(SIZES)))

    def _value(self, name: str, value: Any, given: dict[str, Any]) -> Any:
        if type(value) is int:
            return self._number(name, value)
        if not isinstance(value, Tensor):
            return value
        shape = [self._sizes[size] for size in value.shape]
        if value.is_floating_point():
            return _whole_numbers(value, shape, self._generator)
        if value.dtype is torch.bool:
            return torch.rand(shape, generator=self._generator) < 0.6 if self._integer(3) else torch.ones(shape) > 0
        if value.dim() == 1:
            long = [self._sizes[one.size(1)] for one in given.values() if isinstance(one, Tensor) and one.dim() > 1]
            return _lengths(value, shape, (long or [1])[0], self._generator)
        return self._ids(value, shape)

    def _ids(self, value: Tensor, shape: list[int]) -> Tensor:
        """Ids below every vocabulary that the tensor's may belong to, some with padding behind them."""
        vocab = self._vocab(int(value.max()))
        low = 0 if self._pad is None else 1
        self._has_only_padding |= vocab <= low
        found = torch.randint(min(low, vocab - 1), vocab, shape, generator=self._generator)
        if self._pad is not None and shape[-1] > 1 and self._integer(2):
            found[..., -1] = self._pad
        return found

    def _vocab(self, largest: int) -> int:
        made = self._made_before.items()
        sizes = [value for name, value in made if type(value) is int and value > largest and not name.endswith("_id")]
        return max(1, min((self._sizes[size] for size in sizes), default=1))

    def factors(self, names: Sequence[str]) -> dict[str, float]:
        """Some parameters that are not as the others are."""
        some = torch.randperm(len(names), generator=self._generator)[:MOST_FACTORS]
        return {names[one]: FACTORS[self._integer(len(FACTORS))] for one in sorted(some.tolist())}

    def _number(self, name: str, value: int) -> int:
        """An id: bos is 1 and eos 2 where there are so many, or how many words may be written."""
        if not name.endswith("_id"):
            return min(value, 2)
        return min(value, self._vocab(value) - 1)
