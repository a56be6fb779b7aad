"""A learner's file as it travels to where it runs."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """

    slug: str
    filename: str
    shown: str
    text: bytes
    earlier: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    shortcuts: list[str] = field(default_factory=list)
