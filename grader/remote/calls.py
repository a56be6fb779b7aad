"""Calls into the learner's code: their text as a learner would write it, and their results."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from grader import simulated_gpu
from grader.errors import Mismatch, NotHere, Raised
from grader.protocol.messages import Called
from grader.protocol.values import Decoded, leaves

T = TypeVar("T")


@lru_cache(maxsize=1024)
def parameter_names(reference: object, name: str, makes: bool = False) -> list[str]:
    """The names of the parameters of a function, or of a module's `forward`; empty where they cannot be known.

    Args:
        makes: whether the call makes a module: they are those of its `__init__`.
    """
    target: Any = reference
    for part in name.split("."):
        target = getattr(target, part, None)
    if isinstance(target, type):
        target = target.forward if hasattr(target, "forward") and "." not in name and not makes else target
    try:
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return []
    return names[1:] if names[:1] == ["self"] else names


def kind(device: str) -> str:
    """A device without its number."""
    return device.partition(":")[0]


def _text(name: str, parameters: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The call as a learner would write it."""
    shown = [_argument(value, parameters[i] if i < len(parameters) else "...") for i, value in enumerate(args)]
    shown += [f"{key}={_argument(value, key)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def _argument(value: Any, name: str) -> str:
    plain = value is None or isinstance(value, (bool, int, float, str, torch.dtype, torch.device))
    return repr(value).removeprefix("torch.") if plain else name


def _tensor_names(parameters: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
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
    """One call into the learner's code and its result."""

    name: str
    text: str
    value: Any = None
    raised: Raised | None = None
    fed: list[Any] = field(default_factory=list)
    """What the learner's code passed to the check's own functions, call by call."""
    attached: list[list[bool]] = field(default_factory=list)
    """Whether a gradient can flow back from each floating tensor among these, call by call."""
    refused: str = ""
    """Why one of these functions had no answer; what the learner's code made of that is no result."""
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
    arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
    """As they were passed: of a class that is called these are its own, and `given` has the names of `forward`."""
    with_grad_off: Callable[[], Call] | None = None
    """Calls the same again with grad mode off."""

    @classmethod
    def of(
        cls,
        name: str,
        reference: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        place: str,
        makes: bool = False,
    ) -> Call:
        """A call that is about to be made. Raises NotHere where the place lacks a dtype among the arguments.

        Args:
            reference: the grader's own module, for the names of parameters.
            place: where the learner's code works.
            makes: whether a class is called, not an object or a function.
        """
        if place == "mps" and any(_is_float64(value) for value in leaves([args, kwargs])):
            raise NotHere("mps has no float64")
        parameters = parameter_names(reference, name, makes)
        text = _text(name, parameters, args, kwargs)
        text += " on a simulated GPU" if place == simulated_gpu.NAME else ""
        given = {**dict(zip(parameters, args, strict=False)), **kwargs}
        names = _tensor_names(parameters, args, kwargs)
        return cls(name, text, names=names, given=given, arguments=(args, kwargs))

    def note(self, reply: Called, decoded: Decoded, device: str) -> None:
        """Records what came back.

        Args:
            decoded: the frame that it came in.
            device: where the run has the learner's code work.
        """
        self.value, self.number = reply.value, reply.call
        self.mutated = [self.names[i] for i in reply.mutated if i < len(self.names)]
        self.changed, self.recorded = reply.changed, reply.recorded
        self.requires_grad = any(decoded.requires_grad)
        self.away = [kind(one) != device for one in decoded.devices]

    def demand_place(self, devices: Sequence[str], place: str, inputs: Sequence[Any], *, of_a_module: bool) -> None:
        """Raises Mismatch for a result that is elsewhere.

        Args:
            devices: of the tensors that came back.
            place: where the learner's code works.
            inputs: all arguments.
            of_a_module: the call is one of a module's methods; its weights are an input too.
        """
        if of_a_module or any(isinstance(value, Tensor) or callable(value) for value in inputs):
            wanted, why = place, "the device of its input"
        else:
            wanted, why = str(self.given.get("device") or "cpu"), "as asked for"
        for device in devices:
            if kind(device) != kind(wanted):
                text = f"{self.text} returned a tensor on {device}; expected {wanted}, {why}"
                raise Mismatch(text, kind="device")


def _is_float64(value: Any) -> bool:
    return value is torch.float64 or (isinstance(value, Tensor) and value.dtype is torch.float64)


@dataclass
class Request:
    """One request of a check as it crossed, and its result: enough to repeat it on another file."""

    frame: bytes
    call: Call | None
    """None for whatever is not a call: loading weights, describing a module ..."""
    reply: type
    """The kind of reply that was asked for."""
    value: Any = None
    """The reply to a request that is not a call."""

    @property
    def digest(self) -> bytes:
        return hashlib.blake2b(self.frame, digest_size=16).digest()


@dataclass(frozen=True)
class Passed:
    """The record of a passed check."""

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

    def request(self, request: tuple[Any, ...], kind: type[T], *, text: str) -> T: ...
