"""Jobs of a lab in threads of their own: their order, what is told of them, and how they end."""

import threading

import pytest

from grader.labs import side_by_side as module
from grader.labs.bench import Bench, Stopped
from grader.labs.side_by_side import side_by_side
from grader.launch import launcher
from grader.source.file import File

ENDLESS = "def encode(x, lengths, w_x, w_h, bias):\n    while True:\n        pass\n"


@pytest.fixture
def two(monkeypatch):
    """A machine of two cores."""
    monkeypatch.setattr(module, "cores", lambda: 2)


@pytest.fixture
def bench(workers, files, tmp_path):
    own = {**files, "ex01_encoder": File("ex01_encoder.py", ENDLESS.encode())}
    return Bench("memory", own, workers, "cpu", 1, False, tmp_path, seconds=20.0)


def test_jobs_run_at_once_and_come_back_in_their_order(bench, two):
    first, told = threading.Barrier(2), []
    bench.tell = lambda text, share: told.append((text, share))

    def job(number):
        def work(own):
            if number < 2:
                first.wait(20)  # neither goes on before the other has begun
            own.tell(f"job {number}", 0.5)
            own.tell(f"job {number}", 1.0)
            return number

        return work

    assert side_by_side(bench, [job(number) for number in range(5)]) == [0, 1, 2, 3, 4]
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {text for text, _ in told} == {f"job {number}" for number in range(5)}


def test_on_a_gpu_one_job_follows_the_other(bench, two):
    bench.device, running, most = "cuda", [], []

    def work(own):
        running.append(own)
        most.append(len(running))
        threading.Event().wait(0.01)
        running.remove(own)

    side_by_side(bench, [work] * 4)
    assert most == [1, 1, 1, 1]


@pytest.mark.parametrize("error", [Stopped("the first"), KeyboardInterrupt()])
def test_what_ends_one_job_ends_all(bench, two, error):
    """The other waits for an endless loop; a third is never begun."""
    asking, ended = threading.Event(), []

    def fails(own):
        asking.wait(20)
        raise error

    def waits(own):
        connect = own._connect

        def connected(device):
            worker = connect(device)
            asking.set()
            return worker

        own._connect = connected
        for _ in range(2):
            with pytest.raises(Stopped) as stopped:
                own.ask("gradients", 0, 3)
            ended.append(str(stopped.value))

    def never(own):
        ended.append("begun")

    with pytest.raises(type(error)):
        side_by_side(bench, [fails, waits, never])
    at_hand, later = ended
    assert "so there is no result" in at_hand
    assert later == "it was interrupted"


def test_the_fork_server_answers_one_thread_at_a_time(bench, two, workers, monkeypatch):
    if workers.name != "fork server":
        pytest.skip("none here")
    read, asking, most = launcher.read_number, [], []

    def slowly(connection):
        asking.append(connection)
        most.append(len(asking))
        threading.Event().wait(0.05)
        asking.pop()
        return read(connection)

    monkeypatch.setattr(launcher, "read_number", slowly)

    def start_and_end(own):
        for _ in range(3):
            workers.start().end()

    side_by_side(bench, [start_and_end] * 2)
    assert most == [1] * 12
