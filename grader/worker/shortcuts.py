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
from typing import Any, ClassVar, NamedTuple

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


class Patch(NamedTuple):
    """Where, under which name, what is there and what stands for it while a detector is armed."""

    place: Any
    name: str
    original: Callable[..., Any]
    watched: Callable[..., Any]


class ShortcutDetector:
    """Records which of the named shortcuts are used while armed.

    Args:
        shortcuts: the names that count.
    """

    _armed: ClassVar[list[ShortcutDetector]] = []
    """The innermost is the last."""

    def __init__(self, shortcuts: Sequence[str] = ()) -> None:
        self.used: list[str] = []
        self._watches, self._patches = _watches_and_patches(tuple(shortcuts))

    @contextmanager
    def armed(self, *, closely: bool = False) -> Iterator[None]:
        """Watches until the block ends; costs nothing where the exercise has no shortcuts.

        Args:
            closely: every call of torch is looked at, also of functions that nobody need look up by name.
        """
        self._armed.append(self)
        for place, name, _, watched in self._patches:
            setattr(place, name, watched)
        try:
            with _EveryCall(self._watches) if closely and self._watches else nullcontext():
                yield
        finally:
            for place, name, original, _ in self._patches:
                setattr(place, name, original)
            self._armed.pop()

    @classmethod
    def note(cls, name: str) -> None:
        """A shortcut is used."""
        if cls._armed and name not in cls._armed[-1].used:
            cls._armed[-1].used.append(name)


def _noting(name: str) -> Watch:
    return lambda args, kwargs: ShortcutDetector.note(name)


def _smoothing(position: int) -> Watch:
    def watch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if args[position] if len(args) > position else kwargs.get("label_smoothing", 0.0):
            ShortcutDetector.note("F.cross_entropy with label_smoothing")

    return watch


@functools.cache
def _watches_and_patches(shortcuts: tuple[str, ...]) -> tuple[dict[str, Watch], list[Patch]]:
    """What is told of calls, by the name of a function; and what stands in the place of what, while one is armed.

    One for all detectors of the same names: a hundred known mistakes would have 4 MB of them.
    """
    watches: dict[str, Watch] = {}
    patches: list[Patch] = []
    for name in shortcuts:
        if name == _SMOOTHING:
            watches.update({n: _smoothing(at) for n, at in _SMOOTHING_POSITION.items()})
            continue
        watches.update(dict.fromkeys(BELOW.get(name, ()), _noting(name)))
        if name.startswith("F."):
            watches[name.removeprefix("F.")] = _noting(name)
        for label, owner, init in _classes(name):
            patches.append(Patch(owner, "__init__", init, _watched(init, _noting(label))))
    for name, watch in watches.items():
        for place, function in _functions(name):
            patches.append(Patch(place, name, function, _watched(function, watch)))
    return watches, patches


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
