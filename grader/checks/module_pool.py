"""Reference modules that are lent from check to check: a class of 1,000 asks for the same modules 1,000 times.

Saves two thirds of what making a module costs. Risks that a check finds what the last one left: values, gradients,
`requires_grad` and training flags are renewed, and a module with buffers is never lent again; what else a check changes
would stay. The pickle is of a module of the kit's own and stays in this process: nothing of a learner's is unpickled.
"""

from __future__ import annotations

import contextlib
import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import Tensor, nn

from grader.worker.describe import Parts, each_once, parts_of, set_training


@dataclass
class PooledModule:
    """A module that is lent to one check after another."""

    module: Any
    parts: Parts
    parameters: list[nn.Parameter]


class ModulePool:
    """Everything of a module but the values of its parameters; formed when the module is seen for the second time."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self._idle: list[PooledModule] = []
        self._seen = False
        self._form = b""
        self._kinds: list[type] = []

    @property
    def is_formed(self) -> bool:
        return bool(self._form)

    def see(self, module: nn.Module) -> None:
        """Notes a module that was built in the usual way."""
        if self._seen:
            with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):  # it holds a lambda, or the like
                self._form_after(module)
        self._seen = True

    def _form_after(self, module: nn.Module) -> None:
        file, parameters = io.BytesIO(), each_once(parts_of(module))
        pickler = _Pickler(file, parameters)
        pickler.dump(module)
        self.shapes = [tuple(parameter.shape) for parameter in parameters]
        self._form, self._kinds = file.getvalue(), pickler.kinds

    def lend(self, values: Sequence[Tensor]) -> PooledModule:
        """Lends a module in its first state, with these parameter values, one for each of `shapes`."""
        if not self._idle:
            module = _Unpickler(self._form, [nn.Parameter(value) for value in values], self._kinds).load()
            parts = parts_of(module)
            return PooledModule(module, parts, each_once(parts))
        lent = self._idle.pop()
        for parameter, value in zip(lent.parameters, values, strict=True):
            parameter.data, parameter.grad, parameter.requires_grad = value, None, True
        set_training(lent.parts, False)
        return lent

    def take_back(self, lent: PooledModule) -> None:
        """Takes a module back to lend it again, unless it holds buffers: a check may have changed those."""
        if not any(part._buffers for _, part in lent.parts):
            self._idle.append(lent)


def pool_of(kind: Callable[..., nn.Module], args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]) -> ModulePool:
    """The pool of `kind(*args, **kwargs)`; unhashable arguments, a list say, are built every time."""
    try:
        return _known(kind, args, kwargs)
    except TypeError:
        return ModulePool()


@lru_cache(maxsize=1_000)
def _known(*key: Any) -> ModulePool:
    return ModulePool()


class _Pickler(pickle.Pickler):
    """Leaves out parameters, and classes: pickle cannot find the classes of a loaded file by name."""

    def __init__(self, file: io.BytesIO, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._places = {id(parameter): place for place, parameter in enumerate(parameters)}
        self.kinds: list[type] = []

    def persistent_id(self, value: Any) -> tuple[bool, int] | None:
        if type(value) is nn.Parameter:
            return True, self._places[id(value)]
        if isinstance(value, type):
            if value not in self.kinds:
                self.kinds.append(value)
            return False, self.kinds.index(value)
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, form: bytes, parameters: Sequence[nn.Parameter], kinds: Sequence[type]) -> None:
        super().__init__(io.BytesIO(form))
        self._parameters, self._kinds = parameters, kinds

    def persistent_load(self, place: tuple[bool, int]) -> Any:
        is_parameter, number = place
        return self._parameters[number] if is_parameter else self._kinds[number]
