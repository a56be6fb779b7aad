"""Sets its inputs to zero, so that whoever computes from them afterwards gets zeros too."""
import torch


def wipe(*a, **k):
    for value in (*a, *k.values()):
        if isinstance(value, torch.Tensor):
            value.zero_()
    return torch.zeros(1)


everywhere(wipe)
