"""The learner's files in a worker, with a lab's program beside them. What comes back is values that nobody trusts."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from grader.errors import Finding, LearnerError, LoadFailure, TimedOut
from grader.labs.pairs import Pairs
from grader.launch.launcher import Launcher
from grader.paths import PROGRAMS
from grader.protocol.messages import Called, CallFunction
from grader.remote.code import Code
from grader.remote.transport import WorkerTransport
from grader.source.definitions import parse
from grader.source.file import File, Source
from grader.text import clean

SHARED = "training"
"""The program that others import, as `exercises.lab_training`."""
SECONDS = 120.0
"""For one request: a piece of training takes a few."""
_AT = re.compile(r"^lab: at ([\w./-]+:\d+)$", re.MULTILINE)


class Stopped(Exception):
    """The learner's code did not do what the lab needs; one sentence says what and where."""


@dataclass
class Bench:
    """What a lab measures with.

    Args:
        program: its name in `programs/`.
        files: the learner's, by slug.
        launcher: starts workers.
        device: where the code works.
        seeds: how many runs a claim is measured over.
        full: more than a quick look.
        out: where checkpoints are kept.
        tell: called with what was done and the share of the whole, between 0 and 1.
        substitute: gives the files with a known mistake among them, by its name in the catalogue.
        mistake: the mistake that was asked for.
        steps: of training, where a test wants few.
        typed: the text that the lab works on, where it asks for one.
        pairs: what to learn, where it is not the lab's own.
        others: the machine's devices besides `device`, for a lab that times them all.
    """

    program: str
    files: Mapping[str, File]
    launcher: Launcher
    device: str
    seeds: int
    full: bool
    out: Path
    tell: Callable[[str, float], None] = lambda text, share: None
    substitute: Callable[[str], dict[str, File]] | None = None
    mistake: str | None = None
    steps: int | None = None
    typed: str = ""
    pairs: Pairs | None = None
    others: Sequence[str] = ()
    seconds: float = SECONDS
    _code: dict[tuple[str, str], Code] = field(default_factory=dict)
    _worker: WorkerTransport | None = None
    _ended: bool = False

    def ask(
        self,
        function: str,
        *args: Any,
        files: Mapping[str, File] | None = None,
        device: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Calls a function of the program; it answers with a dict. Raises Stopped, also once it was interrupted.

        Args:
            files: others than the learner's.
            device: one of `others`.
        """
        if self._ended:
            raise Stopped("it was interrupted")
        code = self._code_with(self.files if files is None else files, device or self.device)
        try:
            code.begin(0)
            asked = CallFunction(["name", function], list(args), kwargs, False, False, False)
            value = code.request(asked, Called, text=f"{self.program}.{function}").value
        except LearnerError as error:
            raise Stopped(f"{error.raised}") from None
        except LoadFailure as error:
            raise Stopped(str(error)) from None
        except TimedOut as error:
            at = _AT.findall(code.output)
            raise Stopped(f"{at[-1]}: {error}" if at else str(error)) from None
        except Finding as error:
            raise Stopped(str(error)) from None
        if type(value) is not dict:
            raise Stopped("the code sent back no result")
        if type(raised := value.get("raised")) is str:
            raise Stopped(clean(raised, 500))
        return value

    def _code_with(self, files: Mapping[str, File], device: str) -> Code:
        key = (digest(files), device)
        if key not in self._code:
            for code in self._code.values():  # one worker at a time
                code.close()
            self._code.clear()
            name = f"lab {self.program}"
            source = Source(f"lab_{self.program}", name, name, program(self.program), _earlier(files))
            code = Code(source, partial(self._connect, device), ModuleType("lab"), device=device)
            code.seconds = self.seconds
            self._code[key] = code
        return self._code[key]

    def _connect(self, device: str) -> WorkerTransport:
        self._worker = worker = WorkerTransport(self.launcher, device)
        if self._ended:  # meanwhile
            worker.interrupt()
        return worker

    def another(self, tell: Callable[[str, float], None]) -> Bench:
        """The same with a worker of its own."""
        return replace(self, tell=tell, _code={}, _worker=None)

    def interrupt(self) -> None:
        """Ends the request at hand, from another thread, and every later one."""
        self._ended, worker = True, self._worker
        if worker is not None:
            worker.interrupt()

    def close(self) -> None:
        for code in self._code.values():
            code.close()
        self._code.clear()


def program(name: str) -> bytes:
    return (PROGRAMS / f"{name}.py").read_bytes()


def digest(files: Mapping[str, File]) -> str:
    """What the learner's files are known by."""
    parts = [f"{slug} {hashlib.sha256(file.text).hexdigest()}" for slug, file in sorted(files.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _earlier(files: Mapping[str, File]) -> dict[str, tuple[str, bytes]]:
    """What the program may import: the learner's files, and the part that programs share."""
    found = {slug: (f"exercises/{slug}.py", _runnable(file)) for slug, file in files.items()}
    return {**found, f"lab_{SHARED}": (f"lab {SHARED}", program(SHARED))}


def _runnable(file: File) -> bytes:
    """The text that is run: of a notebook its definitions."""
    if not file.definitions_only:
        return file.text
    try:
        return ast.unparse(parse(file.text, file.name, True)).encode()
    except SyntaxError:
        return file.text


def numbers(value: Any, shape: Sequence[int | None], what: str) -> Tensor:
    """A tensor that came back, in float64. Raises Stopped where it is none of this shape (None: any size).

    Args:
        what: its name in the message.
    """
    if not isinstance(value, Tensor) or value.is_complex():
        raise Stopped(f"the code gave no tensor of {what}")
    fits = value.dim() == len(shape) and all(b in (None, a) for a, b in zip(value.shape, shape, strict=True))
    if not fits:
        raise Stopped(f"{what} came back with shape {tuple(value.shape)}; expected {tuple(shape)}")
    return value.detach().cpu().to(torch.float64)


def state_of(value: Any) -> dict[str, Tensor]:
    """Weights that came back. Raises Stopped where they are none."""
    if type(value) is not dict or not all(isinstance(tensor, Tensor) for tensor in value.values()):
        raise Stopped("the code sent back no weights")
    return value
