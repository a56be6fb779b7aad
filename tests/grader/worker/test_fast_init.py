"""Layers made without first values draw nothing."""

import torch
from torch import nn

from grader.worker.fast_init import uninitialised_layers


def test_a_layer_made_without_first_values_draws_nothing():
    before = torch.get_rng_state()
    with uninitialised_layers():
        nn.Linear(3, 4)
    assert torch.equal(torch.get_rng_state(), before)
    nn.Linear(3, 4)
    assert not torch.equal(torch.get_rng_state(), before)
