"""What a small call gives, of the reference and of a learner's file: its results, and its gradients where they are
looked at too."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from grader.diagnosis.small_call import SmallCall
from grader.diagnosis.way import Way, way_of
from grader.errors import Finding
from grader.protocol.gradients import pull_back
from grader.protocol.messages import Done, RecordSteps, StepsTaken, TellSteps
from grader.protocol.values import leaves
from grader.remote.code import Code
from grader.remote.handles import Function

GRADIENT = "gradient for "
"""What stands before the name of the tensor that a gradient is for."""
CLOSE, TINY = 1e-4, 5e-4
"""Results that are nearer than this, relative to the largest, look the same where four digits are shown; and results
none of which is larger are taken for 0: such numbers help nobody."""
Found = list[tuple[str, Any]]
"""Values with what each is called: `result 2`, `gradient for x`; a single result needs no name."""


def of_the_reference(call: SmallCall, reference: ModuleType) -> tuple[Found, nn.Module | None] | None:
    """What is right, and the module that gives it; None where the reference takes no such arguments, or what it gives
    says nothing."""
    with suppress(Exception):
        kind = getattr(reference, call.owner)
        module = call.module(kind) if call.made is not None else None
        target = module if module is not None else kind
        args, kwargs = call.arguments(target)
        inputs = _floating([*args, *kwargs.values()])
        with torch.set_grad_enabled(bool(call.backward)):
            for one in inputs if call.backward else ():
                one.requires_grad_()
            value = (getattr(target, call.method) if call.method else target)(*args, **kwargs)
        found = _results(_detached(value))
        if call.backward:
            outputs = _floating(leaves(value))
            wanted = dict(module.named_parameters()) if module is not None else {}
            gradients = pull_back(outputs, call.cotangents(outputs), [*inputs, *wanted.values()])
            found += _gradients([*_names(call), *wanted], gradients)
        return (found, module) if _says_something(call, found) else None
    return None


def of_a_file(call: SmallCall, code: Code, module: nn.Module | None) -> Found | None:
    """What a file gives; None where it raises something.

    Args:
        code: the file, begun.
        module: the reference's, whose weights the file's gets.
    """
    with suppress(Finding):
        target: Any = getattr(code, call.owner)
        if module is not None:
            target = call.make(target).load(module)
        if not call.backward:
            return _results(call.on(target))
        function = getattr(target, call.method or "forward") if module is not None else target
        assert isinstance(function, Function)
        called = function.call(*call.arguments(target), grad=True)
        outputs = _floating(leaves(called.value))
        inputs, parameters = code.backward(called, call.cotangents(outputs))
        wanted = [name for name, _ in module.named_parameters()] if module is not None else []
        gradients = [*inputs, *(parameters.get(name) for name in wanted)]
        return _results(called.value) + _gradients([*_names(call), *wanted], gradients)
    return None


def way_through(call: SmallCall, code: Code, module: nn.Module | None) -> Way:
    """How a file comes to its results, which it gives without an exception.

    Args:
        code: the file, begun.
    """
    target: Any = getattr(code, call.owner)
    if module is not None:
        target = call.make(target).load(module)
    code.request(RecordSteps(), Done, text="the start of a call")
    call.on(target)
    return way_of(code.request(TellSteps(), StepsTaken, text="the steps of a call"), {})


def agree(call: SmallCall, mine: Found, right: Found) -> bool:
    """Whether all of two results is equal where it has to be, as far as four digits show."""
    if [name for name, _ in mine] != [name for name, _ in right]:
        return False
    pairs = zip(mine, right, strict=True)
    return all(_close(_without_padding(call, one), _without_padding(call, other)) for (_, one), (_, other) in pairs)


def close_entries(mine: Tensor, right: Tensor) -> Tensor:
    """Which entries of two tensors of one shape look the same, as a mask."""
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


def _gradients(names: Sequence[str], gradients: Sequence[Tensor | None]) -> Found:
    return [(GRADIENT + name, one) for name, one in zip(names, gradients, strict=False)]


def _names(call: SmallCall) -> list[str]:
    return [name for name, value in call.given.items() if isinstance(value, Tensor) and value.is_floating_point()]


def _floating(values: Any) -> list[Tensor]:
    return [one for one in values if isinstance(one, Tensor) and one.is_floating_point()]


def _detached(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_detached(one) for one in value)
    return value.detach() if isinstance(value, Tensor) else value


def _says_something(call: SmallCall, found: Found) -> bool:
    """Whether all of a result is finite; and no padding was written: what comes after it may be anything."""
    values = [one for one in leaves([value for _, value in found]) if isinstance(one, Tensor)]
    finite = all(bool(one.isfinite().all()) for one in values if one.is_floating_point())
    words = [one for one in values if one.dtype is torch.int64] if call.pad_id is not None else []
    return finite and not any(bool(one.eq(call.pad_id or 0).any()) for one in words)


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
