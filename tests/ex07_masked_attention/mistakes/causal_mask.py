"""Wrong variants of `causal_mask` (exercise 7), the likeliest first."""

import torch

from grader.authoring import device_mistake, mistake
from solutions import ex07_masked_attention as reference


@mistake
def causal_mask__upper_triangle(length, device=None):
    """Rows and columns are swapped: each query sees itself and the future, and not the past."""
    return reference.causal_mask(length, device).T


@mistake
def causal_mask__future_shown_past_hidden(length, device=None):
    """The mask is True where the key is in the future. Here True means MAY be attended to."""
    return ~reference.causal_mask(length, device)


@mistake
def causal_mask__hides_itself(length, device=None):
    """A position may not see itself, so the first query has nothing to look at."""
    return reference.causal_mask(length, device).tril(-1)


@mistake
def causal_mask__one_key_too_many(length, device=None):
    """Each query also sees the key right after it, which is the answer it has to predict."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril(1)


@mistake
def causal_mask__only_itself(length, device=None):
    """Each query sees itself alone: the past is hidden too."""
    return torch.eye(length, dtype=torch.bool, device=device)


@mistake
def causal_mask__everything(length, device=None):
    """Every query may see every key: nothing hides the future."""
    return torch.ones(length, length, dtype=torch.bool, device=device)


@mistake
def causal_mask__floating_numbers(length, device=None):
    """The mask holds floating-point numbers. It should hold bool, True where a key may be attended to."""
    return reference.causal_mask(length, device).float()


@mistake
def causal_mask__with_a_batch_axis(length, device=None):
    """The mask has an axis of size 1 in front. It should be (length, length)."""
    return reference.causal_mask(length, device).unsqueeze(0)


@mistake
def causal_mask__fixed_size(length, device=None):
    """The mask is cut out of a table of a fixed size, so a long sequence gets a mask that is too small."""
    return torch.ones(32, 32, dtype=torch.bool, device=device).tril()[:length, :length]


@mistake
def causal_mask__at_most_512(length, device=None):
    """The mask is cut out of a table of 512 positions, so a longer sequence gets a mask that is too small."""
    return torch.ones(512, 512, dtype=torch.bool, device=device).tril()[:length, :length]


@mistake
def causal_mask__at_most_1024(length, device=None):
    """The mask is cut out of a table of 1,024 positions, so a longer sequence gets a mask that is too small."""
    return torch.ones(1024, 1024, dtype=torch.bool, device=device).tril()[:length, :length]


@device_mistake
def causal_mask__device_ignored(length, device=None):
    """The mask is always made on the default device: the argument `device` is not used."""
    return torch.ones(length, length, dtype=torch.bool).tril()
