"""The learner's code as a check sees it: names that can be called, modules that can be loaded, and a record of it."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

import torch
from torch import Tensor

from grader import simulated_gpu
from grader.errors import Crashed, LearnerError, LoadFailure, Lost, Mismatch, NotHere, Raised, Unwritten
from grader.protocol.messages import (
    Backward,
    Called,
    CallFunction,
    Done,
    GoToGpu,
    Gradients,
    Load,
    Loaded,
    Missing,
    RaisedReply,
    SeedGenerators,
    Start,
    WatchEveryCall,
    WatchRandomState,
    document,
    read,
)
from grader.protocol.values import CodecError, Decoded
from grader.remote.calls import Call, Passed, Request, parameter_names
from grader.remote.connection import NO_RESULT, Connection
from grader.remote.handles import Function
from grader.remote.object_table import CallbackServer, ObjectTable
from grader.remote.transport import Transport
from grader.source.file import Source, where

T = TypeVar("T")


class Code:
    """One learner's file under check, on one device, over one transport.

    `code.attention_scores(q, k)` calls the learner's function; what comes back has passed through the codec.

    Args:
        source: the file, the earlier references it may import and the shortcuts of the exercise.
        connect: opens a transport; called again after a process was lost.
        reference: the grader's own module, for the names of parameters in messages.
        device: where the learner's code works: `cpu`, `cuda` or `mps`.
    """

    def __init__(
        self, source: Source, connect: Callable[[], Transport], reference: ModuleType, *, device: str = "cpu"
    ) -> None:
        self.source = source
        self.device = device
        self.place = device
        """Where the code works now: `device`, or the GPU that a check moved it to."""
        self.calls: list[Call] = []
        self.requests: list[Request] = []
        """All that this check has asked, for the grader to ask other files the same."""
        self.connection = Connection(connect)
        self.shortcuts: list[str] = []
        self.watched = False
        """Whether this check has every call of torch looked at for shortcuts."""
        self.watches_random_state = False
        """Whether this check asks if calls change a default random state."""
        self.lines: dict[str, int] = {}
        self.changed: list[str] = []
        self.seconds = 10.0
        self._reference = reference
        self.failure: LoadFailure | None = None
        self._objects = ObjectTable(self)

    # ------------------------------------------------------------------------------------------ a check's life

    def begin(self, seed: int, patience: float = 1.0) -> None:
        """Gets ready for one check. Raises LoadFailure, the same one every time, where the file can't be loaded.

        Args:
            patience: how many times the usual time this check has.
        """
        self.prepare()
        self.connection.begin(self.seconds * patience)
        self.request(Start(seed), Done, text="the start of a check")
        self.connection.record.clear()

    def prepare(self) -> None:
        """Loads the file unless it is loaded, and forgets the last check."""
        self.calls, self.requests, self._objects, self.place = [], [], ObjectTable(self), self.device
        self.watched = self.watches_random_state = False
        self.connection.forget()
        if self.failure is not None:
            raise self.failure
        if not self.connection.is_open:
            try:
                self._load()
            except LoadFailure as failure:
                self.failure = failure
                self.close()
                raise

    def _load(self) -> None:
        source = self.source
        if source.refusal:
            raise LoadFailure(source.refusal)
        self.connection.open()
        self.connection.begin(self.seconds)
        try:
            reply, _ = self._exchange(self._objects.frame(document(self._orders())), None, Loaded, self._objects)
        except Lost as lost:
            text = f"while {source.shown} was loaded: {lost}"
            raise LoadFailure(text, verdict=lost.verdict, line=lost.line) from None
        if isinstance(reply, RaisedReply):
            raise LoadFailure.from_reply(reply._asdict(), source.shown, partial(where, source))
        if not isinstance(reply, Loaded):
            raise LoadFailure(f"while {source.shown} was loaded: {NO_RESULT}")
        self.lines, self.changed = reply.lines, reply.changed

    def _orders(self) -> Load:
        own = self.source
        file = (own.slug, own.filename, own.text, own.earlier, list(own.shortcuts))
        return Load(*file, self.device, own.definitions_only)

    def close(self) -> None:
        self.connection.close()

    @property
    def output(self) -> str:
        """What the learner's code printed during this check."""
        return self.connection.output

    # ------------------------------------------------------------------------------------------ what checks use

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return Function(self, ("name", name), name)

    def move_to_gpu(self) -> None:
        """From here to the end of the check the code works on a GPU: a simulated one, unless this process or this run
        has a real one.

        Raises NotHere where this torch cannot simulate one.
        """
        if self.device != "cpu":
            return
        if not simulated_gpu.available():
            raise NotHere(f"torch {torch.__version__} cannot simulate a GPU here")
        self.request(GoToGpu(), Done, text="the start of a check")
        self.place = simulated_gpu.place()

    def seed_default_generators(self, seed: int) -> None:
        """Seeds the default random states of torch, numpy and Python on the learner's side."""
        self.request(SeedGenerators(seed), Done, text=f"torch.manual_seed({seed})")

    def watch_every_call(self) -> None:
        """From here to the end of the check every call of torch is looked at for shortcuts, however it is reached."""
        self.request(WatchEveryCall(), Done, text="the start of a check")
        self.watched = True

    def watch_random_state(self) -> None:
        """From here to the end of the check every call is asked whether it changes a default random state."""
        self.request(WatchRandomState(), Done, text="the start of a check")
        self.watches_random_state = True

    def earlier(self, slug: str, name: str) -> Function:
        """A name of an earlier exercise's reference, on the learner's side."""
        return Function(self, ("earlier", slug, name), name)

    def call(
        self,
        target: tuple[Any, ...],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        grad: bool = False,
        count: bool = False,
        off: bool = False,
    ) -> Call:
        """Calls and records.

        Args:
            grad: make the floating inputs leaves, and keep the graph for `backward`.
            count: count what autograd saves.
            off: call with grad mode off.
        """
        call = Call.of(name, self._reference, args, kwargs, self.place, makes=target[0] != "object")
        call.with_grad_off = partial(self.call, target, name, args, kwargs, off=True)
        self.calls.append(call)
        asked = CallFunction(list(target), list(args), kwargs, grad, count, off)
        decoded = self.ask(self._objects.frame(document(asked)), call, self._objects)
        inputs = [*args, *kwargs.values()]
        call.demand_place(decoded.devices, self.place, inputs, of_a_module=target[0] == "object")
        return call

    def backward(self, call: Call, cotangents: list[Tensor]) -> tuple[list[Tensor | None], dict[str, Tensor | None]]:
        """The gradients of the inputs and, by name, of the parameters, for these cotangents of the floating outputs."""
        asked, text = Backward(call.number, cotangents), f"the gradient of {call.text}"
        reply = self.request(asked, Gradients, text=text)
        return reply.inputs, reply.parameters

    # ------------------------------------------------------------------------------------------ requests

    def request(self, request: tuple[Any, ...], kind: type[T], *, text: str) -> T:
        """Puts a request of protocol.messages; the reply is of the kind that it names.

        Raises LearnerError, Unwritten, Mismatch (a name that is missing) or Lost.
        """
        asked = Request(self._objects.frame(document(request)), None, kind)
        self.requests.append(asked)
        reply, _ = self._exchange(asked.frame, None, kind, self._objects)
        asked.value = reply
        return self._look_at(reply, self._objects, text, None)

    def ask(self, frame: bytes, call: Call, objects: ObjectTable) -> Decoded:
        """Makes a call to the learner's code and records its result."""
        self.requests.append(Request(frame, call, Called))
        reply, decoded = self._exchange(frame, call, Called, objects)
        call.note(self._look_at(reply, objects, call.text, call), decoded, self.device)
        return decoded

    def replay(self, request: Request, objects: ObjectTable) -> Request:
        """Repeats another code's request on this code; an exception is part of the answer. Raises Lost."""
        if request.call is None:
            reply, _ = self._exchange(request.frame, None, request.reply, objects)
            return Request(request.frame, None, request.reply, reply)
        call = Call(request.call.name, request.call.text, names=request.call.names)
        with contextlib.suppress(LearnerError, Mismatch):
            self.ask(request.frame, call, objects)
        return self.requests.pop()

    def _exchange(
        self, frame: bytes, call: Call | None, kind: type[T], objects: ObjectTable
    ) -> tuple[T | Missing | RaisedReply, Decoded]:
        """One request and its reply. Raises Lost; the transport is closed then."""
        answer = self.connection.ask(frame, CallbackServer(objects, call))
        try:
            decoded = objects.read(answer)
            shortcuts, reply = read(kind, decoded.value)
        except CodecError:
            self.close()
            raise Crashed(NO_RESULT) from None
        self.shortcuts += [name for name in shortcuts if name not in self.shortcuts]
        return reply, decoded

    def ask_ahead(self, frame: bytes) -> bytes | Lost:
        """Sends a request that this check is going to make."""
        return self.connection.ask_ahead(frame, CallbackServer(self._objects, None))

    def settle(self, passed: Passed) -> None:
        """Takes over the record of a passed run with the same answers."""
        self.connection.forget()
        self.calls, self.requests = list(passed.calls), list(passed.requests)

    def _look_at(self, reply: T | Missing | RaisedReply, objects: ObjectTable, text: str, call: Call | None) -> T:
        """The reply that was asked for. Raises what stands in its place."""
        if objects.refused is not None:
            if call is not None:
                call.refused = str(objects.refused)
            raise self._refusal(objects.refused, reply)
        if isinstance(reply, Missing):
            raise Mismatch(self._missing(reply.name), kind="type")
        if isinstance(reply, RaisedReply):
            raised = Raised.from_reply(reply._asdict(), partial(where, self.source))
            if call is not None:
                call.raised = raised
            if "AcceleratorError" in raised.kinds:  # the GPU does nothing more for this process
                self.close()
            error = (Unwritten if raised.unwritten else LearnerError)(raised, text)
            original = self.connection.last_error
            raise error.with_traceback(original.__traceback__ if original is not None else None)
        return reply

    def _refusal(self, refused: Mismatch, reply: object) -> Mismatch:
        """What went wrong in a callback, with the line where the learner's code stopped without its answer."""
        if not isinstance(reply, RaisedReply) or not reply.frames:
            return refused
        _, refused.line, name, text = reply.frames[-1]
        refused.place = f"without an answer the code stopped at {where(self.source, refused.line)}, in {name}: {text}"
        return refused

    def _missing(self, name: str) -> str:
        """What is said of a name that is not there."""
        if not self.source.text.strip():
            return f"{self.source.shown} is empty: it defines no {name}"
        near = difflib.get_close_matches(name, [one for one in self.lines if one != name], n=1, cutoff=0.8)
        return f"{self.source.shown} defines no {name}" + (f"; is {near[0]} meant to be that?" if near else "")

    @property
    def objects(self) -> ObjectTable:
        """The objects that this check has handed out."""
        return self._objects

    # ------------------------------------------------------------------------------------------ words

    def parameters(self, name: str) -> list[str]:
        """The names of the parameters of one of the exercise's functions."""
        return parameter_names(self._reference, name)
