"""Orders to a standby: the newest is carried out, and a run that nobody waits for is ended."""

import io
import json
import sys
import threading
from dataclasses import replace

import pytest

from grader.errors import TimedOut
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.discovery import Kit
from grader.learner.running import Ended, Running
from grader.learner.standby_process import _one_after_another
from grader.remote.transport import LocalTransport
from grader.source.file import File


def test_a_newer_order_ends_the_run_at_hand_where_nothing_can_be_forked(monkeypatch):
    begun, carried_out, told = threading.Event(), [], []

    class Lines(io.StringIO):
        def readline(self, *_):
            if not (line := super().readline()).startswith('{"order": 1}'):
                assert begun.wait(60)
            return line

    def work(order, running):
        begun.set()
        while order["order"] == 1:  # until it is ended
            running.step()
        carried_out.append(order["order"])

    lines = Lines("".join(json.dumps({"order": number}) + "\n" for number in (1, 2)))
    monkeypatch.setattr(sys, "stdin", lines)
    monkeypatch.setattr(lines, "close", lambda: None)
    _one_after_another(work, told.append)
    assert 1 not in carried_out


def test_where_somebody_waits_the_core_checks_run_first_and_the_results_are_the_same():
    kit = Kit()
    (five,) = kit.find(["5"])
    session, file = Session(kit, [five], CheckSettings(1)), File(five.stub.name, five.solution.read_bytes())
    ran, core = [], []

    def note_core(result):
        assert len(ran) == len(result.outcomes)
        core.append(result)

    result = session.run(five, file, on_check=lambda: ran.append(1), on_core=note_core)
    assert core[0].core_passes
    assert {outcome.tier for outcome in core[0].outcomes} == {"core"}
    assert [outcome.id for outcome in result.outcomes] == [check.id for check in session.checks[five.slug]]
    assert untimed(result) == untimed(session.run(five, file))


def test_what_stands_before_a_check_that_does_not_end_is_run_all_the_same():
    """The core of the second function runs before the robust checks of the first: those do not need it."""
    kit = Kit()
    (six,) = kit.find(["6"])
    file = File(six.stub.name, six.solution.read_bytes())

    def connect():
        transport = LocalTransport()
        ask = transport.request

        def request(frame, answer):
            if b"attention_scores" in frame and b"def attention_scores" not in frame:  # the file itself loads
                raise TimedOut("no result")
            return ask(frame, answer)

        transport.request = request
        return transport

    session = Session(kit, [six], CheckSettings(1, connect=connect, timeouts=1))
    result = session.run(six, file, on_core=lambda _: None)
    said = {outcome.of: [] for outcome in result.outcomes}
    for outcome in result.outcomes:
        said[outcome.of].append(outcome.verdict)
    assert set(said["project_qkv"]) == {"pass"}
    assert len(said["project_qkv"]) > 1
    assert set(said["attention_scores"]) == {"timeout"}
    assert "not run" not in result.first_failure.message


def untimed(result):
    return [replace(outcome, seconds=0.0) for outcome in result.outcomes]


def test_no_worker_is_started_for_a_run_that_is_over():
    opened = []
    running = Running()
    settings = running.settings(CheckSettings(1, connect=lambda: opened.append(1)))
    running.end()
    with pytest.raises(Ended):
        settings.connect()
    with pytest.raises(Ended):
        running.step()
    assert not opened
