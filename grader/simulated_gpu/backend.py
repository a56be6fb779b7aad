"""The device slot that torch keeps for others, "PrivateUse1", taken by a backend that is written in Python.

The way to register one is private to torch, exists since 2.9, and may go: `is_free` says whether it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import backend_registration

NAME = "gpu"
PLACE = f"{NAME}:0"
_REGISTER = "_setup_privateuseone_for_python_backend"


def is_free() -> bool:
    """Whether this torch has the private function, and no other backend has taken the slot."""
    taken_by = torch._C._get_privateuse1_backend_name()
    return hasattr(backend_registration, _REGISTER) and taken_by in ("privateuseone", NAME)


class _Device:
    """What torch asks the module of a device for: `torch.gpu`."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        """The CPU's generator makes the random numbers of this device too, and is seeded already."""

    def get_rng_state(self, device: object = None) -> Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: Tensor, device: object = None) -> None:
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]

    def synchronize(self, device: object = None) -> None:
        """Nothing runs beside the CPU."""


_kernels: list[torch.library.Library] = []
"""They work for as long as this lives."""


def take(number_of: Callable[[Tensor], Any]) -> None:
    """Makes `gpu` a device of this process, for good.

    Args:
        number_of: the number that a tensor of one element on this device holds. `torch.tensor([x, y])` reads its
            elements by it, past everything else.
    """
    getattr(backend_registration, _REGISTER)(NAME, backend_module=_Device())
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    library.impl("_local_scalar_dense", number_of, "PrivateUse1")  # type: ignore[no-untyped-call]
    _kernels.append(library)
