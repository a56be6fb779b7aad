"""Questions and answers between the grader and a learner's code, in their order and when something is lost."""

import pytest

from grader.errors import Crashed, GraderError, TimedOut
from grader.protocol.values import CodecError
from grader.remote.connection import Connection


class Script:
    """A transport that answers what it is told to, and counts."""

    def __init__(self, *replies):
        self.replies, self.asked, self.output, self.is_closed = [*replies], [], "said", False

    def begin(self, seconds):
        self.output = ""

    def request(self, frame, answer):
        self.asked.append(frame)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return answer(b"a question") if reply == b"?" else reply

    def close(self):
        self.is_closed = True


def opened(*replies):
    script = Script(*replies)
    connection = Connection(lambda: script)
    connection.open()
    return connection, script


def nothing(question):
    raise CodecError("no question")


def test_what_was_asked_ahead_is_not_asked_again():
    connection, script = opened(b"one", b"two")
    assert connection.ask_ahead(b"first", nothing) == b"one"
    assert connection.record == []
    assert [connection.ask(b"first", nothing), connection.ask(b"second", nothing)] == [b"one", b"two"]
    assert script.asked == [b"first", b"second"]
    assert connection.record == [(b"first", b"one"), (b"second", b"two")]


def test_another_question_than_was_asked_ahead_is_a_fault_of_the_kit():
    connection, _ = opened(b"one")
    connection.ask_ahead(b"first", nothing)
    with pytest.raises(GraderError, match="asks something else"):
        connection.ask(b"second", nothing)


def test_what_is_lost_ahead_is_lost_where_the_check_asks():
    lost = TimedOut("no result after 10 seconds")
    connection, script = opened(lost)
    assert connection.ask_ahead(b"first", nothing) is lost
    assert script.is_closed
    assert not connection.is_open
    with pytest.raises(TimedOut):
        connection.ask(b"first", nothing)
    with pytest.raises(Crashed, match="is gone"):
        connection.ask(b"second", nothing)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_question_that_is_none_ends_the_connection(ahead):
    connection, script = opened(b"?")
    if ahead:
        connection.ask_ahead(b"first", nothing)
    with pytest.raises(Crashed, match="no result"):
        connection.ask(b"first", nothing)
    assert script.is_closed


def test_what_was_printed_outlives_the_connection_for_this_check():
    connection, _ = opened(b"one")
    connection.close()
    assert connection.output == "said"
    connection.forget()
    assert connection.output == ""
