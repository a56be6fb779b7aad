"""A loop over a `step` made smaller: the step answers from a table that can be told in a line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from grader.diagnosis.small_call import SmallCall
from grader.protocol.values import leaves
from grader.remote.calls import Call
from grader.remote.handles import Module

WAYS = 60
"""Tables and tokens that are drawn for one loop."""
LONGEST = 3
"""Tokens of a target, and words that may be written."""


class TableStep:
    """One step of a decoder: logits that are one more than the state at the token that follows, 0 elsewhere; and a
    state that is one more. Where `has_graph` is set, the logits have gradients.

    Args:
        follows: (row, token) or (token,): the likeliest token after each.
    """

    def __init__(self, follows: Tensor) -> None:
        self.follows = follows
        self.has_graph = False
        self.fed: list[Tensor] = []
        self.logits: list[Tensor] = []
        self.states: list[int] = []

    def __repr__(self) -> str:
        return f"TableStep({self.follows.tolist()})"

    def again(self) -> TableStep:
        """The same, which was never called."""
        return TableStep(self.follows)

    def __call__(self, tokens: Tensor, state: int) -> tuple[Tensor, int]:
        """tokens (batch,) and the state; logits (batch, vocab) and the next state come back. Raises ValueError for
        anything else; of tokens that are no ids it takes what remains after a division by vocab."""
        if type(tokens) is not Tensor or tokens.dim() != 1 or tokens.is_floating_point() or type(state) is not int:
            raise ValueError("step takes tokens (batch,) and its state")
        self.fed.append(tokens)
        self.states.append(state)
        vocab = self.follows.size(-1)
        table = self.follows.expand(len(tokens), vocab)
        likeliest = table[torch.arange(len(tokens)), tokens % vocab]
        logits = torch.eye(vocab, dtype=torch.float64)[likeliest] * (state + 1)
        self.logits.append(logits.requires_grad_(self.has_graph))
        return logits, state + 1

    @property
    def rows(self) -> int:
        """Of the batch."""
        return len(self.fed[0]) if self.fed else 1

    def found(self) -> list[tuple[str, Any]]:
        """What it was given, call by call."""
        fed = torch.stack(self.fed, dim=-1) if self.fed else torch.zeros(1, 0)
        return [("what step is fed", fed.squeeze(0)), ("the states", torch.tensor(self.states))]


def step_of(values: Any) -> TableStep | None:
    """The step among the arguments of a call."""
    return next((one for one in leaves(values) if isinstance(one, TableStep)), None)


def is_a_loop(call: Call) -> bool:
    """Whether a function is given a step."""
    return any(callable(value) and not isinstance(value, Module) for value in call.given.values())


def smaller_loops(call: Call, reference: ModuleType) -> Iterator[SmallCall]:
    """The same loop over a small step, in one way after the other.

    The argument after the step is its state. A coin that may fall on either side has no one right answer: shares of
    coins become 0 and 1, and no generator is passed.
    """
    has_default = {
        name: one.default is not one.empty
        for name, one in inspect.signature(getattr(reference, call.name)).parameters.items()
    }
    for number in range(WAYS):
        draw = _Loop(number)
        given: dict[str, Any] = {}
        follows_a_step = False
        for name, value in call.given.items():
            if callable(value):
                given[name] = draw.step()
            elif follows_a_step:
                given[name] = 0
            elif not has_default[name]:
                given[name] = draw.value(name, value)
            elif type(value) is float and number % 3:
                given[name] = float(number % 3 - 1)
            follows_a_step = callable(value)
        named = [name for name in given if name in list(call.given)[len(call.arguments[0]) :]]
        yield SmallCall(call.name, given, positional=(0, len(given) - len(named)))


class _Loop:
    """Tokens and a table, all from one number."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._batch = 1 + (seed % 4 == 3)
        self._tokens = 1 + (seed % 8 == 7)
        self._vocab = 4 if seed % 2 else 3
        self._ids = iter(torch.randperm(self._vocab, generator=self._generator).tolist())

    def step(self) -> Callable[..., Any]:
        """A table; of several sequences each has its own, if there is no other difference between them."""
        shape = (self._batch, self._vocab) if self._batch > 1 else (self._vocab,)
        return TableStep(torch.randint(self._vocab, shape, generator=self._generator))

    def value(self, name: str, value: Any) -> Any:
        if isinstance(value, Tensor):
            shape = (self._batch, LONGEST if self._batch == 1 else self._tokens)
            return torch.randint(self._vocab, shape, generator=self._generator)
        if type(value) is not int:
            return value
        if name.endswith("_id"):
            return next(self._ids)
        return self._batch if name == "batch_size" else LONGEST
