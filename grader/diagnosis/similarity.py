"""Whether two files gave the same answer to a request, and which of two others an answer is nearer to."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from grader.checks.tolerances import ROUNDING, widen
from grader.errors import Mismatch
from grader.protocol.messages import Description, RaisedReply, modes_of
from grader.protocol.values import Foreign, leaves
from grader.remote.calls import Call, Request
from grader.remote.handles import Module, Opaque, Optimizer

SAME = {torch.float64: 2e-6, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 8e-2}
"""How close a learner's result must be to a mistake's, times 1 + its size: wider than rounding, that of something
float32 inside included, far narrower than the difference between any two mistakes."""
NEARER = 0.1
"""A mistake explains a wrong result where it is nearer to it than this share of the way to the right one."""


def same_calls(one: Sequence[Call], other: Sequence[Call]) -> bool:
    """Whether two runs made the same calls with the same results."""
    return len(one) == len(other) and all(_same_call(a, b) for a, b in zip(one, other, strict=True))


def alike(one: Request, other: Request, right: Request | None) -> bool:
    """Whether a request was answered alike twice.

    Two exceptions are alike whatever they say: the text of an error of shapes follows from the sizes alone, and that
    of an author's own from the author. What a check's own function was fed may differ where the result is wrong and
    the same: what finished rows are fed is free. Where that function had no answer, what it was fed is all there is.

    Args:
        right: the right answer, if it is known.
    """
    if one.call is None or other.call is None:
        if one.call is not other.call:
            return False
        a, b = _plain(one.value), _plain(other.value)
        return bool(_raised(a) and _raised(b)) or _same(a, b)
    if (one.call.raised is None) != (other.call.raised is None) or one.call.name != other.call.name:
        return False
    if one.call.raised is not None:
        return True
    if _about(one.call) != _about(other.call) or not _same(one.call.value, other.call.value):
        return False
    if _same(one.call.fed, other.call.fed):
        return True
    if right is None or right.call is None or one.call.refused:
        return False
    return not _same(other.call.value, right.call.value)


class Compared(Enum):
    """What an answer of a mistake, which is like the learner's, tells about it."""

    RIGHT = "the learner's answer is right"
    NEARER = "it is clearly nearer to the learner's than the right one is"
    NOT_NEARER = "it is not"
    RAISES = "both raise something where nothing should be raised"


def compared(mistake: Request, learner: Request, right: Request) -> Compared:
    """What an answer of a mistake tells, beside the learner's and the right one."""
    raised = [_exception(request) for request in (mistake, learner, right)]
    if raised[1] is not None:
        if raised[2] is None:
            return Compared.RAISES
        if raised[1][0] == raised[2][0]:
            return Compared.RIGHT  # the kind is right; what the message should hold is for the check to say
        return Compared.NEARER if raised[0] is not None and raised[0][0] == raised[1][0] else Compared.NOT_NEARER
    if (far := _distance(learner, right)) is None:
        return Compared.NEARER
    if far <= 1.0:
        return Compared.RIGHT
    near = _distance(mistake, learner)
    return Compared.NEARER if near is not None and near <= NEARER * far else Compared.NOT_NEARER


def same_error(one: BaseException, other: BaseException | None) -> bool:
    """Whether a check ended with the same sentence of its own."""
    return isinstance(one, Mismatch) and isinstance(other, Mismatch) and str(one) == str(other)


def same_exception(one: Sequence[Request], other: Sequence[Request], *, with_sizes: bool) -> bool:
    """Whether the last answers of two files are the same exception.

    Args:
        with_sizes: also where its text has numbers in it, which may be the same for two reasons.
    """
    if len(one) != len(other) or not one:
        return False
    a, b = _exception(one[-1]), _exception(other[-1])
    return a is not None and a == b and (with_sizes or not any(letter.isdigit() for letter in a[1]))


def _exception(request: Request) -> tuple[Sequence[str], str] | None:
    if request.call is not None:
        raised = request.call.raised
        return None if raised is None else (raised.kinds, raised.message)
    about = request.value.get("raised") if isinstance(request.value, dict) else None
    return (about["kinds"], about["message"]) if isinstance(about, dict) else None


def _raised(plain: Any) -> bool:
    return isinstance(plain, dict) and "raised" in plain


def _distance(one: Request, other: Request) -> float | None:
    """The largest difference of two answers, in units of rounding; None where they differ in more than values."""
    a, b = _facts(one), _facts(other)
    if len(a) != len(b):
        return None
    most = 0.0
    for mine, yours in zip(a, b, strict=True):
        step = _step(mine, yours)
        if step is None:
            return None
        most = max(most, step)
    return most


def _step(one: Any, other: Any) -> float | None:
    if isinstance(one, float) and isinstance(other, float):
        one, other = (torch.tensor(value, dtype=torch.float64) for value in (one, other))
    if isinstance(one, Tensor) and isinstance(other, Tensor) and one.is_floating_point():
        if one.shape != other.shape or one.dtype != other.dtype or one.numel() == 0:
            return 0.0 if one.shape == other.shape and one.dtype == other.dtype else None
        a, b = widen(one), widen(other)
        off = ((a - b).abs() / (1 + b.abs())).masked_fill(a == b, 0.0).masked_fill(a.isnan() & b.isnan(), 0.0)
        return float(off.nan_to_num(nan=torch.inf).max()) / ROUNDING.get(one.dtype, 1e-9)
    return 0.0 if _same(one, other) else None


def _facts(request: Request) -> list[Any]:
    if request.call is None:
        return list(leaves(_plain(request.value)))
    call = request.call
    return [*_about(call), call.raised and (call.raised.kinds, call.raised.message), *leaves([call.value, call.fed])]


def _about(call: Call) -> tuple[Any, ...]:
    seen = call.name, call.refused, call.away, call.mutated, call.changed
    return *seen, bool(call.recorded), call.requires_grad, len(call.fed)


def _plain(value: Any) -> Any:
    """A reply without what may differ between two files that do the same: names of parts, frames of an exception."""
    if isinstance(value, RaisedReply):
        return value.kinds, value.message
    if isinstance(value, Description):
        return value.parameters, value.shared, modes_of(value.training)
    return value


def _same_call(one: Call, other: Call) -> bool:
    if (one.raised is None) != (other.raised is None) or one.name != other.name:
        return False
    if one.raised is not None and other.raised is not None:
        return one.raised.kinds == other.raised.kinds and one.raised.message == other.raised.message
    return _about(one) == _about(other) and _same(one.value, other.value) and _same(one.fed, other.fed)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        factor = SAME.get(one.dtype, 0.0)
        if factor == 0.0 and not one.is_complex():
            return torch.equal(one, other)
        return torch.allclose(widen(one), widen(other), rtol=factor, atol=factor, equal_nan=True)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= SAME[torch.float64] * (1 + abs(other)) or (one != one and other != other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, Module) and isinstance(other, Module):
        return one._introduction.facts == other._introduction.facts
    if isinstance(one, (Module, Opaque, Optimizer, Foreign)):
        return type(one) is type(other)
    return type(one) is type(other) and bool(one == other)
