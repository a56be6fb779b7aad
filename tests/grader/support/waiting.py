"""Waits for what another process does."""

import time

DEADLINE = 600
"""Seconds after which it will not happen any more."""


def wait_for(happened, seconds=DEADLINE):
    """Returns as soon as `happened()` is true."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
