"""Wrong variants of `decoder_mask` (exercise 7), the likeliest first."""

import torch

from grader.authoring import device_mistake, mistake
from solutions import ex07_masked_attention as reference


@mistake
def decoder_mask__either(lengths, max_length):
    """A key is allowed where ONE of the masks allows it, so padding or the future shows through."""
    return reference.padding_mask(lengths, max_length) | reference.causal_mask(max_length, lengths.device)


@mistake
def decoder_mask__padding_only(lengths, max_length):
    """The future is not hidden: only the padding mask is in use."""
    mask = reference.padding_mask(lengths, max_length)
    return mask.expand(-1, max_length, -1)


@mistake
def decoder_mask__causal_only(lengths, max_length):
    """Padding is not hidden: only the causal mask is in use."""
    return reference.causal_mask(max_length, lengths.device).expand(len(lengths), -1, -1)


@mistake
def decoder_mask__padding_on_queries(lengths, max_length):
    """Queries at padding get a row without any key. Padding hides keys only; its queries stay as they are."""
    padding = reference.padding_mask(lengths, max_length).transpose(1, 2)
    return padding & reference.causal_mask(max_length, lengths.device)


@mistake
def decoder_mask__padding_queries_see_themselves(lengths, max_length):
    """Every query may see itself, even where it is padding: padding is then a key after all."""
    own = torch.eye(max_length, dtype=torch.bool, device=lengths.device)
    return reference.decoder_mask(lengths, max_length) | own


@mistake
def decoder_mask__future_shown(lengths, max_length):
    """The causal part is reversed: each query sees itself and the real keys after it."""
    return reference.padding_mask(lengths, max_length) & reference.causal_mask(max_length, lengths.device).T


@mistake
def decoder_mask__axis_for_heads(lengths, max_length):
    """The mask has an axis for heads. In this exercise it has three axes: batch, query, key."""
    return reference.decoder_mask(lengths, max_length).unsqueeze(1)


@mistake
def decoder_mask__empty_rows_see_the_first_key(lengths, max_length):
    """The first key is always allowed, so a sequence without any token gets one."""
    return reference.decoder_mask(lengths.clamp(min=1), max_length)


@mistake
def decoder_mask__two_axes_of_padding(lengths, max_length):
    """The padding mask meets the causal mask without its axis of size 1, so if the batch is as large as the
    padded length, its rows are treated as queries."""
    if len(lengths) != max_length:
        return reference.decoder_mask(lengths, max_length)
    mask = reference.padding_mask(lengths, max_length).squeeze(1) & reference.causal_mask(max_length, lengths.device)
    return mask.expand(max_length, -1, -1)


@mistake
def decoder_mask__padding_shown(lengths, max_length):
    """The padding part is the wrong way round: it allows padding and forbids the real keys."""
    return ~reference.padding_mask(lengths, max_length) & reference.causal_mask(max_length, lengths.device)


@mistake
def decoder_mask__queries_hide_themselves(lengths, max_length):
    """The causal part leaves the diagonal out, so no query may see itself."""
    return reference.decoder_mask(lengths, max_length).tril(-1)


@mistake
def decoder_mask__one_future_key(lengths, max_length):
    """The causal part is one key too wide: each query also sees the key right after it."""
    past = torch.ones(max_length, max_length, dtype=torch.bool, device=lengths.device).tril(1)
    return reference.padding_mask(lengths, max_length) & past


@mistake
def decoder_mask__one_padding_key(lengths, max_length):
    """The padding part is one key too wide: the first padding position counts as real."""
    return reference.decoder_mask(lengths + 1, max_length)


@mistake
def decoder_mask__table_of_1024(lengths, max_length):
    """The causal part is cut out of a table of 1,024 positions, which a longer sequence does not fit."""
    past = torch.ones(1024, 1024, dtype=torch.bool, device=lengths.device).tril()[:max_length, :max_length]
    return reference.padding_mask(lengths, max_length) & past


@device_mistake
def decoder_mask__future_on_the_cpu(lengths, max_length):
    """The causal part is made on the default device, the CPU, but the padding mask it is joined to may be elsewhere."""
    return reference.padding_mask(lengths, max_length) & reference.causal_mask(max_length)
