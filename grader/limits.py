"""The bounds on a worker, and on everything that crosses between it and the grader. Imports nothing of the kit."""

from __future__ import annotations

from dataclasses import dataclass

MAX_FRAME = 64 << 20
"""Bytes of the tensors in one frame. The largest value that a check moves is under 2 MB."""
MAX_DOCUMENT = 4 << 20
"""Bytes of a frame that are not tensors."""
MAX_NODES = 20_000
"""Values in one frame: lists, numbers, tensors ..."""
MAX_SOURCE = 1 << 20
"""Bytes of a learner's file."""
MAX_QUESTIONS = 2_000
"""Callbacks that one check's calls may make: the longest decoding asks 100 times."""
MAX_DEPTH = 24
MAX_TEXT = 8_192
"""Characters of one str."""
MAX_OUTPUT = 4_096
"""Characters of a learner's own output that are kept, for one check."""
OUTPUT_SECONDS = 2.0
"""A check that prints more than is kept and takes longer is the last one that a learner waits for."""
CHECK_SECONDS = 10.0
"""A learner's time for one check, and for loading the file."""
MAX_MESSAGE = 2_000
"""Bytes of a message."""
START_SECONDS = 120.0
"""For a process to import torch and answer, on the slowest machine."""
MAX_RECORD = 1 << 20
"""Bytes of one submission's record."""


@dataclass(frozen=True)
class Limits:
    """What one worker may use.

    Args:
        memory_mb: memory on top of what Python and torch take.
        seconds: wall time for one check, and for loading the file.
        exercise_seconds: wall time for all checks of one exercise.
        processes: threads, for no worker may start a process.
        disk_mb: everything that it writes; one file is no larger.
        files: open files.
    """

    memory_mb: int = 2_048
    seconds: float = 10.0
    exercise_seconds: float = 120.0
    processes: int = 64
    disk_mb: int = 64
    files: int = 256
