"""Modules, exceptions and files as plain data that can cross to the grader."""

from __future__ import annotations

import ast
import re
import traceback
import unicodedata
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from grader.limits import MAX_MESSAGE
from grader.protocol.messages import Description, Introduction, RaisedReply, modes_of
from grader.source.definitions import explanation, parse
from grader.worker.impossible import explained

Parts = list[tuple[str, nn.Module]]
_EXERCISE = re.compile(r"ex\d\d_\w+")


def parts_of(module: nn.Module) -> Parts:
    """A module and all its submodules, under every name."""
    found: Parts = []

    def add(name: str, part: nn.Module) -> None:
        found.append((name, part))
        for last, inside in part._modules.items():
            if inside is not None:
                add(f"{name}.{last}" if name else last, inside)

    add("", module)
    return found


def parameters_of(parts: Parts) -> dict[str, nn.Parameter]:
    """Every name of every parameter, shared ones too."""
    return {
        f"{prefix}.{name}" if prefix else name: parameter
        for prefix, part in parts
        for name, parameter in part._parameters.items()
        if parameter is not None
    }


def each_once(parts: Parts) -> list[nn.Parameter]:
    """Every parameter, one that has several names once."""
    return list({id(parameter): parameter for parameter in parameters_of(parts).values()}.values())


def layout(parameters: Mapping[str, Tensor]) -> bytes:
    """Names and shapes in one piece, sorted: two modules of the same layout can hold the same state."""
    return "\n".join(sorted([f"{name} {[*tensor.shape]}" for name, tensor in parameters.items()])).encode()


def set_training(parts: Parts, flag: bool) -> None:
    """Does what `module.train(flag)` does, without nn.Module's slow `__setattr__`."""
    for _, part in parts:
        object.__setattr__(part, "training", flag)


def introduce_module(module: nn.Module) -> Introduction:
    """A module's class, and its other facts in one piece, to be compared and not read."""
    parts = parts_of(module)
    parameters = parameters_of(parts)
    modes = modes_of({name: part.training for name, part in parts})
    return Introduction(type(module).__name__, layout(parameters) + repr((_shared(parameters), modes)).encode())


def describe_module(module: nn.Module) -> Description:
    """A module's parameters, which names share one, and the training flags of its parts."""
    parts = parts_of(module)
    parameters = parameters_of(parts)
    shapes = {name: list(parameter.shape) for name, parameter in parameters.items()}
    training = {name: part.training for name, part in parts}
    return Description(type(module).__name__, shapes, _shared(parameters), training)


def _shared(parameters: Mapping[str, Tensor]) -> list[list[str]]:
    owners: dict[int, list[str]] = {}
    for name, parameter in parameters.items():
        owners.setdefault(id(parameter), []).append(name)
    return [names for names in owners.values() if len(names) > 1]


def describe_error(error: BaseException, file: str) -> RaisedReply:
    """An exception as plain data; `file` is the learner's, whose frames are kept."""
    stack = traceback.extract_tb(error.__traceback__)
    home = [(frame.filename, frame.lineno or 0, frame.name, frame.line or "") for frame in stack]
    own = [frame for frame in home if frame[0] == file]
    message = _bounded(explained(_text(error) + explanation(error, file), error, stack))
    if isinstance(error, SyntaxError):
        message = _bounded(_syntax_error(error))
    return RaisedReply(
        kinds=[kind.__name__ for kind in type(error).__mro__],
        message=message,
        frames=own[-5:],
        at_home=bool(own) and stack[-1].filename == file,
        syntax_line=error.lineno if isinstance(error, SyntaxError) else None,
        inside=_earlier_exercise(stack, file),
    )


def _syntax_error(error: SyntaxError) -> str:
    """As Python prints it, but that the caret stands under the place that it means behind tabs and wide characters."""
    text = (error.text or "").rstrip("\r\n")
    if not text.strip() or not error.offset or error.offset > len(text) + 1:
        return "".join(traceback.format_exception_only(error)).rstrip()
    line = text.expandtabs(4)
    indent = len(line) - len(line.lstrip())
    before = _columns(text[: error.offset - 1].expandtabs(4)) - indent
    end = error.end_offset if error.end_lineno == error.lineno and error.end_offset else error.offset + 1
    meant = _columns(text[error.offset - 1 : max(end, error.offset + 1) - 1]) or 1
    place = f'  File "{error.filename}", line {error.lineno}'
    caret = " " * (4 + max(before, 0)) + "^" * meant
    return f"{place}\n    {line.lstrip()}\n{caret}\n{type(error).__name__}: {error.msg}"


def _columns(text: str) -> int:
    """How wide a terminal shows it."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _earlier_exercise(stack: Sequence[traceback.FrameSummary], file: str) -> str:
    """The innermost function of another exercise that the learner's code had called."""
    for frame in reversed(stack):
        if frame.filename == file:
            return ""
        slug = frame.filename.removesuffix(".py").replace("\\", "/").rpartition("/")[2]
        if _EXERCISE.fullmatch(slug):
            return f"{frame.name} of {slug}"
    return ""


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as worse:
        return f"(its message cannot be shown: {type(worse).__name__})"


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + "..."


def definitions(source: bytes, definitions_only: bool = False) -> dict[str, int]:
    """The line of every top-level definition, the last one where a name is defined twice."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body = [
        part for node in parse(source, "", definitions_only).body for part in (node, *getattr(node, "body", [])[:1])
    ]
    return {node.name: node.lineno for node in body if isinstance(node, kinds) and node.col_offset == 0}
