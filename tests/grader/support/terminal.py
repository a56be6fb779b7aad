"""A program in a real terminal, driven as a person would: keys in, a screen out."""

import os
import sys
import time

import pexpect
import pyte

PATIENCE = 120.0
"""Seconds until something that must appear is given up on: for the slowest, busiest machine."""


class Terminal:
    """A program on a terminal of its own.

    Args:
        folder: where it runs.
        arguments: what follows `python`.
    """

    def __init__(self, folder, *arguments, rows=24, columns=80, **environment):
        settings = {**os.environ, "TERM": "xterm", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        for name in ("VISUAL", "EDITOR", "PYTEST_CURRENT_TEST", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
            settings.pop(name, None)
        settings.update({"PAGER": "cat", **environment})
        self.screen = pyte.HistoryScreen(columns, rows, history=2000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.draws = True
        """Whether the screen is kept up to date, which costs time that a measurement would count."""
        self.echoes_at_the_end = False
        self.process = pexpect.spawn(
            sys.executable, list(map(str, arguments)), cwd=str(folder), env=settings, dimensions=(rows, columns)
        )

    def read(self, seconds=0.05):
        """Takes what the program wrote; False when it has ended."""
        try:
            data = self.process.read_nonblocking(1 << 16, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        if self.draws:
            self._stream.feed(data)
        return True

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self):
        return "\n".join(self.lines).rstrip()

    def until(self, condition, what):
        """Reads until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            alive = self.read()
            assert alive or condition(), f"the program ended before {what}:\n{self.text}"
            assert time.monotonic() < end, f"waited in vain for {what}; the screen:\n{self.text}"

    def shows(self, *words):
        """Waits until all of these are on the screen."""
        self.until(lambda: all(word in self.text for word in words), words)

    def press(self, key, *words):
        """Presses a key, and waits until the words are on the screen."""
        self.process.send(key)
        if words:
            self.shows(*words)

    def ends(self):
        """Waits for the end; the exit status."""
        end = time.monotonic() + PATIENCE
        while self.read(0.1):
            assert time.monotonic() < end, f"it does not end; the screen:\n{self.text}"
        self.echoes_at_the_end = self.process.getecho()
        self.process.close()
        return self.process.exitstatus if self.process.exitstatus is not None else -self.process.signalstatus
