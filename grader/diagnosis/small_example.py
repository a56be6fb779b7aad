"""A failing call small enough to redo by hand: the same call with few small whole numbers.

An example is shown only where the reference, given the same, returns something else, and the learner's file raises
nothing. The right result is worked out with the reference's own variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, zip_longest
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from grader.diagnosis.small_arguments import shrunk
from grader.diagnosis.small_call import COUNTED, SUM, Part, SmallCall, in_a_word
from grader.diagnosis.small_chance import chances_of_a_loop, chances_of_a_module, drops, is_tossed
from grader.diagnosis.small_loop import TableStep, is_a_loop, smaller_loops, step_of
from grader.diagnosis.small_module import as_a_part, made_with, smaller_modules
from grader.diagnosis.small_result import (
    CLOSE,
    GRADIENT,
    Found,
    agree,
    close_entries,
    differing,
    is_steady,
    of_a_file,
    of_the_reference,
    way_through,
)
from grader.diagnosis.small_shares import Shares
from grader.diagnosis.small_update import Descent, Model, is_an_update, model_of, smaller_updates
from grader.diagnosis.way import Way
from grader.remote.handles import Module
from grader.worker.steps import RETURNED

if TYPE_CHECKING:
    from grader.diagnosis.evidence import Run
    from grader.diagnosis.trusted import TrustedCode
    from grader.remote.calls import Call
    from grader.remote.code import Code

PLAIN = (Tensor, bool, int, float, type(None), torch.dtype, torch.device, str)
TRIES = 24
"""Small calls that are made of one failing call before those of the next are."""
MOST_TURNS = 100
"""Calls that the reference is asked for; to some of them it has nothing to say."""
PLAIN_FIRST = 4
"""Calls that are tried before those whose result chance decides; the ratio is passed to the loop after so many."""
MOST_WORK = 90.0
"""About how many milliseconds may go into small calls of one file."""
OF_A_FUNCTION, OF_A_MODULE, OF_AN_UPDATE, OF_A_LONG_CALL, BACKWARD = 1.0, 2.5, 6.0, 15.0, 1.0
OF_MANY_STEPS = 14.0
"""About how many one costs; and how many more with its gradients."""
WRITTEN_OUT = {torch.bool: 4}
"""Numbers of a tensor that are written out, though a word might say them; of others there may be 3."""
MOST_LETTERS, MOST_OF_CHANCE, MOST_WORKED_OUT = 90, 120, 65
"""Of one result; of what comes by chance; and of what a result follows from."""
NO_WAY = Way(())
"""None is told."""
CUT_OFF = "none: it is cut off"
"""What stands for a gradient that does not flow back."""


@dataclass(frozen=True)
class Example:
    """A call with what it gives and what is right.

    Args:
        call: the function or method, and its arguments.
        module: the reference's, with the weights that both have; None for a function.
        yours, expected: what it gives, and what the reference gives.
        way: how the reference comes to that.
    """

    call: SmallCall
    module: nn.Module | None
    yours: Found
    expected: Found
    way: Way = NO_WAY

    def __str__(self) -> str:
        what, yours, expected = _first_difference(self.call, self.yours, self.expected)
        which, is_gradient = f", {what}" if what else "", what.startswith(GRADIENT)
        backward = f"; backward from {self.call.backward}" if is_gradient else ""
        lines = [
            _asked(self.call, self.module) + backward,
            f"  yours{which}     {yours}",
            f"  expected{which}  {expected}",
        ]
        steps = "" if is_gradient else _worked_out(self.way, expected)
        return "\n".join([*lines, *([f"    from {steps}"] if steps else [])])


def small_example(trusted: TrustedCode, runs: Sequence[Run], code: Code, seed: int) -> Example | None:
    """A call of the learner's with what it returns and what is right; None where there is none.

    Args:
        runs: checks that the file fails with a wrong value.
        code: the learner's file, still open.
    """
    tried: set[str] = set()
    left = MOST_WORK
    of_each = [_answered(trusted, run, tried) for run in runs]
    for call, right, module in chain(*(islice(calls, TRIES) for calls in of_each), *of_each):
        left -= _work(call)
        if left < 0:
            return None
        if (found := _example(trusted, call, right, module, code, seed)) is not None:
            return _worked_through(trusted, _plainer(trusted, found, code, seed), seed)
    return None


def _example(
    trusted: TrustedCode, call: SmallCall, right: Found, module: nn.Module | None, code: Code, seed: int
) -> Example | None:
    """The call where the learner's result is wrong and can be shown, and the right one is beyond doubt."""
    code.begin(seed)
    mine = of_a_file(call, code, module)
    if mine is None or agree(call, mine, right) or not _is_small(call, mine, right):
        return None
    if not is_steady(call, trusted.reference, right):
        return None
    ours = trusted.reference_code()
    ours.begin(seed)
    shown = of_a_file(call, ours, module)
    if shown is None or not agree(call, shown, right):
        return None
    return Example(call, module, mine, right)


def _plainer(trusted: TrustedCode, found: Example, code: Code, seed: int) -> Example:
    """The same example without what it does not need: a second call, train mode, numbers that have a default,
    each parameter that is not as the others are."""
    model = model_of(found.call)
    factors = model.made.factors if model is not None else found.call.factors
    changes: list[Callable[[SmallCall], SmallCall]] = [partial(_without, name) for name in factors]
    for change in (_first_alone, _once, _in_eval_mode, _with_defaults, *changes):
        call = change(found.call)
        if call.key == found.call.key or (answer := of_the_reference(call, trusted.reference)) is None:
            continue
        found = _example(trusted, call, *answer, code, seed) or found
    return found


def _first_alone(call: SmallCall) -> SmallCall:
    return replace(call, given={**call.given, **call.first}, times=1, first={}) if call.first else call


def _worked_through(trusted: TrustedCode, found: Example, seed: int) -> Example:
    """The same example with the way to the right result, where a hand can go it."""
    if found.call.is_long or found.call.draws > 1:
        return found
    ours = trusted.reference_code()
    ours.begin(seed)
    return replace(found, way=way_through(found.call, ours, found.module))


def _once(call: SmallCall) -> SmallCall:
    return replace(call, times=1, first={})


def _in_eval_mode(call: SmallCall) -> SmallCall:
    return replace(call, training=False)


def _with_defaults(call: SmallCall) -> SmallCall:
    """An update without the numbers that it need not be given."""
    if model_of(call) is None:
        return call
    return replace(call, given={name: value for name, value in call.given.items() if type(value) is not float})


def _without(name: str, call: SmallCall) -> SmallCall:
    if (model := model_of(call)) is not None:
        plainer = replace(model, made=_without(name, model.made))
        return replace(call, given={other: plainer if one is model else one for other, one in call.given.items()})
    return replace(call, factors={other: factor for other, factor in call.factors.items() if other != name})


def _answered(trusted: TrustedCode, run: Run, tried: set[str]) -> Iterator[tuple[SmallCall, Found, nn.Module | None]]:
    """Small calls made of a failing one, each once; what the reference gives, and its module where it is one."""
    for turn, call in enumerate(smaller(run.tried.calls, trusted.reference, list(trusted.source.earlier))):
        if (key := call.key) in tried:
            continue
        tried.add(key)
        if turn == MOST_TURNS:
            return
        if (right := of_the_reference(call, trusted.reference)) is not None:
            yield (call, *right)


def _work(call: SmallCall) -> float:
    """About how many milliseconds the file takes."""
    if call.is_long:
        return OF_A_LONG_CALL
    if call.draws > 1 and call.made is None:
        return OF_MANY_STEPS * call.times
    if model_of(call) is not None:
        return OF_AN_UPDATE * call.times
    return (OF_A_FUNCTION if call.made is None else OF_A_MODULE) + (BACKWARD if call.backward else 0.0)


def smaller(calls: Sequence[Call], reference: ModuleType, earlier: Sequence[str]) -> Iterator[SmallCall]:
    """The last of these calls with small sizes and small whole numbers, in one way after the other; nothing where it
    cannot be made again. Where the check asked for its gradients, they are looked at too.

    Args:
        reference: has the classes that modules are made of.
        earlier: the exercises whose classes a model may be of.
    """
    if is_an_update(calls[-1]):
        yield from smaller_updates(calls, reference, earlier)
    else:
        with_graph = calls[-1].number >= 0
        plain = _of_a_loop(calls[-1], reference) if is_a_loop(calls[-1]) else _of_numbers(calls, reference)
        for turn, call in enumerate(plain):
            if not with_graph or call.draws > 1:
                yield call
            elif not call.has_padding:  # the gradient of results that may be anything may be anything
                yield replace(call, backward=(SUM, COUNTED)[turn % 2], times=1)


def _of_a_loop(call: Call, reference: ModuleType) -> Iterator[SmallCall]:
    """The same loop; where a coin decides, a few that toss one come before most others."""
    for turn, small in enumerate(smaller_loops(call, reference)):
        if turn == PLAIN_FIRST and is_tossed(call.given):
            yield from chances_of_a_loop(small)
        yield small


def _of_numbers(calls: Sequence[Call], reference: ModuleType) -> Iterator[SmallCall]:
    """The same of a call of a function or a module that is given numbers alone."""
    call = calls[-1]
    if isinstance(call.value, Module):
        return
    if not call.name[:1].isupper():
        if all(isinstance(value, PLAIN) for value in call.given.values()):
            count = (0, len(call.arguments[0]))
            yield from (SmallCall(call.name, given, positional=count) for given in shrunk(call.given))
        return
    kind = getattr(reference, call.name.partition(".")[0], None)
    made, passed = made_with(calls[:-1], kind)
    given = {name: as_a_part(value, calls) for name, value in call.given.items()}
    if made is not None and all(isinstance(value, (*PLAIN, Part)) for value in [*given.values(), *made.values()]):
        is_repeated = any(one.name == call.name for one in calls[:-1])
        arguments = (call.name, given, made, kind, (passed, len(call.arguments[0])), is_repeated)
        plain, chances = smaller_modules(*arguments), chances_of_a_module(*arguments) if drops(made) else iter(())
        yield from islice(plain, PLAIN_FIRST)
        yield from (one for pair in zip_longest(plain, chances) for one in pair if one is not None)


def _is_small(call: SmallCall, mine: Found, right: Found) -> bool:
    """Whether two results, and where they differ, can be shown."""
    _, yours, expected = _first_difference(call, mine, right)
    most = MOST_OF_CHANCE if call.draws > 1 else MOST_LETTERS
    return yours != expected and max(len(yours), len(expected)) <= most


# ---------------------------------------------------------------------------------------------- in words


def _asked(call: SmallCall, module: nn.Module | None) -> str:
    """The call in words."""
    given = "  ".join(f"{name} = {_numbers(value)}" for name, value in call.given.items())
    name, model, step = call.name, model_of(call), step_of(list(call.given.values()))
    if module is not None:
        name = _made(call) + (f".{call.method}" if call.method else "") + (" in train mode" if call.training else "")
    first = "  ".join(f"{name} = {_numbers(value)}" for name, value in call.first.items())
    times = (f" twice, first with {first}, then" if first else " twice") if call.times > 1 else ""
    said = [f"{name}{times} with {given}"]
    if model is not None:
        said.append(_weights(model.made, model.reference()))
    elif module is not None:
        said.append(_weights(call, module))
    if call.draws > 1:
        said.append(f"{call.draws} such {'sentences' if step is None else 'targets'} in one call")
    if step is not None:
        said.append(f"step(token, n) gives the logit n + 1 to {_follower(step)}, 0 to all others, and the state n + 1")
    return "; ".join(said)


def _made(call: SmallCall) -> str:
    """A class with what it is given."""
    sizes = ", ".join(f"{name}={value}" for name, value in (call.made or {}).items() if name != "dropout" or value)
    return f"{call.owner}({sizes})"


def _follower(step: TableStep) -> str:
    """The token that a step's logits are largest at."""
    return f"{step.follows.tolist()}[{'row][' if step.follows.dim() > 1 else ''}token]"


def _weights(call: SmallCall, module: nn.Module) -> str:
    """What the parameters of a module are, in words."""
    parameters = dict(module.named_parameters())
    shapes = [one.shape for one in parameters.values() if one.dim() > 1]
    identity = "every matrix the identity" if shapes else ""
    if any(shape[0] != shape[1] for shape in shapes):
        identity += " (repeated if not square)"
    norms = [name for name, one in parameters.items() if one.dim() == 1 and name.endswith("weight")]
    others = [
        f"{name} {factor:g}{' times the identity' if factor and parameters[name].dim() > 1 else ''}"
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


def _first_difference(call: SmallCall, mine: Found, right: Found) -> tuple[str, str, str]:
    """What a call gives in words: the first that differs, with what it is called."""
    for what, one, other in differing(call, mine, right):
        yours, expected = _numbers(one), _numbers(other)
        if what.startswith(GRADIENT):
            yours, expected = (yours if one is not None else CUT_OFF), (expected if other is not None else CUT_OFF)
        if yours == expected:
            continue
        both = isinstance(one, Tensor) and isinstance(other, Tensor) and one.shape == other.shape and one.dim()
        if both and max(len(yours), len(expected)) > MOST_LETTERS:
            return _first_entry(what, one, other)
        return what, yours, expected
    return "", "", ""


def _first_entry(what: str, mine: Tensor, right: Tensor) -> tuple[str, str, str]:
    """The first entry that differs, with its place."""
    differ = ~close_entries(mine, right)
    if not bool(differ.any()):
        return "", "", ""
    place = tuple(differ.nonzero()[0].tolist())
    at = f"entry [{', '.join(map(str, place))}]"
    return (f"{what}, {at}" if what else at), _nested(mine[place].item()), _nested(right[place].item())


def _numbers(value: Any) -> str:
    if isinstance(value, Part):
        return value.name
    if isinstance(value, Model):
        return _made(value.made)
    if isinstance(value, Descent):
        return f"gradient descent, rate {value.rate:g}"
    if isinstance(value, TableStep):
        return "below"
    if isinstance(value, Shares):
        listed = [f"{_nested(one)} {share:.0%}" for one, share in value.listed()]
        return ", ".join([*listed, "others"] if len(listed) < len(value.outcomes) else listed)
    if isinstance(value, Tensor):
        word = in_a_word(value) if value.numel() > WRITTEN_OUT.get(value.dtype, 3) else ""
        return f"{word} {tuple(value.shape)}" if word else _nested(_rounded(value).tolist())
    if isinstance(value, (tuple, list)):
        return "; ".join(_numbers(item) for item in value)
    return _nested(value)


def _rounded(value: Tensor) -> Tensor:
    """A result without what is too small to be seen beside its largest number: that is a rounding error, or an eps."""
    if not value.is_floating_point() or not bool(value.isfinite().all()) or not value.numel():
        return value
    return value.masked_fill(value.abs() < CLOSE * value.abs().max(), 0.0)


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(item) for item in value)}]"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and 1e3 < abs(value) < 1e6 else f"{value + 0.0:.4g}"  # no -0
    return str(value).removeprefix("torch.")
