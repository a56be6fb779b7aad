"""Loads a learner's file and answers requests about it, in whichever process it finds itself.

Both transports run this same class: in the grader's process (local) or in a process of its own (worker). It knows
functions, modules and values. It knows no check, no expected value and no verdict.
"""

from __future__ import annotations

import importlib
import mmap
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from grader.protocol.codec import Decoder, Encoder
from grader.protocol.gradients import Graph
from grader.protocol.messages import (
    REQUESTS,
    Backward,
    Called,
    CallFunction,
    Done,
    GoToGpu,
    Gradients,
    Load,
    Loaded,
    LoadState,
    RecordSteps,
    SeedGenerators,
    Start,
    StateLoaded,
    StepsTaken,
    TellSteps,
    WatchEveryCall,
    WatchRandomState,
)
from grader.protocol.values import Decoded, Reference
from grader.simulated_gpu import NAME, place, simulating
from grader.source import absent
from grader.source.importer import PACKAGE, ExerciseFinder, compile_source
from grader.worker.describe import definitions, describe_error
from grader.worker.fast_init import patch_layer_init
from grader.worker.module_requests import OF_A_MODULE, load_state
from grader.worker.object_table import ObjectTable, Opaque
from grader.worker.observe import keep_float32_whole, observed, seed_everything
from grader.worker.shortcuts import ShortcutDetector
from grader.worker.steps import StepRecorder
from grader.worker.stub_decoder import StubStep


class Spare:
    """Reserve memory that is released once, when the rest has run out.

    Args:
        size: bytes; 0 where others need it more.
    """

    def __init__(self, size: int) -> None:
        self._held = mmap.mmap(-1, size) if size else None

    def release_for(self, error: BaseException) -> bool:
        """Releases it on a MemoryError; says whether it did. Allocates nothing itself."""
        if self._held is None or not isinstance(error, MemoryError):
            return False
        self._held.close()
        self._held = None
        return True


class _Missing(Exception):
    pass


class Executor:
    """Answers one request after another about one learner's file.

    Args:
        ask: sends a callback's request to the grader and returns the frame of the answer.
        lets_pass: whether an exception belongs to the surroundings (Ctrl-C, a debugger) and not to the learner.
        alone: nobody else in this process needs `exercises.*`, so its meaning is set once and for good.
        quiet: warnings are not shown.
    """

    def __init__(
        self,
        ask: Callable[[bytes], bytes],
        lets_pass: Callable[[BaseException], bool] = lambda _: False,
        *,
        alone: bool = False,
        quiet: bool = False,
    ) -> None:
        self._ask = ask
        self._lets_pass = lets_pass
        self.last_error: BaseException | None = None
        self._alone = alone
        self._quiet = quiet
        self._for_good = ExitStack()
        self._objects = ObjectTable()
        self._calls: dict[int, Graph] = {}
        self._inputs = Decoded(None)
        """The request at hand, with its tensors."""
        self._leaves: list[Tensor] = []
        self._eager_callbacks = 0
        self._grad = False
        self._device = "cpu"
        self._gpu = ""
        """Where this check's code works, if not on the device of the run."""
        self._speaks_of_cuda = True
        """Whether the word stands in any of the files."""
        self._closely = False
        """Whether every call of torch is looked at for shortcuts."""
        self._random_states = False
        """Whether every call is asked if it changes a random state."""
        self._recorder: StepRecorder | None = None
        self.file = ""
        self._module = ModuleType("unloaded")
        self._finder = ExerciseFinder({})
        self._shortcut_detector = ShortcutDetector()
        patch_layer_init()
        self._spare = Spare(16 << 20 if alone else 0)

    # ------------------------------------------------------------------------------------------ frames in and out

    def answer(self, frame: bytes) -> bytes:
        """Carries out one request. What the learner's code raises is part of the answer."""
        try:
            with self._place():
                decoded = self._decoder().value(frame)
                operation, fields = decoded.value
                self._inputs = decoded
                carry_out = OF_A_MODULE.get(operation) or getattr(self, f"_do_{operation}")
                reply = carry_out(REQUESTS[operation](*fields))._asdict()
                return self._encoder().frame({**reply, "shortcuts": self._shortcut_detector.used})
        except _Missing as missing:
            reply = {"missing": str(missing)}
        except BaseException as error:
            if self._lets_pass(error):
                raise
            self.last_error = error
            starved = self._spare.release_for(error)
            reply = {"raised": describe_error(error, self.file)._asdict()}
            if starved:
                traceback.clear_frames(error.__traceback__)
        return self._encoder().frame({**reply, "shortcuts": self._shortcut_detector.used})

    def _encoder(self) -> Encoder:
        return Encoder(self._refer)

    def _decoder(self) -> Decoder:
        return Decoder(self._resolve, device=self._where)

    def _place(self) -> AbstractContextManager[None]:
        return simulating(speaks_of_cuda=self._speaks_of_cuda) if self._gpu == NAME else nullcontext()

    @property
    def _where(self) -> str:
        """The device on which the grader's tensors are placed."""
        return self._gpu or self._device

    def _refer(self, value: Any) -> Reference | None:
        return self._objects.refer(value)

    def _resolve(self, reference: Reference) -> Any:
        if reference.kind == "callback":
            return self._callback(reference.id)
        if reference.kind == "opaque":
            return Opaque(reference.id)
        if reference.kind == "generator":
            return torch.Generator().manual_seed(reference.id)
        if reference.kind == "stub step":
            return StubStep(**reference.about or {})
        return self._objects[reference.id]

    def _callback(self, number: int) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            self._eager_callbacks += torch.is_grad_enabled()
            frame = self._ask(self._encoder().frame([number, list(arguments), named]))
            decoded = self._decoder().value(frame)
            if self._grad:
                self._require_grad(decoded.tensors)
            return decoded.value

        return step

    def _require_grad(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            if tensor.is_floating_point():
                self._leaves.append(tensor.requires_grad_())

    # ------------------------------------------------------------------------------------------ requests

    def _do_load(self, asked: Load) -> Loaded:
        self._finder = self._finder_of(asked)
        self._shortcut_detector = ShortcutDetector(asked.shortcuts)
        self._device, self.file = asked.device, asked.filename
        self._speaks_of_cuda = self._says_cuda(asked)
        if asked.device == "cuda":
            keep_float32_whole()
        self._module = ModuleType(f"{PACKAGE}.{asked.slug}")
        self._module.__file__ = asked.filename
        self._finder.modules[self._module.__name__] = self._module
        if self._alone:
            self._for_good.enter_context(self._finder.active())
            sys.argv[:] = [f"{asked.slug}.py"]
            if b"get_ipython()" in asked.source and b"NameError" not in asked.source:  # else it asks for Jupyter
                self._module.__dict__["get_ipython"] = absent.Shell
        seed_everything(0)
        absent.begin_loading()
        try:
            with self._at_work(), observed() as seen:
                lines = self._execute(asked)
        finally:
            absent.end_loading()
        return Loaded(lines, seen.settings)

    def _finder_of(self, asked: Load) -> ExerciseFinder:
        return ExerciseFinder(asked.earlier, asked.slug)

    def _says_cuda(self, asked: Load) -> bool:
        return b"cuda" in asked.source or any(b"cuda" in text for _, text in asked.earlier.values())

    def _execute(self, asked: Load) -> dict[str, int]:
        """Runs the file, and says at which lines its definitions stand."""
        exec(compile_source(asked.source, asked.filename, asked.definitions_only), self._module.__dict__)
        return definitions(asked.source, asked.definitions_only)

    def _do_start(self, asked: Start) -> Done:
        self._objects.clear()
        self._calls.clear()
        self._gpu, self._closely, self._random_states, self._recorder = "", False, False, None
        seed_everything(asked.seed)
        return Done()

    def _do_seed_generators(self, asked: SeedGenerators) -> Done:
        seed_everything(asked.seed)
        return Done()

    def _do_go_to_gpu(self, asked: GoToGpu) -> Done:
        self._gpu = place()
        return Done()

    def _do_watch_every_call(self, asked: WatchEveryCall) -> Done:
        self._closely = True
        return Done()

    def _do_watch_random_state(self, asked: WatchRandomState) -> Done:
        self._random_states = True
        return Done()

    def _do_record_steps(self, asked: RecordSteps) -> Done:
        self._recorder = StepRecorder(self.file)
        return Done()

    def _do_tell_steps(self, asked: TellSteps) -> StepsTaken:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return StepsTaken([], [], [])
        return StepsTaken(recorder.steps, recorder.calls, recorder.assigned)

    def _do_call(self, asked: CallFunction) -> Called:
        tensors = self._inputs.tensors
        self._leaves, self._grad, self._eager_callbacks = [], asked.with_graph, 0
        if asked.with_graph:
            self._require_grad(tensors)
        function = self._find(asked.target)
        looking = observed(tensors, self._inputs.raw, count=asked.count_saved, random_states=self._random_states)
        recording = self._recorder if self._recorder is not None and not self._recorder.steps else nullcontext()
        with self._at_work(), torch.set_grad_enabled(not asked.grad_off), looking as seen, recording:
            value = function(*asked.args, **asked.kwargs)
        if self._device != "cpu" and isinstance(value, nn.Module):
            value.to(self._device)
        number = len(self._calls) if asked.with_graph else -1
        if asked.with_graph:
            owner = self._objects[asked.target[1]] if asked.target[0] == "object" else None
            self._calls[number] = Graph(value, self._leaves, owner)
        return Called(value, seen.mutated, seen.changed, seen.saved + self._eager_callbacks, number)

    def _do_backward(self, asked: Backward) -> Gradients:
        with self._shortcut_detector.armed():  # a backward pass may be the learner's own
            return self._calls[asked.call].pull_back(asked.cotangents)

    def _do_load_state(self, asked: LoadState) -> StateLoaded:
        return load_state(asked, self._where)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Sets up what a learner's code needs: earlier exercises to import, watched shortcuts, the usual warnings."""
        imports = nullcontext() if self._alone else self._finder.active()
        with imports, warnings.catch_warnings(), self._shortcut_detector.armed(closely=self._closely):
            warnings.simplefilter("ignore" if self._quiet else "default")
            yield

    def _find(self, target: list[Any]) -> Any:
        where, *names = target
        if where == "name":
            if names[0] not in self._module.__dict__:
                if names[0] in absent.failed:
                    raise absent.failed[names[0]]
                raise _Missing(names[0])
            return self._module.__dict__[names[0]]
        if where == "earlier":
            with self._at_work():
                return getattr(importlib.import_module(f"{PACKAGE}.{names[0]}"), names[1])
        owner = self._objects[names[0]]
        if names[1] == "__call__":
            return owner
        if not hasattr(owner, names[1]):
            raise _Missing(f"{type(owner).__name__}.{names[1]}")
        return getattr(owner, names[1])
