"""A learner's file as it travels to where it runs."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from pathlib import Path

from grader.limits import MAX_SOURCE
from grader.source.definitions import MARK


@dataclass(frozen=True)
class File:
    """A file that somebody wrote for an exercise.

    Args:
        name: where it lies in the submission.
        text: Python source, as bytes.
        definitions_only: it comes from a notebook: only imports, constants, functions and classes are run.
        path: where it lies on this disk as it is, if it does.
        refusal: why it can't be used, a sentence; `text` is empty then.
        unreadable: the same, where this disk is the reason and not the file: no fault of who wrote it.
    """

    name: str
    text: bytes
    definitions_only: bool = False
    path: Path | None = None
    refusal: str = ""
    unreadable: str = ""

    @classmethod
    def at(cls, path: Path) -> File:
        """The file at a path; one that can't be read says so in `refusal`."""
        try:
            return cls(path.name, path.read_bytes(), path=path)
        except OSError as error:
            return cls(path.name, b"", path=path, refusal=f"{path.name} cannot be read: {error.strerror}")


@dataclass(frozen=True)
class Source:
    """One exercise file and what may be imported with it.

    Args:
        slug: the exercise, `ex06_self_attention`.
        filename: the file name that tracebacks carry.
        shown: the file name in messages, short.
        text: the file's bytes.
        earlier: slug -> (file name, bytes) of the earlier exercises' references.
        shortcuts: library calls that would do the whole work.
        definitions_only: run nothing of it but imports, constants, functions and classes.
    """

    slug: str
    filename: str
    shown: str
    text: bytes
    earlier: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    shortcuts: list[str] = field(default_factory=list)
    definitions_only: bool = False

    @property
    def refusal(self) -> str:
        """Why it is not loaded, a sentence; empty where it is."""
        if self.text[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return f"{self.shown} is UTF-16 text, which Python cannot read; save it as UTF-8"
        size = f"{len(self.text):,} bytes"
        limit = f"a file of more than {MAX_SOURCE:,} is not read"
        return f"{self.shown} has {size}; {limit}" if len(self.text) > MAX_SOURCE else ""


def where(file: File | Source, line: int) -> str:
    """A line in words: `line 38`; in a notebook `cell 3, line 2`."""
    if file.definitions_only:
        for up, words in enumerate(reversed(file.text.split(b"\n")[:line])):
            if MARK.fullmatch(words):
                return f"cell {int(words.rpartition(b' ')[2])}, line {up}"
    return f"line {line}"


def spot(name: str, file: File | Source | None, line: int | None) -> str:
    """A file and a line in it: `ex06_self_attention.py:38`."""
    if not line:
        return name
    return f"{name}, {where(file, line)}" if file is not None and file.definitions_only else f"{name}:{line}"
