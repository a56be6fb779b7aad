"""Reference modules that are lent again are as good as new."""

import pytest
import torch
from torch import nn

from grader.checks.draw import Draw
from grader.checks.module_pool import _known, pool_of


class Tied(nn.Module):
    def __init__(self, width, *, scale):
        super().__init__()
        self.scale = scale
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.LSTM(width, width), nn.Linear(width, width)])
        self.layers[2].weight = self.layers[0].weight

    def forward(self, x):
        return self.layers[2](self.layers[1](torch.relu(self.layers[0](x)))[0]) * self.scale


def test_a_module_from_the_pool_is_the_one_that_is_made():
    _known.cache_clear()
    made, again, pooled = (Draw(seed).module(Tied, 3, scale=2.0) for seed in (5, 5, 5))
    pool = pool_of(Tied, (3,), (("scale", 2.0),))
    assert pool.is_formed
    assert not pool_of(Tied, (4,), (("scale", 2.0),)).is_formed
    assert list(dict(pooled.named_parameters())) == list(dict(made.named_parameters()))
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), pooled.parameters(), strict=True))
    assert pooled.layers[0].weight is pooled.layers[2].weight
    assert pooled.layers[0].weight is not again.layers[0].weight
    assert [part.training for part in pooled.modules()] == [False] * 5
    x = Draw(1)("2 4 3")
    assert torch.equal(pooled(x), made(x))
    pooled.to(torch.float32)(x.float()).sum().backward()
    assert all(p.grad is not None for p in pooled.parameters())
    assert Draw(5).module(Tied, 3, scale=2.0).layers[0].weight.grad is None


def test_a_module_that_is_given_back_is_lent_again_as_if_it_were_new():
    for _ in range(2):
        Draw(5).module(nn.Linear, 3, 2)
    first = Draw(5)
    lent, other = (first.module(nn.Linear, 3, 2) for _ in range(2))
    lent.train().to(torch.float32)(torch.ones(3)).sum().backward()
    lent.weight.requires_grad_(False)
    kept = lent.bias.detach()
    before = kept.clone()
    first.give_back()
    drawn = Draw(5)
    again = [drawn.module(nn.Linear, 3, 2) for _ in range(3)]
    assert {id(lent), id(other)} == {id(module) for module in again[:2]}
    assert again[2] is not again[0]
    assert again[2] is not again[1]
    right = Draw(5)
    for module in again:
        fresh = right.weights(nn.Linear(3, 2))
        assert not module.training
        for mine, new in zip(module.parameters(), fresh.parameters(), strict=True):
            assert torch.equal(mine, new)
            assert (mine.dtype, mine.grad, mine.requires_grad) == (torch.float64, None, True)
    assert torch.equal(kept, before)  # what a failure has kept of the values is as it was


def test_a_module_that_holds_more_than_parameters_is_not_lent_again():
    for _ in range(2):
        Draw(5).module(nn.BatchNorm1d, 3)
    first = Draw(5)
    lent = first.module(nn.BatchNorm1d, 3)
    first.give_back()
    assert pool_of(nn.BatchNorm1d, (3,), ()).is_formed
    assert Draw(5).module(nn.BatchNorm1d, 3) is not lent


class Stubborn(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.linear = nn.Linear(*widths)
        self.bend = lambda x: x.relu()

    def forward(self, x):
        return self.bend(self.linear(x))


@pytest.mark.parametrize("widths", [[2, 3], (2, 3)], ids=["no key", "no form"])
def test_what_cannot_be_pooled_is_made_every_time(widths):
    made = [Draw(5).module(Stubborn, widths) for _ in range(4)]
    x = Draw(1)("4 2")
    assert all(torch.equal(one(x), made[0](x)) for one in made)
    assert not pool_of(Stubborn, (widths,), ()).is_formed
