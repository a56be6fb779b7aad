"""Everything that can go wrong, and whose fault it is.

GraderError                     the grader's fault, or the kit's: never costs a mark
├── KitError                    an exercise is broken: no checks, a failing reference
└── UsageError                  what was asked for does not exist (exit status 2)
Finding                         what a check found in the learner's code: always a verdict
├── Mismatch                    a value is not what it should be
├── LearnerError                the learner's code raised
│   └── Unwritten               ... the stub's NotImplementedError
├── LoadFailure                 the learner's file could not be loaded
├── NotHere                     this device can't do what the check is about: skipped
└── Lost                        no answer came back
    ├── TimedOut                ... before the deadline
    └── Crashed                 ... because the process died or sent nonsense
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grader.results.tensor_diff import TensorDiff

if TYPE_CHECKING:
    pass

_FORMS_FOLLOW = ", but expected one of:"
"""What stands before the list of forms in which one of torch's functions can be called, which has many lines."""
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "Cannot allocate memory", "bad allocation")


class GraderError(Exception):
    """Not the learner's fault."""


class KitError(GraderError):
    """The kit itself is broken."""


class UsageError(GraderError):
    """The user asked for something that does not exist."""


class Finding(Exception):
    """What a check found in the learner's code."""

    verdict = "fail"


class Mismatch(Finding):
    """A value that came back is not what it should be.

    Args:
        what: one sentence, for a learner.
        detail: further lines: the call, the worst entry.
        kind: type, shape, dtype, device, finite, value or rule; says what kind of difference it is.
        draw: makes the picture of the difference, for the one who will look at it.
        function: the function or class that it is about, where that is not the one that was called last.

    Attributes:
        line: of the learner's file, where it is known better than by the function.
        place: that line in words.
    """

    def __init__(
        self,
        what: str,
        *,
        detail: tuple[str, ...] = (),
        kind: str = "rule",
        draw: Callable[[], TensorDiff | None] = lambda: None,
        function: str = "",
    ) -> None:
        super().__init__("\n".join([what, *detail]))
        self.what = what
        self.detail = detail
        self.kind = kind
        self._draw = draw
        self.function = function
        self.line: int | None = None
        self.place = ""

    def with_detail(self, line: str) -> Mismatch:
        """The same with one more line, before the others."""
        return self._with((line, *self.detail), self.function)

    def about(self, function: str) -> Mismatch:
        """The same of a function or class that was not the last to be called."""
        return self._with(self.detail, function)

    def _with(self, detail: tuple[str, ...], function: str) -> Mismatch:
        return Mismatch(self.what, detail=detail, kind=self.kind, draw=self._draw, function=function)

    @property
    def picture(self) -> TensorDiff | None:
        """Yours beside what was expected; made when asked for, since most mismatches are never looked at."""
        return self._draw()


@dataclass(frozen=True)
class Raised:
    """An exception inside the learner's code, as plain data.

    `kinds` are the names of its class and of every base class; `frames` are (file, line, function, text) of the
    frames that lie in the learner's file, outermost first.
    """

    kinds: list[str]
    message: str
    frames: list[tuple[str, int, str, str]] = field(default_factory=list)
    at_home: bool = False
    """Whether the innermost frame of all lies in the learner's file."""
    where: str = ""
    """The line, in words."""
    callers: list[str] = field(default_factory=list)
    """The lines of the learner's file that led there, in words, innermost first."""
    inside: str = ""
    """The function of an earlier exercise that it was raised in, if so."""

    @classmethod
    def from_reply(cls, data: dict[str, Any], where: Callable[[int], str]) -> Raised:
        """Reads what the learner's side says about it; raises TypeError, KeyError or ValueError for nonsense."""
        frames = [(str(file), int(line), str(name), str(text)) for file, line, name, text in data["frames"]]
        line = where(frames[-1][1]) if frames else ""
        kinds, inside = [str(kind) for kind in data["kinds"]], str(data["inside"])
        callers = _callers(frames, where)
        return cls(kinds, str(data["message"]), frames, bool(data["at_home"]), line, callers, inside)

    @property
    def kind(self) -> str:
        return self.kinds[0]

    @property
    def unwritten(self) -> bool:
        """Whether it is what a stub raises, and raised by the learner's file itself."""
        return "NotImplementedError" in self.kinds and self.at_home and bool(self.frames)

    @property
    def out_of_memory(self) -> bool:
        """Whether it says that there was no more memory to have."""
        return "MemoryError" in self.kinds or any(words in self.message for words in _NO_MEMORY)

    @property
    def line(self) -> int | None:
        return self.frames[-1][1] if self.frames else None

    def __str__(self) -> str:
        if self.out_of_memory:
            return f"{self.kind}: out of memory"
        first = self.message.partition("\n")[0].removesuffix(_FORMS_FOLLOW)
        return f"{self.kind}: {first}" if first else self.kind


def _callers(frames: list[tuple[str, int, str, str]], where: Callable[[int], str]) -> list[str]:
    """The frames around the innermost, in words; a comprehension is a frame of its own, on the line of the one around.

    A line that two of them share is said once.
    """
    found: dict[int, str] = {}
    for _, line, name, text in reversed(frames[:-1]):
        if line != frames[-1][1] and (line not in found or not name.startswith("<")):
            found[line] = f"called from {where(line)}, in {name}: {text}"
    return list(found.values())


class LearnerError(Finding):
    """The learner's code raised an exception.

    Args:
        raised: the exception, as plain data.
        call: the call that raised, as a learner would write it.
    """

    def __init__(self, raised: Raised, call: str) -> None:
        super().__init__(f"{call} raised {raised}")
        self.raised = raised
        self.call = call


class Unwritten(LearnerError):
    """The stub is still a stub."""

    verdict = "unwritten"


_FILE = re.compile(r'^  File "[^"\n]*"', re.MULTILINE)


class LoadFailure(Finding):
    """The learner's file could not be loaded: every check of the exercise gets this verdict."""

    def __init__(self, what: str, *, verdict: str = "fail", line: int | None = None) -> None:
        super().__init__(what)
        self.verdict = verdict
        self.line = line

    @classmethod
    def from_reply(cls, data: dict[str, Any], shown: str, where: Callable[[int], str]) -> LoadFailure:
        """The failure that an exception in the file stands for.

        Args:
            data: the exception, as plain data.
            shown: the file's name in messages.
            where: says a line of it.
        """
        if data["syntax_line"] is not None or "SyntaxError" in data["kinds"]:
            line = data["syntax_line"]
            message = str(data["message"]).replace(f", line {line}", f", {where(line)}") if line else data["message"]
            message = _FILE.sub(lambda _: f'  File "{shown}"', message, count=1)
            return cls(f"Python cannot read {shown}:\n{message}", line=line)
        raised = Raised.from_reply(data, where)
        at = f" at {raised.where}" if raised.where else ""
        text = f"\n    {raised.frames[-1][3]}" if raised.frames and raised.frames[-1][3] else ""
        return cls(f"{shown} could not be loaded{at}: {raised}{text}", line=raised.line)


class NotHere(Finding):
    """This device cannot do what the check is about."""

    verdict = "skip"


class Lost(Finding):
    """No answer came back from the learner's code.

    Args:
        line: where in the learner's file it was last seen.
    """

    def __init__(self, what: str, *, line: int | None = None) -> None:
        super().__init__(what)
        self.line = line


class TimedOut(Lost):
    """The deadline passed."""

    verdict = "timeout"


class Crashed(Lost):
    """The process that ran the learner's code died or did not keep to the protocol."""

    verdict = "crash"


EXIT_PASS, EXIT_FAIL, EXIT_GRADER = 0, 1, 3
