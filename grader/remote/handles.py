"""What stands for a learner's functions and modules on the grader's side, and the record of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from grader.errors import Crashed, Mismatch
from grader.protocol import replies
from grader.protocol.gradients import flattened
from grader.protocol.values import CodecError, Reference
from grader.remote.calls import Call, Caller
from grader.remote.connection import NO_RESULT
from grader.worker.describe import layout, parameters_of, parts_of


class Opaque:
    """A value that the learner's code may pass on and nothing else, such as a decoder's state."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Optimizer:
    """Handle of a plain gradient descent over a learner-side module's parameters."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference


class Module:
    """A learner's nn.Module, on its own side. Methods are called by their names."""

    def __init__(self, code: Caller, reference: Reference) -> None:
        self._code = code
        self._reference = reference
        self._about: dict[str, Any] = reference.about or {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Function(self._code, ("object", self._reference.id, "__call__"), self._name())(*args, **kwargs)

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return Function(self._code, ("object", self._reference.id, name), f"{self._name()}.{name}")

    def _name(self) -> str:
        return str(self._about.get("class", "module"))

    def load(self, reference: nn.Module) -> Module:
        """Gives it the reference module's weights, dtype and training flag.

        Raises Mismatch where a parameter is missing, has another shape or a name that the contract does not have.
        """
        state = parameters_of(parts_of(reference))
        text, values = f"{self._name()}.load_state_dict(...)", flattened(dict(sorted(state.items())))
        mine = self._code.request("load_state", self, layout(state), values, reference.training, text=text)["value"]
        if mine is not None:
            self._demand_fit(mine, state)
        return self

    def _demand_fit(self, mine: dict[str, list[int]], state: Mapping[str, Tensor]) -> None:
        for name, tensor in state.items():
            if name not in mine:
                extra = [other for other in mine if other not in state]
                found = f"; it has {', '.join(extra[:4])}" if extra else ""
                raise Mismatch(f"{self._name()} has no parameter {name}{found}", kind="type")
            if tuple(mine[name]) != tuple(tensor.shape):
                text = f"the parameter {name} of {self._name()} has shape {tuple(mine[name])}"
                raise Mismatch(f"{text}, expected {tuple(tensor.shape)}", kind="shape")
        if extra := [name for name in mine if name not in state]:
            raise Mismatch(f"{self._name()} has a parameter that was not asked for: {extra[0]}", kind="type")

    def describe(self) -> dict[str, Any]:
        """Its parameters' names and shapes, the names that share one parameter, and the training flags of its parts."""
        try:
            return replies.description(self._code.request("describe", self, text=self._name())["value"])
        except CodecError:
            raise Crashed(NO_RESULT) from None

    def parameters(self) -> dict[str, Tensor]:
        """The values of its parameters now."""
        state: dict[str, Tensor] = self._code.request("state", self, text=self._name())["value"]
        return state

    def set_training(self, flags: dict[str, bool]) -> None:
        """Sets the training flag of the parts named, of each part alone; "" is the module itself."""
        self._code.request("set_training", self, flags, text=self._name())

    def set_gradients(self, gradients: dict[str, Tensor]) -> None:
        """Leaves these in `.grad`, as an earlier backward pass would have."""
        self._code.request("set_gradients", self, gradients, text=self._name())

    def optimizer(self, lr: float) -> Optimizer:
        """A plain gradient descent over its parameters."""
        made: Optimizer = self._code.request("optimizer", self, lr, text="the optimizer")["value"]
        return made

    def stub_decode(self, words: list[int], vocab: int) -> None:
        """Puts a `StubDecoder` of these arguments in the place of its method `decode`."""
        self._code.request("stub_decode", self, words, vocab, text=self._name())


@dataclass
class Function:
    """One name of the learner's code. Calling it calls theirs."""

    code: Caller
    target: tuple[Any, ...]
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(args, kwargs).value

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any], **options: bool) -> Call:
        return self.code.call(self.target, self.name, args, kwargs, **options)
