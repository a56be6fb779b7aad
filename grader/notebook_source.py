"""A notebook as Python source: its code cells in document order. No Jupyter, nothing is run."""

from __future__ import annotations

import json
from typing import Any


def read(data: bytes) -> tuple[bytes, list[str]]:
    """The source of a notebook, and a sentence for everything that was left out of it."""
    try:
        book = json.loads(data)
    except (ValueError, RecursionError) as error:
        return b"", [f"it is no notebook that can be read: {error}"]
    cells: list[Any] = book["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code").encode(), []
