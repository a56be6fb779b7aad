"""Every check on every device; an absent one is counted, a wrong one is named."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from grader import simulated_gpu
from grader.errors import LearnerError, Mismatch, NotHere, UsageError
from grader.judging.exercise import CheckSettings, run_exercise
from grader.judging.session import Session, absent, devices, work_here
from grader.remote.code import Code
from grader.remote.transport import LocalTransport, WorkerTransport
from grader.reports.terminal import Screen
from grader.results.verdicts import FAIL, MISSING, PASS, SKIP, UNWRITTEN
from grader.source.file import Source

CUDA = "torch.cuda.is_available"
MPS = "torch.backends.mps.is_available"


@pytest.fixture
def machine(monkeypatch):
    """A machine with these accelerators, as far as torch says."""

    def has(*names):
        monkeypatch.setattr(CUDA, lambda: "cuda" in names)
        monkeypatch.setattr(MPS, lambda: "mps" in names)

    return has


@pytest.mark.parametrize(
    ("present", "wanted", "used", "missed"),
    [
        ((), "auto", ["cpu"], ["cuda"]),
        ((), "cpu", ["cpu"], []),
        (("cuda",), "auto", ["cpu", "cuda"], []),
        (("mps",), "auto", ["cpu"], ["cuda"]),
        (("mps",), "mps", ["mps"], []),
        (("cuda",), "cpu", ["cpu"], []),
        (("cuda",), "cuda", ["cuda"], []),
    ],
)
def test_auto_is_the_cpu_first_and_the_gpu_on_which_right_code_was_measured(machine, present, wanted, used, missed):
    machine(*present)
    assert (devices(wanted), absent(wanted)) == (used, missed)


def test_an_absent_device_that_was_asked_for_is_refused(machine):
    machine()
    with pytest.raises(UsageError, match="no cuda; it has cpu"):
        devices("cuda")


@pytest.fixture
def skipping(kit, exercise):
    """Exercise 6 on a machine without a GPU, and with none asked for."""
    found = [exercise(6)]
    plain = Session(kit, found, CheckSettings(7))
    auto = Session(kit, found, replace(plain.settings, absent=("cuda",)))
    return found[0], plain, auto


@pytest.mark.parametrize("file", ["solution", "stub", None])
def test_each_check_is_skipped_beside_its_outcome_and_nothing_else_changes(skipping, file):
    exercise, plain, auto = skipping
    path = getattr(exercise, file) if file else None
    one, both = plain.run(exercise, path), auto.run(exercise, path)
    assert (both.verdict, both.score, both.max_score) == (one.verdict, one.score, one.max_score)
    assert both.verdict == {"solution": PASS, "stub": UNWRITTEN, None: MISSING}[file]
    count = len(one.outcomes)
    assert [o.id for o in both.outcomes] == [o.id for o in one.outcomes] * 2
    assert {o.device for o in both.outcomes[:count]} == {"cpu"}
    facts = {(o.device, o.verdict, o.points, o.max_points, o.message) for o in both.outcomes[count:]}
    assert facts == {("cuda", SKIP, 0.0, 0.0, "no cuda here")}


def test_skips_of_an_absent_device_stand_in_no_exercises_line(skipping, capsys):
    exercise, _, auto = skipping
    result = auto.run(exercise, exercise.solution)
    Screen().exercise(result, every_check=True)
    shown = capsys.readouterr().out
    count = len(result.outcomes) // 2
    assert shown.splitlines()[0].endswith(f"checks: {count} on cpu")
    assert len(shown.splitlines()) == 1 + count


def test_a_check_that_its_device_cannot_do_is_listed_and_counted(skipping, capsys):
    exercise, plain, _ = skipping
    result = plain.run(exercise, exercise.solution)
    outcomes = [*result.outcomes[:-1], replace(result.outcomes[-1], verdict=SKIP, message="mps has no float64")]
    Screen().exercise(replace(result, outcomes=outcomes), every_check=True)
    shown = capsys.readouterr().out
    assert f"checks: {len(outcomes) - 1} on cpu and 1 skipped" in shown
    assert len(shown.splitlines()) == 1 + len(outcomes)


TEXT = b"""
import torch
from sys import modules

def here(x):
    return x + torch.arange(3, device=x.device)

def mixed(x):
    return x + torch.arange(3)

def back(x):
    return (x + 1).cpu()

def table(size, device=None):
    return torch.zeros(size, device=device)

def imported(x):
    lstm = torch.nn.LSTM(3, 2).to(x.device)
    lstm(x)[0].softmax(-1).sum().backward()
    return [name for name in ("torch._dynamo", "torch.distributed.tensor", "sympy") if name in modules]

def lazy(size, device=None):
    return torch.zeros(size)

class AcceleratorError(RuntimeError):
    pass

calls = []

def past_the_end(x):
    calls.append(x)
    if len(calls) > 1:
        raise AcceleratorError("CUDA error: device-side assert triggered")
    return x
"""


class Reference:
    """Stands for the grader's module: gives calls the names of their parameters."""

    @staticmethod
    def table(size, device=None):
        return torch.zeros(size, device=device)


@pytest.fixture(params=["local", "worker"])
def code(request, workers):
    connect = LocalTransport if request.param == "local" else lambda: WorkerTransport(workers)
    made = Code(Source("ex06_self_attention", "learner.py", "learner.py", TEXT), connect, Reference)
    made.seconds = 30.0
    made.begin(1)
    yield made
    made.close()


def test_code_works_on_a_simulated_gpu_until_the_check_ends(code):
    code.move_to_gpu()
    assert code.here(torch.ones(3)).tolist() == [1, 2, 3]
    with pytest.raises(Exception, match=r"mixed\(.*\) on a simulated GPU raised RuntimeError: .*gpu:0 and cpu"):
        code.mixed(torch.ones(3))
    code.begin(2)
    assert code.mixed(torch.ones(3)).tolist() == [1, 2, 3]


def test_a_result_on_another_device_is_a_sentence_of_its_own(code):
    code.move_to_gpu()
    with pytest.raises(Mismatch, match="returned a tensor on cpu; expected gpu, the device of its input"):
        code.back(torch.ones(3))
    assert code.table(2, device=code.place).tolist() == [0, 0]
    assert code.table(2).tolist() == code.table(2, code.place).tolist() == [0, 0]
    with pytest.raises(Mismatch, match="returned a tensor on cpu; expected gpu, as asked for"):
        code.lazy(2, device=code.place)


MODES = b"""
import torch

def modes(x):
    return torch._C._len_torch_function_stack()
"""


@pytest.mark.parametrize("where", ["nowhere", "in the file", "in an earlier one"])
def test_who_never_says_cuda_is_not_listened_to(where):
    text = MODES + b"# a comment on cuda" if where == "in the file" else MODES
    earlier = {"ex05_earlier": ("ex05_earlier.py", b"x.cuda()" if where == "in an earlier one" else b"")}
    code = Code(Source("ex06_self_attention", "learner.py", "learner.py", text, earlier), LocalTransport, Reference)
    code.begin(1)
    code.move_to_gpu()
    assert code.modes(torch.ones(1)) == (0 if where == "nowhere" else 1)
    code.close()


def test_nothing_slow_is_imported_for_it(workers):
    source = Source("ex06_self_attention", "learner.py", "learner.py", TEXT)
    code = Code(source, lambda: WorkerTransport(workers), Reference)
    code.seconds = 30.0
    code.begin(1)
    code.move_to_gpu()
    imported = code.imported(torch.ones(4, 3))
    code.close()
    assert imported == []


def test_where_a_gpu_cannot_be_simulated_the_check_is_skipped(code, monkeypatch):
    monkeypatch.setattr("grader.simulated_gpu.available", lambda: False)
    with pytest.raises(NotHere, match="cannot simulate a GPU"):
        code.move_to_gpu()


def test_after_an_error_that_a_gpu_does_not_outlive_the_next_check_has_another_process(code):
    code.past_the_end(torch.ones(1))
    with pytest.raises(LearnerError, match="device-side assert"):
        code.past_the_end(torch.ones(1))
    code.begin(2)
    assert code.past_the_end(torch.ones(1)).tolist() == [1]


def test_a_run_on_a_real_gpu_simulates_nothing(code):
    code.device = code.place = "cuda"
    code.move_to_gpu()
    assert code.place == "cuda"


def test_a_process_that_works_on_a_gpu_itself_simulates_none(code, monkeypatch):
    """The CPU plays the real one."""
    monkeypatch.setattr(simulated_gpu, "_real", "")
    work_here(["cpu"])
    assert simulated_gpu.place() == simulated_gpu.NAME
    monkeypatch.setattr(simulated_gpu, "yield_to", lambda device: monkeypatch.setattr(simulated_gpu, "_real", "cpu"))
    work_here(["cpu", "cuda"])
    code.begin(1)
    code.move_to_gpu()
    if isinstance(code.connection.transport, LocalTransport):
        assert code.place == "cpu"
        assert code.mixed(torch.zeros(3)).tolist() == [0, 1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no cuda here")
@pytest.mark.timeout(300)
def test_every_solution_passes_on_a_real_gpu_in_a_worker(kit, workers):
    elsewhere = partial(WorkerTransport, workers)
    session = Session(kit, kit.exercises, CheckSettings(5, ["cuda"], elsewhere=elsewhere))
    for exercise in kit.exercises:
        result = session.run(exercise, exercise.solution)
        assert {outcome.message for outcome in result.outcomes if outcome.verdict != PASS} == set(), exercise.slug


def test_a_wrong_device_costs_the_device_check_alone(session, exercise):
    six = exercise(6)
    recogniser = session.recogniser(six)
    wrong = six.solution.read_text(encoding="utf-8").replace("return output, weights", "return output, weights.cpu()")
    source = Source(six.slug, "<learner>", "learner.py", wrong.encode())
    found = run_exercise(session.checks[six.slug], source, recogniser.trusted.reference, recogniser, CheckSettings(3))
    failed = [outcome for outcome in found.outcomes if outcome.verdict == FAIL]
    assert [outcome.title for outcome in failed] == ["everything stays on the device of the input"]
    assert "on a simulated GPU returned a tensor on cpu" in failed[0].message
