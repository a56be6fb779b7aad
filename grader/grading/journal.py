"""results.jsonl: one submission a line, written as each ends; run.json beside it: what decides whether it counts.

A killed run goes on from both.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from grader import paths
from grader.files import write_atomic, writing_atomic
from grader.kit.discovery import Kit

Header = dict[str, Any]
NOTED = ("submissions", "from", "worker")
"""What run.json says, too, and what decides nothing: whose class this is, where it lay, how workers were set up."""


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
        path: `results.jsonl`; neither it nor `run.json` need exist.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._run = path, path.with_name("run.json")
        self.header: Header | None = None
        self.noted: dict[str, Any] = {}
        self._lines: dict[str, _Line] = {}
        self._end = 0
        self._file: BinaryIO | None = None
        self._read_run()
        if self.header is not None and path.is_file():
            self._read()

    def _read_run(self) -> None:
        try:
            header = json.loads(self._run.read_bytes())
            if isinstance(header["seed"], int) and isinstance(header["options"], dict):
                self.noted = {name: header.pop(name) for name in NOTED if name in header}
                self.header = header
        except (OSError, ValueError, KeyError, TypeError):
            return  # what was graded under unknown conditions does not count

    def _read(self) -> None:
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._note(line)
                self._end += len(line)

    def _note(self, line: bytes) -> None:
        try:
            data = json.loads(line)
            place = _Line(self._end, len(line), data.pop("content"), data["score"] is not None)
            self._lines[data["id"]] = place
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # not a record: its submission is graded again

    def begin(self, header: Header, noted: dict[str, Any] | None = None, *, fresh: bool = False) -> None:
        """Starts anew where the header is another one: what was graded in another way does not count.

        Args:
            noted: what is written down, too.
        """
        if fresh or header != self.header or not self.path.is_file():
            self._lines, self._end = {}, 0
            write_atomic(self.path, "")  # before the header: no old record may ever stand under a new one
        self.header, self.noted = header, noted or {}
        write_atomic(self._run, json.dumps({**header, **self.noted}, indent=1) + "\n")
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
        line = f'{record[:-1]},"content":"{content}"}}\n'.encode()
        assert self._file is not None
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._lines[id] = _Line(self._end, len(line), content, complete)
        self._end += len(line)

    def content(self, id: str) -> str:  # noqa: A002
        """The digest of what the record of a submission is a record of."""
        return self._lines[id].content

    def line(self, id: str) -> bytes:  # noqa: A002
        """The record of a submission as it stands in the file, with its content and its line end."""
        line = self._lines[id]
        with self.path.open("rb") as file:
            file.seek(line.start)
            return file.read(line.length)

    @property
    def ids(self) -> list[str]:
        """Whose records there are."""
        return [*self._lines]

    def knows(self, id: str) -> bool:  # noqa: A002
        """Whether there is a record of this submission, whatever it held then."""
        return id in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def record(self, id: str, loads: Callable[[bytes], Any] = json.loads) -> dict[str, Any]:  # noqa: A002
        """The record of a submission, read from the disk."""
        record: dict[str, Any] = loads(self.line(id))
        del record["content"]
        return record

    def keep(self, ids: Iterable[str]) -> None:
        """Leaves the records of these submissions, in this order, and no others; nothing is added after that."""
        lines: dict[str, _Line] = {}
        end = 0
        self.close()
        with self.path.open("rb") as old, writing_atomic(self.path, durable=True) as new:
            for name in ids:
                line = self._lines[name]
                old.seek(line.start)
                new.write(old.read(line.length))
                lines[name] = _Line(end, line.length, line.content, line.complete)
                end += line.length
        self._lines, self._end = lines, end

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
