"""Memory held back, to have some for saying that there is none left."""

from __future__ import annotations

import mmap


class Spare:
    """Memory that is given up once, when the rest has run out.

    Args:
        size: bytes; 0 where others need it more.
    """

    def __init__(self, size: int) -> None:
        self._held = mmap.mmap(-1, size) if size else None

    def is_given_up_for(self, error: BaseException) -> bool:
        """Whether this error is a lack of memory, and there was some to give up. Takes none itself."""
        if self._held is None or not isinstance(error, MemoryError):
            return False
        self._held.close()
        self._held = None
        return True
