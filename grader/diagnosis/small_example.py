"""A failing call small enough to redo by hand: a check drawn again with few small whole numbers.

An example is shown only where the same check, with these inputs, passes on the reference and fails on the learner's
file with a wrong value.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grader.checks.attempt import run_with, widest
from grader.checks.draw import Draw, derived_seed
from grader.errors import Finding, Mismatch
from grader.protocol.values import leaves

if TYPE_CHECKING:
    from grader.diagnosis.trusted import TrustedCode
    from grader.kit.collect import Check
    from grader.remote.calls import Call
    from grader.remote.code import Code

MOST_NUMBERS = 8
"""Of all inputs together, and of a result."""
TRIES = 4


class SmallDraw(Draw):
    """Draws one sequence, lengths and widths of 1 to 3, and whole numbers from -2 to 2."""

    def size(self, name: str) -> int:
        name, _, given = name.partition("=")
        if name.isdigit():
            return int(name)
        if name not in self.sizes:
            self.sizes[name] = 1 if name == "batch" else min(int(given or 3), self.integer(1, 3))
        return self.sizes[name]

    def __call__(self, axes: str, *, scale: float = 1.0, dtype: torch.dtype | None = None) -> Tensor:
        values = torch.randint(-2, 3, self.shape(axes), generator=self.generator)
        return values.to(dtype or self.dtype)


def small_example(trusted: TrustedCode, checks: Sequence[Check], code: Code, seed: int) -> str | None:
    """A call of the learner's with what it returns and what is right, in a few lines; None where there is none.

    Args:
        checks: checks that the file fails with a wrong value.
        code: the learner's file, still open.
    """
    for check in checks:
        for number in range(TRIES):
            small = derived_seed(seed, check.id, number)
            if _runs(check, trusted.reference_code(), small) is not None:
                continue
            error = _runs(check, code, small)
            if isinstance(error, Mismatch) and error.kind == "value" and code.calls:
                said = _said(code.calls[-1], trusted.reference)
                if said is not None:
                    return said
    return None


def _runs(check: Check, code: Code, seed: int) -> BaseException | None:
    """How a check ends on a file with small inputs."""
    try:
        code.begin(seed, check.patience)
        run_with(check, code, SmallDraw(seed, widest=widest(code.device)))
    except (Finding, Exception) as error:
        return error
    return None


def _said(call: Call, reference: ModuleType) -> str | None:
    function = getattr(reference, call.name, None)
    inputs = list(call.given.values())
    tensors = [value for value in leaves(inputs) if isinstance(value, Tensor)]
    plain = all(isinstance(value, (Tensor, bool, int, float, type(None))) for value in inputs)
    if function is None or isinstance(function, type) or not tensors or not plain:
        return None
    if sum(value.numel() for value in tensors) > MOST_NUMBERS:
        return None
    right: Any = None
    with suppress(Exception), torch.no_grad():
        right = function(**call.given)
    which, yours, expected = _first_difference(call.value, right)
    if right is None or yours == expected or max(len(yours), len(expected)) > 90:
        return None
    given = "  ".join(f"{name} = {_numbers(value)}" for name, value in call.given.items())
    return f"{call.name} with {given}\n  yours{which}     {yours}\n  expected{which}  {expected}"


def _first_difference(mine: Any, right: Any) -> tuple[str, str, str]:
    """What is returned in words: of several results the first that differs, with its number."""
    if type(mine) is tuple and type(right) is tuple and len(mine) == len(right):
        for number, (one, other) in enumerate(zip(map(_numbers, mine), map(_numbers, right), strict=True), 1):
            if one != other:
                return f", result {number}", one, other
    return "", _numbers(mine), _numbers(right)


def _numbers(value: Any) -> str:
    if isinstance(value, Tensor):
        return _nested(value.tolist())
    if isinstance(value, (tuple, list)):
        return "; ".join(_numbers(item) for item in value)
    return _nested(value)


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(item) for item in value)}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
