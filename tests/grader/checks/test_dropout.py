"""What dropout may leave of a vector."""

import pytest
import torch

from grader.checks.dropout import fitting, kept

FATES = torch.arange(1.0, 5.0, dtype=torch.float64) * kept(4, 2.0)  # (16, 4)
FATES = (FATES + torch.arange(6.0).view(2, 3, 1, 1)).double()  # (batch, target, first, 4)


def test_every_token_finds_its_fate():
    first = torch.tensor([[0, 15, 3], [7, 8, 9]])
    met = FATES[torch.arange(2)[:, None], torch.arange(3), first]
    fits = fitting(met.transpose(0, 1).contiguous().transpose(0, 1), FATES)
    assert fits.shape == (2, 3, 16)
    assert bool((fits.sum(-1) == 1).all())
    assert torch.equal(fits.to(torch.uint8).argmax(-1), first)
    assert torch.equal(fitting(met, FATES.view(2, 3, 4, 4, 4)).flatten(2), fits)  # two dropouts


@pytest.mark.parametrize("wrong", [1e-6, float("nan"), float("inf")])
def test_a_vector_that_is_none_of_them_fits_nowhere(wrong):
    met = FATES[:, :, 5].clone()
    met[1, 2, 0] += wrong
    fits = fitting(met, FATES).any(-1)
    assert fits.tolist() == [[True, True, True], [True, True, False]]


def test_a_vector_of_another_dtype_is_compared_as_it_is():
    assert bool(fitting(FATES[:, :, 5].float(), FATES)[:, :, 5].all())
