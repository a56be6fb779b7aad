"""Which paths code may see, where some of them are hidden and lie inside others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence


def around(visible: Sequence[str], hidden: Sequence[str]) -> Iterator[str]:
    """These paths without the hidden ones: a folder that holds a hidden one is replaced by what else it holds.

    What is named itself is visible inside a hidden folder too: a virtual environment inside the kit.
    """
    secrets = {os.path.realpath(path) for path in hidden}
    named = {os.path.realpath(path) for path in visible if not os.path.islink(path)} - secrets
    for path in visible:
        yield from _around(path, secrets, named)


def _around(path: str, secrets: set[str], named: set[str]) -> Iterator[str]:
    real = os.path.realpath(path)  # a link to a folder above a secret opens it as well
    nearest = max((other for other in secrets | named if _in(real, other)), key=len, default="")
    if nearest in secrets:
        return
    if not any(_in(secret, real) for secret in secrets):
        yield path
    elif os.path.isdir(path) and not os.path.islink(path):
        for name in sorted(os.listdir(path)):
            yield from _around(os.path.join(path, name), secrets, named)


def _in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def covers(hidden: Sequence[str], visible: Sequence[str]) -> Iterator[str]:
    """The folders to be covered so that nothing hidden shows, but what is visible inside a hidden folder does."""
    for path in filter(os.path.isdir, hidden):
        if not any(other == path or other.startswith(path.rstrip("/") + "/") for other in visible):
            yield path
        elif path not in visible:
            yield from covers([os.path.join(path, name) for name in sorted(os.listdir(path))], visible)
