"""What is recorded of a learner's call."""

import functools

import torch

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
