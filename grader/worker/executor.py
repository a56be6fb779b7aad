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
from grader.protocol.values import Reference, leaves
from grader.simulated_gpu import NAME, place, simulating
from grader.source import absent
from grader.source.importer import PACKAGE, ExerciseFinder, compile_source
from grader.worker.describe import definitions, describe_error, describe_input
from grader.worker.fast_init import patch_layer_init
from grader.worker.global_state import counting_saved, keep_float32_whole, seed_everything, watched
from grader.worker.module_requests import OF_A_MODULE, load_state
from grader.worker.object_table import ObjectTable, Opaque
from grader.worker.shortcuts import ShortcutDetector


class Spare:
    """Memory that is given up once, when the rest has run out.

    Args:
        size: bytes; 0 where others need it more.
    """

    def __init__(self, size: int) -> None:
        self._held = mmap.mmap(-1, size) if size else None

    def release_for(self, error: BaseException) -> bool:
        """Whether this error is a lack of memory, and there was some to give up. Takes none itself."""
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
        self._leaves: list[Tensor] = []
        self._eager_callbacks = 0
        self._grad = False
        self._device = "cpu"
        self._gpu = ""
        """Where this check's code works, if not on the device of the run."""
        self._closely = False
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
                operation, arguments = self._decoder().value(frame).value
                carry_out = OF_A_MODULE.get(operation) or getattr(self, f"_do_{operation}")
                reply = carry_out(*arguments)
                return self._encoder().frame({**reply, "shortcuts": self._shortcut_detector.used})
        except _Missing as missing:
            reply = {"missing": str(missing)}
        except BaseException as error:
            if self._lets_pass(error):
                raise
            self.last_error = error
            starved = self._spare.release_for(error)
            reply = {"raised": describe_error(error, self.file)}
            if starved:
                traceback.clear_frames(error.__traceback__)
        return self._encoder().frame({**reply, "shortcuts": self._shortcut_detector.used})

    def _encoder(self) -> Encoder:
        return Encoder(self._refer)

    def _decoder(self) -> Decoder:
        return Decoder(self._resolve, device=self._where)

    def _place(self) -> AbstractContextManager[None]:
        return simulating() if self._gpu == NAME else nullcontext()

    @property
    def _where(self) -> str:
        """The device that the grader's tensors are put on."""
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

    def _do_load(
        self,
        slug: str,
        filename: str,
        source: bytes,
        earlier: dict[str, tuple[str, bytes]],
        shortcuts: list[str],
        device: str,
        definitions_only: bool = False,
    ) -> dict[str, Any]:
        self._finder = self._finder_of(earlier, slug)
        self._shortcut_detector = ShortcutDetector(shortcuts)
        self._device, self.file = device, filename
        if device == "cuda":
            keep_float32_whole()
        self._module = ModuleType(f"{PACKAGE}.{slug}")
        self._module.__file__ = filename
        self._finder.modules[self._module.__name__] = self._module
        if self._alone:
            self._for_good.enter_context(self._finder.active())
            sys.argv[:] = [filename]
            if b"get_ipython()" in source and b"NameError" not in source:  # else it asks whether this is Jupyter
                self._module.__dict__["get_ipython"] = absent.Shell
        absent.begin_loading()
        try:
            with self._at_work(), watched(seed=0) as seen:
                lines = self._execute(source, filename, definitions_only)
        finally:
            absent.end_loading()
        return {"lines": lines, "changed": seen.settings}

    def _finder_of(self, earlier: dict[str, tuple[str, bytes]], slug: str) -> ExerciseFinder:
        return ExerciseFinder(earlier, slug)

    def _execute(self, source: bytes, filename: str, definitions_only: bool) -> dict[str, int]:
        """Runs the file, and says at which lines its definitions stand."""
        exec(compile_source(source, filename, definitions_only), self._module.__dict__)
        return definitions(source, definitions_only)

    def _do_start(self, seed: int) -> dict[str, Any]:
        """Forgets the last check's objects and seeds this one's default random states."""
        self._objects.clear()
        self._calls.clear()
        self._gpu, self._closely = "", False
        seed_everything(seed)
        return {}

    def _do_go_to_gpu(self) -> dict[str, Any]:
        """What follows, up to the next check, happens on a GPU, mostly the simulated one."""
        self._gpu = place()
        return {}

    def _do_watch(self) -> dict[str, Any]:
        """Every call of torch, up to the next check, is looked at for shortcuts."""
        self._closely = True
        return {}

    def _do_call(
        self, target: list[Any], arguments: list[Any], named: dict[str, Any], grad: bool, count: bool, off: bool
    ) -> dict[str, Any]:
        tensors = [item for item in leaves([arguments, named]) if isinstance(item, Tensor)]
        self._leaves, self._grad, self._eager_callbacks = [], grad, 0
        if grad:
            self._require_grad(tensors)
        before = [describe_input(tensor) for tensor in tensors]
        saved: list[int] = []
        function = self._find(target)
        counting = counting_saved(saved) if count else nullcontext()
        with self._at_work(), torch.set_grad_enabled(not off), watched() as seen, counting:
            value = function(*arguments, **named)
        if self._device != "cpu" and isinstance(value, nn.Module):
            value.to(self._device)
        reply = {
            "value": value,
            "mutated": [i for i, tensor in enumerate(tensors) if describe_input(tensor) != before[i]],
            "changed": seen.changed,
            "recorded": len(saved) + self._eager_callbacks,
        }
        if grad:
            reply["call"] = len(self._calls)
            owner = self._objects[target[1]] if target[0] == "object" else None
            self._calls[len(self._calls)] = Graph(value, self._leaves, owner)
        return reply

    def _do_backward(self, call: int, cotangents: list[Tensor]) -> dict[str, Any]:
        return self._calls[call].pull_back(cotangents)

    def _do_load_state(self, module: nn.Module, asked: bytes, values: Tensor, training: bool) -> dict[str, Any]:
        return load_state(module, asked, values, training, self._where)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """What a learner's code sees: earlier exercises to import, shortcuts watched, warnings as Python shows them."""
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
