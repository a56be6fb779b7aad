"""Single keys from a terminal, without Enter. The terminal is as it was after `stop`."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator

END = ""
"""What is put when the terminal is gone."""


class Keys:
    """Reads keys in a thread of its own.

    Args:
        put: gets each key; `END` when there will be no more.
    """

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._read, args=[self._begin()], daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._end()
            self._thread.join()
            self._thread = None

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        """The terminal belongs to another program."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    if sys.platform == "win32":

        def _begin(self) -> threading.Event:
            self._over = threading.Event()
            return self._over

        def _end(self) -> None:
            self._over.set()

        def _read(self, over: threading.Event) -> None:
            import _thread
            import msvcrt

            while not over.wait(0.05):
                while msvcrt.kbhit():
                    key = msvcrt.getwch()
                    if key in "\x00\xe0":
                        msvcrt.getwch()  # an arrow or a function key: two codes
                    elif key == "\x03":
                        _thread.interrupt_main()
                    else:
                        self._put(key)

    else:

        def _begin(self) -> int:
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin, termios.TCSANOW)
            over, self._wake = os.pipe()
            return over

        def resume(self) -> None:
            """The shell had the terminal in between (Ctrl-Z, fg)."""
            import tty

            if self._thread is not None:
                tty.setcbreak(sys.stdin)

        def _end(self) -> None:
            import termios

            os.close(self._wake)
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(sys.stdin, termios.TCSANOW, self._before)

        def _read(self, over: int) -> None:
            import select

            terminal = sys.stdin.fileno()
            with contextlib.closing(os.fdopen(over, "rb", 0)):
                while True:
                    ready, _, _ = select.select([terminal, over], [], [])
                    if over in ready:
                        break
                    try:
                        data = os.read(terminal, 64)
                    except OSError:
                        data = b""
                    if not data:
                        self._put(END)
                        break
                    if data[:1] != b"\x1b":  # an arrow or a function key: several codes
                        for key in data.decode(errors="ignore"):
                            self._put(key)
