"""What is recorded of a learner's call."""

import functools

import torch
from torch import nn

from grader.worker.steps import StepRecorder

TEXT = "import torch\n\n\ndef f(x):\n    torch.manual_seed(0)\n    return x + 1\n"


def calls_of(x):
    variables = {}
    exec(compile(TEXT, "<mine>", "exec"), variables)
    with StepRecorder("<mine>") as recorder:
        variables["f"](x)
    return [call[:2] for call in recorder.calls]


def test_a_call_that_changes_what_others_give_is_noted_also_where_torch_wraps_it(monkeypatch):
    """`import torch._dynamo`, which a compiler or a profiler does, wraps `torch.manual_seed` like this."""
    plain = calls_of(torch.ones(2))

    def wrapping(fn):
        @functools.wraps(fn)
        def inner(*args, **kwargs):
            return fn(*args, **kwargs)

        return inner

    monkeypatch.setattr(torch, "manual_seed", wrapping(torch.manual_seed))
    assert calls_of(torch.ones(2)) == plain
    assert ("manual_seed", 5) in plain


def recorded(text, **variables):
    """What is recorded of `f()` in a file of this text."""
    exec(compile(text, "<mine>", "exec"), variables)
    with StepRecorder("<mine>") as recorder:
        variables["f"]()
    return recorder


def test_of_each_step_is_known_what_it_was_made_of():
    text = "def f():\n    a = x + 1\n    b = x * 2\n    c = torch.stack([a, b.data])\n    c[0] = a[:1]\n    d = c + x\n"
    steps = recorded(text, torch=torch, x=torch.ones(3)).steps
    assert [(step[2], step[5]) for step in steps] == [
        ("add", []),
        ("mul", []),
        ("stack", [0, 1]),
        ("__getitem__", [0]),
        ("__setitem__", [2, 3]),
        ("add", [4]),
    ]


def test_a_module_is_given_its_arguments_by_position_however_they_were_passed():
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, query, key, allowed=None, **others):
            return query + key * self.weight

    text = "def f():\n    layer(x, x)\n    layer(key=x, query=x)\n    layer(x, allowed=None, key=x, more=1)\n"
    calls = recorded(text, layer=Layer(), x=torch.ones(3)).calls
    assert [list(call[3]) for call in calls if call[4]] == [["0", "1"], ["0", "1"], ["0", "1", "2", "more"]]


def test_a_module_without_parameters_is_an_operation_and_no_part():
    text = "def f():\n    y = loss(linear(x), x)\n    return relu(y)\n"
    noted = recorded(text, loss=nn.MSELoss(), relu=nn.ReLU(), linear=nn.Linear(3, 3), x=torch.ones(3))
    assert [call[0] for call in noted.calls if call[4]] == ["Linear"]
    assert [step[2] for step in noted.steps] == ["Linear", "MSELoss", "ReLU"]
