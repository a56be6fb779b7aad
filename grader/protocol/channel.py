"""Frames over a socket: a length, then that many bytes, with a bound on both time and size."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

from grader.limits import MAX_DOCUMENT, MAX_FRAME

LIMIT = MAX_FRAME + MAX_DOCUMENT
_HEAD = struct.Struct("<BI")
_CHUNK = 1 << 12
"""Bytes to ask for at least: most frames arrive whole with their head."""

REQUEST, REPLY, CALLBACK, OUTPUT, LINE = range(5)
"""What a frame is: the grader's request or answer; the worker's reply, question, printed text, or where it is."""


class Closed(Exception):
    """The other side is gone."""


class Nonsense(Exception):
    """The other side broke the protocol."""


class Channel:
    """One end of a connection between the grader and a worker. Several threads may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sending = threading.Lock()
        self._ahead = b""
        """What arrived together with the frame before."""

    def send(self, kind: int, frame: bytes, *, seconds: float | None = None) -> None:
        """Raises TimeoutError when the other side does not take the frame in time, Closed when it is gone."""
        with self._sending:
            self._socket.settimeout(seconds)
            try:
                self._socket.sendall(_HEAD.pack(kind, len(frame)) + frame)
            except TimeoutError:
                raise
            except OSError as error:
                raise Closed from error

    def receive(self, *, seconds: float | None = None) -> tuple[int, bytes]:
        """The next frame. The deadline is for the whole frame, however slowly its bytes arrive.

        Raises TimeoutError, Closed, or Nonsense for a frame over the limit.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        kind, length = _HEAD.unpack(self._exactly(_HEAD.size, deadline))
        if length > LIMIT:
            raise Nonsense(f"announced {length:,} bytes, the limit is {LIMIT:,}")
        return kind, self._exactly(length, deadline)

    def _exactly(self, count: int, deadline: float | None) -> bytes:
        parts, missing = [self._ahead], count - len(self._ahead)
        while missing > 0:
            if deadline is not None:
                self._socket.settimeout(max(deadline - time.monotonic(), 1e-3))
                if time.monotonic() > deadline:
                    raise TimeoutError
            else:
                self._socket.settimeout(None)
            try:
                part = self._socket.recv(max(_CHUNK, min(missing, 1 << 20)))
            except TimeoutError:
                raise
            except OSError as error:
                raise Closed from error
            if not part:
                raise Closed
            parts.append(part)
            missing -= len(part)
        data = b"".join(parts)
        self._ahead = data[count:]
        return data[:count]

    def interrupt(self) -> None:
        """Whoever waits for a frame here, in this thread or another, gets Closed."""
        with contextlib.suppress(OSError):  # closed meanwhile
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()
