"""What a check asks of a learner's module between its calls: weights in and out, training flags, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from grader.protocol.gradients import split_like
from grader.worker.describe import describe_module, layout, parameters_of, parts_of, set_training
from grader.worker.optimizer import GradientDescent
from grader.worker.stub_decoder import StubDecoder


def load_state(module: nn.Module, asked: bytes, values: Tensor, training: bool, device: str) -> dict[str, Any]:
    """Loads a state that fits; where it does not, says what the module has.

    Args:
        module: the learner's.
        asked: the layout of the state.
        values: all its numbers, in the order of the sorted names.
        training: the flag of every part.
        device: where its weights belong.
    """
    parts = parts_of(module)
    parameters = parameters_of(parts)
    if layout(parameters) != asked:
        return {"value": {name: list(parameter.shape) for name, parameter in parameters.items()}}
    names = sorted(parameters)
    state = dict(zip(names, split_like(values, [tuple(parameters[name].shape) for name in names]), strict=True))
    if device == "cpu" and not any(part._buffers for _, part in parts):
        for name, parameter in parameters.items():
            parameter.data = state[name]  # a tenth of the cost of what follows
    else:
        module.to(device=device, dtype=values.dtype)
        module.load_state_dict(state, strict=False)  # buffers are the learner's
    set_training(parts, training)
    return {"value": None}


def _state(module: nn.Module) -> dict[str, Any]:
    return {"value": {name: parameter.detach() for name, parameter in module.named_parameters()}}


def _describe(module: nn.Module) -> dict[str, Any]:
    return {"value": describe_module(module)}


def _set_training(module: nn.Module, flags: dict[str, bool]) -> dict[str, Any]:
    for name, flag in flags.items():
        module.get_submodule(name).training = flag
    return {}


def _set_gradients(module: nn.Module, gradients: dict[str, Tensor]) -> dict[str, Any]:
    for name, parameter in module.named_parameters():
        parameter.grad = gradients[name]
    return {}


def _optimizer(module: nn.Module, lr: float) -> dict[str, Any]:
    return {"value": GradientDescent(list(module.parameters()), lr)}


def _stub_decode(module: nn.Module, words: list[int], vocab: int) -> dict[str, Any]:
    module.decode = StubDecoder(words, vocab)  # type: ignore[assignment]
    return {}


OF_A_MODULE: dict[str, Callable[..., dict[str, Any]]] = {
    "state": _state,
    "describe": _describe,
    "set_training": _set_training,
    "set_gradients": _set_gradients,
    "optimizer": _optimizer,
    "stub_decode": _stub_decode,
}
"""Requests that need nothing but the module."""
