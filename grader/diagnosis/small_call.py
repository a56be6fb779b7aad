"""A call small enough to be redone by hand, of a function or of a module whose matrices are the identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from grader.diagnosis.small_weights import with_small_weights

MOST_NUMBERS = 8
"""Of all inputs together, but for what is said in a word, and for matrices that are the identity; and of a result."""
LONG = 1_000
"""An axis as long as this may be why the call fails: it stays as it is in some of the ways."""
SUM, COUNTED = "the sum of its results", "the sum of its results, each times 1, 2, 3 ... in order"
"""What gradients are of."""


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
        first: what the first of several calls is given instead.
        draws: how often chance decides anew in one call: its sentence, or the target of a loop, is repeated so often.
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
    first: dict[str, Any] = field(default_factory=dict)
    draws: int = 1

    @property
    def count(self) -> int:
        """The numbers that it is given, but for tensors that are said in a word, and matrices that are the identity."""
        values = [*self.given.values(), *self.first.values()]
        tensors = [value for value in values if isinstance(value, Tensor)]
        return sum(value.numel() for value in tensors if not in_a_word(value)) + len(self.factors)

    @property
    def is_long(self) -> bool:
        """Whether it keeps a long axis of the failing call."""
        return any(size >= LONG for value in self.given.values() if isinstance(value, Tensor) for size in value.shape)

    @property
    def key(self) -> str:
        """What tells it from another call; torch takes 0.2 ms to print a tensor."""
        given, first = ({name: _listed(value) for name, value in some.items()} for some in (self.given, self.first))
        return repr(replace(self, given=given, first=first))

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
        tensors = [value for value in self.given.values() if isinstance(value, Tensor) and value.is_floating_point()]
        dtype = tensors[0].dtype if tensors else torch.float64
        return with_small_weights(kind, *self._made_with(), dtype, self.factors).train(self.training)

    def make(self, kind: Any) -> Any:
        """Calls the class."""
        args, kwargs = self._made_with()
        return kind(*args, **kwargs)

    def _made_with(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the class as they are passed: some without their names."""
        made = list((self.made or {}).items())
        return tuple(value for _, value in made[: self.positional[0]]), dict(made[self.positional[0] :])

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


def _listed(value: Any) -> Any:
    return (str(value.dtype), value.tolist()) if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Part:
    """A part of the module, as an argument of one of its methods."""

    name: str


def rows_of_the_identity(like: Tensor) -> Tensor:
    """In each matrix of the last two axes the identity, its rows repeated where there are more of them than columns."""
    rows, columns = like.shape[-2:]
    found = (torch.arange(rows)[:, None] % columns == torch.arange(columns)).to(like.dtype)
    return found.expand(like.shape).contiguous()


def one_at_the_end(like: Tensor) -> Tensor:
    """Zeros, but the last of all is 1."""
    found = torch.zeros(like.numel(), dtype=like.dtype)
    found[-1:] = 1
    return found.view(like.shape)


def in_a_word(value: Tensor) -> str:
    """The words for a tensor of zeros, of ones, of rows of the identity or of zeros and a 1 at the end; for a mask of
    True, a causal one, and ids that are all the same. Of others the empty string."""
    if value.numel() < 2:
        return ""
    if value.dtype is torch.bool:
        is_square = value.dim() > 1 and value.size(-1) == value.size(-2)
        is_causal = is_square and bool((value == torch.ones_like(value).tril()).all())
        return "all True" if bool(value.all()) else "causal" if is_causal else ""
    if not value.is_floating_point():
        is_one = value.numel() > MOST_NUMBERS and bool((value == value.flatten()[0]).all())
        return f"all {int(value.flatten()[0])}" if is_one else ""
    for number, word in ((0.0, "zeros"), (1.0, "ones")):
        if bool((value == number).all()):
            return word
    if value.dim() > 1 and bool((value == rows_of_the_identity(value)).all()):
        return "the identity"
    return "zeros and a last 1" if bool((value == one_at_the_end(value)).all()) else ""
