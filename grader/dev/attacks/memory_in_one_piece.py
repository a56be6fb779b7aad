"""Asks for a terabyte."""
import torch


def take(*a, **k):
    return torch.empty(10**12)


everywhere(take)
