"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomic(path: Path, data: bytes | str) -> None:
    """Writes a file whole or not at all; where the path is a link, the file that it leads to.

    Text becomes UTF-8, with question marks for half characters.
    """
    with writing_atomic(path) as file:
        file.write(data.encode("utf-8", "replace") if isinstance(data, str) else data)


def same_place(one: Path, other: Path) -> bool:
    """Whether both lead to the same file or folder, however they are written: Macs and Windows know no capitals."""
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there
        return False


@contextmanager
def writing_atomic(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place when the block ends; after an exception all is as it was.

    Args:
        path: its place; missing folders are made.
        durable: it is on the disk before it takes its place.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        yield file
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(partial, path)
