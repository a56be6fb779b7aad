"""A CSV file of somebody else's, in which single cells are replaced and nothing else changes, byte for byte."""

from __future__ import annotations

import re
from dataclasses import dataclass

from grader.errors import UsageError

DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class _Cell:
    """Where a cell stands in the text, and what it says."""

    start: int
    end: int
    text: str


class Sheet:
    """The cells of a CSV file. Raises UsageError where it is none, or is not in UTF-8.

    Args:
        data: the file's bytes; a byte order mark, quotes, line ends and the delimiter stay as they are.
        name: what the file is called, for messages.
    """

    def __init__(self, data: bytes, name: str) -> None:
        try:
            self._text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{name} is not in UTF-8: export it again, and do not save it in a spreadsheet") from None
        self._start = 1 if self._text.startswith("\ufeff") else 0
        end = re.search(r"[\r\n]|$", self._text[self._start :])
        heading = self._text[self._start : self._start + (end.start() if end else 0)]
        self.delimiter = max(DELIMITERS, key=heading.count)
        self._cells = self._read(name)
        self._new: dict[tuple[int, int], str] = {}

    def _read(self, name: str) -> list[list[_Cell]]:
        mark = re.escape(self.delimiter)
        pattern = re.compile(rf'(?:"((?:[^"]|"")*)"|([^{mark}\r\n"]*))({mark}|\r\n|\n|\r|\Z)')
        rows: list[list[_Cell]] = [[]]
        place = self._start
        while True:
            found = pattern.match(self._text, place)
            if found is None:
                raise UsageError(f"{name}, line {self._text.count(chr(10), 0, place) + 1}: a quote stands out of place")
            text = found[2] if found[1] is None else found[1].replace('""', '"')
            rows[-1].append(_Cell(place, found.start(3), text))
            place = found.end()
            if not found[3]:
                break
            if found[3] != self.delimiter:
                if place == len(self._text):
                    break
                rows.append([])
        return rows

    @property
    def rows(self) -> list[list[str]]:
        """The text of every cell, as it was."""
        return [[cell.text for cell in row] for row in self._cells]

    def put(self, row: int, column: int, text: str) -> None:
        """Replaces a cell, unless it says that already."""
        if self._cells[row][column].text != text:
            self._new[row, column] = text

    def bytes(self) -> bytes:
        """The whole file with the new cells."""
        parts, place = [], 0
        for (row, column), text in sorted(self._new.items()):
            cell = self._cells[row][column]
            quoted = any(sign in text for sign in (self.delimiter, '"', "\r", "\n"))
            parts += [self._text[place : cell.start], '"' + text.replace('"', '""') + '"' if quoted else text]
            place = cell.end
        return "".join([*parts, self._text[place:]]).encode()
