"""A notebook as Python source: its code cells in document order, magics and shell lines removed. Nothing is run.

Each cell follows a line `# %% cell N`, so that line 52 of the source can be called `cell 7, line 3`. Python is not
parsed here: a cell can be made to break a parser, and this is the grader.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from grader.source.definitions import defined_names
from grader.text import shown

HARMLESS = {"%%time", "%%timeit", "%%capture", "%%prun", "%%memit", "%%python", "%%python3"}
"""Cell magics whose cell is plain Python all the same."""
_WRITES_EXERCISE = re.compile(r"%%(?:writefile|file)\s+(?:-a\s+)?\S*ex\d\d\S*\.py\b", re.IGNORECASE)
"""A cell that writes an exercise's file holds that exercise."""
_PYTHONS = ("py", "sage")
"""What the name of a language holds that is Python: python, ipython, xpython, python3; Sage is read as Python."""
_MAGIC = re.compile(r"\s*(%{1,2}\w|!|\?|[\w.]+\?{1,2}\s*$|[\w ,.\[\]'\"]+=\s*(!|%\w))")
_TOKEN = re.compile(r"'''|\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|#[^\n]*|[\[({})\]]|\\.", re.DOTALL)


@dataclass
class _Book:
    """What has been read of a notebook."""

    parts: list[str] = field(default_factory=list)
    magics: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(data: bytes) -> tuple[bytes, list[str]]:
    """The source of a notebook, and a sentence for everything that was left out of it."""
    if not data.strip():
        return b"", ["it is no notebook: it is empty"]
    try:
        document = json.loads(data, parse_int=_no_number, parse_float=_no_number)
        cells = _cells(document)
    except RecursionError:
        return b"", ["it is no notebook: it is nested too deeply"]
    except ValueError as error:
        return b"", [f"it is no notebook ({shown(str(error))}): save it again and hand that in"]
    if cells is None:
        return b"", ["it is no notebook: it has no list of cells"]
    if (language := _language(document)) and not any(word in language.lower() for word in _PYTHONS):
        return b"", [f"it is a notebook in {shown(language)}, and the exercises are in Python"]
    book = _Book()
    for number, text in enumerate(cells, 1):
        if text is not None:
            _add(book, number, text)
    if book.magics:
        book.problems.append(f"these lines are for Jupyter alone and were left out: {_some(book.magics)}")
    source = "".join(book.parts).encode("utf-8", "replace")
    twice = [name for name, times in Counter(defined_names(source)).items() if times > 1]
    if twice:
        book.problems.append(f"defined more than once, so the last definition counts: {_some(twice)}")
    if not book.parts:
        book.problems.append("it has no code cells")
    return source, book.problems


def of_cell(number: int, text: str) -> str:
    """One cell as it stands in the source."""
    book = _Book()
    _add(book, number, text)
    return "".join(book.parts)


def _no_number(_: str) -> None:
    """No number in a notebook matters, and one of a million digits costs minutes to read."""


def _cells(document: Any) -> list[str | None] | None:
    """The source of each cell, None for one that is no code; None where there are no cells. Of nbformat 2 to 4."""
    if not isinstance(document, dict):
        return None
    sheets = document.get("worksheets")
    found = document.get("cells")
    if not isinstance(found, list) and isinstance(sheets, list):
        of_sheets = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        found = [cell for cells in of_sheets if isinstance(cells, list) for cell in cells]
    if not isinstance(found, list):
        return None
    return [_code(cell) if isinstance(cell, dict) and cell.get("cell_type") == "code" else None for cell in found]


def _language(document: dict[str, Any]) -> str:
    """The language of a notebook's kernel; empty where it does not say."""
    about = document.get("metadata")
    for part, key in (("kernelspec", "language"), ("language_info", "name")):
        found = about.get(part) if isinstance(about, dict) else None
        said = found.get(key) if isinstance(found, dict) else None
        if isinstance(said, str) and said:
            return said
    return ""


def _code(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input"))
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _add(book: _Book, number: int, text: str) -> None:
    lines = text.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if _WRITES_EXERCISE.match(first):
        lines = lines[lines.index(next(line for line in lines if line.strip())) + 1 :]
        book.parts.append(f"# %% cell {number}\n" + "\n" * (text.count("\n") + 1 - len(lines)))
        book.parts.append("\n".join([*lines, ""]))
        return
    if first.startswith("%%") and first.split()[0] not in HARMLESS:
        book.magics.append(f"cell {number} as a whole ({shown(first.split()[0])})")
        lines = []
    book.parts.append(f"# %% cell {number}\n")
    statement = _Statement()
    removing = False
    for line in lines:
        if removing or (statement.is_new and _MAGIC.match(line[:300])):
            if not removing:
                book.magics.append(f"cell {number}: {shown(line.strip())[:40]}")
                indent = line[: len(line) - len(line.lstrip())]
            removing = line.rstrip().endswith("\\")
            book.parts.append(f"{indent}pass\n")
        else:
            statement.follow(line)
            book.parts.append(line + "\n")


class _Statement:
    """Whether the next line begins a statement: not in a string, not in brackets, not after a backslash."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0
        self._goes_on = False

    @property
    def is_new(self) -> bool:
        return not self._quote and self._depth <= 0 and not self._goes_on

    def follow(self, line: str) -> None:
        start = 0
        while start < len(line):
            if self._quote:
                end = line.find(self._quote, start)
                if end < 0:
                    return
                start, self._quote = end + 3, ""
                continue
            found = _TOKEN.search(line, start)
            if found is None:
                break
            token, start = found[0], found.end()
            if token in ("'''", '"""'):
                self._quote = token
            elif token in "([{":
                self._depth += 1
            elif token in ")]}":
                self._depth -= 1
        self._goes_on = line.endswith("\\")


def _some(items: list[str]) -> str:
    more = f" and {len(items) - 5} more" if len(items) > 5 else ""
    return ", ".join(items[:5]) + more
