"""Layers draw what torch has them draw; made without first values they draw nothing."""

import inspect

import pytest
import torch
from torch import nn

from grader.worker.fast_init import patch_layer_init, uninitialised_layers


def test_a_layer_made_without_first_values_draws_nothing():
    before = torch.get_rng_state()
    with uninitialised_layers():
        nn.Linear(3, 4)
    assert torch.equal(torch.get_rng_state(), before)
    nn.Linear(3, 4)
    assert not torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(1, 3),
        lambda: nn.Linear(12, 7),
        lambda: nn.Linear(700, 2, bias=False, dtype=torch.float64),
        lambda: nn.Linear(0, 3),
        lambda: nn.LSTM(3, 4),
        lambda: nn.Embedding(5, 3, padding_idx=1),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_layer_draws_what_torch_draws(make):
    patch_layer_init()
    torch.manual_seed(3)
    fast, after = make(), torch.get_rng_state()
    usual = make()
    torch.manual_seed(3)
    inspect.unwrap(type(usual).reset_parameters)(usual)
    assert torch.equal(torch.get_rng_state(), after)
    for mine, right in zip(fast.parameters(), usual.parameters(), strict=True):
        assert torch.equal(mine, right)
