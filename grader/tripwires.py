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
        self._classes: list[tuple[type, str]] = []
        self._smoothing = _SMOOTHING in shortcuts
        for name in shortcuts:
            self._functions.update(dict.fromkeys(BELOW.get(name, ()), name))
            if name.startswith("nn."):
                self._classes += [
                    (getattr(nn, attribute), f"nn.{attribute}")
                    for attribute in dir(nn)
                    if fnmatchcase(f"nn.{attribute}", name)
                ]
            elif name != _SMOOTHING:
                self._functions[name.removeprefix("F.")] = name

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").partition(".")[0]  # an overload is called lstm.input
        if name in self._functions:
            self._note(self._functions[name])
        elif self._smoothing and name in _SMOOTHING_POSITION:
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
        if not (self._functions or self._classes or self._smoothing):
            yield
            return
        originals = [(owner, owner.__dict__.get("__init__"), name) for owner, name in self._classes]
        for owner, original, name in originals:
            if original is not None:
                setattr(owner, "__init__", self._watched(original, name))  # noqa: B010
        try:
            with self:
                yield
        finally:
            for owner, original, _ in originals:
                if original is not None:
                    setattr(owner, "__init__", original)  # noqa: B010

    def _watched(self, original: Callable[..., None], name: str) -> Callable[..., None]:
        @functools.wraps(original)
        def init(*args: Any, **kwargs: Any) -> None:
            self._note(name)
            original(*args, **kwargs)

        return init
