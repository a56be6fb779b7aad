"""Detects library calls that do an exercise's whole work when they are used, whatever the text says.

Classes are seen by their `__init__`; functions wherever torch keeps them for Python code, so an import under another
name is seen too. Where a check asks for it, a torch function mode sees every call, by whatever way it was reached:
that takes a sixth of the time of everything, so one check does it.

The names are those of the exercise's `shortcuts` mark: `F.layer_norm`, `nn.GRU*`, `F.cross_entropy(label_smoothing)`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from fnmatch import fnmatchcase
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

BELOW = {
    "nn.LSTM": ("lstm",),
    "nn.LSTMCell": ("lstm_cell",),
    "nn.GRU*": ("gru", "gru_cell"),
    "nn.RNN*": ("rnn_tanh", "rnn_relu", "rnn_tanh_cell", "rnn_relu_cell"),
    "nn.MultiheadAttention": ("_native_multi_head_attention",),
    "nn.Transformer*": ("_transformer_encoder_layer_fwd",),
    "F.scaled_dot_product_attention": (
        "_scaled_dot_product_attention_math",
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_efficient_attention",
    ),
    "F.layer_norm": ("native_layer_norm",),
    "F.group_norm": ("native_group_norm",),
}
"""The functions of torch underneath a name that do the same work."""

_PLACES: tuple[Any, ...] = (F, torch, torch._VF, torch._C._nn)
"""Where Python code finds torch's functions."""

_SMOOTHING = "F.cross_entropy(label_smoothing)"
_SMOOTHING_POSITION = {"cross_entropy": 7, "cross_entropy_loss": 5}

Watch = Callable[[tuple[Any, ...], dict[str, Any]], None]
"""Told the arguments of a call."""


class ShortcutDetector:
    """Records which of the named shortcuts are used while armed.

    Args:
        shortcuts: the names that count.
    """

    def __init__(self, shortcuts: Sequence[str] = ()) -> None:
        self.used: list[str] = []
        self._watches: dict[str, Watch] = {}
        """By the name of a function."""
        self._patches: list[tuple[Any, str, Callable[..., Any], Callable[..., Any]]] = []
        """Where, under which name, what was there and what stands for it."""
        for name in shortcuts:
            if name == _SMOOTHING:
                self._watches.update({n: self._smoothing(at) for n, at in _SMOOTHING_POSITION.items()})
                continue
            self._watches.update(dict.fromkeys(BELOW.get(name, ()), self._noting(name)))
            if name.startswith("F."):
                self._watches[name.removeprefix("F.")] = self._noting(name)
            for label, owner, init in _classes(name):
                self._patches.append((owner, "__init__", init, _watched(init, self._noting(label))))
        for name, watch in self._watches.items():
            for place, function in _functions(name):
                self._patches.append((place, name, function, _watched(function, watch)))

    @contextmanager
    def armed(self, *, closely: bool = False) -> Iterator[None]:
        """Watches until the block ends; costs nothing where the exercise has no shortcuts.

        Args:
            closely: every call of torch is looked at, also of functions that nobody need look up by name.
        """
        for place, name, _, watched in self._patches:
            setattr(place, name, watched)
        try:
            with _EveryCall(self._watches) if closely and self._watches else nullcontext():
                yield
        finally:
            for place, name, original, _ in self._patches:
                setattr(place, name, original)

    def _noting(self, name: str) -> Watch:
        return lambda args, kwargs: self._note(name)

    def _smoothing(self, position: int) -> Watch:
        def watch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if args[position] if len(args) > position else kwargs.get("label_smoothing", 0.0):
                self._note("F.cross_entropy with label_smoothing")

        return watch

    def _note(self, name: str) -> None:
        if name not in self.used:
            self.used.append(name)


class _EveryCall(TorchFunctionMode):
    def __init__(self, watches: dict[str, Watch]) -> None:
        super().__init__()
        self._watches = watches
        self._names: dict[Any, str] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = self._names.get(func)
        if name is None:  # an overload is called lstm.input
            name = self._names[func] = getattr(func, "__name__", "").partition(".")[0]
        if name in self._watches:
            self._watches[name](args, kwargs)
        return func(*args, **kwargs)


@functools.cache
def _classes(name: str) -> list[tuple[str, Any, Callable[..., None]]]:
    """The classes of `nn` that such a name means, and how they are made."""
    kinds = [
        (f"nn.{attribute}", kind)
        for attribute, kind in vars(nn).items()
        if isinstance(kind, type) and "__init__" in vars(kind)
    ]
    return [(label, kind, vars(kind)["__init__"]) for label, kind in kinds if fnmatchcase(label, name)]


@functools.cache
def _functions(name: str) -> list[tuple[Any, Callable[..., Any]]]:
    """Where Python code finds a function of torch, and what it finds."""
    return [(place, getattr(place, name)) for place in _PLACES if hasattr(place, name)]


def _watched(original: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        watch(args, kwargs)
        return original(*args, **kwargs)

    return watched
