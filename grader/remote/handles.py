"""Handles on the grader's side of a learner's functions, modules and optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from grader.errors import Mismatch
from grader.protocol.gradients import flattened
from grader.protocol.messages import (
    Describe,
    Description,
    Done,
    Introduction,
    LoadState,
    MakeOptimizer,
    OptimizerMade,
    ReadState,
    SetGradients,
    SetTraining,
    State,
    StateLoaded,
    StubDecode,
)
from grader.protocol.values import Reference
from grader.remote.calls import Call, Caller
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
    """Handle of a learner's nn.Module, which stays in the worker. Its methods can be called by name."""

    def __init__(self, code: Caller, reference: Reference, introduction: Introduction) -> None:
        self._code = code
        self._reference = reference
        self._introduction = introduction

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Function(self._code, ("object", self._reference.id, "__call__"), self._name())(*args, **kwargs)

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return Function(self._code, ("object", self._reference.id, name), f"{self._name()}.{name}")

    def _name(self) -> str:
        return self._introduction.name

    def load(self, reference: nn.Module) -> Module:
        """Copies the reference module's weights, dtype and training flag to it.

        Raises Mismatch where a parameter is missing, has another shape or a name that the contract does not have.
        """
        state = parameters_of(parts_of(reference))
        text, values = f"{self._name()}.load_state_dict(...)", flattened(dict(sorted(state.items())))
        asked = LoadState(self, layout(state), values, reference.training)
        found = self._code.request(asked, StateLoaded, text=text).found
        if found is not None:
            self._demand_fit(found, state)
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

    def describe(self) -> Description:
        """Its parameters' names and shapes, the names that share one parameter, and the training flags of its parts."""
        return self._code.request(Describe(self), Description, text=self._name())

    def parameters(self) -> dict[str, Tensor]:
        """The values of its parameters now."""
        return self._code.request(ReadState(self), State, text=self._name()).parameters

    def set_training(self, flags: dict[str, bool]) -> None:
        """Sets the training flag of the parts named, of each part alone; "" is the module itself."""
        self._code.request(SetTraining(self, flags), Done, text=self._name())

    def set_gradients(self, gradients: dict[str, Tensor]) -> None:
        """Leaves these in `.grad`, as an earlier backward pass would have."""
        self._code.request(SetGradients(self, gradients), Done, text=self._name())

    def optimizer(self, lr: float) -> Optimizer:
        """A plain gradient descent over its parameters."""
        made: Optimizer = self._code.request(MakeOptimizer(self, lr), OptimizerMade, text="the optimizer").optimizer
        return made

    def stub_decode(self, words: list[int], vocab: int) -> None:
        """Puts a `StubDecoder` of these arguments in the place of its method `decode`."""
        self._code.request(StubDecode(self, words, vocab), Done, text=self._name())


@dataclass
class Function:
    """A function of the learner's code; calling the handle calls it."""

    code: Caller
    target: tuple[Any, ...]
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(args, kwargs).value

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any], **options: bool) -> Call:
        return self.code.call(self.target, self.name, args, kwargs, **options)
