"""What a check asks of a learner's module between its calls: weights in and out, training flags, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.protocol.gradients import split_like
from grader.protocol.messages import (
    Describe,
    Description,
    Done,
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
from grader.worker.describe import describe_module, layout, parameters_of, parts_of, set_training
from grader.worker.optimizer import GradientDescent
from grader.worker.stub_decoder import StubDecoder


def load_state(asked: LoadState, device: str) -> StateLoaded:
    """Loads a state that fits; where it does not, says what the module has.

    Args:
        device: where the module's weights belong.
    """
    module, values = asked.module, asked.values
    parts = parts_of(module)
    parameters = parameters_of(parts)
    if layout(parameters) != asked.layout:
        return StateLoaded({name: list(parameter.shape) for name, parameter in parameters.items()})
    names = sorted(parameters)
    state = dict(zip(names, split_like(values, [tuple(parameters[name].shape) for name in names]), strict=True))
    if device == "cpu" and not any(part._buffers for _, part in parts):
        for name, parameter in parameters.items():
            parameter.data = state[name]  # a tenth of the cost of what follows
    else:
        module.to(device=device, dtype=values.dtype)
        module.load_state_dict(state, strict=False)  # buffers are the learner's
    set_training(parts, asked.training)
    return StateLoaded(None)


def _state(asked: ReadState) -> State:
    return State({name: parameter.detach() for name, parameter in asked.module.named_parameters()})


def _describe(asked: Describe) -> Description:
    return describe_module(asked.module)


def _set_training(asked: SetTraining) -> Done:
    for name, flag in asked.flags.items():
        asked.module.get_submodule(name).training = flag
    return Done()


def _set_gradients(asked: SetGradients) -> Done:
    for name, parameter in asked.module.named_parameters():
        parameter.grad = asked.gradients[name]
    return Done()


def _optimizer(asked: MakeOptimizer) -> OptimizerMade:
    return OptimizerMade(GradientDescent(list(asked.module.parameters()), asked.lr))


def _stub_decode(asked: StubDecode) -> Done:
    asked.module.decode = StubDecoder(asked.words, asked.vocab)
    return Done()


OF_A_MODULE: dict[str, Callable[[Any], Any]] = {
    "state": _state,
    "describe": _describe,
    "set_training": _set_training,
    "set_gradients": _set_gradients,
    "optimizer": _optimizer,
    "stub_decode": _stub_decode,
}
"""Requests that need nothing but the module."""
