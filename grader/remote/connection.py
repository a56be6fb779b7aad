"""Sends requests to a learner's code, frame by frame, and records the answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from grader.errors import Crashed, GraderError, Lost
from grader.protocol.values import CodecError
from grader.remote.transport import Answer, Transport

NO_RESULT = "the code sent bytes that are no result"


class Connection:
    """A connection to one learner's code that lasts from check to check, until it is lost or closed.

    Args:
        connect: opens a transport; called again after one was lost.
    """

    def __init__(self, connect: Callable[[], Transport]) -> None:
        self.record: list[tuple[bytes, bytes]] = []
        """Every question of this check and its answer."""
        self._connect = connect
        self.transport: Transport | None = None
        self._ahead: deque[tuple[bytes, bytes | Lost]] = deque()
        """Questions that were asked before the check came to them, and their answers."""
        self._printed = ""

    @property
    def is_open(self) -> bool:
        return self.transport is not None

    def open(self) -> None:
        self.transport = self._connect()

    def forget(self) -> None:
        """Forgets the last check."""
        self.record, self._printed = [], ""
        self._ahead.clear()

    def begin(self, seconds: float) -> None:
        """Starts the learner's time, in seconds."""
        assert self.transport is not None
        self.transport.begin(seconds)

    def ask(self, frame: bytes, answer: Answer) -> bytes:
        """The answer to a question. Raises Lost where none comes; the connection is closed then.

        Args:
            answer: answers what the learner's code asks meanwhile.
        """
        if not self._ahead:
            reply: bytes | Lost = self._send(frame, answer)
        else:
            asked, reply = self._ahead.popleft()
            if asked != frame:
                raise GraderError("a check asks something else than it asked before, though all answers are the same")
        if isinstance(reply, Lost):
            raise reply
        self.record.append((frame, reply))
        return reply

    def ask_ahead(self, frame: bytes, answer: Answer) -> bytes | Lost:
        """Sends a request that the check is going to make. The answer, or how it was lost, waits for the check."""
        reply = self._send(frame, answer)
        self._ahead.append((frame, reply))
        return reply

    def _send(self, frame: bytes, answer: Answer) -> bytes | Lost:
        if self.transport is None:
            return Crashed("the process that ran the code is gone")
        try:
            return self.transport.request(frame, answer)
        except Lost as lost:
            self.close()
            return lost
        except CodecError:  # a question that is none
            self.close()
            return Crashed(NO_RESULT)

    def close(self) -> None:
        if self.transport is not None:
            self._printed = self.transport.output
            self.transport.close()
            self.transport = None

    @property
    def output(self) -> str:
        """What the learner's code printed during this check."""
        return self.transport.output if self.transport is not None else self._printed

    @property
    def last_error(self) -> BaseException | None:
        """The exception of the last answer itself, where the code runs in this process."""
        return getattr(self.transport, "last_error", None)
