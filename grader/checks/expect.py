"""What a check may demand of the learner's code. Every method raises Mismatch with a sentence for the learner."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from grader.checks.compare import compare, compare_gradient, demand_values, kind_of, returned, short
from grader.checks.draw import Draw
from grader.checks.patterns import CallContext
from grader.checks.reference import Leaves, contiguous, detached, in_float64, owner_of
from grader.checks.tolerances import EXACT, error_scaled, widen
from grader.errors import LearnerError, Mismatch
from grader.protocol.gradients import pull_back
from grader.protocol.values import leaves
from grader.remote.calls import Call
from grader.remote.code import Code
from grader.remote.handles import Function, Module
from grader.text import ordinal


class Expect:
    """Compares what the learner's code does with what is right.

    Args:
        code: the learner's code; its last call gives a value its name.
        draw: the source of cotangents.
    """

    def __init__(self, code: Code, draw: Draw) -> None:
        self._code = code
        self._draw = draw

    def __call__(
        self,
        actual: Any,
        expected: Any,
        *,
        axes: str | None = None,
        within: float | None = None,
        what: str | None = None,
    ) -> None:
        """Demands a value.

        Args:
            actual: what came back from the learner's code, or what follows from it.
            expected: what is right. Tensors are compared entry by entry, without broadcasting.
            axes: `"batch query key"`; for a tuple one group each, separated by `;`.
            within: how far off a value may be, times 1 + |expected|.
            what: what `actual` is; the last call if not given.
        """
        self._compare(actual, expected, what=what or self._named(actual), axes=axes, within=within)

    def agrees(
        self,
        function: Callable[..., Any],
        reference: Callable[..., Any],
        *args: Any,
        axes: str | None = None,
        within: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Demands that the learner's function returns what the reference does, and returns that.

        In float64 the bound is fixed; in a narrower dtype it is scaled by the error that the reference itself makes.
        """
        try:
            return self._agree(function, reference, args, kwargs, axes, within)
        except Mismatch as error:
            straight = tuple(contiguous(value) for value in args)
            if error.kind != "value" or all(mine is same for mine, same in zip(args, straight, strict=True)):
                raise
            try:
                self._agree(function, reference, straight, kwargs, axes, within)
            except (LearnerError, Mismatch):
                raise error from None
            raise error.with_detail("It is right where the inputs are contiguous in memory: these are not.") from None

    def exact(
        self, function: Callable[..., Any], reference: Callable[..., Any], *args: Any, axes: str | None = None
    ) -> None:
        """Demands the reference's results as float64 holds them: no other check asks for so much."""
        self.agrees(function, reference, *args, axes=axes, within=EXACT)

    def _agree(
        self,
        function: Callable[..., Any],
        reference: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        axes: str | None,
        within: float | None,
    ) -> Any:
        narrow = [x.dtype for x in leaves([args, kwargs]) if isinstance(x, Tensor) and x.is_floating_point()]
        actual = function(*args, **kwargs)
        with torch.no_grad():
            expected = reference(*args, **kwargs)
        what = self._last()
        if within is not None or not narrow or narrow[0] is torch.float64:
            self._compare(actual, expected, what=what, axes=axes, within=within)
            return expected
        with torch.no_grad():
            exact = in_float64(reference, args, kwargs)
        self._compare_narrow(actual, expected, exact, what, axes)
        return expected

    def _compare(self, actual: Any, expected: Any, **options: Any) -> None:
        given = self._code.calls[-1].given if self._code.calls else {}
        compare(actual, expected, setting=CallContext(self._draw.sizes, given), device=self._code.place, **options)

    def _compare_narrow(self, actual: Any, expected: Any, exact: Any, what: str, axes: str | None) -> None:
        if not isinstance(expected, tuple):
            actual, expected, exact = (actual,), (expected,), (exact,)
        elif not isinstance(actual, (tuple, list)) or len(actual) != len(expected):
            compare(actual, expected, what=what, axes=axes)
        groups = (axes or ";" * (len(expected) - 1)).split(";")
        for i, (mine, same, right) in enumerate(zip(actual, expected, exact, strict=True)):
            name = f"the {ordinal(i + 1)} result of {what}" if len(expected) > 1 else what
            if not isinstance(same, Tensor) or not same.is_floating_point():
                compare(mine, same, what=name, axes=groups[i])
                continue
            bound = error_scaled(widen(right), same, same.dtype, self._code.place)
            self._compare(mine, widen(right), what=name, axes=groups[i], within=bound, dtype=same.dtype)

    def gradients(
        self,
        function: Function | Module,
        reference: Callable[..., Any],
        *args: Any,
        within: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Demands the reference's gradients, of every floating input and of every parameter, for a random cotangent."""
        target = function.forward if isinstance(function, Module) else function
        if isinstance(function, Module):
            target = Function(self._code, ("object", function._reference.id, "__call__"), function._name())
        call = target.call(args, kwargs, grad=True)
        mine_args = Leaves(args, kwargs)
        expected = reference(*mine_args.args, **mine_args.kwargs)
        compare(call.value, detached(expected), what=call.text, within=within, device=self._code.place)
        outputs = [x for x in leaves(expected) if isinstance(x, Tensor) and x.is_floating_point()]
        cotangents = [self._like(output) for output in outputs]
        inputs, parameters = self._code.backward(call, cotangents)
        owner = owner_of(reference)
        named = list(owner.named_parameters()) if owner is not None else []
        wanted = [*mine_args.leaves, *(parameter for _, parameter in named)]
        right = pull_back(outputs, cotangents, wanted)
        names = [*mine_args.names(self._code.parameters(target.name)), *(name for name, _ in named)]
        mine = [*inputs, *(parameters.get(name) for name, _ in named)]
        if len(mine) != len(right):
            raise Mismatch(f"{call.text} has {len(mine)} gradients, expected {len(right)}", kind="type")
        for name, got, want, leaf in zip(names, mine, right, wanted, strict=True):
            what = f"the gradient of {call.text} with respect to {name}"
            compare_gradient(got, want, leaf, what=what, within=within, device=self._code.place)

    def _like(self, output: Tensor) -> Tensor:
        values = torch.randn(output.shape, generator=self._draw.generator, dtype=torch.float64)
        return values.to(output.dtype)

    def raises(
        self,
        kind: type[Exception],
        function: Callable[..., Any],
        *args: Any,
        naming: Iterable[int] = (),
        naming_one_of: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        """Demands an exception of this kind whose message contains numbers in digits.

        Args:
            naming: each of these.
            naming_one_of: at least one of these, where there are any.
        """
        try:
            value = function(*args, **kwargs)
        except LearnerError as error:
            if kind.__name__ not in error.raised.kinds:
                raise
            digits = re.findall(r"\d+", error.raised.message)
            for wanted in naming:
                if str(abs(wanted)) not in digits:
                    text = f"the message of the {kind.__name__} of {self._last()} does not contain {wanted}"
                    raise Mismatch(text, kind="rule") from None
            if naming_one_of and not any(str(abs(wanted)) in digits for wanted in naming_one_of):
                either = " or ".join(str(number) for number in naming_one_of)
                text = f"the message of the {kind.__name__} of {self._last()} does not contain {either}"
                raise Mismatch(text, kind="rule") from None
            return
        raise Mismatch(f"{self._last()} returned {kind_of(value)}, expected a {kind.__name__}", kind="rule")

    def that(self, holds: bool, what: str, *, kind: str = "rule") -> None:
        """Demands a fact; `what` is the sentence for a learner whose code breaks it."""
        if not holds:
            raise Mismatch(what, kind=kind)

    def tensor(self, value: Any, shape: tuple[int, ...] | None = None, *, what: str | None = None) -> Tensor:
        """Demands a plain tensor, of this shape if given, before a check computes with it."""
        name = what or self._named(value)
        if type(value) is not Tensor:
            raise Mismatch(f"{returned(name, value)}, expected a Tensor", kind="type")
        if shape is not None and tuple(value.shape) != shape:
            raise Mismatch(f"{name} has shape {tuple(value.shape)}, expected {shape}", kind="shape")
        return value

    def tuple_of(self, value: Any, count: int) -> None:
        """Demands so many values, in a tuple or a list."""
        demand_values(value, count, self._last())

    def same_dtype(self, value: Any, dtype: torch.dtype) -> None:
        """Demands a tensor of this dtype."""
        if self.tensor(value).dtype != dtype:
            text = f"{self._named(value)} has dtype {short(value.dtype)} for an input of {short(dtype)}"
            raise Mismatch(text, kind="dtype")

    def no_side_effects(self, *, may_draw: bool = False, grad_mode: bool = True) -> None:
        """Demands that no call of this check modified its inputs or the global state.

        Args:
            may_draw: torch's default random state may have moved, and results may be random.
            grad_mode: call each function once more with grad mode off, which must stay so and change no result.

        The check begins with `code.watch_random_state()`.
        """
        if not self._code.watches_random_state:
            raise RuntimeError("a check of side effects must begin with code.watch_random_state()")
        calls = list(self._code.calls)
        last = {call.name: call for call in calls if call.with_grad_off and not isinstance(call.value, Module)}
        again = [(call, call.with_grad_off()) for call in last.values() if call.with_grad_off and grad_mode]
        if self._code.changed:
            raise Mismatch(f"loading the file changed {self._code.changed[0]} globally", kind="rule")
        for call in calls:
            if call.mutated:
                raise Mismatch(f"{call.text} modified its input {call.mutated[0]}", function=call.name)
            draws = may_draw or isinstance(call.value, Module)  # a new module's first weights are drawn
            changed = [name for name in call.changed if not (draws and name == "torch's random state")]
            if changed:
                raise Mismatch(f"{call.text} changed {changed[0]} globally", function=call.name)
        for call, with_grad_off in again:
            self._demand_grad_mode_off(with_grad_off)
            if not may_draw and isinstance(call.value, (Tensor, tuple)):
                self._compare_again(call, with_grad_off)

    def _compare_again(self, call: Call, again: Call) -> None:
        try:
            self._compare(again.value, call.value, what=f"{call.text}, called again with grad mode off,")
        except Mismatch as error:
            raise error.about(call.name) from None

    def no_shortcuts(self) -> None:
        """Demands that none of the exercise's shortcuts was used so far; the check begins with `watch_every_call`."""
        if not self._code.watched:
            raise RuntimeError("a check of shortcuts must begin with code.watch_every_call()")
        if self._code.shortcuts:
            name = self._code.shortcuts[0]
            raise Mismatch(f"your code uses {name}, which this exercise asks you to write yourself", kind="rule")

    def records_no_gradient(self, function: Function, *args: Any, **kwargs: Any) -> Any:
        """Demands that a call saves nothing for a backward pass, and returns its value."""
        call = function.call(args, kwargs, count=True)
        if call.recorded or call.requires_grad:
            raise Mismatch(f"{call.text} records gradients", kind="rule")
        return call.value

    def keeps_grad_mode(self, function: Function, *args: Any, **kwargs: Any) -> None:
        """Demands that a call leaves grad mode off where it was off."""
        self._demand_grad_mode_off(function.call(args, kwargs, off=True))

    def _demand_grad_mode_off(self, call: Call) -> None:
        if "grad mode" in call.changed:
            raise Mismatch(f"{call.text} turned grad mode on, and it had been off", function=call.name)

    def _named(self, value: Any) -> str:
        """What a value is: the last call's, or one of its results."""
        results = self._code.calls[-1].value if self._code.calls else None
        places = [place for place, one in enumerate(results, 1) if one is value] if type(results) is tuple else []
        return f"the {ordinal(places[0])} result of {self._last()}" if len(places) == 1 else self._last()

    def _last(self) -> str:
        return self._code.calls[-1].text if self._code.calls else "the value"
