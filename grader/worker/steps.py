"""What torch computes while a learner's call runs, step by step, with the line of their file that asked for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

MOST_STEPS, MOST_NUMBERS = 400, 4_096
"""Steps of a call that are kept, and numbers of one result: an example that fits a screen needs far fewer."""

UNFILLED = ("empty", "new_empty")
"""Operations whose results hold whatever was in memory."""
MOST_FRAMES = 4
Step = tuple[list[tuple[int, str]], str, Tensor]
"""The lines that led to it, innermost first, each with the function it stands in; the operation, its result."""


class StepRecorder(TorchFunctionMode):
    """Records every result that is a tensor.

    Args:
        file: the learner's, as tracebacks call it; what another file asks for belongs to the line that called it.
    """

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file, self._part = file, f"{file[:-1]}, part "
        self.steps: list[Step] = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        operation = getattr(function, "__name__", "")
        if operation.startswith(UNFILLED) or len(self.steps) >= MOST_STEPS:
            return result
        for value in (args[0],) if operation == "__setitem__" else result if isinstance(result, tuple) else (result,):
            if type(value) is Tensor and value.numel() <= MOST_NUMBERS and not value.is_meta:
                places = self._places()
                if places:
                    self.steps.append((places, operation, value.detach().to("cpu", copy=True)))
        return result

    def _places(self) -> list[tuple[int, str]]:
        frame: FrameType | None = sys._getframe(2)
        found: list[tuple[int, str]] = []
        while frame is not None and len(found) < MOST_FRAMES:
            name = frame.f_code.co_filename
            if name == self._file or name.startswith(self._part):
                found.append((frame.f_lineno, frame.f_code.co_name))
            frame = frame.f_back
        return found
