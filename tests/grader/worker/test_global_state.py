"""Changes of global state are seen and put back."""

import random

import numpy as np
import pytest
import torch

from grader.worker import global_state
from grader.worker.global_state import watched


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
    with watched(seed=4) as seen:
        action()
    assert seen.changed == [name]
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert torch.zeros(1).device.type == "cpu"
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("lies_open", [True, False])
def test_the_state_of_python_s_random_numbers_is_read_where_it_lies_or_asked_for(lies_open, monkeypatch):
    assert global_state._lies_open()
    monkeypatch.setattr(global_state, "_lies_open", lambda: lies_open)
    with watched() as still:
        pass
    with watched() as seen:
        random.gauss(0, 1)
    with watched() as second:
        random.gauss(0, 1)  # made together with the first
    with watched() as back:
        state = random.getstate()
        random.random()
        random.setstate(state)
    assert (still.changed, back.changed) == ([], [])
    assert seen.changed == second.changed == ["Python's random state"]
