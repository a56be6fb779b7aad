"""How much of a submission is read. What is more is left out, and a sentence says so."""

from __future__ import annotations

import time

MAX_NOTEBOOK = 10 << 20
"""Bytes of a notebook without its saved outputs and pictures."""
MAX_SAVED_NOTEBOOK = 200 << 20
"""Bytes of a notebook as it was saved."""
MAX_FILES = 20_000
"""Files and folders of one submission that are looked at."""
MAX_FOLDERS_DEEP = 16
MAX_PATH = 1_000
"""Characters of a path in a submission."""
MAX_UNNAMED = 16 << 20
"""Bytes of one submission that are read because their files' names say nothing; 256 files at most."""
MAX_STUDENTS = 100
"""Submissions in one archive of a whole class, each as large as one may be."""
MAX_PROBLEMS = 20
"""Sentences about one submission."""
MAX_DIRECTORY = 8 << 20
"""Bytes of the list of files in a zip archive."""
MAX_UNPACKED = 256 << 20
"""Bytes to which a packed tar may unpack."""
MAX_KEPT = 64 << 20
"""Bytes of code and notebooks in a packed tar."""
MAX_ARCHIVE_IN_ARCHIVE = 128 << 20
MAX_RATIO = 200
"""How many times its size a file may unpack to, unless it is a notebook: saved outputs repeat themselves."""
MAX_NESTING = 3
"""Archives in one another."""
MAX_ARCHIVE_SECONDS = 10
"""Of computing, to read the archives of one submission."""


class Unreadable(Exception):
    """A file or an archive that can't be read; says why, as the end of a sentence."""


class DiskError(Unreadable):
    """This disk does not let it be read: no fault of who handed it in."""


class Bounds:
    """How much may come out of the archives of one submission, all together. What is more raises Unreadable.

    Args:
        scale: how many submissions this is.
    """

    def __init__(self, scale: int = 1) -> None:
        self.directory = MAX_DIRECTORY * min(scale, 32)
        """Bytes of the list of files in one zip archive."""
        self._files = MAX_FILES * scale
        self._unpacked = MAX_UNPACKED * scale
        self._kept = MAX_KEPT * scale
        self._seconds = MAX_ARCHIVE_SECONDS * scale
        self._start = time.process_time()

    def count(self) -> None:
        """One more file."""
        self._files -= 1
        if self._files < 0:
            raise Unreadable("holds more files than are looked at: those beyond were left out")
        if time.process_time() - self._start > self._seconds:
            raise Unreadable(f"takes more than {self._seconds} seconds to read: what came after was left out")

    def unpack(self, size: int) -> None:
        """So many bytes more came out of something that must be read from its beginning."""
        self._unpacked -= size
        if self._unpacked < 0:
            raise Unreadable(f"unpacks to more than {MAX_UNPACKED >> 20} MB: what came after was left out")

    def keep(self, size: int) -> None:
        """So many bytes more are held in memory."""
        self._kept -= size
        if self._kept < 0:
            raise Unreadable(f"holds more than {MAX_KEPT >> 20} MB of code: what came after was left out")
