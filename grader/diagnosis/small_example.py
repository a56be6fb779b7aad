"""A failing call small enough to redo by hand: the same call with few small whole numbers.

An example is shown only where the reference, given the same, returns something else, and the learner's file raises
nothing. The right result is worked out with the reference's own variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from grader.diagnosis.small_call import MOST_NUMBERS, Part, SmallCall, is_plain, smaller
from grader.diagnosis.way import Way, equal, way_of
from grader.errors import Finding
from grader.protocol.messages import Done, RecordSteps, StepsTaken, TellSteps
from grader.protocol.values import leaves
from grader.worker.steps import RETURNED

if TYPE_CHECKING:
    from grader.diagnosis.evidence import Run
    from grader.diagnosis.trusted import TrustedCode
    from grader.remote.code import Code

TRIES = 20
"""Small calls that are made of one failing call."""
MOST_WORK, PARTS = 60.0, 3.0
"""About how many milliseconds may go into small calls of one file; and how much less one costs than the whole check."""
MOST_LETTERS, MOST_WORKED_OUT = 90, 65
"""Of one result; and of what it follows from."""


@dataclass(frozen=True)
class Example:
    """A call with what it gives and what is right.

    Args:
        call: the function or method, and its arguments.
        module: the reference's, with the weights that both have; None for a function.
        yours, expected: its result, and the reference's.
        way: how the reference comes to that.
    """

    call: SmallCall
    module: nn.Module | None
    yours: Any
    expected: Any
    way: Way

    def __str__(self) -> str:
        which, yours, expected = _first_difference(self.yours, self.expected)
        lines = [_asked(self.call, self.module), f"  yours{which}     {yours}", f"  expected{which}  {expected}"]
        steps = _worked_out(self.way, expected)
        return "\n".join([*lines, *([f"    from {steps}"] if steps else [])])


def small_example(trusted: TrustedCode, runs: Sequence[Run], code: Code, seed: int) -> Example | None:
    """A call of the learner's with what it returns and what is right; None where there is none.

    Args:
        runs: checks that the file fails with a wrong value.
        code: the learner's file, still open.
    """
    tried: set[str] = set()
    left = MOST_WORK
    for run in runs:
        for call, right, module in _answered(trusted, run, tried):
            left -= max(1.0, run.weight / PARTS)
            if left < 0:
                return None
            mine = _called(code, call, module, seed)
            if mine is None or agree_but_at_padding(call, mine[0], right) or not _is_small(mine[0], right):
                continue
            shown = _called(trusted.reference_code(), call, module, seed, recorded=True)
            if shown is not None and _agree(shown[0], right):
                return Example(call, module, mine[0], right, shown[1])
    return None


def _answered(trusted: TrustedCode, run: Run, tried: set[str]) -> Iterator[tuple[SmallCall, Any, nn.Module | None]]:
    """Small calls made of a failing one, each once; the reference's results, and its module where it is one."""
    made = 0
    for call in smaller(run.tried.calls, trusted.reference):
        key = repr(call)
        if key in tried or (right := _right(trusted, call)) is None:
            continue
        tried.add(key)
        made += 1
        if made > TRIES:
            return
        yield (call, *right)


def _right(trusted: TrustedCode, call: SmallCall) -> tuple[Any, nn.Module | None] | None:
    """What the reference returns; None where it takes no such arguments, or its result says nothing."""
    with suppress(Exception), torch.no_grad():
        kind = getattr(trusted.reference, call.owner)
        module = call.module(kind) if call.made is not None else None
        target = module if module is not None else kind
        value = call.on(target)
        return (value, module) if _says_something(call, value) else None
    return None


def _says_something(call: SmallCall, value: Any) -> bool:
    """Whether all of a result is finite; and no padding was written: what comes after it may be anything."""
    found = [one for one in leaves(value) if isinstance(one, Tensor)]
    finite = all(bool(one.isfinite().all()) for one in found if one.is_floating_point())
    words = [one for one in found if one.dtype is torch.int64] if call.pad_id is not None else []
    return finite and not any(bool(one.eq(call.pad_id or 0).any()) for one in words)


def _called(
    code: Code, call: SmallCall, module: nn.Module | None, seed: int, *, recorded: bool = False
) -> tuple[Any, Way] | None:
    """What a file returns, and how; None where it raises something."""
    with suppress(Finding):
        code.begin(seed)
        target: Any = getattr(code, call.owner)
        if module is not None:
            target = call.make(target).load(module)
        if recorded:
            code.request(RecordSteps(), Done, text="the start of a call")
        value = call.on(target)
        taken = code.request(TellSteps(), StepsTaken, text="the steps of a call") if recorded else None
        return value, way_of(taken, {}) if taken is not None else Way([])
    return None


def agree_but_at_padding(call: SmallCall, mine: Any, right: Any) -> bool:
    """Whether two results of a call are equal where they have to be."""
    return _agree(_without_padding(call, mine), _without_padding(call, right))


def _without_padding(call: SmallCall, value: Any) -> Any:
    """A result without what stands at padding, where a module's may be anything."""
    ids = [one for one in call.given.values() if isinstance(one, Tensor) and one.dtype is torch.int64]
    if call.pad_id is None or not isinstance(value, Tensor) or not value.is_floating_point():
        return value
    for one in ids:
        if one.shape == value.shape[: one.dim()] and one.dim() < value.dim():
            value = value.masked_fill((one == call.pad_id)[(...,) + (None,) * (value.dim() - one.dim())], 0.0)
    return value


def _agree(mine: Any, right: Any) -> bool:
    if isinstance(right, (tuple, list)):
        same_number = isinstance(mine, (tuple, list)) and len(mine) == len(right)
        return same_number and all(_agree(one, other) for one, other in zip(mine, right, strict=True))
    return equal(mine, right)


def _is_small(mine: Any, right: Any) -> bool:
    """Whether two results, and where they differ, can be shown."""
    _, yours, expected = _first_difference(mine, right)
    numbers = sum(value.numel() for value in leaves([mine, right]) if isinstance(value, Tensor))
    return numbers <= 4 * MOST_NUMBERS and yours != expected and max(len(yours), len(expected)) <= MOST_LETTERS


# ---------------------------------------------------------------------------------------------- in words


def _asked(call: SmallCall, module: nn.Module | None) -> str:
    """The call in words."""
    given = "  ".join(f"{name} = {_numbers(value)}" for name, value in call.given.items())
    if module is None:
        return f"{call.name} with {given}"
    sizes = ", ".join(f"{name}={value}" for name, value in (call.made or {}).items() if name != "dropout" or value)
    method = f".{call.method}" if call.method else ""
    mode = " in train mode" if call.training else ""
    return f"{call.owner}({sizes}){method}{mode} with {given}; {_weights(call, module)}"


def _weights(call: SmallCall, module: nn.Module) -> str:
    """What the parameters of a module are, in words."""
    parameters = dict(module.named_parameters())
    shapes = [one.shape for one in parameters.values() if one.dim() > 1]
    identity = "every matrix the identity" if shapes else ""
    if any(shape[0] != shape[1] for shape in shapes):
        identity += " (repeated where it is not square)"
    norms = [name for name, one in parameters.items() if one.dim() == 1 and name.endswith("weight")]
    others = [
        f"{name} {factor:g}{' times the identity' if parameters[name].dim() > 1 else ''}"
        for name, factor in call.factors.items()
    ]
    biases = len(parameters) > len(shapes) + len(norms)
    said = [identity, "norms 1" if norms else "", "biases 0" if biases else ""]
    return ", ".join(one for one in said if one) + (f", but {', '.join(others)}" if others else "")


def _worked_out(way: Way, expected: str) -> str:
    """The reference's variables on the way to its result, in order: the last of them, as many as a line holds."""
    said: list[str] = []
    for one in way.assigned:
        shown = _numbers(one.value)
        is_told = one.name.startswith((RETURNED, "_")) or shown == expected or f"{one.name} = {shown}" in said
        if isinstance(one.value, Tensor) and not is_told:
            said.append(f"{one.name} = {shown}")
    while said and len("; ".join(said)) > MOST_WORKED_OUT:
        said = said[1:]
    return "; ".join(said)


def _first_difference(mine: Any, right: Any) -> tuple[str, str, str]:
    """What is returned in words: of several results the first that differs, with its number."""
    if type(mine) is tuple and type(right) is tuple and len(mine) == len(right):
        for number, (one, other) in enumerate(zip(map(_numbers, mine), map(_numbers, right), strict=True), 1):
            if one != other:
                return f", result {number}", one, other
    return "", _numbers(mine), _numbers(right)


def _numbers(value: Any) -> str:
    if isinstance(value, Part):
        return value.name
    if isinstance(value, Tensor):
        if not is_plain(value) or value.numel() < 4:
            return _nested(value.tolist())
        return f"{'all True' if value.dtype is torch.bool else 'zeros'} {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return "; ".join(_numbers(item) for item in value)
    return _nested(value)


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(item) for item in value)}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).removeprefix("torch.")
