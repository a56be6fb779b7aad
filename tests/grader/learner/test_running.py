"""Orders to a standby: the newest is carried out, and a run that nobody waits for is ended."""

import io
import json
import sys
import threading

import pytest

from grader.judging.exercise import CheckSettings
from grader.learner.running import Ended, Running
from grader.learner.standby_process import _one_after_another


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
