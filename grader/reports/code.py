"""code/: what did not pass, as it was graded, with a folder for each student: what a mark is discussed by.

`grader check 6 --target results/code/ada` runs it again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from grader.files import write_atomic
from grader.limits import MAX_SOURCE
from grader.reports.html import page_path
from grader.results.verdicts import FAIL
from grader.text import clean

NAME = "code"
Code = Callable[[str, str], bytes]
"""Id and slug -> the code that was graded; empty where there is none."""
MOST_LINES = 2000
"""A longer file is cut on the page; the folder has all of it."""


def keep(out: Path, document: Mapping[str, Any], code: Code) -> None:
    """Writes the folder anew."""
    found = {
        (one["id"], exercise["id"]): text
        for one in document["submissions"]
        for exercise in one["exercises"]
        if exercise["verdict"] == FAIL and (text := code(one["id"], exercise["id"]))
    }
    shutil.rmtree(out / NAME, ignore_errors=True)
    for (name, slug), text in found.items():
        write_atomic(_place(out, name, slug), text)


def read(out: Path, id: str, slug: str) -> bytes:  # noqa: A002  (the document's own word)
    """What the folder holds of a student; empty where that is nothing."""
    try:
        return _place(out, id, slug).read_bytes()
    except OSError:
        return b""


def _place(out: Path, id: str, slug: str) -> Path:  # noqa: A002
    return out / NAME / Path(page_path(id)).stem / f"{slug}.py"


def listing(text: bytes, said: Collection[int]) -> str:
    """The code with the numbers of its lines, and > at those of which something is said."""
    lines = clean(text[:MAX_SOURCE].decode("utf-8", "replace"), MAX_SOURCE).splitlines()
    numbered = [f"{'>' if n in said else ' '}{n:>4}  {line}".rstrip() for n, line in enumerate(lines[:MOST_LINES], 1)]
    if len(lines) > MOST_LINES:
        numbered.append(f"... and {len(lines) - MOST_LINES} lines more")
    return "\n".join(numbered)
