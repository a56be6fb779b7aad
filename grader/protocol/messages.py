"""The messages between the grader and a learner's code: what may be asked, and what comes back.

A request crosses as its name and its fields in order, a reply as a dict of its fields beside `shortcuts`, the shortcuts
used so far. In place of the reply that was asked for may stand `missing` or `raised`. What comes back is a claim of
code that nobody trusts: `read` holds every field against its annotation before anything is done with it.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from torch import Tensor

from grader.protocol.values import CodecError

T = TypeVar("T")
Names = list[str]


def _not_negative(value: int) -> bool:
    return value >= 0


def _not_empty(value: list[Any]) -> bool:
    return len(value) > 0


# ------------------------------------------------------------------------------------------------ requests


class Load(NamedTuple):
    """Loads a learner's file; the first request of all. Answered by Loaded."""

    slug: str
    """`ex06_self_attention`."""
    filename: str
    """Its name in tracebacks."""
    source: bytes
    earlier: dict[str, tuple[str, bytes]]
    """The earlier exercises that it may import: slug -> filename and source."""
    shortcuts: Names
    """The library calls that would do the exercise's work."""
    device: str
    """Where the code works: `cpu`, `cuda` or `mps`."""
    definitions_only: bool
    """It comes from a notebook: of the top level only imports, definitions and constants run."""


class Start(NamedTuple):
    """Begins a check: forgets the last one's objects, seeds the default random states. Answered by Done."""

    seed: int


class SeedGenerators(NamedTuple):
    """Seeds the default random states of torch, numpy and Python in the middle of a check. Answered by Done."""

    seed: int


class GoToGpu(NamedTuple):
    """What follows, up to the next check, happens on a GPU, mostly the simulated one. Answered by Done."""


class WatchEveryCall(NamedTuple):
    """Every call of torch, up to the next check, is looked at for shortcuts. Answered by Done."""


class WatchRandomState(NamedTuple):
    """Every call, up to the next check, is asked whether it changes a default random state. Answered by Done."""


class RecordSteps(NamedTuple):
    """The next call records what torch computes in it. Answered by Done."""


class TellSteps(NamedTuple):
    """Asks what was recorded. Answered by StepsTaken."""


class CallFunction(NamedTuple):
    """Calls a function, or a method of a module. Answered by Called."""

    target: list[Any]
    """`["name", f]`, `["earlier", slug, f]`, or `["object", number, method]`."""
    args: list[Any]
    kwargs: dict[str, Any]
    with_graph: bool
    """The floating inputs are leaves, and the graph is kept for Backward."""
    count_saved: bool
    """What autograd saves is counted."""
    grad_off: bool
    """Grad mode is off."""


class Backward(NamedTuple):
    """Goes backward through a call. Answered by Gradients."""

    call: int
    """Its number in Called."""
    cotangents: list[Tensor]
    """Of its floating outputs, in order."""


class LoadState(NamedTuple):
    """Gives a module weights, their dtype and a training flag. Answered by StateLoaded."""

    module: Any
    layout: bytes
    """The names and shapes of the parameters."""
    values: Tensor
    """All their numbers in one row, in the order of the sorted names."""
    training: bool


class ReadState(NamedTuple):
    """Asks for the values of a module's parameters. Answered by State."""

    module: Any


class Describe(NamedTuple):
    """Asks what a module consists of. Answered by Description."""

    module: Any


class SetTraining(NamedTuple):
    """Sets the training flag of parts of a module. Answered by Done."""

    module: Any
    flags: dict[str, bool]
    """By the part's name; "" is the module itself."""


class SetGradients(NamedTuple):
    """Leaves gradients in `.grad`, as an earlier backward pass would have. Answered by Done."""

    module: Any
    gradients: dict[str, Tensor]
    """By the parameter's name."""


class StubDecode(NamedTuple):
    """Puts a StubDecoder in the place of a module's `decode`. Answered by Done."""

    module: Any
    words: list[int]
    """What it makes `generate` write, one after the other."""
    vocab: int


class MakeOptimizer(NamedTuple):
    """Makes a plain gradient descent over a module's parameters. Answered by OptimizerMade."""

    module: Any
    lr: float


REQUESTS: dict[str, Callable[..., Any]] = {
    "load": Load,
    "start": Start,
    "seed_generators": SeedGenerators,
    "go_to_gpu": GoToGpu,
    "watch_every_call": WatchEveryCall,
    "watch_random_state": WatchRandomState,
    "record_steps": RecordSteps,
    "tell_steps": TellSteps,
    "call": CallFunction,
    "backward": Backward,
    "load_state": LoadState,
    "state": ReadState,
    "describe": Describe,
    "set_training": SetTraining,
    "set_gradients": SetGradients,
    "stub_decode": StubDecode,
    "optimizer": MakeOptimizer,
}
"""By the name under which each crosses."""
_NAMES = {kind: name for name, kind in REQUESTS.items()}


def document(request: tuple[Any, ...]) -> list[Any]:
    """A request as it crosses."""
    return [_NAMES[type(request)], list(request)]


# ------------------------------------------------------------------------------------------------ replies


class Done(NamedTuple):
    """It was done; there is nothing to say."""


class Loaded(NamedTuple):
    """The file ran."""

    lines: dict[str, int]
    """The line of every top-level definition."""
    changed: Names
    """The global settings that it left changed."""


class Called(NamedTuple):
    """A call returned."""

    value: Any
    mutated: list[Annotated[int, _not_negative]]
    """Which tensors among the inputs were changed, by their order."""
    changed: Names
    """The global state that was left changed."""
    recorded: int
    """How often autograd saved something."""
    call: int
    """The number by which Backward knows it; -1 where no graph was kept."""


class StepsTaken(NamedTuple):
    """What torch computed in the call that was recorded, in order."""

    steps: list[tuple[int, int, str, Tensor, bool, list[int]]]
    """The line of the learner's file that asked for it, the number of the call in which that line stands (-1: none);
    the operation; its result, and whether that has a gradient; the numbers of the steps of which it was made."""
    calls: list[tuple[str, int, int, dict[str, Any], bool, int]]
    """The function or the module's part; the line that called it, and the number of the call in which that stands;
    what was given; whether it is a part; the number of steps before it."""
    assigned: list[tuple[int, int, str, Any, int]]
    """A line, the number of the call in which it stands, its variable, the value, the number of steps before it."""


class Gradients(NamedTuple):
    """What went backward."""

    inputs: list[Tensor | None]
    """Of every floating input."""
    parameters: dict[str, Tensor | None]
    """Of the called module's parameters."""


class StateLoaded(NamedTuple):
    """Whether the state fitted."""

    found: dict[str, list[int]] | None
    """None where it did; else the shapes of the parameters that the module has."""


class State(NamedTuple):
    """The parameters of a module."""

    parameters: dict[str, Any]


class Description(NamedTuple):
    """What a module consists of."""

    name: str
    """Of its class."""
    parameters: dict[str, list[int]]
    """Their shapes."""
    shared: list[Names]
    """The names that mean one parameter."""
    training: dict[str, Any]
    """The training flag of every part."""


class OptimizerMade(NamedTuple):
    """An optimizer on the worker's side."""

    optimizer: Any


class Missing(NamedTuple):
    """The learner's code defines no such name."""

    name: str


class RaisedReply(NamedTuple):
    """The learner's code raised an exception."""

    kinds: Annotated[Names, _not_empty]
    """The names of its class and those above it."""
    message: str
    frames: list[tuple[str, int, str, str]]
    """The learner's own, innermost last: file, line, function, text of the line."""
    at_home: bool
    """It was raised by the learner's file itself."""
    syntax_line: int | None
    """Of a SyntaxError: the line that Python could not read."""
    inside: str
    """The function of an earlier exercise that it was raised in, `masked_attention of ex07_masked_attention`, if so."""


class Introduction(NamedTuple):
    """What crosses with a module that stays on its own side."""

    name: str
    """Of its class."""
    facts: bytes
    """Its layout, shared parameters and training flags in one piece: to be compared, not read."""


def modes_of(training: Mapping[str, bool]) -> bool | list[str]:
    """The training flags of a module's parts without their names, which are free where no parameter is in a part: the
    one mode that all are in, or the parts that are in eval mode."""
    off = [name for name, flag in training.items() if not flag]
    return off if 0 < len(off) < len(training) else not off


def read(kind: type[T], claim: Any) -> tuple[Names, T | Missing | RaisedReply]:
    """The shortcuts used so far, and the reply. Raises CodecError where it is no reply of this kind."""
    if type(claim) is not dict or not _SHORTCUTS(claim.get("shortcuts")):
        raise CodecError("no reply")
    fields = dict(claim)
    shortcuts: Names = fields.pop("shortcuts")
    if len(fields) == 1 and "missing" in fields:
        return shortcuts, record(Missing, {"name": fields["missing"]})
    if len(fields) == 1 and "raised" in fields:
        return shortcuts, record(RaisedReply, fields["raised"])
    return shortcuts, record(kind, fields)


def record(kind: type[T], claim: Any) -> T:
    """One record. Raises CodecError where a field is missing, unknown, or of another type than its annotation says."""
    tests = _tests(kind)  # type: ignore[arg-type]  # every class can be hashed
    if type(claim) is not dict or len(claim) != len(tests):
        raise CodecError(f"no {kind.__name__}")
    for name, holds in tests.items():
        if name not in claim or not holds(claim[name]):
            raise CodecError(f"no {kind.__name__}")
    return kind(**claim)


@functools.cache
def _tests(kind: Any) -> dict[str, Callable[[Any], bool]]:
    return {name: _test(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}


def _test(hint: Any) -> Callable[[Any], bool]:
    """Whether a value is what an annotation says. Lists may be tuples; everything else is of that very type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: True
    if origin is Annotated:
        plain, holds = _test(arguments[0]), arguments[1]
        return lambda value: plain(value) and holds(value)
    if origin in (Union, types.UnionType):
        tests = [_test(one) for one in arguments]
        return lambda value: any(test(value) for test in tests)
    if origin is list:
        each = _test(arguments[0])
        return lambda value: type(value) in (list, tuple) and all(each(item) for item in value)
    if origin is tuple:
        parts = [_test(one) for one in arguments]
        return lambda value: (
            type(value) in (list, tuple)
            and len(value) == len(parts)
            and all(part(item) for part, item in zip(parts, value, strict=True))
        )
    if origin is dict:
        of_values = _test(arguments[1])
        return lambda value: type(value) is dict and all(of_values(item) for item in value.values())
    return lambda value: type(value) is hint


_SHORTCUTS = _test(Names)
