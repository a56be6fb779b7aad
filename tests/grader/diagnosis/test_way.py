"""When two results are the same."""

import torch

from grader.diagnosis.way import Values, same

Q = torch.arange(12, dtype=torch.float64).reshape(3, 4).sin()


def test_two_results_are_the_same_up_to_axes_of_size_one():
    def equal(one, other, *, turned):
        return same(Values(one), Values(other), turned=turned)

    assert equal(Q[None], Q[:, None], turned=False)
    assert not equal(Q, Q.T, turned=False)
    assert equal(Q, Q.T, turned=True)
    assert not equal(Q, Q.T.flip(0), turned=True)
    assert not equal(torch.ones(1, 2, 3, 4, 5), torch.ones(5, 4, 3, 2, 1) * 2, turned=True)
    far = torch.tensor([torch.inf, -torch.inf, torch.nan, 1.0])
    assert equal(far, far + 1e-9, turned=False)
    assert not equal(far, far.abs(), turned=False)
    assert not equal(Q + 0j, Q + 0j, turned=False)
