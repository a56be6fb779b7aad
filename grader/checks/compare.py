"""One value against another: type, shape, dtype, finiteness, values. One sentence for the first difference."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn

from grader.checks.patterns import CallContext, clue, clue_to_dtype, clue_to_not_finite
from grader.checks.tolerances import SLACK, WITHIN, bounds, widen
from grader.errors import Mismatch
from grader.protocol.values import Foreign
from grader.results.tensor_diff import TensorDiff, picture
from grader.text import ordinal

_CALL = re.compile(r"[\w.]+\(")
"""How a call begins, and no words for a value."""
ROUNDED_ZERO = 1e-12
"""A gradient of 0 as float64 works it out: that of ex08's k_proj.bias is 1e-17, and left out it is none at all."""


def compare(
    actual: Any,
    expected: Any,
    *,
    what: str,
    axes: str | None = None,
    within: float | Tensor | None = None,
    dtype: torch.dtype | None = None,
    setting: CallContext | None = None,
    device: str = "cpu",
) -> None:
    """Raises Mismatch at the first difference.

    Args:
        actual: what the learner's code returned.
        expected: what is right: a tensor, a number, or a tuple of these.
        what: names the value, mostly the call: `attention_scores(q, k)`.
        axes: a word for each axis, `"batch query key"`; for a tuple one group each, separated by `;`.
        within: how far a value may be off: one number, times 1 + |expected|, or one bound per entry. None: by dtype.
        dtype: the dtype asked for, where `expected` is held in a wider one.
        setting: what is known about the call, for words about a pattern.
        device: where `actual` was computed.
    """
    options: dict[str, Any] = {"within": within, "dtype": dtype, "setting": setting, "device": device}
    if isinstance(expected, tuple):
        _compare_tuples(actual, expected, what=what, axes=axes, **options)
    elif isinstance(expected, Tensor):
        _compare_tensors(actual, expected, what=what, axes=_words(axes), **options)
    else:
        _compare_plain(actual, expected, what=what, within=within, device=device)


def compare_gradient(
    actual: Any, expected: Tensor | None, leaf: Tensor, *, what: str, within: float | None, device: str
) -> None:
    """Raises Mismatch where one of two gradients is none and the other is not 0 everywhere, or where they differ.

    Args:
        leaf: what the gradient is of.
    """
    if actual is None and expected is not None and bool((expected.abs() > ROUNDED_ZERO).any()):
        raise Mismatch(f"{what} is cut off: no gradient flows back to it", kind="value")
    zero = torch.zeros_like(leaf)
    mine, right = zero if actual is None else actual, zero if expected is None else expected
    compare(mine, right, what=what, within=within, device=device)


def demand_values(actual: Any, count: int, what: str) -> None:
    """Raises Mismatch if `actual` is not a tuple or a list of so many values."""
    if not isinstance(actual, (tuple, list)):
        raise Mismatch(f"{returned(what, actual)}, expected {count} values", kind="type")
    if len(actual) != count:
        values = "value" if len(actual) == 1 else "values"
        raise Mismatch(f"{what} returned {len(actual)} {values}, expected {count}", kind="type")


def _words(axes: str | None) -> list[str]:
    """The names alone: a check may say `batch=3 head=3`."""
    return [word.partition("=")[0] for word in (axes or "").split()]


def _compare_tuples(actual: Any, expected: tuple[Any, ...], *, what: str, axes: str | None, **options: Any) -> None:
    demand_values(actual, len(expected), what)
    groups = [group.strip() for group in (axes or "").split(";")]
    groups += [""] * (len(expected) - len(groups))  # parts of a nested tuple go without names
    for i, (mine, right, group) in enumerate(zip(actual, expected, groups, strict=False)):
        compare(mine, right, what=f"the {ordinal(i + 1)} result of {what}", axes=group or None, **options)


def _compare_plain(actual: Any, expected: Any, *, what: str, within: float | Tensor | None, device: str) -> None:
    if type(actual) is not type(expected):
        wanted = "a Python float" if isinstance(expected, float) else type(expected).__name__
        raise Mismatch(f"{returned(what, actual)}, expected {wanted}", kind="type")
    if isinstance(expected, float):
        factor = within if isinstance(within, float) else WITHIN[torch.float64]
        bound = factor * SLACK[device] * (1 + abs(expected))
        if not abs(actual - expected) <= bound:
            text = f"{what} is {number(actual)}, expected {number(expected)}, allowed {bound:.1g}"
            raise Mismatch(text, kind="value")
    elif actual != expected:
        raise Mismatch(f"{what} is {actual!r}, expected {expected!r}", kind="value")


def _compare_tensors(
    actual: Any,
    expected: Tensor,
    *,
    what: str,
    axes: list[str],
    within: float | Tensor | None,
    dtype: torch.dtype | None,
    setting: CallContext | None,
    device: str,
) -> None:
    if type(actual) is not Tensor:
        raise Mismatch(f"{returned(what, actual)}, expected a Tensor", kind="type")
    if actual.shape != expected.shape:
        raise Mismatch(*_shape_difference(what, actual, expected, axes), kind="shape")
    wanted = dtype or expected.dtype
    if actual.dtype != wanted:
        text = f"{what} has dtype {short(actual.dtype)}, expected {short(wanted)}"
        only = clue_to_dtype(actual, expected)
        raise Mismatch(text, detail=(only,) if only else (), kind="dtype")
    if actual.numel() == 0 or (wanted is expected.dtype and torch.equal(actual, expected)):
        return
    wide_actual, wide_expected = widen(actual), widen(expected)
    bound = bounds(wide_expected, wanted, within, device)
    if bool(((wide_actual - wide_expected).abs() <= bound).all()):  # never true of what is not finite
        return
    finite = torch.isfinite(wide_actual)
    if not bool((finite | (wide_actual == wide_expected)).all()):
        off = finite & ((wide_actual - wide_expected).abs() > bound)
        at = ~finite & (wide_actual != wide_expected)
        raise _not_finite(what, wide_actual, wide_expected, at, axes, None if bool(off.any()) else setting)
    excess = ((wide_actual - wide_expected).abs() - bound).nan_to_num(nan=0.0, posinf=torch.inf)
    if bool((excess > 0).any()):
        raise _value_difference(what, wide_actual, wide_expected, wanted, bound, excess, axes, setting)


def _shape_difference(what: str, actual: Tensor, expected: Tensor, axes: list[str]) -> tuple[str]:
    mine, right = tuple(actual.shape), tuple(expected.shape)
    if not axes:
        return (f"{what} has shape {mine}, expected {right}",)
    named = f"({', '.join(axes)}) = {right}"
    if len(axes) <= 5 and sorted(mine) == sorted(right) and len(set(right)) == len(right) and mine != right:
        order = next(p for p in permutations(range(len(right))) if tuple(right[i] for i in p) == mine)
        names = ", ".join(axes[i] for i in order)
        return (f"{what} has its axes in the order ({names}) = {mine}, expected {named}",)
    return (f"{what} has shape {mine}, expected {named}",)


def _not_finite(
    what: str, actual: Tensor, expected: Tensor, at: Tensor, axes: list[str], setting: CallContext | None
) -> Mismatch:
    flat = int(at.flatten().to(torch.uint8).argmax())
    first, value = _indices(flat, actual.shape), number(actual.flatten()[flat].item())
    text = f"{what} holds {value}{_place(first, axes)}: {int(at.sum())} of {at.numel()} entries are not finite"
    origin = None if actual.is_complex() else clue_to_not_finite(actual, at, axes, setting)
    return Mismatch(
        text, detail=(origin,) if origin else (), kind="finite", draw=_draw(actual, expected, at, first, axes)
    )


def _draw(
    actual: Tensor, expected: Tensor, wrong: Tensor, worst: list[int], axes: list[str]
) -> Callable[[], TensorDiff | None]:
    return lambda: None if actual.is_complex() else picture(actual, expected, wrong, worst, axes)


def _value_difference(
    what: str,
    actual: Tensor,
    expected: Tensor,
    dtype: torch.dtype,
    bound: Tensor,
    excess: Tensor,
    axes: list[str],
    setting: CallContext | None,
) -> Mismatch:
    if dtype is torch.float64 and _is_rounding(actual, expected):
        return _rounded(what, actual, expected)
    worst = int((excess / bound.clamp(min=1e-300)).flatten().argmax())
    mine, right = actual.flatten()[worst].item(), expected.flatten()[worst].item()
    wrong, total = int((excess > 0).sum()), excess.numel()
    share = "the value" if total == 1 else f"{wrong} of {total} values"
    allowed = bound.flatten()[worst].item()
    yours, wanted = (str(bool(value)) if dtype is torch.bool else number(value) for value in (mine, right))
    if yours == wanted:  # they differ behind the digits shown
        yours, wanted = f"{mine:.12g}", f"{right:.12g}"
    worst_line = f"yours {yours}, expected {wanted}"
    worst_line += f", allowed {allowed:.1g}" if allowed else ""
    at = _indices(worst, expected.shape)
    differs = "differs" if total == 1 else "differ"
    lines = (f"worst{_place(at, axes)}: {worst_line}",)
    draw = _draw(actual, expected, excess > 0, at, axes)
    pattern = None if actual.is_complex() or total == 1 else clue(actual, expected, excess > 0, axes, setting)
    detail = (pattern, *lines) if pattern else lines
    return Mismatch(f"{what}: {share} {differs}", detail=detail, kind="value", draw=draw)


def _is_rounding(actual: Tensor, expected: Tensor) -> bool:
    """Whether a result is right to float32's precision, and no further."""
    return bool(((actual - expected).abs() <= WITHIN[torch.float64] * (1 + expected.abs())).all())


def _rounded(what: str, actual: Tensor, expected: Tensor) -> Mismatch:
    """Two equal pictures would say nothing, so there is none."""
    worst = float(((actual - expected).abs() / (1 + expected.abs())).max())
    digits = math.floor(-math.log10(worst))
    cause = "As a rule something inside is computed in float32 then: a tensor made of a Python number is float32."
    return Mismatch(f"{what} is right to {digits} digits and no further", detail=(cause,), kind="value")


def _place(at: list[int], axes: list[str]) -> str:
    if len(axes) != len(at):
        return f" at {at}" if at else ""
    return " at " + ", ".join(f"{name} {index}" for name, index in zip(axes, at, strict=True)) if at else ""


def _indices(flat: int, shape: Sequence[int]) -> list[int]:
    """Where the entry with this flat index lies; torch.unravel_index imports sympy, for half a second."""
    found = []
    for size in reversed(shape):
        flat, index = divmod(flat, size)
        found.append(index)
    return found[::-1]


def returned(what: str, value: Any) -> str:
    """What came of a call, `f(x) returned None`, or what a value is, `the second result of f(x) is None`."""
    verb = "returned" if _CALL.match(what) else "is"
    return f"{what} {verb} {kind_of(value)}"


def kind_of(value: Any) -> str:
    """What a value is, in a few words: `a Tensor of shape (2, 3)`, `None`."""
    if isinstance(value, Tensor):
        return f"a Tensor of shape {tuple(value.shape)}"
    if isinstance(value, Foreign):
        return value.what
    if isinstance(value, nn.Module):
        return f"a module, {type(value).__name__}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"{_article(type(value).__name__)} ({value!r:.40})"


def _article(word: str) -> str:
    return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"


def short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def number(value: Any) -> str:
    """A number as a learner wants to read it."""
    if isinstance(value, (bool, int)) or not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else f"{value:.6g}"
