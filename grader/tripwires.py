"""Notices library calls that do an exercise's whole work, by their use and not by their text.

Functions are seen by a torch function mode, whatever name they are called by; classes by their `__init__`.
The names are those of the exercise's `shortcuts` mark: `F.layer_norm`, `nn.GRU*`,
`F.cross_entropy(label_smoothing)`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import torch
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

_SMOOTHING = "F.cross_entropy(label_smoothing)"
_SMOOTHING_POSITION = {"cross_entropy": 7, "cross_entropy_loss": 5}


class Tripwires(TorchFunctionMode):
    """Records which of the named shortcuts are used while armed.

    Args:
        shortcuts: the names that count.
    """

    def __init__(self, shortcuts: Sequence[str] = ()) -> None:
        super().__init__()
        self.used: list[str] = []
        self._functions: dict[str, str] = {}
        self._names: dict[Any, str] = {}
        self._patches: list[tuple[type, str, Callable[..., None]]] = [
            (owner, "reset_parameters", _unwatched(owner.reset_parameters)) for owner in (nn.Linear, nn.Embedding)
        ]
        self._smoothing = _SMOOTHING in shortcuts
        self._watches = bool(shortcuts)
        for name in shortcuts:
            self._functions.update(dict.fromkeys(BELOW.get(name, ()), name))
            if name.startswith("nn."):
                self._patches += [
                    (owner, "__init__", self._watched(owner.__init__, f"nn.{attribute}"))
                    for attribute, owner in vars(nn).items()
                    if fnmatchcase(f"nn.{attribute}", name) and "__init__" in vars(owner)
                ]
            elif name != _SMOOTHING:
                self._functions[name.removeprefix("F.")] = name

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = self._names.get(func)
        if name is None:
            name = getattr(func, "__name__", "").partition(".")[0]  # an overload is called lstm.input
            self._names[func] = name = name if name in self._functions or name in _SMOOTHING_POSITION else ""
        if not name:
            return func(*args, **kwargs)
        if name in self._functions:
            self._note(self._functions[name])
        elif self._smoothing:
            position = _SMOOTHING_POSITION[name]
            smoothing = args[position] if len(args) > position else kwargs.get("label_smoothing", 0.0)
            if smoothing:
                self._note("F.cross_entropy with label_smoothing")
        return func(*args, **kwargs)

    def _note(self, name: str) -> None:
        if name not in self.used:
            self.used.append(name)

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Watches until the block ends; costs nothing where the exercise has no shortcuts."""
        if not self._watches:
            yield
            return
        originals = [(owner, name, owner.__dict__[name]) for owner, name, _ in self._patches]
        for owner, name, patch in self._patches:
            setattr(owner, name, patch)
        try:
            with self:
                yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)

    def _watched(self, original: Callable[..., None], name: str) -> Callable[..., None]:
        @functools.wraps(original)
        def init(*args: Any, **kwargs: Any) -> None:
            self._note(name)
            original(*args, **kwargs)

        return init


def _unwatched(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """A layer of torch gives itself first values: nothing to see, at half the cost."""

    @functools.wraps(original)
    def reset_parameters(layer: Any) -> None:
        with torch._C.DisableTorchFunction():
            original(layer)

    return reset_parameters
