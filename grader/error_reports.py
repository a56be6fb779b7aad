"""What is kept of a failure of the grader itself. Imports no torch."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import grader


def keep_report(root: Path, details: str) -> str:
    """Writes what happened to a file under `.grader`, and says in one line what and where."""
    last = details.strip().splitlines()[-1] if details.strip() else "a process ended without a word"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    file = root / ".grader" / f"error-{stamp}.txt"
    versions = f"grader {grader.__version__}, python {platform.python_version()}, {platform.platform()}"
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{versions}\n\n{details}\n", encoding="utf-8", errors="replace")
    except OSError as error:
        return f"{last} (no report could be kept: {error.strerror})"
    return f"{last}\na report is kept as {file}"
