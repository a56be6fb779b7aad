"""Wrong variants of `shift_right` (exercise 3), the likeliest first."""

import torch

from grader.authoring import device_mistake, mistake
from solutions import ex03_teacher_forcing as reference


@mistake
def shift_right__not_shifted(targets, bos_id):
    """The targets themselves are the input, so the decoder is fed the token that it is asked to predict."""
    return targets.clone()


@mistake
def shift_right__shifted_left(targets, bos_id):
    """The targets are moved to the left, so the decoder is fed the token after the one that it should predict."""
    return torch.cat([targets[:, 1:], torch.full_like(targets[:, :1], bos_id)], dim=1)


@mistake
def shift_right__one_input_too_many(targets, bos_id):
    """bos is put in front and nothing is dropped at the end, so there is one input more than there are targets."""
    return torch.cat([torch.full_like(targets[:, :1], bos_id), targets], dim=1)


@mistake
def shift_right__first_target_overwritten(targets, bos_id):
    """bos overwrites the first target. It should push it one place on."""
    shifted = targets.clone()
    shifted[:, 0] = bos_id
    return shifted


@mistake
def shift_right__last_token_comes_first(targets, bos_id):
    """The tokens are rolled around, so the last target is where bos should be."""
    return targets.roll(1, dims=1)


@mistake
def shift_right__shifted_by_two(targets, bos_id):
    """The targets are moved two places, so each step misses the token right before the one to predict."""
    first = torch.full_like(targets, bos_id)
    return torch.cat([first[:, :2], targets[:, :-2]], dim=1)[:, : targets.size(1)]


@mistake
def shift_right__across_rows(targets, bos_id):
    """The batch is shifted as one long row, so a row begins with the last token of the row above it."""
    flat = targets.reshape(-1).roll(1)
    flat[0] = bos_id
    return flat.reshape(targets.shape)


@mistake
def shift_right__down_the_batch(targets, bos_id):
    """The shift runs along the batch, so each sentence is fed its neighbour's tokens."""
    return torch.cat([torch.full_like(targets[:1], bos_id), targets[:-1]], dim=0)


@mistake
def shift_right__in_place(targets, bos_id):
    """The targets are shifted in place, so the caller loses them and the loss is measured against the input."""
    targets[:, 1:] = targets[:, :-1].clone()
    targets[:, 0] = bos_id
    return targets


@mistake
def shift_right__floating(targets, bos_id):
    """Token ids come out as floating-point numbers. They are names, and only integers can look up an embedding."""
    return reference.shift_right(targets, bos_id).float()


@mistake
def shift_right__int32(targets, bos_id):
    """The token ids come out as int32 although the targets are int64."""
    return reference.shift_right(targets, bos_id).int()


@mistake
def shift_right__squeezed(targets, bos_id):
    """Axes of size 1 are squeezed away, so a batch of one sentence or a target of one token loses an axis."""
    return reference.shift_right(targets, bos_id).squeeze()


@mistake
def shift_right__zero_is_no_bos(targets, bos_id):
    """A bos_id of 0 is treated as missing, and 1 is used in its place. Zero is an id like any other."""
    return reference.shift_right(targets, bos_id or 1)


@mistake
def shift_right__at_most_1024(targets, bos_id):
    """Only a fixed number of targets is shifted. No length is named as the longest."""
    return reference.shift_right(targets[:, :1024], bos_id)


@device_mistake
def shift_right__bos_on_the_cpu(targets, bos_id):
    """The column of bos is made on the default device, the CPU, and cannot be joined to targets on a GPU."""
    first = torch.full((targets.size(0), 1), bos_id, dtype=targets.dtype)
    return torch.cat([first, targets[:, :-1]], dim=1)
