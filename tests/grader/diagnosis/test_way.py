"""When two results are the same, what is a piece of one, and in which order parts were called."""

import torch

from grader.diagnosis.way import InnerCall, Values, Way, is_piece, same

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


def test_a_piece_is_cut_out_of_a_result():
    whole = torch.arange(24.0).double().reshape(2, 3, 4).sin()
    assert all(is_piece(part, whole) for part in (whole[1], whole[:, 2], whole[..., 1], whole[:, 1:], whole[1, 2, :2]))
    assert not any(is_piece(part, whole) for part in (whole, whole[1] + 1, whole[:, 2].flip(0), whole[:, ::2]))
    assert not is_piece(whole[0, 0], torch.cat([whole.flatten()] * 30)), "too much to look for"


def test_gradients_may_be_cleared_before_the_forward_pass_or_after_it():
    def order(*names):
        return [call.name for call in Way([], [InnerCall(name, 1, 0, {}, True) for name in names]).parts_of(0)]

    assert order("zero_grad", "model", "backward", "step") == order("model", "zero_grad", "backward", "step")
    assert order("model", "backward", "zero_grad", "step") != order("model", "zero_grad", "backward", "step")
    assert order("zero_grad", "clip_grad_norm_", "backward") == ["zero_grad", "clip_grad_norm_", "backward"]
    assert order("model", "backward", "step", "zero_grad")[-1] == "zero_grad"
