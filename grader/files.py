"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def save(path: Path, text: str) -> None:
    """Writes UTF-8 beside the file and moves it there; half characters become question marks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(text.encode("utf-8", "replace"))
    os.replace(partial, path)
