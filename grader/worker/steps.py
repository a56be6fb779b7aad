"""What a learner's call does, step by step: what torch computes, what is called with what, what is set; each with the
line of their file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.overrides import TorchFunctionMode

MOST_STEPS, MOST_NUMBERS = 400, 4_096
"""Steps of a call that are kept, and numbers of one result: an example that fits a screen needs far fewer."""
MOST_CALLS, MOST_SET = 200, 400
"""Calls inside it, and variables that are set."""
MOST_LETTERS, MOST_ITEMS = 40, 4
"""Of a text, and of a tuple, that a variable holds."""
MOST_ORIGINS = 64
"""Steps of which one is made: a `stack` may have as many as a loop has rounds."""

UNFILLED = ("empty", "new_empty")
"""Operations whose results hold whatever was in memory."""
Step = tuple[int, int, str, Tensor, bool, list[int]]
"""The line that asked for it, the call in which that stands, the operation, its result, whether it has a gradient, and
the numbers of the steps of which it was made."""
InnerCall = tuple[str, int, int, dict[str, Any], bool, int]
"""The name of a function, or of a module's part; the line that called it, and the call in which that stands; what it
was given; whether it is a part; how many steps there were before."""
Assignment = tuple[int, int, str, Any, int]
"""A line, the call in which it stands, the variable that it set, its value, and how many steps there were before."""
TRANSPOSED = (Tensor.T, Tensor.mT)
"""What is read of a tensor and is another value."""
CAME = "="
"""The operation of a result that came from where nothing is recorded."""
RETURNED = "return"
"""What a call returns is kept like a variable of this name, which none can have."""
TRAINING = "self.training"
"""The mode of the module whose method a call is, beside what it was given."""
MODES = ("train", "eval", "manual_seed", "requires_grad_")
"""Calls that change what others give without being given to them."""
IN_TRAINING = (*MODES, "zero_grad", "backward", "clip_grad_norm_", "step")
"""Calls that return no result, and whose order counts."""
WRAPPED = ("func", "fn")
"""What torch's wrappers call the function that they wrap: an optimizer's, `no_grad`'s, and that of `torch._dynamo`,
which puts one around `torch.manual_seed` as soon as anything imports it."""
PART = "self."
"""What the name of a module's part begins with that is given to a function."""
_CALLS_A_MODULE = nn.Module._wrapped_call_impl.__code__
Tracer = Callable[[FrameType, str, Any], Any]


class StepRecorder(TorchFunctionMode):
    """Records every result that is a tensor, every call inside the file and of a module's part, and every variable.

    Args:
        file: the learner's, as tracebacks call it; what another file asks for belongs to the line that called it.
    """

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file, self._part = file, f"{file[:-1]}, part "
        self.steps: list[Step] = []
        self.calls: list[InnerCall] = []
        self.assigned: list[Assignment] = []
        self._numbers: dict[FrameType, int] = {}
        self._held: dict[FrameType, tuple[int, dict[str, Any], int]] = {}
        """For every call the line that it is at, what its variables hold, and how many steps there were before."""
        self._versions: dict[int, tuple[Tensor, int]] = {}
        self._unfilled: dict[int, Tensor] = {}
        self._origins: dict[int, tuple[Tensor, list[int]]] = {}
        """For every result the steps that it comes from: its own, or of what is read of a tensor, the tensor's."""
        self._at_work = False
        self._inside: object = None
        """A part that another file defines, or a call without a result: what happens in it is one step, or none."""
        self._before: Any = None

    def __enter__(self) -> StepRecorder:
        self._before = sys.gettrace()
        self._hook = register_module_forward_hook(self._leave_a_part, always_call=True)
        sys.settrace(self._trace)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        sys.settrace(self._before)
        self._hook.remove()
        self._numbers.clear()
        self._held.clear()
        self._versions.clear()
        self._unfilled.clear()
        self._origins.clear()
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        operation = getattr(function, "__name__", "")
        if operation.startswith(UNFILLED) and type(result) is Tensor and not result.is_inference():
            self._unfilled[id(result)] = result
        is_read = operation == "__get__" and getattr(function, "__self__", None) not in TRANSPOSED
        if not (self._at_work or self._inside is not None or is_read or operation.startswith(UNFILLED)):
            values = (args[0],) if operation == "__setitem__" else result if isinstance(result, tuple) else (result,)
            self._add(operation, values, sys._getframe(1), self._origins_of((args, *(kwargs or {}).values())))
        elif is_read and type(result) is Tensor:
            self._origins[id(result)] = result, self._origins_of(args)
        return result

    def _add(
        self, operation: str, values: Sequence[Any], frame: FrameType, origins: Sequence[int] = (), line: int = 0
    ) -> None:
        own = self._own(frame)
        for value in values if own is not None else ():
            kept = type(value) is Tensor and value.numel() <= MOST_NUMBERS and not value.is_meta
            if kept and len(self.steps) < MOST_STEPS and own is not None:
                place = line or own.f_lineno, self._numbers.get(own, -1)
                self._origins[id(value)] = value, [len(self.steps)]
                self.steps.append((*place, operation, self._copied(value), value.requires_grad, list(origins)))

    def _origins_of(self, given: Any) -> list[int]:
        """The steps that these values come from."""
        known = [self._origins[id(value)] for value in _tensors(given) if id(value) in self._origins]
        return sorted({number for _, numbers in known for number in numbers})[:MOST_ORIGINS]

    def _copied(self, value: Tensor) -> Tensor:
        before, self._at_work = self._at_work, True
        try:
            return value.detach().to("cpu", copy=True)
        finally:
            self._at_work = before

    def _is_own(self, frame: FrameType) -> bool:
        return self._is_file(frame.f_code.co_filename)

    def _is_file(self, name: str) -> bool:
        return name == self._file or name.startswith(self._part)

    def _own(self, frame: FrameType | None) -> FrameType | None:
        """The innermost frame of the file, from this one on."""
        while frame is not None and not self._is_own(frame):
            frame = frame.f_back
        return frame

    # ------------------------------------------------------------------------------------------ calls and variables

    def _trace(self, frame: FrameType, event: str, value: Any) -> Tracer | None:
        if not self._is_own(frame):
            if frame.f_back is not None and self._is_own(frame.f_back):
                return self._note_what_is_called(frame)
            return None
        if frame not in self._numbers and len(self.calls) < MOST_CALLS:
            code = frame.f_code
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            given = {name: frame.f_locals[name] for name in names}
            self._held[frame] = frame.f_lineno, dict(given), len(self.steps)
            self._numbers[frame] = len(self.calls)
            owner = given.pop("self", None)
            name = code.co_name if owner is None else f"{type(owner).__name__}.{code.co_name}"
            if isinstance(owner, nn.Module) and "training" in owner.__dict__:
                given = {TRAINING: owner.__dict__["training"], **given}
            self._note(name, frame, given, is_part=False, owner=owner)
        return self._trace_lines if frame in self._held else None

    def _note_what_is_called(self, frame: FrameType) -> Tracer | None:
        """A module that the file calls, or what else is done to one."""
        name = _called(frame)
        if frame.f_code is not _CALLS_A_MODULE:
            if name in IN_TRAINING and len(self.calls) < MOST_CALLS:
                self._note(name, frame, {}, is_part=True)
            if name not in IN_TRAINING or self._inside is not None:
                return None
            self._inside = frame
            return self._trace_the_end
        module, arguments, options = (frame.f_locals[name] for name in ("self", "args", "kwargs"))
        name = _name_of(module, _variables(frame.f_back))
        if next(module.parameters(), None) is not None and len(self.calls) < MOST_CALLS:
            self._note(name, frame, _by_position(module, arguments, options), is_part=True)
        code = getattr(type(module).forward, "__code__", None)
        if self._inside is None and not (code is not None and self._is_file(code.co_filename)):
            self._inside = module
            sys.settrace(None)
        return None

    def _trace_the_end(self, frame: FrameType, event: str, value: Any) -> Tracer:
        if event == "return" and self._inside is frame:
            self._inside = None
        return self._trace_the_end

    def _leave_a_part(self, module: nn.Module, arguments: Any, result: Any) -> None:
        if module is self._inside:
            self._inside = None
            values = list(_tensors(result))
            self._add(type(module).__name__, values, sys._getframe(1), self._origins_of(arguments))
            sys.settrace(self._trace)

    def _note(self, name: str, frame: FrameType, given: dict[str, Any], *, is_part: bool, owner: object = None) -> None:
        caller = self._own(frame.f_back)
        place = (caller.f_lineno, self._numbers.get(caller, -1)) if caller is not None else (0, -1)
        variables = {**_variables(caller), "self": owner} if owner is not None else _variables(caller)
        named = {name: _as_part(value, variables) for name, value in given.items()}
        shown = {key: kept for name, value in named.items() for key, kept in self._kept(name, value)}
        self.calls.append((name[:MOST_LETTERS], *place, shown, is_part, len(self.steps)))

    def _trace_lines(self, frame: FrameType, event: str, value: Any) -> Tracer | None:
        if event in ("line", "return") and not frame.f_code.co_name.startswith("<"):
            line, before, steps = self._held[frame]
            now = dict(frame.f_locals)
            for name, held in now.items():
                if held is not before.get(name, before):
                    self._note_a_variable(name, held, line, frame)
                    if steps == len(self.steps) and not self._is_unfilled(held):  # what another file computed
                        self._add(CAME, list(_tensors(held)), frame, line=line)
            if event == "return":
                self._note_what_changed(now, line, frame)
                self._note_a_variable(RETURNED, value, line, frame)
            self._held[frame] = frame.f_lineno, now, len(self.steps)
        return self._trace_lines

    def _note_a_variable(self, name: str, value: Any, line: int, frame: FrameType) -> None:
        if len(self.assigned) < MOST_SET:
            place = line, self._numbers[frame]
            kept = () if self._is_unfilled(value) else self._kept(name, value)
            self.assigned += [(*place, key, one, len(self.steps)) for key, one in kept]
            if type(value) is Tensor and not value.is_inference():
                self._versions[id(value)] = value, value._version

    def _is_unfilled(self, value: Any) -> bool:
        """Whether a tensor holds whatever was in memory."""
        known = self._unfilled.get(id(value))
        return known is not None and known is value and known._version == 0

    def _note_what_changed(self, variables: dict[str, Any], line: int, frame: FrameType) -> None:
        """A tensor that was filled or changed in place after a variable was set to it."""
        for name, value in variables.items():
            known, version = self._versions.get(id(value), (None, 0))
            if known is not None and known is value and known._version != version:
                self._note_a_variable(name, value, line, frame)

    def _kept(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """What can be sent of a variable."""
        if type(value) is Tensor and value.numel() <= MOST_NUMBERS and not value.is_meta:
            yield name, self._copied(value)
        elif type(value) is str:
            yield name, value[:MOST_LETTERS]
        elif value is None or type(value) in (bool, float) or (type(value) is int and abs(value) < 1 << 62):
            yield name, value
        elif type(value) in (tuple, list) and len(value) <= MOST_ITEMS:
            for number, item in enumerate(value):
                yield from self._kept(f"{name}[{number}]", item)


def _called(frame: FrameType) -> str:
    """The name of what a frame runs; of a function that torch has wrapped, its own."""
    wrapped = frame.f_locals.get(next((name for name in WRAPPED if name in frame.f_locals), ""))
    return getattr(wrapped, "__name__", frame.f_code.co_name)


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of a result, also of one in several parts."""
    if type(value) is Tensor:
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)


def _variables(frame: FrameType | None) -> dict[str, Any]:
    """What a function's variables hold; in a comprehension also those of the function around it."""
    found: dict[str, Any] = {}
    while frame is not None:
        found = {**frame.f_locals, **found}
        if not frame.f_code.co_name.startswith("<"):
            break
        frame = frame.f_back
    return found


def _part_of(module: nn.Module, variables: dict[str, Any]) -> str:
    """The name of the part that a module is of another one that a variable holds; empty where it is none."""
    for value in variables.values():
        if isinstance(value, nn.Module) and value is not module:
            found = next((name for name, part in value.named_modules() if part is module), "")
            if found:
                return found
    return ""


def _by_position(module: nn.Module, arguments: Sequence[Any], options: dict[str, Any]) -> dict[str, Any]:
    """What a module is given, by the position of the parameter, whether it was passed by its name or not."""
    code = getattr(type(module).forward, "__code__", None)
    names = code.co_varnames[1 : code.co_argcount] if code is not None else ()
    passed = dict(enumerate(arguments)) | {names.index(name): one for name, one in options.items() if name in names}
    others = {name: one for name, one in options.items() if name not in names}
    return {str(place): passed[place] for place in sorted(passed)} | others


def _name_of(module: nn.Module, variables: dict[str, Any]) -> str:
    """What a function calls a module: the name of the part that it is, or of the variable that holds it."""
    held = next((name for name, value in variables.items() if value is module), type(module).__name__)
    return _part_of(module, variables) or held


def _as_part(value: Any, variables: dict[str, Any]) -> Any:
    """A module that a function is given, by its name; every other value as it is."""
    name = _part_of(value, variables) if isinstance(value, nn.Module) else ""
    return f"{PART}{name}" if name else value
