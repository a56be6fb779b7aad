"""Both transports carry the same: values, gradients, callbacks, modules, exceptions."""

import os
import socket
import threading
from types import SimpleNamespace

import pytest
import torch

from grader.checks.draw import Draw
from grader.checks.expect import Expect
from grader.errors import Crashed, LearnerError, LoadFailure, Mismatch, TimedOut, Unwritten
from grader.protocol.channel import OUTPUT, REPLY, REQUEST, Channel
from grader.remote.code import Code
from grader.remote.handles import Opaque
from grader.remote.transport import LocalTransport, WorkerTransport
from grader.source.file import Source
from grader.worker.main import _Look

TEXT = b"""
import torch
from torch import nn

def double(x):
    return 2 * x

def both(x):
    return x, 2 * x

def add_in_place(x):
    x.add_(1)
    return x

def loop(step, state, count):
    tokens = torch.zeros(2, dtype=torch.int64)
    for _ in range(count):
        logits, state = step(tokens, state=state)
        tokens = logits.argmax(-1)
    return logits, state

def loop_that_cuts(step, state, count):
    return loop(lambda tokens, state: step(tokens, state.detach()), state, count)

def other_without_grad(x):
    return 2 * x if torch.is_grad_enabled() else 3 * x

def without_a_use(x, y):
    return x + 0 * y.detach()

def coin(generator=None):
    return torch.rand(3, generator=generator)

def careless():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    return torch.zeros(1)

def stub():
    raise NotImplementedError("stub is unwritten")

def fails(x):
    raise ValueError(f"sizes {x.size(0)} and 7")

class Affine(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.dropout = nn.Dropout(1.0)

    def forward(self, x):
        return self.dropout(self.linear(x))

    def twice(self, x):
        return self(self(x))

class Turned(nn.Module):
    def __init__(self):
        super().__init__()
        self.b = nn.Linear(2, 2)
        self.a = nn.Linear(2, 2)

    def forward(self, x):
        return self.b(self.a(x))
"""


class Reference:
    """Stands for the grader's module: gives calls the names of their parameters."""

    @staticmethod
    def double(x):
        return 2 * x


@pytest.fixture(params=["local", "worker"])
def connect(request, workers):
    return LocalTransport if request.param == "local" else lambda: WorkerTransport(workers)


@pytest.fixture
def make(connect):
    made = []

    def start(text=TEXT, seconds=30.0, shortcuts=()):
        source = Source("ex06_self_attention", "learner.py", "learner.py", text, {}, list(shortcuts))
        code = Code(source, connect, Reference)
        code.seconds = seconds
        made.append(code)
        code.begin(1)
        return code

    yield start
    for code in made:
        code.close()


BACKWARD = b"""
import torch
from torch.nn.functional import layer_norm

class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return layer_norm(gradient, (3,))

def own(x):
    return Own.apply(x)
"""


def test_a_shortcut_in_a_backward_pass_is_seen(make):
    code = make(BACKWARD, shortcuts=["F.layer_norm"])
    call = code.own.call((torch.ones(2, 3),), {}, grad=True)
    assert code.shortcuts == []
    code.backward(call, [torch.ones(2, 3)])
    assert code.shortcuts == ["F.layer_norm"]


def test_values_cross_in_both_directions(make):
    assert make().double(torch.arange(3)).tolist() == [0, 2, 4]


def test_a_call_is_recorded_with_the_names_of_its_parameters(make):
    code = make()
    code.double(torch.ones(1))
    assert code.calls[0].text == "double(x)"
    code.double(3)
    assert code.calls[1].text == "double(3)"


def test_a_changed_input_is_noticed_and_the_judge_keeps_its_own(make):
    code, x = make(), torch.zeros(2)
    assert code.add_in_place(x).tolist() == [1, 1]
    assert x.tolist() == [0, 0]
    assert code.calls[-1].mutated == ["argument 1"]


def test_gradients_of_inputs_come_back(make):
    code, draw = make(), Draw(3)
    Expect(code, draw).gradients(code.double, lambda x: 2 * x, draw("batch d_k"))
    with pytest.raises(Mismatch, match="the gradient of double"):
        Expect(code, draw).gradients(code.double, lambda x: x + x.detach(), draw("batch d_k"))


@pytest.mark.parametrize(("scale", "is_cut"), [(0.0, False), (1e-17, False), (1.0, True)])
def test_no_gradient_stands_for_a_gradient_of_zero(make, scale, is_cut):
    code, draw = make(), Draw(3)
    inputs = draw("batch d_k"), draw("batch d_k")

    def right(x, y):
        return x + scale * (y - y.detach())

    if is_cut:
        with pytest.raises(Mismatch, match="is cut off: no gradient flows back to it"):
            Expect(code, draw).gradients(code.without_a_use, right, *inputs)
    else:
        Expect(code, draw).gradients(code.without_a_use, right, *inputs)


def test_grad_mode_may_change_no_result(make):
    code, draw = make(), Draw(3)
    with pytest.raises(RuntimeError, match="watch_random_state"):
        Expect(code, draw).no_side_effects()
    code.watch_random_state()
    code.double(draw("batch d_k"))
    Expect(code, draw).no_side_effects()
    code.other_without_grad(draw("batch d_k"))
    Expect(code, draw).no_side_effects(grad_mode=False)
    with pytest.raises(Mismatch, match="called again with grad mode off"):
        Expect(code, draw).no_side_effects()


def test_one_of_several_results_is_called_by_its_place(make):
    code, draw = make(), Draw(3)
    expect, (straight, doubled) = Expect(code, draw), code.both(draw("batch d_k"))

    def said(value, **options):
        with pytest.raises(Mismatch) as caught:
            expect.tensor(value, (1, 1, 1), **options)
        return caught.value.what.partition(" has shape")[0]

    assert said(doubled) == "the second result of both(...)"
    assert said(straight) == "the first result of both(...)"
    assert said(doubled.clone()) == "both(...)", "the check has made it of what was returned"
    assert said(doubled, what="the double") == "the double"
    assert said(code.double(draw("batch d_k"))) == "double(x)"


@pytest.mark.parametrize("name", ["loop", "loop_that_cuts"])
def test_whether_a_gradient_flows_back_from_what_a_callback_is_given_is_on_record(make, name):
    def step(tokens, state):
        return torch.eye(4, dtype=torch.float64)[(tokens + 1) % 4], state + 1

    inputs = (step, torch.zeros(2, dtype=torch.float64), 3)
    call = getattr(make(), name).call(inputs, {}, grad=True)
    assert call.attached == [[name == "loop"]] * 3


def test_callbacks_are_answered_by_the_judge_and_a_state_stays_his(make):
    code, states = make(), []

    def step(tokens, state):
        states.append(state.value)
        return torch.eye(4, dtype=torch.float64)[(tokens + 1) % 4], Opaque(state.value + 1)

    logits, state = code.loop(step, Opaque(10), 3)
    assert logits.tolist() == torch.eye(4)[[3, 3]].tolist()
    assert (states, state.value) == ([10, 11, 12], 13)
    assert [tokens.tolist() for tokens, _ in code.calls[-1].fed] == [[0, 0], [1, 1], [2, 2]]


def test_what_a_callback_refuses_is_raised_after_the_call(make):
    def step(tokens, state):
        raise Mismatch("step was called too often")

    with pytest.raises(Mismatch, match="too often"):
        make().loop(step, Opaque(None), 3)


def test_a_generator_crosses_as_its_seed(make):
    code = make()
    first = code.coin(torch.Generator().manual_seed(5))
    assert torch.equal(first, torch.rand(3, generator=torch.Generator().manual_seed(5)))
    assert code.calls[-1].changed == []


def test_global_state_is_watched_and_put_back(make):
    code = make()
    code.careless()
    assert code.calls[-1].changed == ["the default dtype"]
    code.watch_random_state()
    code.seed_default_generators(3)
    code.careless()
    assert code.calls[-1].changed == ["the default dtype", "torch's random state"]
    assert code.coin().dtype == torch.float32


def test_the_same_seed_gives_the_same_default_random_numbers(make):
    code = make()
    first = code.coin()
    code.begin(1)
    assert torch.equal(code.coin(), first)
    code.begin(2)
    assert not torch.equal(code.coin(), first)


def test_a_stub_is_unwritten_and_other_exceptions_are_told_in_words(make):
    code = make()
    with pytest.raises(Unwritten):
        code.stub()
    with pytest.raises(LearnerError, match="ValueError: sizes 3 and 7") as caught:
        code.fails(torch.ones(3))
    assert caught.value.raised.frames[-1][2:] == ("fails", 'raise ValueError(f"sizes {x.size(0)} and 7")')
    Expect(code, Draw(0)).raises(ValueError, code.fails, torch.ones(3), naming=(3, 7))
    with pytest.raises(Mismatch, match="does not contain 4"):
        Expect(code, Draw(0)).raises(ValueError, code.fails, torch.ones(3), naming=(4,))


class Affine(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(width, width)
        self.dropout = torch.nn.Dropout(1.0)

    def forward(self, x):
        return self.dropout(self.linear(x))

    def twice(self, x):
        return self(self(x))


def test_modules_are_built_loaded_called_and_differentiated(make):
    code, draw = make(), Draw(4)
    right = draw.weights(Affine(3))
    mine = code.Affine(3).load(right)
    expect = Expect(code, draw)
    expect.agrees(mine, right, draw("batch 3"))
    expect.agrees(mine.twice, right.twice, draw("batch 3"))
    expect.gradients(mine, right, draw("batch 3"))
    assert mine.describe().parameters == {"linear.weight": [3, 3], "linear.bias": [3]}


def test_training_flags_are_set_and_read(make):
    code = make()
    right = Draw(4).weights(Affine(3)).train()
    mine = code.Affine(3).load(right)
    assert mine(torch.ones(2, 3, dtype=torch.float64)).abs().sum() == 0
    mine.set_training({"dropout": False})
    assert mine.describe().training == {"": True, "linear": True, "dropout": False}
    assert mine(torch.ones(2, 3, dtype=torch.float64)).abs().sum() > 0


def test_a_parameter_with_another_name_or_shape_is_named(make):
    code, draw = make(), Draw(4)
    with pytest.raises(Mismatch, match=r"linear.weight of Affine has shape \(3, 3\), expected \(4, 4\)"):
        code.Affine(3).load(draw.weights(Affine(4)))
    with pytest.raises(Mismatch, match=r"Affine has no parameter weight; it has linear.weight, linear.bias"):
        code.Affine(3).load(draw.weights(torch.nn.Linear(3, 3)))


def test_parameters_may_be_made_in_another_order(make):
    right = torch.nn.Sequential()
    right.add_module("a", torch.nn.Linear(2, 2))
    right.add_module("b", torch.nn.Linear(2, 2))
    code, draw = make(), Draw(4)
    mine = code.Turned().load(draw.weights(right))
    Expect(code, draw).agrees(mine, right, draw("3 2"))


def test_an_optimizer_updates_the_learners_parameters(make):
    code = make()
    right = Draw(4).weights(Affine(2))
    mine = code.Affine(2).load(right)
    mine.set_gradients({name: torch.ones_like(p) for name, p in right.named_parameters()})
    assert mine.optimizer(0.5) is not None
    assert torch.equal(mine.parameters()["linear.bias"], right.linear.bias)


def test_objects_of_one_check_are_gone_in_the_next(make):
    code = make()
    mine = code.Affine(2)
    code.begin(2)
    with pytest.raises(LearnerError):
        mine(torch.ones(1, 2))


def test_a_load_failure_is_raised_again_by_every_check(make):
    with pytest.raises(LoadFailure) as first:
        make(b"def f(:\n")
    assert "SyntaxError" in str(first.value)


def test_a_process_that_ends_or_hangs_is_replaced(workers):
    text = TEXT + b"\ndef ends():\n    import os\n    os._exit(3)\n\ndef hangs():\n    while True: pass\n"
    code = Code(Source("ex06_self_attention", "x.py", "x.py", text), lambda: WorkerTransport(workers), Reference)
    code.begin(1)
    with pytest.raises(Crashed, match="exit status 3"):
        code.ends()
    with pytest.raises(Crashed, match="gone"):
        code.double(1)
    code.begin(1)
    assert code.double(2) == 4
    code.seconds = 0.3
    code.begin(1)
    with pytest.raises(TimedOut, match=r"no result after 0.3 seconds"):
        code.hangs()
    code.seconds = 30.0
    code.begin(1)
    assert code.double(2) == 4
    code.close()


def test_a_killed_fork_server_is_replaced(workers):
    if workers.name != "fork server":
        pytest.skip("no fork server on this platform")
    workers._server.kill()
    workers._server.wait()
    code = Code(Source("ex06_self_attention", "x.py", "x.py", TEXT), lambda: WorkerTransport(workers), Reference)
    code.begin(1)
    assert code.double(2) == 4
    code.close()


def test_fresh_processes_do_the_same_as_forked_ones():
    from grader.launch.launcher import SpawnLauncher

    fresh = SpawnLauncher()
    code = Code(Source("ex06_self_attention", "x.py", "x.py", TEXT), lambda: WorkerTransport(fresh), Reference)
    code.seconds = 30.0
    try:
        code.begin(1)
        assert code.double(torch.ones(2)).tolist() == [2, 2]
    finally:
        code.close()
        fresh.close()


@pytest.mark.parametrize("lacking", [(), ("set_blocking",)], ids=["any system", "Windows before Python 3.12"])
def test_the_line_of_another_thread_is_seen(monkeypatch, lacking):
    for name in lacking:
        monkeypatch.delattr(os, name)
    scope, stop = {}, threading.Event()
    exec(compile("def wait(event):\n    event.wait()\n", "한글.py", "exec"), scope)
    thread = threading.Thread(target=scope["wait"], args=[stop])
    thread.start()
    try:
        look = _Look()
        assert [look.line(name) for name in ("한글.py", "other.py", "한글.py")] == [2, None, 2]
        if lacking:
            look._file.close()
    finally:
        stop.set()
        thread.join()


def test_what_a_process_prints_before_it_is_ready_is_no_answer():
    ends = socket.socketpair()
    with ends[0], ends[1]:
        ours, theirs = map(Channel, ends)
        theirs.send(OUTPUT, b"Traceback: ...")
        theirs.send(REPLY, b"ready")
        theirs.send(REPLY, b"the answer")
        process = SimpleNamespace(channel=ours, end=lambda _: None)
        transport = WorkerTransport(SimpleNamespace(start=lambda device: process))
        transport.begin(5.0)
        assert transport.request(b"the question", bytes) == b"the answer"
        assert theirs.receive() == (REQUEST, b"the question")


def test_what_a_module_is_made_with_has_the_names_of_its_constructor(exercise, session):
    """Not those of its `forward`, which are those of a call of the module."""
    ten = exercise(10)
    code = session.recogniser(ten).trusted.reference_code()
    code.begin(1)
    layer = code.DecoderLayer(4, 2, 3)
    x, memory = torch.zeros(1, 2, 4, dtype=torch.float64), torch.zeros(1, 3, 4, dtype=torch.float64)
    layer.load(session.recogniser(ten).trusted.reference.DecoderLayer(4, 2, 3).double())
    layer(x, memory)
    made, called = code.calls
    assert made.given == {"d_model": 4, "num_heads": 2, "d_ff": 3}
    assert list(called.given) == ["x", "memory"]
