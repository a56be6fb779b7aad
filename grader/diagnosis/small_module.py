"""A call of a module made smaller: few features, and matrices that are the identity, so that a hand has little to
multiply."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from grader.diagnosis.small_arguments import lengths_up_to, whole_numbers, with_few
from grader.diagnosis.small_call import MOST_NUMBERS, Part, SmallCall, in_a_word, one_at_the_end, rows_of_the_identity
from grader.remote.calls import Call
from grader.remote.handles import Module

SIZES, WIDTHS, VOCABULARIES = (2, 1, 3, 2), (3, 2, 4, 2), (3, 4, 3, 2)
"""What sizes are drawn from, those that a class is made with, of two features a norm leaves little, and numbers of
words."""
FACTORS = (2.0, -1.0, 3.0)
MOST_LAYERS = 3
"""A stack of more may fail because it has so many: it keeps them in some of the ways."""
NORM = "norm"
MOST_FACTORS = 2
"""Parameters of a module that are not as the others are."""
FILLS = (rows_of_the_identity, torch.zeros_like, torch.ones_like)
"""What may stand in the place of a tensor: its rows differ, or nothing comes of it."""
LONGER = 30
"""A sequence as long as this may be why the call fails: it stays so in every other way."""
FILLS_OF_LONG = (one_at_the_end, torch.zeros_like, rows_of_the_identity)
"""What may stand in the place of a tensor that stays long: what stands at its end, or how long it is, shows."""
MOST_WAYS = 200
"""Sizes and numbers that may be drawn for one module; most are too many to be shown."""


def made_with(calls: Sequence[Call], kind: Any) -> tuple[dict[str, Any] | None, int]:
    """What the last module of a class was made with, by parameter, default sizes and ids included; and how much of it
    was passed without a name."""
    for call in reversed(calls):
        if kind is not None and call.name == kind.__name__ and isinstance(call.value, Module):
            (args, kwargs), signature = call.arguments, inspect.signature(kind)
            passed = signature.bind(*args, **kwargs).arguments
            sizes = {one.name: one.default for one in signature.parameters.values() if type(one.default) is int}
            return {**passed, **{name: value for name, value in sizes.items() if name not in passed}}, len(args)
    return None, 0


def as_a_part(value: Any, calls: Sequence[Call]) -> Any:
    """A module that a check took out of another, by its name in it."""
    if not isinstance(value, Module):
        return value
    taken = [one for one in calls if one.value is value and one.name.endswith(".get_submodule")]
    names = [one.text.partition("'")[2].partition("'")[0] for one in taken]
    return Part(names[0]) if names and names[0] else value


def smaller_modules(
    name: str, given: dict[str, Any], made: dict[str, Any], kind: Any, positional: tuple[int, int], is_repeated: bool
) -> Iterator[SmallCall]:
    """The same call of a smaller module, in one way after the other: which of them are possible, the reference says.

    Args:
        is_repeated: whether the check makes the call more than once; then in some ways it is made twice.
    """
    names: dict[str, list[str]] = {}
    for number in range(MOST_WAYS):
        draw = SmallNumbers(number, given, made)
        if not draw.is_possible:
            continue
        dropout = draw.made.get("dropout", 0.0)
        training = number % 3 != 1 if dropout == 1.0 else not dropout and number % 3 == 2
        factors = MOST_FACTORS if number % 2 and not draw.is_written else 0
        fills, turn = (FILLS_OF_LONG, number // 2) if draw.is_long else (FILLS, number)
        for few in with_few(draw.given, MOST_NUMBERS - factors, turn, fills):
            if number % 4 and not draw.is_long and _has_no_numbers(few):
                continue
            times = 1 + (is_repeated and not draw.is_written and not training and number % 3 == 1)
            first = _other_masks(few) if times > 1 and number % 2 else {}
            call = SmallCall(name, few, draw.made, training=training, positional=positional, times=times, first=first)
            if call.count > MOST_NUMBERS - factors:
                continue
            if not factors:
                yield call
                continue
            if (key := repr(draw.made)) not in names:
                names[key] = parameters_of(call, kind)
            yield replace(call, factors=draw.factors(names[key]))


def _other_masks(given: dict[str, Any]) -> dict[str, Any]:
    """Masks that allow everything, or where these do, the past and the present."""
    masks = {name: value for name, value in given.items() if isinstance(value, Tensor) and value.dtype is torch.bool}
    return {
        name: torch.ones_like(value) if not bool(value.all()) else torch.ones_like(value).tril()
        for name, value in masks.items()
    }


def _has_no_numbers(given: dict[str, Any]) -> bool:
    """Whether the only vectors are said in a word, and are alike: little may come of them."""
    vectors = [value for value in given.values() if isinstance(value, Tensor) and value.is_floating_point()]
    return len(vectors) == 1 and in_a_word(vectors[0]) not in ("", in_a_word(rows_of_the_identity(vectors[0])))


def parameters_of(call: SmallCall, kind: Any) -> list[str]:
    """The names of a module's parameters that show in its results; none where it cannot be made."""
    with suppress(Exception):  # of a width that no number of heads divides, say
        names = [name for name, _ in call.module(kind).named_parameters()]
        is_normed = any(NORM in name for name in names)  # a norm leaves nothing of a vector of equal numbers
        return [name for name in names if not is_normed or NORM in name or not name.endswith("bias")]
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
        self.is_written = "eos_id" in given
        self._has_words = any(name.endswith("vocab") for name in made)
        batch = {value.size(0) for value in tensors if value.dim() > 1 and value.dtype is not torch.bool}
        self._other_sizes = batch - {value.size(-1) for value in tensors if value.is_floating_point()}
        self.is_long = False
        self._sizes: dict[int, int] = {}
        for size in (size for value in tensors for size in value.shape):
            small = self._rows() if size in batch else self._size(WIDTHS if size in made.values() else SIZES)
            if size >= LONGER and not seed % 2 and size not in batch and size not in made.values():
                small, self.is_long = size, True
            self._sizes.setdefault(size, min(size, small))
        self._made_before = made
        self._has_only_padding = False
        self.made = {name: self._small(name, value) for name, value in made.items()}
        self._pad = self.made.get("pad_id")
        self._words: list[int] = []
        self.given = {name: self._value(name, value, given) for name, value in given.items()}

    @property
    def is_possible(self) -> bool:
        """Whether heads divide the width, and every vocabulary holds padding and a word besides: no sequence is empty,
        and none begins with padding."""
        return not self.made.get("d_model", 0) % self.made.get("num_heads", 1) and not self._has_only_padding

    def _size(self, among: Sequence[int]) -> int:
        return among[self._integer(len(among))]

    def _rows(self) -> int:
        """The size of a batch: mostly one; two, where rows are written that may end at different steps."""
        return 1 + (self._seed // 2 % 2 if self.is_written else self._seed % 4 == 3)

    def _integer(self, most: int) -> int:
        return int(torch.randint(most, (), generator=self._generator))

    def _small(self, name: str, value: Any) -> Any:
        """A size of the class; its padding is 0, or 1 where it need not be 0. A share of what is dropped becomes all or
        nothing, in turn: what chance drops is no result."""
        if name == "dropout" and 0.0 < value < 1.0:
            return float(self._seed % 3 != 2)
        if type(value) is not int or value == 0:
            return value
        if name.endswith("_id"):
            return self._seed // 4 % 2
        if name == "num_layers":
            return value if value > MOST_LAYERS and self._seed % 4 == 1 else min(value, self._size(SIZES))
        is_wide = name.endswith("vocab") or (name == "d_model" and self._has_words)
        among = VOCABULARIES if is_wide else WIDTHS if name == "d_model" else SIZES
        if value in self._other_sizes:  # the batch is as large, and no size of the class
            return min(value, self._size(among))
        return self._sizes.setdefault(value, min(value, self._size(among)))

    def _value(self, name: str, value: Any, given: dict[str, Any]) -> Any:
        if type(value) is int:
            return self._number(name, value)
        if not isinstance(value, Tensor):
            return value
        shape = [self._sizes[size] for size in value.shape]
        if value.is_floating_point():
            return whole_numbers(value, shape, self._generator)
        if value.dtype is torch.bool:
            return torch.rand(shape, generator=self._generator) < 0.6 if self._integer(3) else torch.ones(shape) > 0
        if value.dim() == 1:
            long = [self._sizes[one.size(1)] for one in given.values() if isinstance(one, Tensor) and one.dim() > 1]
            return lengths_up_to(value, shape, (long or [1])[0], self._generator)
        return self._ids(value, shape)

    def _ids(self, value: Tensor, shape: list[int]) -> Tensor:
        """Ids below every vocabulary that the tensor's may belong to, some with padding behind them."""
        words = self._words_of(self._vocab(int(value.max())))
        places = torch.randint(len(words), shape, generator=self._generator)
        if self.is_written:  # of two rows that are alike both end at one step
            places = (places[:1] + torch.arange(shape[0])[:, None]) % len(words)
        if shape[-1] >= LONGER:
            return words[0].expand(shape).clone()
        found = words[places]
        if self._pad is not None and shape[-1] > 1 and self._integer(2):
            found[..., -1] = self._pad
        return found

    def _words_of(self, vocab: int) -> Tensor:
        """All ids but that of padding."""
        words = [word for word in range(vocab) if word != self._pad]
        self._has_only_padding |= not words or (self._pad or 0) >= vocab
        return torch.tensor(words or [0])

    def _vocab(self, largest: int) -> int:
        """The small size of the least vocabulary that has this id."""
        sizes = [value for name, value in self._made_before.items() if name.endswith("vocab") and value > largest]
        return min((self._sizes[size] for size in sizes), default=1)

    def factors(self, names: Sequence[str]) -> dict[str, float]:
        """Some parameters that are not as the others are: one of the class's own and one of its parts', in turn."""
        if not names:
            return {}
        depths = [name.count(".") for name in names]
        own = [name for name, depth in zip(names, depths, strict=True) if depth == min(depths)]
        others = [name for name in names if name not in own]
        last = [name for name in names if f"layers.{self.made.get('num_layers', 0) - 1}." in name]
        order = torch.randperm(len(others), generator=torch.Generator().manual_seed(0)).tolist()
        turn = self._seed // 2
        some = {own[turn % len(own)], others[order[turn % len(others)]] if others else own[(turn + 1) % len(own)]}
        if self.made.get("num_layers", 0) > MOST_LAYERS:
            some = {last[turn % len(last)]}
        return {name: FACTORS[self._integer(len(FACTORS))] for name in sorted(some)}

    def _number(self, name: str, value: int) -> int:
        """An id that no other argument has, where there are so many words; or how many words may be written."""
        if not name.endswith("_id"):
            return min(value, 2 + self._seed % 2)
        if not self._words:
            words = self._words_of(self._vocab(value))
            self._words = words[torch.randperm(len(words), generator=self._generator)].tolist()
        return self._words.pop()
