"""Trusted files in the learner's place: the reference and the known mistakes, run in the grader's own process.

A check is a function of a seed and of the code it looks at, so it can be run again on the reference: where that fails
too, the kit is broken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grader.kit.variants import Variant, together
from grader.protocol.messages import Load
from grader.protocol.values import Reference, leaves
from grader.remote.calls import Call, Request
from grader.remote.code import Code
from grader.remote.handles import Opaque
from grader.remote.object_table import CallbackServer, ObjectTable
from grader.remote.transport import LocalTransport
from grader.source.file import Source
from grader.source.importer import ExerciseFinder, compile_source
from grader.worker.executor import Executor

if TYPE_CHECKING:
    from grader.checks.attempt import Attempt
    from grader.kit.collect import Check

Modules = dict[str, ModuleType]
Key = tuple[str, ...]
Attempts = Callable[["Check", Code, int], "Attempt"]
"""Runs a check once, with a seed."""


@lru_cache(maxsize=2_000)
def _compiled(piece: str, filename: str) -> CodeType:
    return compile_source(piece.encode(), filename)


class _TrustedExecutor(Executor):
    """Runs a trusted file. Its callbacks are called without frames in between.

    Args:
        transport: through which it is reached.
        source: what it may import, one object for all such files: a hundred copies would be 10 MB.
        earlier: the modules of earlier exercises that any such file has loaded so far.
    """

    def __init__(self, transport: LocalTransport, source: Source, pieces: Sequence[str], earlier: Modules) -> None:
        super().__init__(transport.ask, quiet=True)
        self._transport, self._source, self._pieces, self._earlier = transport, source, pieces, earlier

    def _finder_of(self, asked: Load) -> ExerciseFinder:
        finder = ExerciseFinder(self._source.earlier, asked.slug)
        finder.modules.update(self._earlier)
        return finder

    def _says_cuda(self, asked: Load) -> bool:
        return super()._says_cuda(asked) or any("cuda" in piece for piece in self._pieces)

    def _execute(self, asked: Load) -> dict[str, int]:
        for number, piece in enumerate(self._pieces):
            exec(_compiled(piece, f"{asked.filename[:-1]}, part {number}>"), self._module.__dict__)
        return {}

    def answer(self, frame: bytes) -> bytes:
        answered, modules = super().answer(frame), self._finder.modules
        if len(modules) > len(self._earlier) + 1:  # this file's own; they are imported when first asked for
            self._earlier.update({name: one for name, one in modules.items() if one is not self._module})
        return answered

    def _server(self) -> CallbackServer:
        assert isinstance(self._transport.answer, CallbackServer)
        return self._transport.answer

    def _refer(self, value: Any) -> Reference | None:
        return self._server().objects.refer(value) if isinstance(value, Opaque) else super()._refer(value)

    def _resolve(self, reference: Reference) -> Any:
        return self._server().objects.kept(reference.id) if reference.kind == "opaque" else super()._resolve(reference)

    def _callback(self, number: int) -> Callable[..., Any]:
        through_frames = super()._callback(number)

        def step(*arguments: Any, **named: Any) -> Any:
            if self._gpu:
                return through_frames(*arguments, **named)
            try:
                asked = _handed_over([list(arguments), named])
            except _Strange:
                return through_frames(*arguments, **named)
            self._eager_callbacks += torch.is_grad_enabled()
            server = self._server()
            if server.call is not None:
                tensors = [value for value in leaves([list(arguments), named]) if isinstance(value, Tensor)]
                server.call.attached.append([one.requires_grad for one in tensors if one.is_floating_point()])
            answer = _handed_over(server.objects.answer(number, asked[0], asked[1], server.call))
            if self._grad:
                self._require_grad([value for value in leaves(answer) if isinstance(value, Tensor)])
            return answer

        return step


class _Strange(Exception):
    """The value would not cross unchanged."""


def _handed_over(value: Any) -> Any:
    """A value as it would be after it crossed: tensors are copies."""
    if type(value) is Tensor:
        return value.detach().clone(memory_format=torch.contiguous_format)
    if type(value) in (list, tuple):
        return type(value)(_handed_over(item) for item in value)
    if type(value) is dict:
        return {name: _handed_over(item) for name, item in value.items()}
    if value is None or type(value) in (bool, int, float, str, Opaque):
        return value
    raise _Strange


def trusted_code(source: Source, pieces: Sequence[str], reference: ModuleType, earlier: Modules) -> Code:
    """A trusted file in the learner's place.

    Args:
        source: its name, and what it may import; its text is in `pieces`.
        earlier: filled with the modules of earlier exercises.
    """

    def executor(transport: LocalTransport) -> Executor:
        return _TrustedExecutor(transport, source, pieces, earlier)

    alone = replace(source, earlier={})  # what it may import need not be sent
    return Code(alone, lambda: LocalTransport(executor=executor), reference)


class Answers:
    """Recorded answers of trusted files: a class asks the same requests again and again.

    Args:
        most: so many answers are remembered.
    """

    def __init__(self, most: int) -> None:
        self._known: dict[tuple[Key, int, bytes], Request] = {}
        self._most = most

    def of(self, key: Key, code: Code, seed: int, requests: Sequence[Request], objects: ObjectTable) -> Replay:
        return Replay(self, key, code, seed, requests, objects)

    def get(self, key: tuple[Key, int, bytes]) -> Request | None:
        return self._known.get(key)

    def put(self, key: tuple[Key, int, bytes], answer: Request) -> None:
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[key] = Request(b"", answer.call, answer.reply, answer.value)


class Replay:
    """Replays the requests of one check on a trusted file, one at a time as they are needed.

    Args:
        answers: where answers are remembered.
        key: names the file.
        code: the file.
        seed: the check's.
        requests: what the learner's file was asked.
        objects: what was handed out with them.
    """

    def __init__(
        self, answers: Answers, key: Key, code: Code, seed: int, requests: Sequence[Request], objects: ObjectTable
    ) -> None:
        self._answers, self._key, self._code, self._seed = answers, key, code, seed
        self._requests, self._objects = requests, objects.again()
        self._hash = hashlib.blake2b(digest_size=16)
        self._played = 0
        self._digests: list[bytes] = []

    def answer(self, number: int) -> Request:
        """The answer to this request, after all those before it. Raises Lost."""
        while len(self._digests) <= number:
            self._hash.update(self._requests[len(self._digests)].frame)
            self._digests.append(self._hash.digest())
        key = (self._key, self._seed, self._digests[number])
        if (known := self._answers.get(key)) is not None:
            return known
        if self._played == 0:
            self._code.prepare()
        while self._played <= number:
            answer = self._code.replay(self._requests[self._played], self._objects)
            self._answers.put((self._key, self._seed, self._digests[self._played]), answer)
            self._played += 1
        return answer


MAX_REMEMBERED = 4_000
"""Runs and answers that are remembered: a class of 1,000 with one seed needs each of them once."""
LARGE = 1 << 20
"""Bytes of results with which a run is not remembered: those to a thousand tokens take ten times as much."""


class TrustedCode:
    """The reference and the known mistakes of one exercise, each loaded once in this process.

    Args:
        source: the reference's file.
        reference: the grader's own module of it.
        attempt: runs a check once.
        attempt_mistakes: the same on a known mistake, which may answer as a file did that is known to pass.
    """

    def __init__(
        self,
        source: Source,
        reference: ModuleType,
        attempt: Attempts,
        attempt_mistakes: Attempts,
    ) -> None:
        self.source = source
        self.reference = reference
        self._attempt, self._attempt_mistakes = attempt, attempt_mistakes
        self._codes: dict[Key, Code] = {}
        self._earlier: Modules = {}
        self._tried: dict[tuple[Key, str, int], Attempt] = {}
        self._passed: dict[tuple[str, int], bool] = {}
        """Whether the reference passes a check."""
        self._answers = Answers(MAX_REMEMBERED)

    def attempt(self, name: str, text: bytes, check: Check, seed: int) -> Attempt:
        """Runs a check on a trusted file, once for each seed: the same seed gives the same."""
        return self._attempted((name,), [text.decode()], check, seed, self._attempt)

    def attempt_mistakes(self, mistakes: Sequence[Variant], check: Check, seed: int) -> Attempt:
        """Runs a check on a file that holds these known mistakes."""
        return self._attempted(_key(mistakes), together(mistakes), check, seed, self._attempt_mistakes)

    def _attempted(self, key: Key, pieces: Sequence[str], check: Check, seed: int, attempt: Attempts) -> Attempt:
        place = (key, check.id, seed)
        if place not in self._tried:
            if len(self._tried) >= MAX_REMEMBERED:
                self._tried.clear()
            tried = attempt(check, self._code(key, pieces), seed)
            tried.objects, tried.requests = None, [_slim(request) for request in tried.requests]
            if sum(map(_size, tried.calls)) > LARGE:
                return tried
            self._tried[place] = tried
        return self._tried[place]

    def _code(self, key: Key, pieces: Sequence[str]) -> Code:
        if key not in self._codes:
            name, own = " and ".join(key), self.source  # one file name for all: what they share is compiled once
            source = Source(own.slug, "<trusted>", name, b"", own.earlier, own.shortcuts)
            self._codes[key] = trusted_code(source, pieces, self.reference, self._earlier)
        return self._codes[key]

    def reference_passes(self, check: Check, seed: int) -> bool:
        """Whether the check passes where nothing is wrong; if not, the kit is broken."""
        if (check.id, seed) not in self._passed:
            self._passed[check.id, seed] = self.reference_run(check, seed).error is None
        return self._passed[check.id, seed]

    def reference_run(self, check: Check, seed: int) -> Attempt:
        """The check, run where nothing is wrong."""
        return self.attempt("the reference", self.source.text, check, seed)

    def reference_code(self) -> Code:
        """The reference in the learner's place, to be asked directly."""
        return self._code(("the reference",), [self.source.text.decode()])

    def mistaken_code(self, mistakes: Sequence[Variant]) -> Code:
        """A file with these mistakes in the learner's place."""
        return self._code(_key(mistakes), together(mistakes))

    def replay(self, mistakes: Sequence[Variant], tried: Attempt, seed: int) -> Replay:
        """A file with these mistakes, asked what a learner's file was asked in one check."""
        assert tried.objects is not None
        return self._answers.of(_key(mistakes), self.mistaken_code(mistakes), seed, tried.requests, tried.objects)


def _key(mistakes: Sequence[Variant]) -> Key:
    return tuple(one.name for one in mistakes)


def _slim(request: Request) -> Request:
    return Request(request.digest, request.call, request.reply, request.value)


def _size(call: Call) -> int:
    """Bytes of what a call returned."""
    return sum(value.numel() * value.element_size() for value in leaves([call.value]) if isinstance(value, Tensor))
