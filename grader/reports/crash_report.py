"""What is kept of a failure of the grader itself. Imports no torch."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import grader


def own_failure(root: Path, what: str, details: str) -> str:
    """Keeps a report under `.grader`; returns the lines that a person reads: whose fault it was, what, and where."""
    said = f"grader error (not your code): {what}"
    file = root / ".grader" / f"error-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    versions = f"grader {grader.__version__}, python {platform.python_version()}, {platform.platform()}"
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{versions}\n\n{what}\n\n{details}\n", encoding="utf-8", errors="replace")
    except OSError as error:
        return f"{said}\nno report could be kept in {file.parent}: {error.strerror}"
    return f"{said}\na report is kept as {file}"
