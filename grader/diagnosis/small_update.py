"""An update of a model made smaller: the model is one of an earlier exercise, with few features and one sentence."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from grader.diagnosis.small_call import SmallCall
from grader.diagnosis.small_module import MOST_WAYS, SmallNumbers, made_with, parameters_of
from grader.remote.calls import Call
from grader.remote.code import Code
from grader.remote.handles import Module, Optimizer
from grader.worker.optimizer import GradientDescent

BOUNDS = (0.1, 100.0)
"""What takes the place of a number such as the largest norm, in turn with its default."""


@dataclass(frozen=True)
class Model:
    """A module of an earlier exercise as an argument.

    Args:
        slug: the exercise.
        kind: the reference's class.
        made: how it is made.
    """

    slug: str
    kind: type[nn.Module]
    made: SmallCall

    def reference(self) -> nn.Module:
        return self.made.module(self.kind)

    def on(self, code: Code) -> Module:
        """The same on a file's side."""
        module: Module = self.made.make(code.earlier(self.slug, self.made.name)).load(self.reference())
        return module


@dataclass(frozen=True)
class Descent:
    """A plain gradient descent over a model, as an argument."""

    rate: float = 1.0

    def over(self, model: Any) -> Any:
        if isinstance(model, Module):
            return model.optimizer(self.rate)
        return GradientDescent(list(model.parameters()), self.rate)


def model_of(call: SmallCall) -> Model | None:
    """The model that a call changes."""
    return next((one for one in call.given.values() if isinstance(one, Model)), None)


def is_an_update(call: Call) -> bool:
    kinds = [type(value) for value in call.given.values()]
    return Module in kinds and Optimizer in kinds


def smaller_updates(calls: Sequence[Call], reference: ModuleType, earlier: Sequence[str]) -> Iterator[SmallCall]:
    """The same update of a small model, in one way after the other, once or twice.

    Args:
        calls: a check's; the last of them is the update.
        reference: has the function, and stands beside the exercises whose classes a model may be of.
        earlier: those exercises.
    """
    call = calls[-1]
    model = next(value for value in call.given.values() if isinstance(value, Module))
    name = next((one.name for one in calls if one.value is model), "")
    slug, kind = _class_of(name, reference, earlier)
    made, passed = made_with(calls, kind)
    if kind is None or made is None:
        return
    plain = {name: value for name, value in call.given.items() if isinstance(value, Tensor) or type(value) is int}
    parameters = inspect.signature(getattr(reference, call.name)).parameters.values()
    bounds = [one.name for one in parameters if type(one.default) is float]
    pads = [name for name, value in plain.items() if type(value) is int and value == made.get("pad_id")]
    for number in range(MOST_WAYS):
        draw = SmallNumbers(number, plain, made)
        if not draw.is_possible:
            continue
        sizes = {name: min(value, 1) if name == "num_layers" else value for name, value in draw.made.items()}
        small = SmallCall(name, {}, sizes, positional=(passed, 0))
        if number % 2:
            small = replace(small, factors=draw.factors(parameters_of(small, kind)))
        found = {Module: Model(slug, kind, small), Optimizer: Descent()}
        given = {name: found.get(type(value), draw.given.get(name)) for name, value in call.given.items()}
        given = {name: value for name, value in given.items() if name not in bounds}
        given.update({name: BOUNDS[number % 3 - 1] for name in bounds if number % 3})
        given.update(dict.fromkeys(pads, draw.made["pad_id"]))
        positional = sum(name not in bounds for name in list(call.given)[: len(call.arguments[0])])
        yield SmallCall(call.name, given, positional=(0, positional), times=1 + (number % 4 > 1))


def _class_of(name: str, reference: ModuleType, earlier: Sequence[str]) -> tuple[str, type[nn.Module] | None]:
    """The latest earlier exercise that has a class of this name, and the class."""
    package = reference.__name__.rpartition(".")[0]
    for slug in reversed(earlier):
        kind = getattr(sys.modules.get(f"{package}.{slug}"), name, None) if name else None
        if isinstance(kind, type):
            return slug, kind
    return "", None
