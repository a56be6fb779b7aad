"""What a message may say. `full` shows values and the learner's own exception; `hidden` shows neither.

Inputs follow from the seed. Where learners may submit again and the seed stays, a message that carries a value of an
input, or text that their code chose, hands them the inputs. Then only sentences written here are shown.
"""

from __future__ import annotations

import builtins

import torch
from torch import Tensor

from grader.checks.compare import returned
from grader.errors import LearnerError, LoadFailure, Lost, Mismatch, Raised, TimedOut
from grader.remote.calls import Call
from grader.remote.handles import Module, Opaque, Optimizer

MOST_CALLERS = 2
"""Lines shown that led to an exception; each may take two of a screen."""
HANDLES = {Module: "a module", Optimizer: "an optimizer", Opaque: "an object"}
"""What the check's own objects are called among the inputs."""
KINDS = {
    "type": "has the wrong type",
    "shape": "has another shape than it should have",
    "dtype": "has another dtype than it should have",
    "device": "is on another device than it should be",
    "finite": "holds numbers that are not finite",
    "value": "has values that differ from the right ones",
    "rule": "is not what this check asks for",
}


def full(error: BaseException, call: Call | None) -> str:
    """All that is known about a failure.

    Args:
        call: the one that was made last.
    """
    if isinstance(error, LearnerError):
        lines = [str(error)]
        if error.raised.frames:
            _, _, name, text = error.raised.frames[-1]
            lines.append(f"at {error.raised.where}, in {name}: {text}")
            lines += error.raised.callers[:MOST_CALLERS]
        if error.raised.inside:
            lines.append(f"It was raised in {error.raised.inside}, the kit's own, which that line called.")
        given = inputs(call) if call is not None else ""
        return "\n".join([*lines, f"given: {given}"] if given else lines)
    if isinstance(error, Mismatch) and error.place:
        return f"{error}\n{error.place}"
    if isinstance(error, (Mismatch, LoadFailure, Lost)):
        return str(error)
    what = f"{returned(call.text, call.value)}, and " if call is not None else ""
    return f"{what}the check could not go on: {type(error).__name__}: {error}"


def inputs(call: Call) -> str:
    """What a call was given: `q (6, 5, 2)  k (6, 8, 2)  allowed None`."""
    return "  ".join(f"{name} {_shown(value)}" for name, value in call.given.items())


def _shown(value: object) -> str:
    if isinstance(value, Tensor):
        dtype = "" if value.dtype in (torch.float64, torch.int64) else f" {str(value.dtype).removeprefix('torch.')}"
        return f"{tuple(value.shape)}{dtype}"
    if value is None or isinstance(value, (bool, int, float, torch.dtype, torch.device)):
        return str(value).removeprefix("torch.")
    for kind, words in HANDLES.items():
        if isinstance(value, kind):
            return words
    return f"a {type(value).__name__}" if not callable(value) else "a function"


def hidden(error: BaseException, call: Call | None) -> str:
    """What kind of failure it is, in words that nothing of an input or of the learner's code can reach."""
    what = call.name if call is not None else "the code"
    if isinstance(error, LoadFailure):
        return _loading(error)
    if isinstance(error, TimedOut):
        return str(error)
    if isinstance(error, Lost):
        return "the process that ran the code ended before it answered, so there is no result"
    if isinstance(error, LearnerError):
        return f"{what} raised {_kind(error.raised)}"
    if isinstance(error, Mismatch):
        return f"what {error.function or what} gives {KINDS[error.kind]}"
    return f"what {what} gives cannot be used here"


def _kind(raised: Raised) -> str:
    """The nearest exception of Python's own: the name of a learner's class could say anything."""
    own = (kind for kind in raised.kinds if isinstance(getattr(builtins, kind, None), type))
    return next(own, "an exception")


def _loading(error: LoadFailure) -> str:
    return {"timeout": "the file takes too long to load", "crash": "the file ends its process while it is loaded"}.get(
        error.verdict, "the file cannot be loaded: Python finds an error in it, or it raises an exception"
    )
