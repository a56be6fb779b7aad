"""The learner's code as a check sees it: names that can be called, modules that can be loaded, and a record of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from grader import simulated_gpu
from grader.errors import Crashed, LearnerError, LoadFailure, Lost, Mismatch, NotHere, Raised, Unwritten
from grader.protocol import replies
from grader.protocol.values import CodecError, Decoded, leaves
from grader.remote.calls import Call, Passed, Request, call_text, parameter_names, tensor_names
from grader.remote.connection import NO_RESULT, Connection
from grader.remote.handles import Function, Module
from grader.remote.object_table import CallbackServer, ObjectTable
from grader.remote.transport import Transport
from grader.source.file import Source, where


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
        wanted, why = place, "the device of its input"
    else:
        wanted, why = str(call.given.get("device") or "cpu"), "as asked for"
    for device in decoded.devices:
        if kind(device) != kind(wanted):
            text = f"{call.text} returned a tensor on {device}; expected {wanted}, {why}"
            raise Mismatch(text, kind="device")


def demand_dtypes(args: tuple[Any, ...], kwargs: dict[str, Any], place: str) -> None:
    """Raises NotHere where the place lacks a dtype among the arguments."""
    if place == "mps" and any(_is_float64(value) for value in leaves([args, kwargs])):
        raise NotHere("mps has no float64")


def _is_float64(value: Any) -> bool:
    return value is torch.float64 or (isinstance(value, Tensor) and value.dtype is torch.float64)


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
        self.exchange = Connection(connect)
        self.shortcuts: list[str] = []
        self.watched = False
        """Whether this check has every call of torch looked at for shortcuts."""
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
        self.exchange.begin(self.seconds * patience)
        self.request("start", seed, text="the start of a check")
        self.exchange.record.clear()

    def prepare(self) -> None:
        """Loads the file unless it is loaded, and forgets the last check."""
        self.calls, self.requests, self._objects, self.place = [], [], ObjectTable(self), self.device
        self.watched = False
        self.exchange.forget()
        if self.failure is not None:
            raise self.failure
        if not self.exchange.is_open:
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
        self.exchange.open()
        self.exchange.begin(self.seconds)
        try:
            frame = self._objects.frame(["load", source.orders(self.device)])
            reply = self._exchange(frame, None, self._objects).value
        except Lost as lost:
            text = f"while {source.shown} was loaded: {lost}"
            raise LoadFailure(text, verdict=lost.verdict, line=lost.line) from None
        if "raised" in reply:
            raise LoadFailure.from_reply(reply["raised"], source.shown, partial(where, source))
        self.lines, self.changed = reply["lines"], reply["changed"]

    def close(self) -> None:
        self.exchange.close()

    @property
    def output(self) -> str:
        """What the learner's code printed during this check."""
        return self.exchange.output

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
        self.request("go_to_gpu", text="the start of a check")
        self.place = simulated_gpu.place()

    def seed_default_generators(self, seed: int) -> None:
        """Seeds the default random states of torch, numpy and Python on the learner's side; forgets handles."""
        self.request("start", seed, text=f"torch.manual_seed({seed})")

    def watch_every_call(self) -> None:
        """From here to the end of the check every call of torch is looked at for shortcuts, however it is reached."""
        self.request("watch", text="the start of a check")
        self.watched = True

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
        parameters = self.parameters(name)
        demand_dtypes(args, kwargs, self.place)
        simulated = " on a simulated GPU" if self.place == simulated_gpu.NAME else ""
        text = call_text(name, parameters, args, kwargs) + simulated
        given = {**dict(zip(parameters, args, strict=False)), **kwargs}
        call = Call(name, text, names=tensor_names(parameters, args, kwargs), given=given)
        call.with_grad_off = partial(self.call, target, name, args, kwargs, off=True)
        self.calls.append(call)
        frame = self._objects.frame(["call", [list(target), list(args), kwargs, grad, count, off]])
        decoded = self.ask(frame, call, self._objects)
        inputs = [*args, *kwargs.values()]
        demand(decoded, call, self.place, inputs, of_a_module=target[0] == "object")
        return call

    def backward(self, call: Call, cotangents: list[Tensor]) -> tuple[list[Tensor | None], dict[str, Tensor | None]]:
        """The gradients of the inputs and, by name, of the parameters, for these cotangents of the floating outputs."""
        reply = self.request("backward", call.number, cotangents, text=f"the gradient of {call.text}")
        return reply["inputs"], reply["parameters"]

    # ------------------------------------------------------------------------------------------ requests

    def request(self, operation: str, *arguments: Any, text: str) -> dict[str, Any]:
        """Raises LearnerError, Unwritten, Mismatch (a name that is missing) or Lost."""
        frame = self._objects.frame([operation, list(arguments)])
        request = Request(frame, None)
        self.requests.append(request)
        reply: dict[str, Any] = self._look_at(
            self._exchange(frame, None, self._objects), self._objects, text, None
        ).value
        request.value = {name: value for name, value in reply.items() if name != "shortcuts"}
        return reply

    def ask(self, frame: bytes, call: Call, objects: ObjectTable) -> Decoded:
        """Puts a call to the learner's code and notes what comes of it."""
        self.requests.append(Request(frame, call))
        decoded = self._look_at(self._exchange(frame, call, objects), objects, call.text, call)
        call.note(decoded.value)
        call.requires_grad = any(decoded.requires_grad)
        call.away = [kind(device) != self.device for device in decoded.devices]
        return decoded

    def replay(self, request: Request, objects: ObjectTable) -> Request:
        """Asks this code what another was asked; what it raises is part of the answer. Raises Lost."""
        if request.call is None:
            decoded = self._exchange(request.frame, None, objects)
            return Request(request.frame, None, {k: v for k, v in decoded.value.items() if k != "shortcuts"})
        call = Call(request.call.name, request.call.text, names=request.call.names)
        with contextlib.suppress(LearnerError, Mismatch):
            self.ask(request.frame, call, objects)
        return self.requests.pop()

    def _exchange(self, frame: bytes, call: Call | None, objects: ObjectTable) -> Decoded:
        """One request and its reply. Raises Lost; the transport is closed then."""
        reply = self.exchange.ask(frame, CallbackServer(objects, call))
        try:
            decoded = objects.read(reply)
            replies.check(decoded.value)
        except CodecError:
            self.close()
            raise Crashed(NO_RESULT) from None
        self.shortcuts += [name for name in decoded.value["shortcuts"] if name not in self.shortcuts]
        return decoded

    def ask_ahead(self, frame: bytes) -> bytes | Lost:
        """Puts a question that this check is going to ask."""
        return self.exchange.ask_ahead(frame, CallbackServer(self._objects, None))

    def settle(self, passed: Passed) -> None:
        """This check ends as one did whose every answer was the same."""
        self.exchange.forget()
        self.calls, self.requests = list(passed.calls), list(passed.requests)

    def _look_at(self, decoded: Decoded, objects: ObjectTable, text: str, call: Call | None) -> Decoded:
        reply = decoded.value
        if objects.refused is not None:
            raise objects.refused
        if "missing" in reply:
            raise Mismatch(f"{self.source.shown} defines no {reply['missing']}", kind="type")
        if "raised" in reply:
            raised = Raised.from_reply(reply["raised"], partial(where, self.source))
            if call is not None:
                call.raised = raised
            if "AcceleratorError" in raised.kinds:  # the GPU does nothing more for this process
                self.close()
            error = (Unwritten if raised.unwritten else LearnerError)(raised, text)
            original = self.exchange.last_error
            raise error.with_traceback(original.__traceback__ if original is not None else None)
        return decoded

    @property
    def objects(self) -> ObjectTable:
        """What this check has handed out."""
        return self._objects

    # ------------------------------------------------------------------------------------------ words

    def parameters(self, name: str) -> list[str]:
        """The names of the parameters of one of the exercise's functions."""
        return parameter_names(self._reference, name)
