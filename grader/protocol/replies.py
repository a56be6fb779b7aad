"""What a reply from a learner's side must look like before anything is done with it: claims, of the right types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from grader.protocol.values import CodecError

Test = Callable[[Any], bool]


def _is(*kinds: type) -> Test:
    return lambda value: type(value) in kinds


def _each(test: Test) -> Test:
    return lambda value: type(value) in (list, tuple) and all(test(item) for item in value)


def _named(test: Test) -> Test:
    return lambda value: type(value) is dict and all(test(item) for item in value.values())


def _frame(value: Any) -> bool:
    kinds = [type(item) for item in value] if type(value) in (list, tuple) else []
    return kinds == [str, int, str, str]


def _optional(test: Test) -> Test:
    return lambda value: value is None or test(value)


RAISED: dict[str, Test] = {
    "kinds": lambda value: _each(_is(str))(value) and len(value) > 0,
    "message": _is(str),
    "frames": _each(_frame),
    "at_home": _is(bool),
    "syntax_line": _optional(_is(int)),
}
REPLY: dict[str, Test] = {
    "shortcuts": _each(_is(str)),
    "missing": _is(str),
    "raised": lambda value: type(value) is dict and _fits(value, RAISED) and value.keys() == RAISED.keys(),
    "lines": _named(_is(int)),
    "changed": _each(_is(str)),
    "mutated": _each(lambda value: type(value) is int and value >= 0),
    "recorded": _is(int),
    "call": _is(int),
    "inputs": _each(_optional(_is(Tensor))),
    "parameters": _named(_optional(_is(Tensor))),
}
INTRODUCTION: dict[str, Test] = {"class": _is(str), "facts": _is(bytes)}
DESCRIPTION: dict[str, Test] = {
    "class": _is(str),
    "parameters": _named(_each(_is(int))),
    "shared": _each(_each(_is(str))),
    "training": _named(lambda flag: True),
}


def check(reply: Any) -> dict[str, Any]:
    """The reply itself. Raises CodecError where some part of it has another type than that part has."""
    if type(reply) is not dict or "shortcuts" not in reply or not _fits(reply, REPLY):
        raise CodecError("no reply")
    return reply


def introduction(claim: Any) -> dict[str, Any]:
    """What a new module claims to be. Raises CodecError where it is no introduction."""
    return _whole(claim, INTRODUCTION)


def description(claim: Any) -> dict[str, Any]:
    """What a module says of itself. Raises CodecError where it is no description."""
    return _whole(claim, DESCRIPTION)


def _whole(claim: Any, tests: dict[str, Test]) -> dict[str, Any]:
    if type(claim) is not dict or claim.keys() != tests.keys() or not _fits(claim, tests):
        raise CodecError("no module")
    return claim


def _fits(value: dict[str, Any], tests: dict[str, Test]) -> bool:
    return all(test(value[name]) for name, test in tests.items() if name in value)
