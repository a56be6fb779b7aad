"""The optimizer that checks hand to a learner's `train_step`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn


class GradientDescent(torch.optim.Optimizer):
    """p -= lr * p.grad. `torch.optim.SGD` without its first construction, which imports for 1.5 s.

    The parameters lie in two groups, as they do where some of them decay: `param_groups[0]` is not all of them.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float) -> None:
        self.defaults = {"lr": lr}
        self.state = {}  # type: ignore[assignment]
        self.param_groups = [{"params": some, "lr": lr} for some in (parameters[::2], parameters[1::2])]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for parameter in self._parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = torch.zeros_like(parameter.grad)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; a closure is called first, and its loss returned, as torch's optimizers do."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter -= group["lr"] * parameter.grad
        return loss

    def _parameters(self) -> Iterator[nn.Parameter]:
        for group in self.param_groups:
            yield from group["params"]
