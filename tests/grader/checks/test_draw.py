"""Inputs are drawn from a seed."""

import pytest
import torch
from torch import nn

from grader.checks.draw import Draw, derived_seed
from grader.worker.observe import observed


def test_axes_keep_their_sizes_and_never_share_one():
    for seed in range(50):
        draw = Draw(seed)
        x, y = draw("batch query d_k"), draw("batch key d_k")
        assert (x.size(0), x.size(2)) == (y.size(0), y.size(2))
        assert len({*x.shape, *y.shape}) == 4


def test_the_same_seed_draws_the_same():
    assert torch.equal(Draw(3)("batch d_k"), Draw(3)("batch d_k"))
    assert not torch.equal(Draw(3)("3 4"), Draw(4)("3 4"))
    assert derived_seed(1, "a") == derived_seed(1, "a") != derived_seed(1, "b")


def test_lengths_are_ragged_and_fill_the_padded_length():
    for seed in range(50):
        draw = Draw(seed)
        lengths, longest = draw.lengths(), draw.size("source")
        assert lengths.max() == longest
        assert 1 <= lengths.min() < longest


@pytest.mark.parametrize("axes", ["5", "3 4", "2 3 4"])
def test_non_contiguous_tensors_are_not_contiguous(axes):
    x = Draw(1)(axes)
    assert not Draw(1).non_contiguous(x).is_contiguous()
    assert torch.equal(Draw(1).non_contiguous(x), x)


def test_a_module_that_draws_its_first_values_leaves_the_random_state_alone():
    class Table(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.table = nn.Embedding(size, 3)
            nn.init.normal_(self.table.weight, std=0.5)

    before = torch.get_rng_state()
    for _ in range(3):  # built twice, then lent
        Draw(7).module(Table, 5)
    assert torch.equal(torch.get_rng_state(), before)


def test_drawing_leaves_the_default_random_states_alone():
    with observed(random_states=True) as seen:
        draw = Draw(1)
        draw("3 4"), draw.tokens("3", 5), draw.lengths("3", "4"), draw.weights(nn.Identity()), draw.permutation(3)
    assert seen.changed == []
