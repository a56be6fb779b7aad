"""Does everything that is slow the first time, once, in the process from which workers are forked.

Saves what torch imports and caches at a first call, in every worker. The risk is state that is forked along: the file
that is run here is the kit's own, and random states are seeded at the start of every check.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any

import torch

from grader.protocol.codec import Decoder, Encoder
from grader.protocol.messages import (
    Backward,
    Called,
    CallFunction,
    Done,
    Gradients,
    Load,
    Loaded,
    RaisedReply,
    Start,
    WatchEveryCall,
    WatchRandomState,
    document,
    read,
)
from grader.protocol.values import CodecError
from grader.simulated_gpu import read_schemas
from grader.worker.executor import Executor

MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25
LARGE = 4 << 20
"""Bytes of a piece of memory that is worth it."""
SOURCE = b"""
import math
import torch
from torch import Tensor, nn


class Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear(x)).relu()


def attention(q: Tensor, k: Tensor) -> Tensor:
    return (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).softmax(-1)


def fails(x: Tensor) -> Tensor:
    raise NotImplementedError("TODO")
"""


def run_once() -> None:
    """Loads a small file, calls it as checks do, and forgets it. Raises CodecError for a reply that is none."""
    executor = Executor(lambda frame: frame, quiet=True)
    x = torch.ones(2, 3, dtype=torch.float64)
    _ask(executor, Load("ex00_warm", "<warm>", SOURCE, {}, ["nn.LSTM", "F.layer_norm"], "cpu", False), Loaded)
    for request in (WatchRandomState(), WatchEveryCall()):
        _ask(executor, Start(0), Done)
        _ask(executor, CallFunction(["name", "attention"], [x, x], {}, True, False, False), Called)
        _ask(executor, Backward(0, [torch.ones(2, 2, dtype=torch.float64)]), Gradients)
        _ask(executor, CallFunction(["name", "Layer"], [3], {}, False, False, False), Called)
        _ask(executor, CallFunction(["name", "fails"], [x], {}, False, True, False), RaisedReply)
        _ask(executor, request, Done)
        _ask(executor, CallFunction(["name", "attention"], [x, x], {}, False, False, False), Called)
    read_schemas()


def make_an_optimizer() -> None:
    """Makes one of torch's optimizers and forgets it: the first imports torch's compiler, 0.7 s."""
    torch.optim.SGD([torch.zeros(1, requires_grad=True)]).step()


def _ask(executor: Executor, request: tuple[Any, ...], kind: type[Any]) -> None:
    frame = executor.answer(Encoder(lambda value: None).frame(document(request)))
    _, reply = read(kind, Decoder(lambda reference: reference).value(frame).value)
    if not isinstance(reply, kind):
        raise CodecError(f"the warm-up's {type(request).__name__} was not answered by {kind.__name__}: {reply}")


def use_huge_pages() -> None:
    """Memory in pages of 2 MB, where Linux has them: a fork copies the list of pages, and then writes to few of them.

    Saves 6 to 15 ms of the 100 that an exercise takes in a worker.
    """
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with contextlib.suppress(OSError), open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            place, rights, _, _, file, *name = line.split()
            first, last = (int(part, 16) for part in place.split("-"))
            if rights.startswith("rw") and file == "0" and name in ([], ["[heap]"]) and last - first >= LARGE:
                advise(first, last - first, MADV_HUGEPAGE)
                advise(first, last - first, MADV_COLLAPSE)
