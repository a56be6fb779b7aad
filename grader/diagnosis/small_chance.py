"""A call whose result chance decides made smaller: so small that few outcomes are possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from grader.diagnosis.small_call import MOST_NUMBERS, SmallCall
from grader.diagnosis.small_loop import LONGEST, TableStep
from grader.diagnosis.small_module import NORM, SmallNumbers, parameters_of
from grader.diagnosis.small_shares import DRAWS, TOSSES

RATE, RATIO = 0.5, 0.75
"""The share of what is dropped; and of the steps that are told the truth, which is not that of a fair coin."""
WAYS = 160
"""Sizes and numbers that may be drawn for one module."""
WIDEST = 3
"""The most features: each may be dropped."""
ONE_WORD, TWO_WORDS = 1, 2
"""In a sequence: of more too many outcomes are possible."""
OFF, ON, AGAINST = 0.0, 1.0, -1.0
"""What the last matrix of a part is times the identity: nothing comes of it, or what is added is subtracted."""


def drops(made: dict[str, Any]) -> bool:
    """Whether a class is made so that chance decides what it drops."""
    return 0.0 < float(made.get("dropout", 0.0)) < 1.0


def chances_of_a_module(
    name: str, given: dict[str, Any], made: dict[str, Any], kind: Any, positional: tuple[int, int], is_repeated: bool
) -> Iterator[SmallCall]:
    """The same call of a smaller module in train mode, in one way after the other; some are made twice."""
    names: dict[str, list[str]] = {}
    for number in range(WAYS):
        draw = SmallNumbers(number, given, made)
        width = draw.made.get("d_model", WIDEST)
        plain = {"num_layers": 1, "num_heads": 1, "d_ff": width, "dropout": RATE}
        sizes = {name: plain.get(name, value) for name, value in draw.made.items()}
        few = _few_words(draw.given, TWO_WORDS if number % 8 == 5 else ONE_WORD)
        call = SmallCall(name, few, sizes, training=True, positional=positional, draws=DRAWS)
        if width > WIDEST or not draw.is_possible or call.has_padding:
            continue
        if (key := repr(sizes)) not in names:
            names[key] = _last_matrices(parameters_of(call, kind))
        factors = _factors(names[key], number, width == WIDEST)
        call = replace(call, factors=factors, times=1 + (is_repeated and number % 2))
        if call.count <= MOST_NUMBERS:
            yield call


def _few_words(given: dict[str, Any], words: int) -> dict[str, Any]:
    """The arguments with so many words in one sequence, every one allowed; of three features the first is 0, which
    cannot be dropped."""
    few: dict[str, Any] = {}
    for name, value in given.items():
        few[name] = value
        if isinstance(value, Tensor) and value.is_floating_point():
            part = value[:1, :words]
            is_wide = part.size(-1) == WIDEST
            few[name] = torch.cat([torch.zeros_like(part[..., :1]), part[..., 1:]], dim=-1) if is_wide else part
        elif isinstance(value, Tensor):
            is_mask = value.dtype is torch.bool
            few[name] = torch.ones([1] * value.dim()) > 0 if is_mask else value[:1, :words]
    return few


def _factors(names: Sequence[str], number: int, is_wide: bool) -> dict[str, float]:
    """What the last matrices of the parts are: of many features one part adds them, of few each part may."""
    if is_wide:
        return {name: OFF for turn, name in enumerate(names) if turn != number // 2 % len(names)}
    ways = list(product((ON, OFF, AGAINST), repeat=len(names)))
    way = ways[int(torch.randint(len(ways), (), generator=torch.Generator().manual_seed(number)))]
    return {name: factor for name, factor in zip(names, way, strict=True) if factor != ON}


def _last_matrices(names: Sequence[str]) -> list[str]:
    """Of every part that has several matrices the last: through it comes all that the part gives."""
    parts: dict[str, list[str]] = {}
    for name in names:
        part, _, own = name.rpartition(".")
        if own == "weight" and NORM not in part:
            parts.setdefault(part.rpartition(".")[0], []).append(name)
    return [several[-1] for several in parts.values() if len(several) > 1]


def is_tossed(given: dict[str, Any]) -> bool:
    """Whether a coin decides in a loop."""
    return any(type(value) is float and 0.0 < value < 1.0 for value in given.values())


def chances_of_a_loop(plain: SmallCall) -> Iterator[SmallCall]:
    """The same of a small loop that is told its ratio, with targets that are all one token: where the step always
    guesses this one, all coins give the same; then another one, for one sentence, for two, and in two calls."""
    truth, guess = 1, 2
    yield _with_coins(plain, torch.full((1, LONGEST), truth), truth)
    for rows, times in ((1, 1), (2, 1), (1, 2)):
        yield replace(_with_coins(plain, torch.full((rows, 1), truth), guess), draws=TOSSES, times=times)


def _with_coins(plain: SmallCall, targets: Tensor, guess: int) -> SmallCall:
    given: dict[str, Any] = {}
    for name, value in plain.given.items():
        given[name] = RATIO if type(value) is float else targets if isinstance(value, Tensor) else value
        if isinstance(value, TableStep):
            given[name] = TableStep(torch.full((3,), guess))
    return replace(plain, given=given)
