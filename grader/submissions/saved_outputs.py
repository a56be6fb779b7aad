"""A notebook's bytes without its saved outputs and pictures, as they come: those are no part of the work.

What is left out is never held, so that a notebook of 200 MB costs no more memory than its code does.
"""

from __future__ import annotations

import re
from typing import IO

from grader.submissions.bounds import Unreadable

CHUNK = 1 << 16
_LONGEST_START = 300
_SAVED = re.compile(rb'(?<!\\)"(?:outputs|attachments|widgets)"[ \t\r\n]{0,99}:[ \t\r\n]{0,99}(?=[\[{])')
_STEP = re.compile(rb'["\[{\]}]')
_REST_OF_TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)


class OutputFilter:
    """Takes a notebook piece by piece and gives it back with an empty output in the place of each saved one."""

    def __init__(self) -> None:
        self._left = b""
        self._depth = 0
        self._in_text = False

    def feed(self, data: bytes) -> bytes:
        """What is kept of the next piece, as far as that is certain."""
        self._left += data
        kept: list[bytes] = []
        while True:
            if self._depth:
                if not self._skip():
                    return b"".join(kept)
                continue
            start = _SAVED.search(self._left)
            if start is None:
                certain = max(0, len(self._left) - _LONGEST_START)
                kept.append(self._left[:certain])
                self._left = self._left[certain:]
                return b"".join(kept)
            kept.append(self._left[: start.end()])
            kept.append(b"[]" if self._left[start.end() : start.end() + 1] == b"[" else b"{}")
            self._left, self._depth = self._left[start.end() + 1 :], 1

    def rest(self) -> bytes:
        """What is kept of the end."""
        return b"" if self._depth else self._left

    def _skip(self) -> bool:
        """Goes on to the end of an output; False where it is not there yet."""
        place = 0
        while self._depth:
            if self._in_text:
                found = _REST_OF_TEXT.match(self._left, place)
                place = found.end() if found is not None else place
                if place >= len(self._left) or self._left[place : place + 1] == b"\\":
                    self._left = self._left[place:]
                    return False
                place, self._in_text = place + 1, False
            step = _STEP.search(self._left, place)
            if step is None:
                self._left = b""
                return False
            place = step.end()
            self._in_text = step[0] == b'"'
            self._depth += (step[0] in b"[{") - (step[0] in b"]}")
        self._left = self._left[place:]
        return True


def read_without_outputs(file: IO[bytes], limit: int, most: int, words: str = "") -> tuple[bytes, int]:
    """A notebook without its outputs, and how many bytes were read for that. Raises Unreadable where that is too much.

    Args:
        limit: of more bytes without outputs nothing is kept.
        most: so many bytes are read at most.
        words: what to say then.
    """
    found, kept, read = OutputFilter(), bytearray(), 0
    while read < most and (data := file.read(CHUNK)):
        read += len(data)
        kept += found.feed(data)
        if len(kept) > limit:
            raise Unreadable(
                words or f"is too large: a notebook of more than {limit:,} bytes, outputs aside, is not read"
            )
    kept += found.rest()
    return bytes(kept), read
