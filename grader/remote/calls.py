"""Calls into the learner's code: what came of them, and their text as a learner would write it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from grader.errors import Raised

if TYPE_CHECKING:
    pass


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


@dataclass
class Call:
    """One call into the learner's code and what came of it."""

    name: str
    text: str
    value: Any = None
    raised: Raised | None = None
    fed: list[Any] = field(default_factory=list)
    """What the learner's code passed to the check's own functions, call by call."""
    attached: list[list[bool]] = field(default_factory=list)
    """Whether a gradient can flow back from each floating tensor among these, call by call."""
    mutated: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    recorded: int = 0
    requires_grad: bool = False
    away: list[bool] = field(default_factory=list)
    """Whether each tensor that came back lay elsewhere than the run's own device: on the GPU of one check, say."""
    number: int = -1
    names: list[str] = field(default_factory=list)
    """The parameter of each tensor among the arguments."""
    given: dict[str, Any] = field(default_factory=dict)
    """The arguments by parameter."""
    with_grad_off: Callable[[], Call] | None = None
    """Calls the same again with grad mode off."""

    def note(self, reply: Mapping[str, Any]) -> None:
        """What came back; the reply has been looked at."""
        self.value, self.number = reply["value"], reply.get("call", -1)
        self.mutated = [self.names[i] for i in reply["mutated"] if i < len(self.names)]
        self.changed, self.recorded = reply["changed"], reply["recorded"]


@dataclass
class Request:
    """One request of a check as it crossed, and what came of it: enough to put it to another file."""

    frame: bytes
    call: Call | None
    """None for whatever is not a call: loading weights, describing a module ..."""
    value: Any = None
    """What a request that is not a call brought back."""

    @property
    def digest(self) -> bytes:
        return hashlib.blake2b(self.frame, digest_size=16).digest()


@dataclass(frozen=True)
class Passed:
    """The end of a check that was passed: what its record holds."""

    calls: Sequence[Call]
    requests: Sequence[Request]


class Caller(Protocol):
    """What a handle needs of the code that it belongs to; `remote.code.Code` is one."""

    def call(
        self,
        target: tuple[Any, ...],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        grad: bool = False,
        count: bool = False,
        off: bool = False,
    ) -> Call: ...

    def request(self, operation: str, *arguments: Any, text: str) -> dict[str, Any]: ...
