"""Wrong variants of `padding_mask` (exercise 7), the likeliest first."""

import torch

from grader.authoring import device_mistake, mistake
from solutions import ex07_masked_attention as reference


@mistake
def padding_mask__true_at_padding(lengths, max_length):
    """The mask is True at padding. Here True means MAY be attended to."""
    return ~reference.padding_mask(lengths, max_length)


@mistake
def padding_mask__one_too_many(lengths, max_length):
    """One padding position after the last real token counts as real: positions are counted from 0."""
    return torch.arange(max_length, device=lengths.device) <= lengths[:, None, None]


@mistake
def padding_mask__last_token_hidden(lengths, max_length):
    """The last real token of each sequence is hidden too."""
    return torch.arange(1, max_length + 1, device=lengths.device) < lengths[:, None, None]


@mistake
def padding_mask__left_padded(lengths, max_length):
    """The real tokens are assumed to be at the end of each row. Here padding is at the end."""
    return reference.padding_mask(lengths, max_length).flip(-1)


@mistake
def padding_mask__two_axes(lengths, max_length):
    """The query's axis is missing: without it, the batch is where the queries should be."""
    return reference.padding_mask(lengths, max_length).squeeze(1)


@mistake
def padding_mask__masks_queries(lengths, max_length):
    """The axis of size 1 is the last one, so the mask hides queries. It is keys that must be hidden."""
    return reference.padding_mask(lengths, max_length).transpose(1, 2)


@mistake
def padding_mask__four_axes(lengths, max_length):
    """The mask has an axis for heads. In this exercise it has three axes: batch, query, key."""
    return reference.padding_mask(lengths, max_length).unsqueeze(1)


@mistake
def padding_mask__repeated_for_every_query(lengths, max_length):
    """The mask is repeated for every query. One row is enough: the same keys are hidden from all of them."""
    return reference.padding_mask(lengths, max_length).expand(-1, max_length, -1)


@mistake
def padding_mask__as_wide_as_the_longest(lengths, max_length):
    """The mask is as wide as the longest sequence. The padded length may be larger than that."""
    return reference.padding_mask(lengths, int(lengths.max()))


@mistake
def padding_mask__at_most_512_positions(lengths, max_length):
    """The positions are cut out of a table of 512, so a longer sequence gets a mask that is too short."""
    return torch.arange(512, device=lengths.device)[:max_length] < lengths[:, None, None]


@mistake
def padding_mask__at_most_1024_positions(lengths, max_length):
    """The positions are cut out of a table of 1,024, so a longer sequence gets a mask that is too short."""
    return torch.arange(1024, device=lengths.device)[:max_length] < lengths[:, None, None]


@mistake
def padding_mask__numbers(lengths, max_length):
    """The mask holds the numbers 0 and 1. It should be bool, or `~` and `&` mean something else."""
    return reference.padding_mask(lengths, max_length).long()


@mistake
def padding_mask__empty_sequence_sees_its_first_position(lengths, max_length):
    """A sequence of length 0 is treated as if it had one token."""
    return reference.padding_mask(lengths.clamp(min=1), max_length)


@mistake
def padding_mask__lengths_clamped_in_place(lengths, max_length):
    """The caller's lengths are changed in place."""
    mask = reference.padding_mask(lengths, max_length)
    lengths.clamp_(min=1)
    return mask


@mistake
def padding_mask__one_sequence_is_all_real(lengths, max_length):
    """A batch of one sequence counts as unpadded. It too may be shorter than the padded length."""
    mask = reference.padding_mask(lengths, max_length)
    return mask if len(lengths) > 1 else torch.ones_like(mask)


@mistake
def padding_mask__one_position_is_real(lengths, max_length):
    """A padded length of 1 counts as unpadded. A sequence of length 0 has no real token there either."""
    mask = reference.padding_mask(lengths, max_length)
    return mask if max_length > 1 else torch.ones_like(mask)


@device_mistake
def padding_mask__positions_on_the_cpu(lengths, max_length):
    """The positions are made on the default device, the CPU, but lengths, with which they are compared, may be
    elsewhere."""
    return torch.arange(max_length) < lengths[:, None, None]
