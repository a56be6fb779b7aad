"""The first code of a worker's process: the kit's modules that it needs arrive as bytes, so no folder of the kit must.

Runs before anything else is imported, and imports nothing of the kit at the top.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

KIT = "grader"
UP = b"u"
"""What the grader hears first: the process lives."""


class BytesImporter(MetaPathFinder, Loader):
    """Finds the kit's modules among those that the grader sent; of the kit there are no others.

    Args:
        modules: name -> code.
    """

    def __init__(self, modules: dict[str, CodeType]) -> None:
        self.modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self.modules:
            is_package = any(name.startswith(f"{fullname}.") for name in self.modules)
            return ModuleSpec(fullname, self, is_package=is_package)
        if fullname.partition(".")[0] == KIT:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.modules[module.__name__], module.__dict__)


def start(orders: dict[str, Any]) -> None:
    """Imports and runs the worker as the grader ordered."""
    _join(orders.pop("doors"))
    orders["connection"] = _connection(orders["connection"])
    orders["connection"].sendall(UP)
    sys.path[:] = orders["path"]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in repr(finder)]
    sys.meta_path.insert(0, BytesImporter(orders.pop("modules")))
    from grader.worker.main import main

    main(orders)


def _join(doors: Sequence[int]) -> None:
    """Enters its control groups, before anything else: whatever it starts is in them too. The grader looks who is."""
    for door in doors:
        try:
            os.write(door, b"0")
        except OSError:
            pass
        finally:
            os.close(door)


def _connection(handed: int | bytes) -> socket.socket:
    """The socket that the grader handed over: a descriptor, or on Windows its description."""
    if isinstance(handed, int):
        return socket.socket(fileno=handed)
    share: Any = getattr(socket, "fromshare")  # noqa: B009
    return share(handed)  # type: ignore[no-any-return]
