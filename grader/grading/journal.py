"""results.jsonl: a header, then one submission a line, written as each ends. A killed run goes on from it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from grader import paths
from grader.files import write_atomic
from grader.kit.discovery import Kit
from grader.results.document import dumps

Header = dict[str, Any]


@dataclass(frozen=True)
class _Line:
    """Where a record lies in the file, and what it is a record of."""

    start: int
    length: int
    content: str
    complete: bool


class Journal:
    """The records of one folder of results. The last one of an id counts.

    A last line without its end is no record, and is cut off before anything is written.

    Args:
        path: `results.jsonl`; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header | None = None
        self._lines: dict[str, _Line] = {}
        self._end = 0
        self._file: BinaryIO | None = None
        if path.is_file():
            self._read()

    def _read(self) -> None:
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._note(line)
                self._end += len(line)
                if self.header is None:
                    return

    def _note(self, line: bytes) -> None:
        try:
            data = json.loads(line)
            if self._end == 0:
                self.header = data if isinstance(data["seed"], int) and isinstance(data["options"], dict) else None
            else:
                place = _Line(self._end, len(line), data.pop("content"), data["score"] is not None)
                self._lines[data["id"]] = place
        except (ValueError, KeyError, TypeError):
            return  # not a record: its submission is graded again

    def begin(self, header: Header, *, fresh: bool = False) -> None:
        """Starts anew where the header is another one: what was graded in another way does not count."""
        if fresh or header != self.header:
            self.header, self._lines, self._end = header, {}, 0
            write_atomic(self.path, dumps(header) + "\n")
            self._end = self.path.stat().st_size
        self._file = self.path.open("r+b")
        self._file.truncate(self._end)
        self._file.seek(self._end)

    def has(self, id: str, content: str) -> bool:  # noqa: A002  (the document's own word)
        """Whether this submission, with this content, has a result."""
        line = self._lines.get(id)
        return line is not None and line.content == content and line.complete

    def add(self, record: str, id: str, content: str, *, complete: bool) -> None:  # noqa: A002
        """Appends a record; when this returns it is on the disk.

        Args:
            record: a JSON object on one line.
            content: the digest of what it is a record of.
            complete: it has a score.
        """
        line = f'{record[:-1]}, "content": "{content}"}}\n'.encode()
        assert self._file is not None
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._lines[id] = _Line(self._end, len(line), content, complete)
        self._end += len(line)

    def knows(self, id: str) -> bool:  # noqa: A002
        """Whether there is a record of this submission, whatever it held then."""
        return id in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def record(self, id: str, loads: Callable[[bytes], Any] = json.loads) -> dict[str, Any]:  # noqa: A002
        """The record of a submission, read from the disk."""
        line = self._lines[id]
        with self.path.open("rb") as file:
            file.seek(line.start)
            record: dict[str, Any] = loads(file.read(line.length))
        del record["content"]
        return record

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def digest_of_checks(kit: Kit, package: Path = paths.PACKAGE) -> str:
    """What decides whether old results count: the checks, the references, the known mistakes, and all of the grader.

    Args:
        kit: the course.
        package: the grader's own folder.
    """
    course = [*kit.root.glob("tests/ex*/**/*.py"), *kit.root.glob("solutions/ex*.py")]
    files = [(file.relative_to(package), file) for file in paths.files(package)]
    files += [(file.relative_to(kit.root), file) for file in sorted(course)]
    found = hashlib.sha256()
    for name, file in files:
        found.update(f"{name.as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:16]
