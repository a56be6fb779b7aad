"""The grader's objects that a learner's code refers to by number: callbacks, states, handles."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from grader.errors import Mismatch
from grader.limits import MAX_FRAME, MAX_QUESTIONS
from grader.protocol.codec import Decoder, Encoder
from grader.protocol.messages import Introduction, record
from grader.protocol.values import CodecError, Decoded, Reference
from grader.remote.calls import Call, Caller
from grader.remote.handles import Module, Opaque, Optimizer
from grader.worker.stub_decoder import StubStep

MAX_REQUEST_TEXT = 1 << 20


@dataclass
class CallbackServer:
    """Answers the callbacks of one call of a learner's code."""

    objects: ObjectTable
    call: Call | None

    def __call__(self, question: bytes) -> bytes:
        """A question and its answer as frames."""
        return self.objects.serve(question, self.call)


class ObjectTable:
    """Turns values into frames and back for one check, and answers the callbacks of the learner's code.

    Args:
        code: whose modules come back as handles.
        kept: what was handed out before, for frames that refer to it.
    """

    def __init__(self, code: Caller, kept: Sequence[Any] = ()) -> None:
        self.refused: Mismatch | None = None
        """What went wrong in a callback; raised when the learner's call is over."""
        self._code = code
        self._kept: list[Any] = [*kept]
        self._served = self._size = 0

    def kept(self, number: int) -> Any:
        """The object with this number."""
        return self._kept[number]

    @property
    def has_handed_out(self) -> bool:
        """Whether the learner's code was given a callback or a state."""
        return bool(self._kept)

    def again(self) -> ObjectTable:
        """A new table with the same objects."""
        return ObjectTable(self._code, self._kept)

    def frame(self, value: Any) -> bytes:
        """A value for the learner's side, memory layout and all."""
        return Encoder(self.refer, keep_strides=True, max_text=MAX_REQUEST_TEXT).frame(value)

    def read(self, frame: bytes) -> Decoded:
        """A value from the learner's side. Raises CodecError for nonsense."""
        return Decoder(self._resolve).value(frame)

    def serve(self, question: bytes, call: Call | None) -> bytes:
        """Answers a callback; with None where it raised."""
        self._served += 1
        self._size += len(question)
        if self._served > MAX_QUESTIONS or self._size > MAX_FRAME:
            raise CodecError("more questions than any code has")
        asked = self.read(question)
        number, arguments, named = asked.value
        if call is not None:
            both = zip(asked.tensors, asked.requires_grad, strict=True)
            call.attached.append([attached for tensor, attached in both if tensor.is_floating_point()])
        return self.frame(self.answer(number, arguments, named, call))

    def answer(self, number: int, arguments: list[Any], named: dict[str, Any], call: Call | None) -> Any:
        """What a callback returns for these arguments."""
        try:
            callback = self._kept[number]
            if named:
                arguments = list(inspect.signature(callback).bind(*arguments, **named).args)
            if call is not None:
                call.fed.append(list(arguments))
            return callback(*arguments)
        except Mismatch as refused:
            self.refused = refused
        except Exception as error:
            text = re.sub(r"[\w.]+\.<locals>\.", "", str(error))
            self.refused = Mismatch(f"{self._named(number, call)} could not answer: {type(error).__name__}: {text}")
        return None

    def _named(self, number: int, call: Call | None) -> str:
        """A callback by the parameter that it was passed as."""
        given = call.given.items() if call is not None else ()
        names = [name for name, value in given if 0 <= number < len(self._kept) and value is self._kept[number]]
        return f"`{names[0]}`, which was passed in," if names else "the function passed in"

    def refer(self, value: Any) -> Reference | None:
        """The reference sent in place of an object that stays on this side; None if the object itself is sent."""
        if isinstance(value, Module):
            return Reference("module", value._reference.id)
        if isinstance(value, Optimizer):
            return Reference("optimizer", value.reference.id)
        if isinstance(value, StubStep):
            return Reference("stub step", 0, {"words": value.words, "vocab": value.vocab})
        if isinstance(value, Opaque) or (callable(value) and not isinstance(value, type)):
            self._kept.append(value)
            kind = "opaque" if isinstance(value, Opaque) else "callback"
            return Reference(kind, len(self._kept) - 1)
        if isinstance(value, torch.Generator):
            return Reference("generator", value.initial_seed())
        return None

    def _resolve(self, reference: Reference) -> Any:
        if reference.kind == "module":
            return Module(self._code, reference, record(Introduction, reference.about))
        if reference.kind == "optimizer":
            return Optimizer(reference)
        if reference.kind == "opaque" and 0 <= reference.id < len(self._kept):
            return self._kept[reference.id]
        raise CodecError(f"nothing is known as {reference.kind}")
