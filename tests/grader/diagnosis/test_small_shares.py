"""Shares of what chance decides: two that chance alone explains, and two that it does not."""

import torch

from grader.diagnosis.small_loop import TableStep
from grader.diagnosis.small_shares import DRAWS, MOST_OUTCOMES, Shares, by_chance, repeated


def tossed(share, seed, draws=DRAWS):
    """Coins that show 1 with this share."""
    coins = torch.rand(draws, 1, generator=torch.Generator().manual_seed(seed)) < share
    return Shares.of(coins.double())


def test_the_most_frequent_outcome_comes_first():
    found = Shares.of(torch.tensor([[0.0], [2.0], [2.0001], [-0.0], [2.0]]))
    assert found.outcomes == [[2.0], [0.0]]
    assert found.counts == [3, 2]
    assert [share for _, share in found.listed()] == [0.6, 0.4]


def test_equal_coins_are_near_with_every_seed():
    right = tossed(0.5, 0, 8 * DRAWS)
    assert all(tossed(0.5, seed).near(right) for seed in range(1, 500))


def test_other_coins_and_other_outcomes_are_not():
    right = tossed(0.5, 0, 8 * DRAWS)
    assert not any(tossed(0.9, seed).near(right) for seed in range(1, 100))
    assert not Shares([[1.0]], [DRAWS]).near(right), "one of two never comes"
    assert not Shares([[1.0], [0.0], [0.5]], [128, 64, 64]).near(right), "what is impossible came"


def test_one_outcome_is_no_chance_and_many_cannot_be_listed():
    assert not Shares([[1.0]], [DRAWS]).is_chance
    assert Shares([[1.0], [0.0]], [1, 1]).is_chance
    many = Shares.of(torch.arange(MOST_OUTCOMES + 1.0)[:, None])
    assert not many.is_chance
    assert len(many.listed()) == MOST_OUTCOMES


def test_sentences_are_repeated_and_masks_are_not():
    given = {"x": torch.zeros(1, 2, 3), "ids": torch.zeros(1, 2, dtype=torch.int64), "allowed": torch.ones(2, 2) > 0}
    shapes = {name: tuple(value.shape) for name, value in repeated(given, 5).items()}
    assert shapes == {"x": (5, 2, 3), "ids": (5, 2), "allowed": (2, 2)}


def test_the_targets_of_a_loop_are_repeated():
    given = {"step": TableStep(torch.tensor([0, 1])), "targets": torch.ones(2, 1, dtype=torch.int64)}
    assert tuple(repeated(given, 5)["targets"].shape) == (2, 5)


def test_a_result_without_all_sentences_is_none():
    assert by_chance([torch.zeros(5, 1, 2)], 5, None)
    assert not by_chance([torch.zeros(4, 1, 2)], 5, None)
    assert not by_chance([torch.zeros(5, 1, 2), None], 5, None)
    assert not by_chance([None], 5, TableStep(torch.tensor([0, 1])))
