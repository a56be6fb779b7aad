"""The learner's code as a check sees it: names that can be called, modules that can be loaded, and a record of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from grader.codec import CodecError, Decoded, Decoder, Encoder, Reference, leaves
from grader.errors import Crashed, LearnerError, LoadFailure, Lost, Mismatch, NotHere, Raised, Unwritten
from grader.source import Source
from grader.transport import Transport


@dataclass
class Call:
    """One call into the learner's code and what came of it."""

    name: str
    text: str
    value: Any = None
    raised: Raised | None = None
    fed: list[Any] = field(default_factory=list)
    """What the learner's code passed to the check's own functions, call by call."""
    mutated: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    recorded: int = 0
    requires_grad: bool = False
    number: int = -1
    gradients: Any = None


class Opaque:
    """A value that the learner's code may pass on and nothing else, such as a decoder's state."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Optimizer:
    """Handle of a plain gradient descent over a learner-side module's parameters."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference


class Module:
    """A learner's nn.Module, on its own side. Methods are called by their names."""

    def __init__(self, code: Code, reference: Reference) -> None:
        self._code = code
        self._reference = reference
        self._about: dict[str, Any] = reference.about or {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Function(self._code, ("object", self._reference.id, "__call__"), self._name())(*args, **kwargs)

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return Function(self._code, ("object", self._reference.id, name), f"{self._name()}.{name}")

    def _name(self) -> str:
        return str(self._about.get("class", "module"))

    def load(self, reference: nn.Module) -> Module:
        """Gives it the reference module's weights, dtype and training flag.

        Raises Mismatch where a parameter is missing, has another shape or a name that the contract does not have.
        """
        state = {name: parameter.detach() for name, parameter in reference.named_parameters()}
        mine = self.describe()["parameters"]
        for name, tensor in state.items():
            if name not in mine:
                extra = [other for other in mine if other not in state]
                found = f"; it has {', '.join(extra[:4])}" if extra else ""
                raise Mismatch(f"{self._name()} has no parameter {name}{found}", kind="type")
            if tuple(mine[name]) != tuple(tensor.shape):
                text = f"the parameter {name} of {self._name()} has shape {tuple(mine[name])}"
                raise Mismatch(f"{text}, expected {tuple(tensor.shape)}", kind="shape")
        if extra := [name for name in mine if name not in state]:
            raise Mismatch(f"{self._name()} has a parameter that was not asked for: {extra[0]}", kind="type")
        self._code.request("load_state", self, state, reference.training, text=f"{self._name()}.load_state_dict(...)")
        return self

    def describe(self) -> dict[str, Any]:
        """Its parameters' names and shapes, the names that share one parameter, its parts and their training flags."""
        about: dict[str, Any] = self._code.request("describe", self, text=self._name())["value"]
        return about

    def parameters(self) -> dict[str, Tensor]:
        """The values of its parameters now."""
        state: dict[str, Tensor] = self._code.request("state", self, text=self._name())["value"]
        return state

    def set_training(self, flags: dict[str, bool]) -> None:
        """Sets the training flag of the parts named, of each part alone; "" is the module itself."""
        self._code.request("set_training", self, flags, text=self._name())

    def set_gradients(self, gradients: dict[str, Tensor]) -> None:
        """Leaves these in `.grad`, as an earlier backward pass would have."""
        self._code.request("set_gradients", self, gradients, text=self._name())

    def optimizer(self, lr: float) -> Optimizer:
        """A plain gradient descent over its parameters."""
        made: Optimizer = self._code.request("optimizer", self, lr, text="the optimizer")["value"]
        return made


@dataclass
class Function:
    """One name of the learner's code. Calling it calls theirs."""

    code: Code
    target: tuple[Any, ...]
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(args, kwargs).value

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any], **options: bool) -> Call:
        return self.code.call(self.target, self.name, args, kwargs, **options)


class Code:
    """One learner's file under check, on one device, over one transport.

    `code.attention_scores(q, k)` calls the learner's function; what comes back has passed through the codec.

    Args:
        source: the file, the earlier references it may import and the shortcuts of the exercise.
        connect: opens a transport; called again after a process was lost.
        reference: the judge's own module, for the names of parameters in messages.
        device: where the learner's code works: `cpu`, `cuda` or `mps`.
    """

    def __init__(
        self, source: Source, connect: Callable[[], Transport], reference: ModuleType, *, device: str = "cpu"
    ) -> None:
        self.source = source
        self.device = device
        self.calls: list[Call] = []
        self.shortcuts: list[str] = []
        self.lines: dict[str, int] = {}
        self.changed: list[str] = []
        self.transport: Transport | None = None
        self.seconds = 10.0
        self._connect = connect
        self._reference = reference
        self._failure: LoadFailure | None = None
        self._callbacks: list[Any] = []
        self._refused: BaseException | None = None

    # ------------------------------------------------------------------------------------------ a check's life

    def begin(self, seed: int) -> None:
        """Gets ready for one check. Raises LoadFailure, the same one every time, where the file can't be loaded."""
        self.calls, self._callbacks, self._refused = [], [], None
        if self._failure is not None:
            raise self._failure
        if self.transport is None:
            try:
                self._load()
            except LoadFailure as failure:
                self._failure = failure
                self.close()
                raise
        assert self.transport is not None
        self.transport.begin(self.seconds)
        self.request("start", seed, text="the start of a check")

    def _load(self) -> None:
        self.transport = self._connect()
        self.transport.begin(self.seconds)
        source = self.source
        try:
            arguments = [
                source.slug,
                source.filename,
                source.text,
                source.earlier,
                source.shortcuts,
                self.device,
            ]
            reply = self._exchange(["load", arguments]).value
        except Lost as lost:
            raise LoadFailure(f"while {source.shown} was loaded: {lost}", verdict=lost.verdict) from None
        if "raised" in reply:
            raise _load_failure(reply["raised"], source.shown)
        self.lines, self.changed = reply["lines"], reply["changed"]

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            self.transport = None

    @property
    def output(self) -> str:
        """What the learner's code printed during this check."""
        return self.transport.output if self.transport is not None else ""

    # ------------------------------------------------------------------------------------------ what checks use

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return Function(self, ("name", name), name)

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
    ) -> Call:
        """Calls and records.

        Args:
            grad: make the floating inputs leaves, and keep the graph for `backward`.
            count: count what autograd saves.
        """
        parameters = self._parameters(name)
        if self.device == "mps" and any(_is_float64(value) for value in leaves([args, kwargs])):
            raise NotHere("mps has no float64")
        call = Call(name, _text(name, parameters, args, kwargs))
        self.calls.append(call)
        frame = ["call", [list(target), list(args), kwargs, grad, count]]
        decoded = self._decoded(frame, text=call.text, call=call)
        reply = decoded.value
        call.value, call.number = reply["value"], reply.get("call", -1)
        names = _tensor_names(parameters, args, kwargs)
        call.mutated = [names[i] for i in reply["mutated"] if i < len(names)]
        call.changed, call.recorded = reply["changed"], reply["recorded"]
        call.requires_grad = any(decoded.requires_grad)
        placed = target[0] == "object" or any(
            isinstance(value, (Tensor, Module)) or callable(value) for value in (*args, *kwargs.values())
        )
        self._check_device(decoded, call, self.device if placed else str(kwargs.get("device") or "cpu"))
        return call

    def backward(self, call: Call, cotangents: list[Tensor]) -> tuple[list[Tensor | None], dict[str, Tensor | None]]:
        """The gradients of the inputs and, by name, of the parameters, for these cotangents of the floating outputs."""
        reply = self.request("backward", call.number, cotangents, text=f"the gradient of {call.text}")
        call.gradients = (reply["inputs"], reply["parameters"])
        return reply["inputs"], reply["parameters"]

    # ------------------------------------------------------------------------------------------ requests

    def request(self, operation: str, *arguments: Any, text: str) -> dict[str, Any]:
        """Raises LearnerError, Unwritten, Mismatch (a name that is missing) or Lost."""
        reply: dict[str, Any] = self._decoded([operation, list(arguments)], text=text).value
        return reply

    def _exchange(self, request: Any, call: Call | None = None) -> Decoded:
        """One request and its reply. Raises Lost; the transport is closed then."""
        if self.transport is None:
            raise Crashed("the process that ran the code is gone")
        frame = Encoder(self._refer, keep_strides=True, max_text=1 << 20).frame(request)
        try:
            decoded = self._decoder().value(self.transport.request(frame, lambda data: self._serve(data, call)))
            if not isinstance(decoded.value, dict) or "shortcuts" not in decoded.value:
                raise CodecError("no reply")
        except Lost:
            self.close()
            raise
        except CodecError:
            self.close()
            raise Crashed("the code sent bytes that are no result") from None
        return decoded

    def _decoded(self, request: Any, *, text: str, call: Call | None = None) -> Decoded:
        decoded = self._exchange(request, call)
        self._look_at(decoded.value, text, call)
        return decoded

    def _look_at(self, reply: dict[str, Any], text: str, call: Call | None) -> None:
        self.shortcuts += [name for name in reply["shortcuts"] if name not in self.shortcuts]
        if self._refused is not None:
            raise self._refused
        if "missing" in reply:
            raise Mismatch(f"{self.source.shown} defines no {reply['missing']}", kind="type")
        if "raised" in reply:
            raised = _raised(reply["raised"])
            if call is not None:
                call.raised = raised
            unwritten = "NotImplementedError" in raised.kinds and raised.at_home
            error = (Unwritten if unwritten else LearnerError)(raised, text)
            original = getattr(self.transport, "last_error", None)
            raise error.with_traceback(original.__traceback__ if original is not None else None)

    # ------------------------------------------------------------------------------------------ references

    def _refer(self, value: Any) -> Reference | None:
        if isinstance(value, Module):
            return Reference("module", value._reference.id)
        if isinstance(value, Optimizer):
            return Reference("optimizer", value.reference.id)
        if isinstance(value, torch.Generator):
            return Reference("generator", value.initial_seed())
        if isinstance(value, Opaque) or (callable(value) and not isinstance(value, type)):
            self._callbacks.append(value)
            kind = "opaque" if isinstance(value, Opaque) else "callback"
            return Reference(kind, len(self._callbacks) - 1)
        return None

    def _decoder(self) -> Decoder:
        return Decoder(self._resolve)

    def _resolve(self, reference: Reference) -> Any:
        if reference.kind == "module":
            return Module(self, reference)
        if reference.kind == "optimizer":
            return Optimizer(reference)
        if reference.kind == "opaque" and 0 <= reference.id < len(self._callbacks):
            return self._callbacks[reference.id]
        raise CodecError(f"nothing is known as {reference.kind}")

    def _serve(self, question: bytes, call: Call | None) -> bytes:
        """Answers a callback. What goes wrong in it is raised when the learner's call is over."""
        try:
            number, arguments = self._decoder().value(question).value
            if call is not None:
                call.fed.append(arguments)
            answer = self._callbacks[number](*arguments)
        except CodecError:
            raise
        except Mismatch as refused:
            self._refused = refused
            answer = None
        except Exception as error:
            self._refused = Mismatch(f"the function passed in could not answer: {type(error).__name__}: {error}")
            answer = None
        return Encoder(self._refer, keep_strides=True).frame(answer)

    # ------------------------------------------------------------------------------------------ words

    def _parameters(self, name: str) -> list[str]:
        target: Any = self._reference
        for part in name.split("."):
            target = getattr(target, part, None)
        if isinstance(target, type):
            target = target.forward if hasattr(target, "forward") and "." not in name else target
        try:
            names = list(inspect.signature(target).parameters)
        except (TypeError, ValueError):
            return []
        return names[1:] if names[:1] == ["self"] else names

    def _check_device(self, decoded: Decoded, call: Call, wanted: str) -> None:
        for device in decoded.devices:
            if torch.device(device).type != torch.device(wanted).type:
                raise Mismatch(
                    f"{call.text} returned a tensor on {device}, expected it on {wanted}, where its input is",
                    kind="device",
                )


def _is_float64(value: Any) -> bool:
    return value is torch.float64 or (isinstance(value, Tensor) and value.dtype is torch.float64)


def _raised(data: dict[str, Any]) -> Raised:
    frames = [(str(f), int(line), str(name), str(text)) for f, line, name, text in data["frames"]]
    return Raised([str(kind) for kind in data["kinds"]], str(data["message"]), frames, bool(data["at_home"]))


def _load_failure(data: dict[str, Any], shown: str) -> LoadFailure:
    if data["syntax_line"] is not None or "SyntaxError" in data["kinds"]:
        return LoadFailure(f"Python cannot read {shown}:\n{data['message']}", line=data["syntax_line"])
    raised = _raised(data)
    where = f" at line {raised.line}" if raised.line else ""
    return LoadFailure(f"{shown} could not be loaded{where}: {raised}", line=raised.line)


def _text(name: str, parameters: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The call as a learner would write it."""
    shown = [_argument(value, parameters[i] if i < len(parameters) else "...") for i, value in enumerate(args)]
    shown += [f"{key}={_argument(value, key)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def _argument(value: Any, name: str) -> str:
    plain = value is None or isinstance(value, (bool, int, float, str, torch.dtype, torch.device))
    return repr(value).removeprefix("torch.") if plain else name


def _tensor_names(parameters: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    named = [(parameters[i] if i < len(parameters) else f"argument {i + 1}", value) for i, value in enumerate(args)]
    names: list[str] = []
    for name, value in [*named, *kwargs.items()]:
        if isinstance(value, Tensor):
            names.append(name)
        elif isinstance(value, (list, tuple)):
            names += [name] * sum(isinstance(item, Tensor) for item in value)
    return names
