"""Changes of global state are seen and put back."""

import random

import numpy as np
import pytest
import torch

from grader.worker.observe import observed, seed_everything


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (lambda: torch.set_grad_enabled(False), "grad mode"),
        (lambda: torch.set_default_dtype(torch.float64), "the default dtype"),
        (lambda: torch.set_default_device("meta"), "the default device"),
        (lambda: torch.manual_seed(0), "torch's random state"),
        (lambda: np.random.rand(), "numpy's random state"),
        (lambda: __import__("random").random(), "Python's random state"),
        (lambda: torch.use_deterministic_algorithms(True), "deterministic algorithms"),
        (lambda: torch.autograd.set_detect_anomaly(True), "the search for anomalies"),
    ],
)
def test_global_state_is_compared_and_settings_are_put_back(action, name):
    seed_everything(4)
    with observed(random_states=True) as seen:
        action()
    assert seen.changed == [name]
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert torch.zeros(1).device.type == "cpu"
    assert not torch.are_deterministic_algorithms_enabled()


def test_random_states_are_looked_at_where_that_is_asked_for():
    with observed() as unasked:
        random.random()
    assert unasked.changed == []
    with observed(random_states=True) as first:
        random.gauss(0, 1)
    with observed(random_states=True) as second:
        random.gauss(0, 1)  # made together with the first
    with observed(random_states=True) as back:
        state = random.getstate()
        random.random()
        random.setstate(state)
    assert first.changed == second.changed == ["Python's random state"]
    assert back.changed == []


def test_inputs_are_compared_with_what_was_sent():
    sent = torch.arange(6.0).reshape(2, 3)
    ways = [lambda x: x, lambda x: x.add_(1), lambda x: x.t_(), lambda x: x.requires_grad_(), lambda x: x.resize_(2, 2)]
    inputs = [sent.clone() for _ in ways]
    with observed(inputs, [memoryview(sent.numpy().tobytes())] * len(ways)) as seen:
        for way, tensor in zip(ways, inputs, strict=True):
            way(tensor)
    assert seen.mutated == [1, 2, 3, 4]


def test_what_autograd_keeps_is_counted_where_that_is_asked_for():
    x = torch.ones(2, requires_grad=True)
    with observed(count=True) as counted, torch.no_grad():
        x * x
    assert counted.saved == 0
    with observed(count=True) as counted:
        x * x
    assert counted.saved == 2
    with observed(random_states=True) as uncounted:
        x * x
    assert uncounted.saved == 0
