"""Where the results of a call must lie: where its inputs are, or where they were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grader.errors import Mismatch, NotHere
from grader.protocol.values import Decoded, leaves
from grader.remote.handles import Call, Module


def kind(device: str) -> str:
    """A device without its number."""
    return device.partition(":")[0]


def demand(decoded: Decoded, call: Call, place: str, inputs: Sequence[Any], *, of_a_module: bool) -> None:
    """Raises Mismatch for a result that is elsewhere.

    Args:
        decoded: what came back.
        call: whose result it is.
        place: where the learner's code works.
        inputs: all arguments.
        of_a_module: whether the call is one of a module's methods; its weights are an input too.
    """
    if of_a_module or any(isinstance(value, (Tensor, Module)) or callable(value) for value in inputs):
        wanted, why = place, "where its input is"
    else:
        wanted, why = str(call.given.get("device") or "cpu"), "as asked for"
    for device in decoded.devices:
        if kind(device) != kind(wanted):
            text = f"{call.text} returned a tensor on {device}, expected it on {wanted}, {why}"
            raise Mismatch(text, kind="device")


def demand_dtypes(args: tuple[Any, ...], kwargs: dict[str, Any], place: str) -> None:
    """Raises NotHere where the place lacks a dtype among the arguments."""
    if place == "mps" and any(_is_float64(value) for value in leaves([args, kwargs])):
        raise NotHere("mps has no float64")


def _is_float64(value: Any) -> bool:
    return value is torch.float64 or (isinstance(value, Tensor) and value.dtype is torch.float64)
