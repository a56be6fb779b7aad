"""Raises exceptions with endless, forbidden and changing words."""
import itertools


class Rude(Exception):
    def __str__(self):
        raise KeyboardInterrupt


class Long(Exception):
    def __str__(self):
        return "\x1b]0;title\x07\u202e\x00" + "long " * 1_000_000


class NotImplementedError(Exception):
    __module__ = "builtins"


Rude.__name__ = "R" * 100_000
KINDS = itertools.cycle([Rude(), Long(), NotImplementedError("unwritten")])


def throw(*a, **k):
    raise next(KINDS)


everywhere(throw)
