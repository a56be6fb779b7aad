"""What a small call gives, of the reference and of a learner's file: its results; and where the failing call was about
them the gradients, what a step was fed, and the parameters that were changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from grader.diagnosis.small_call import Part, SmallCall
from grader.diagnosis.small_loop import TableStep, step_of
from grader.diagnosis.small_shares import MORE, Shares, by_chance, repeated
from grader.diagnosis.small_update import Descent, Model, model_of
from grader.diagnosis.way import Way, way_of
from grader.errors import Finding
from grader.protocol.gradients import pull_back
from grader.protocol.messages import Done, RecordSteps, StepsTaken, TellSteps
from grader.protocol.values import leaves
from grader.remote.calls import Call
from grader.remote.code import Code
from grader.remote.handles import Module

GRADIENT = "gradient for "
"""What stands before the name of the tensor that a gradient is for."""
CLOSE, TINY = 1e-4, 5e-4
"""Results that are nearer than this, relative to the largest, look the same where four digits are shown; and results
none of which is larger are taken for 0: such numbers help nobody."""
NOISE = 1e-8
"""What weights and arguments are changed by, to see whether a result hangs on it; the results' entries may differ by
10,000 times as much."""
EOS = "eos_id"
"""The argument of a loop that lets rows end at different steps."""
Found = list[tuple[str, Any]]
"""Values with what each is called: `result 2`, `gradient for x`; a single result needs no name."""


def of_the_reference(
    call: SmallCall, reference: ModuleType, noise: float = 0.0
) -> tuple[Found, nn.Module | None] | None:
    """What is right, and the module that gives it; None where the reference takes no such arguments, or what it gives
    says nothing.

    Args:
        noise: the share by which weights and floating arguments are changed, each by another one.
    """
    with suppress(Exception), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # torch.manual_seed formats a traceback where CUDA has not started
        if call.draws > 1 and call.made is not None:
            call = replace(call, draws=call.draws * MORE)
        kind = getattr(reference, call.owner)
        module = call.module(kind) if call.made is not None else None
        target = module if module is not None else kind
        given = _Given(call, module)
        if noise:
            _disturb([*_floating(given.values), *(module.parameters() if module is not None else ())], noise)
        inputs = _floating(given.values) if call.backward else []
        if (step := step_of(given.values)) is not None:
            step.has_graph = bool(call.backward)
        with torch.set_grad_enabled(bool(call.backward) or model_of(call) is not None):
            for one in inputs:
                one.requires_grad_()
            values = given.to_all(_function(call, target))
        found = given.found(_detached(values))
        if call.backward:
            outputs = _floating(leaves(values[-1]))
            wanted = dict(module.named_parameters()) if module is not None else {}
            inputs = step.logits if step is not None else inputs
            gradients = pull_back(outputs, call.cotangents(outputs), [*inputs, *wanted.values()])
            found += _gradients([*_names(call, len(inputs)), *wanted], gradients)
        return (found, module) if _says_something(call, found) else None
    return None


@torch.no_grad()
def _disturb(values: Sequence[Tensor], noise: float) -> None:
    generator = torch.Generator().manual_seed(0)
    for one in values:
        one += noise * (1 + one.abs()) * torch.randn(one.shape, generator=generator, dtype=torch.float64).to(one.dtype)


def is_steady(call: SmallCall, reference: ModuleType, right: Found) -> bool:
    """Whether what is right hardly changes with the weights and the arguments, nor with a wider dtype: where two words
    are equally likely, a kink has two slopes, or rounding shows, another right way may give something else."""
    if model_of(call) is not None:
        return True
    if (wide := _in_float64(call)) is not None:
        found = of_the_reference(wide, reference)
        if found is None or not agree(wide, found[0], right):
            return False
    for noise in (NOISE, -NOISE):
        found = of_the_reference(call, reference, noise)
        if found is None or not agree(call, found[0], right):
            return False
    return True


def _in_float64(call: SmallCall) -> SmallCall | None:
    """The same call in float64; None where its own dtype is exact enough for four digits."""
    narrow = {
        name: value.double()
        for name, value in call.given.items()
        if isinstance(value, Tensor) and value.is_floating_point() and torch.finfo(value.dtype).eps > CLOSE
    }
    return replace(call, given={**call.given, **narrow}) if narrow else None


def of_a_file(call: SmallCall, code: Code, module: nn.Module | None) -> Found | None:
    """What a file gives; None where it raises something.

    Args:
        code: the file, begun.
        module: the reference's, whose weights the file's gets.
    """
    with suppress(Finding):
        target = _target(call, code, module)
        function, given = _function(call, target), _Given(call, target, code)
        if not call.backward:
            return given.found(given.to_all(function))
        called = given.to(partial(_with_graph, function))
        outputs = _floating(leaves(called.value))
        inputs, parameters = code.backward(called, call.cotangents(outputs))
        wanted = [name for name, _ in module.named_parameters()] if module is not None else []
        gradients = [*inputs, *(parameters.get(name) for name in wanted)]
        return given.found([called.value]) + _gradients([*_names(call, len(inputs)), *wanted], gradients)
    return None


def way_through(call: SmallCall, code: Code, module: nn.Module | None) -> Way:
    """How a file comes to its results, which it gives without an exception.

    Args:
        code: the file, begun.
    """
    target = _target(call, code, module)
    function, given = _function(call, target), _Given(call, target, code)
    code.request(RecordSteps(), Done, text="the start of a call")
    given.to(function)
    return way_of(code.request(TellSteps(), StepsTaken, text="the steps of a call"), {})


def _target(call: SmallCall, code: Code, module: nn.Module | None) -> Any:
    """A file's function; or its module with these weights."""
    function = getattr(code, call.owner)
    return call.make(function).load(module) if module is not None else function


def _function(call: SmallCall, target: Any) -> Any:
    """What is called: a function, a module, or a method of that."""
    return getattr(target, call.method) if call.method else target


def _with_graph(function: Any, *args: Any, **kwargs: Any) -> Call:
    """A call whose gradients can be asked for."""
    function = function.forward if isinstance(function, Module) else function
    called: Call = function.call(args, kwargs, grad=True)
    return called


class _Given:
    """What a small call is given: tensors are copies, and a model that is changed is a new one.

    Args:
        target: the module, whose parts may be among the arguments.
        code: the file whose function it is for; None for the reference's.
    """

    def __init__(self, call: SmallCall, target: Any, code: Code | None = None) -> None:
        self._call, self._target = call, target
        model = model_of(call)
        self._model: Any = None
        if model is not None:
            self._model = model.on(code) if code is not None else model.reference()
        given = repeated(call.given, call.draws) if call.draws > 1 else call.given
        self._named = [(name, self._made(value)) for name, value in given.items()]

    @property
    def values(self) -> list[Any]:
        return [value for _, value in self._named]

    def to(self, function: Callable[..., Any]) -> Any:
        args, kwargs = self._call.passed(self._named)
        return function(*args, **kwargs)

    def to_all(self, function: Callable[..., Any]) -> list[Any]:
        """What all calls return, one after the other."""
        if not self._call.first:
            return [self.to(function) for _ in range(self._call.times)]
        first = {name: self._made(value) for name, value in self._call.first.items()}
        args, kwargs = self._call.passed([(name, first.get(name, value)) for name, value in self._named])
        return [function(*args, **kwargs), *(self.to(function) for _ in range(self._call.times - 1))]

    def found(self, values: Sequence[Any]) -> Found:
        """What came of the calls: what the step was given, the results, the model's parameters after it; or how often
        each outcome came."""
        if self._call.draws > 1:
            return by_chance(values, self._call.draws, step_of(self.values))
        found = _results(values[0]) if len(values) == 1 else _results_of_calls(values)
        step = step_of(self.values)
        if step is not None and not (EOS in self._call.given and step.rows > 1):  # a finished row is fed anything
            found = [*step.found(), *found]
        return found + self._after()

    def _after(self) -> Found:
        if self._model is None:
            return []
        is_mine = isinstance(self._model, Module)
        after = self._model.parameters() if is_mine else dict(self._model.named_parameters())
        named = [(name, one.detach()) for name, one in after.items() if isinstance(one, Tensor)]
        return [(f"{name} afterwards", one) for name, one in sorted(named, key=lambda pair: (pair[1].numel(), pair[0]))]

    def _made(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.clone()
        if isinstance(value, Part):
            return self._target.get_submodule(value.name)
        if isinstance(value, TableStep):
            return value.again()
        if isinstance(value, Model):
            return self._model
        return value.over(self._model) if isinstance(value, Descent) else value


def agree(call: SmallCall, mine: Found, right: Found) -> bool:
    """Whether all of two results is equal where it has to be, as far as four digits show."""
    return [name for name, _ in mine] == [name for name, _ in right] and not differing(call, mine, right)


def differing(call: SmallCall, mine: Found, right: Found) -> list[tuple[str, Any, Any]]:
    """What of two results is not equal where it has to be: what it is called, and both values."""
    pairs = [(name, one, other) for (name, one), (_, other) in zip(mine, right, strict=False)]
    return [pair for pair in pairs if not _close(*(_without_padding(call, value) for value in pair[1:]))]


def close_entries(mine: Tensor, right: Tensor) -> Tensor:
    """Which entries of two tensors of one shape look the same, as a mask; ids are compared exactly."""
    if not (mine.is_floating_point() or right.is_floating_point()):
        return mine == right
    one, other = mine.double(), right.double()
    sizes = torch.cat([one.flatten(), other.flatten()]).abs().nan_to_num()
    largest = float(sizes.max()) if sizes.numel() else 0.0
    atol = TINY if largest < TINY else CLOSE * min(1.0, largest)
    return torch.isclose(one, other, rtol=CLOSE, atol=atol, equal_nan=True)


def _results(value: Any) -> Found:
    """What is returned; several results one by one."""
    if isinstance(value, (tuple, list)) and len(value) > 1:
        return [(f"result {number}", one) for number, one in enumerate(value, 1)]
    return [("", value)]


def _results_of_calls(values: Sequence[Any]) -> Found:
    return [
        (f"{what or 'result'} of call {number}", one)
        for number, value in enumerate(values, 1)
        for what, one in _results(value)
    ]


def _gradients(names: Sequence[str], gradients: Sequence[Tensor | None]) -> Found:
    return [(GRADIENT + name, one) for name, one in zip(names, gradients, strict=False)]


def _names(call: SmallCall, leaves: int) -> list[str]:
    """Of all that has a gradient: the floating arguments, or what a step returns."""
    if step_of(list(call.given.values())) is not None:
        return [f"the logits of step {number}" for number in range(leaves)]
    return [name for name, value in call.given.items() if isinstance(value, Tensor) and value.is_floating_point()]


def _floating(values: Any) -> list[Tensor]:
    return [one for one in values if isinstance(one, Tensor) and one.is_floating_point()]


def _detached(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_detached(one) for one in value)
    return value.detach() if isinstance(value, Tensor) else value


def _says_something(call: SmallCall, found: Found) -> bool:
    """Whether all of a result is finite; of written words, whether they differ or end, and no padding comes before an
    eos: what follows it may be anything; and of chance, whether few outcomes are possible."""
    if call.draws > 1:
        return bool(found) and all(isinstance(value, Shares) and value.is_chance for _, value in found)
    values = [one for one in leaves([value for _, value in found]) if isinstance(one, Tensor)]
    finite = all(bool(one.isfinite().all()) for one in values if one.is_floating_point())
    return finite and all(_is_written(call, one) for one in values if one.dtype is torch.int64)


def _is_written(call: SmallCall, words: Tensor) -> bool:
    if call.pad_id is None or EOS not in call.given:
        return True
    ended = (words == call.given[EOS]).cumsum(-1) > 0
    differ = bool((words != words[0, 0]).any()) or words.size(-1) < call.given["max_length"]
    return differ and not bool(((words == call.pad_id) & ~ended).any())


def _without_padding(call: SmallCall, value: Any) -> Any:
    """A result without what stands at padding, where a module's may be anything."""
    ids = [one for one in call.given.values() if isinstance(one, Tensor) and one.dtype is torch.int64]
    if call.pad_id is None or not isinstance(value, Tensor) or not value.is_floating_point():
        return value
    for one in ids:
        if one.shape == value.shape[: one.dim()] and one.dim() < value.dim():
            value = value.masked_fill((one == call.pad_id)[(...,) + (None,) * (value.dim() - one.dim())], 0.0)
    return value


def _close(mine: Any, right: Any) -> bool:
    if isinstance(right, (tuple, list)):
        same_number = isinstance(mine, (tuple, list)) and len(mine) == len(right)
        return same_number and all(_close(one, other) for one, other in zip(mine, right, strict=True))
    if isinstance(mine, Shares) and isinstance(right, Shares):
        return mine.near(right)
    if isinstance(mine, Tensor) and isinstance(right, Tensor):
        if mine.shape != right.shape or mine.dtype.is_complex:
            return False
        return bool(close_entries(mine, right).all())
    for one, other in ((mine, right), (right, mine)):  # no gradient is one of zeros
        if one is None and isinstance(other, Tensor):
            return bool(close_entries(other, torch.zeros_like(other)).all())
    if isinstance(mine, (int, float)) and isinstance(right, (int, float)):
        return bool(abs(mine - right) <= CLOSE * abs(right))
    return type(mine) is type(right) and bool(mine == right)
