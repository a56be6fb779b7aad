"""Work in a forked copy of the process: its result comes back, and nothing else of it."""

import os
import signal
from dataclasses import replace

import pytest

from grader.judging.session import Session
from grader.learner.in_a_fork import in_a_fork
from grader.system import can_fork

pytestmark = pytest.mark.skipif(not can_fork(), reason="no fork is sound here")


def test_the_result_comes_back_from_another_process():
    begun = []

    def work():
        begun.append(os.getpid())
        return begun

    wait = in_a_fork(work)
    there = wait()
    assert there != [os.getpid()]
    assert begun == []


@pytest.mark.parametrize("how", ["raises", "is killed", "has no result that crosses"])
def test_where_nothing_comes_back_the_work_is_done_here(how):
    here = os.getpid()

    def work():
        if os.getpid() == here:
            return "done here"
        if how == "raises":
            raise ValueError("there alone")
        if how == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return lambda: None

    assert in_a_fork(work)() == "done here"


def test_what_the_work_raises_is_raised_here():
    def work():
        raise ValueError("everywhere")

    with pytest.raises(ValueError, match="everywhere"):
        in_a_fork(work)()


UNSCALED = b"\n\ndef attention_scores(q, k):\n    return q @ k.transpose(-2, -1)\n"
RAISES = b"\n\ndef attention_scores(q, k):\n    raise ValueError(q.shape)\n"


@pytest.mark.parametrize(
    ("text", "begins"), [(UNSCALED, True), (RAISES, False), (b"", False)], ids=["wrong", "raises", "right"]
)
def test_a_learner_is_told_the_same(kit, exercise, session, submit, text, begins):
    """A fork is worth its time where the learner's code shows meanwhile where a wrong result came from."""
    six, begun = exercise(6), []

    def beside(work):
        begun.append(work)
        return in_a_fork(work)

    forking = Session(kit, [six], replace(session.settings, beside=beside))
    file = submit(six, six.solution.read_bytes() + text)
    here, there = session.run(six, file), forking.run(six, file)
    assert bool(begun) == begins
    said = [[(one.message, one.mistake, one.step, one.example) for one in result.outcomes] for result in (here, there)]
    assert said[0] == said[1]
    assert any(name for _, name, _, _ in said[0]) == any(example for _, _, _, example in said[0]) == begins
