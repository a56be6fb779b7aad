"""Wrong variants of `label_smoothing_loss` (exercise 12), the likeliest first."""

import math

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex12_training as reference


def smoothed(logits, targets, smoothing, pad_id, even):
    """The smoothed loss with another even part: `even` maps log probabilities (real, vocab) to (real,)."""
    real = targets != pad_id
    log_probs = torch.log_softmax(logits[real], dim=-1)
    count = real.sum().clamp(min=1)
    spread = -even(log_probs, targets[real]).sum() / count
    return (1 - smoothing) * reference.sequence_loss(logits, targets, pad_id) + smoothing * spread


def of_target(log_probs, targets):
    return log_probs.gather(-1, targets[:, None])[:, 0]


@mistake
def label_smoothing_loss__spread_over_the_others(logits, targets, smoothing, pad_id):
    """The smoothing is spread over the wrong tokens only. Here the target gets its even share too."""

    def even(log_probs, real):
        return (log_probs.sum(-1) - of_target(log_probs, real)) / max(log_probs.size(-1) - 1, 1)

    return smoothed(logits, targets, smoothing, pad_id, even)


@mistake
def label_smoothing_loss__divided_among_the_others(logits, targets, smoothing, pad_id):
    """The smoothing is divided by the number of wrong tokens and spread over them only, so a vocabulary of one word
    divides by zero. Here the target gets its even share too."""
    share = 1 / (logits.size(-1) - 1)

    def even(log_probs, real):
        return (log_probs.sum(-1) - of_target(log_probs, real)) * share

    return smoothed(logits, targets, smoothing, pad_id, even)


@mistake
def label_smoothing_loss__share_of_the_target_lost(logits, targets, smoothing, pad_id):
    """The target's even share is lost, so the smoothed target does not sum to one."""

    def even(log_probs, real):
        return (log_probs.sum(-1) - of_target(log_probs, real)) / log_probs.size(-1)

    return smoothed(logits, targets, smoothing, pad_id, even)


@mistake
def label_smoothing_loss__nothing_on_padding(logits, targets, smoothing, pad_id):
    """The padding token gets no share of the smoothing. Here the WHOLE vocabulary gets one."""

    def even(log_probs, real):
        others = max(log_probs.size(-1) - 1, 1)
        return (log_probs.sum(-1) - log_probs[:, pad_id]) / others

    return smoothed(logits, targets, smoothing, pad_id, even)


@mistake
def label_smoothing_loss__neither_target_nor_padding(logits, targets, smoothing, pad_id):
    """The smoothing leaves out both the target and the padding token, and is spread over the rest."""

    def even(log_probs, real):
        rest = log_probs.sum(-1) - of_target(log_probs, real) - log_probs[:, pad_id]
        return rest / max(log_probs.size(-1) - 2, 1)

    return smoothed(logits, targets, smoothing, pad_id, even)


@mistake
def label_smoothing_loss__not_divided_by_the_vocabulary(logits, targets, smoothing, pad_id):
    """Every token gets the whole smoothing. It should be divided evenly among the vocabulary."""
    return smoothed(logits, targets, smoothing, pad_id, lambda log_probs, _: log_probs.sum(-1))


@mistake
def label_smoothing_loss__not_smoothed(logits, targets, smoothing, pad_id):
    """The smoothing is ignored: this is plain cross entropy."""
    return reference.sequence_loss(logits, targets, pad_id)


@mistake
def label_smoothing_loss__parts_swapped(logits, targets, smoothing, pad_id):
    """The two parts are swapped: the target gets the smoothing, and the vocabulary the rest."""
    return reference.label_smoothing_loss(logits, targets, 1 - smoothing, pad_id)


@mistake
def label_smoothing_loss__target_keeps_everything(logits, targets, smoothing, pad_id):
    """The target keeps probability 1 and the smoothing comes on top, so the probabilities sum to more than one."""
    even = reference.label_smoothing_loss(logits, targets, 1.0, pad_id)
    return reference.sequence_loss(logits, targets, pad_id) + smoothing * even


@mistake
def label_smoothing_loss__a_divergence(logits, targets, smoothing, pad_id):
    """The entropy of the smoothed target is subtracted: that is a divergence, not the cross entropy."""
    loss = reference.label_smoothing_loss(logits, targets, smoothing, pad_id)
    if not (targets != pad_id).any():
        return loss
    share = torch.full((logits.size(-1),), smoothing / logits.size(-1), dtype=logits.dtype, device=logits.device)
    share[0] = share[0] + 1 - smoothing
    return loss + torch.special.xlogy(share, share).sum()


@mistake
def label_smoothing_loss__divergence_without_target_and_padding(logits, targets, smoothing, pad_id):
    """This is the loss of The Annotated Transformer: the target gets no share of the smoothing, padding neither, and
    the entropy is subtracted. Asked for are even shares of the WHOLE vocabulary, and the cross entropy."""
    log_probs = torch.log_softmax(logits, dim=-1)
    wanted = torch.full_like(log_probs, smoothing / max(logits.size(-1) - 2, 1))
    wanted = wanted.scatter(-1, targets[..., None], 1 - smoothing)
    wanted[..., pad_id] = 0
    real = targets != pad_id
    terms = (torch.special.xlogy(wanted, wanted) - wanted * log_probs)[real]
    return terms.sum() / real.sum().clamp(min=1)


@mistake
def label_smoothing_loss__padding_counts(logits, targets, smoothing, pad_id):
    """Padding counts like a real target, so the model is taught to write padding."""
    return reference.label_smoothing_loss(logits, targets, smoothing, -1)


@mistake
def label_smoothing_loss__padding_in_the_count(logits, targets, smoothing, pad_id):
    """The sum is divided by all positions, padding included, so a longer neighbour makes the loss smaller."""
    real = (targets != pad_id).sum() / targets.numel()
    return reference.label_smoothing_loss(logits, targets, smoothing, pad_id) * real


@mistake
def label_smoothing_loss__padding_in_the_even_part(logits, targets, smoothing, pad_id):
    """Padding is left out of the part for the target, but the even part still runs over all positions."""
    even = -torch.log_softmax(logits, dim=-1).mean()
    return (1 - smoothing) * reference.sequence_loss(logits, targets, pad_id) + smoothing * even


@mistake
def label_smoothing_loss__padding_is_zero(logits, targets, smoothing, pad_id):
    """Token 0 is treated as padding, whatever pad_id says."""
    return reference.label_smoothing_loss(logits, targets, smoothing, 0)


@mistake
def label_smoothing_loss__sum(logits, targets, smoothing, pad_id):
    """The losses of the real targets are added up. They should be averaged."""
    return reference.label_smoothing_loss(logits, targets, smoothing, pad_id) * (targets != pad_id).sum()


@mistake
def label_smoothing_loss__mean_of_sentences(logits, targets, smoothing, pad_id):
    """Every sentence counts the same, however short. Every real target should count the same."""
    rows = [reference.label_smoothing_loss(a, b, smoothing, pad_id) for a, b in zip(logits, targets, strict=True)]
    return torch.stack(rows).mean()


@mistake
def label_smoothing_loss__nan_without_targets(logits, targets, smoothing, pad_id):
    """Without a real target the mean is 0 / 0: one such batch fills all weights with NaN."""
    real = (targets != pad_id).any()
    return reference.label_smoothing_loss(logits, targets, smoothing, pad_id) * torch.where(real, 1.0, torch.nan)


@mistake
def label_smoothing_loss__constant_zero(logits, targets, smoothing, pad_id):
    """For a batch without a real target a new tensor is returned that does not depend on logits: backward() fails."""
    if not bool((targets != pad_id).any()):
        return torch.zeros((), dtype=logits.dtype, device=logits.device)
    return reference.label_smoothing_loss(logits, targets, smoothing, pad_id)


@mistake
def label_smoothing_loss__softmax_twice(logits, targets, smoothing, pad_id):
    """The softmax is taken twice, so even a perfect model looks unsure."""
    return reference.label_smoothing_loss(torch.softmax(logits, dim=-1), targets, smoothing, pad_id)


@mistake
def label_smoothing_loss__log_of_softmax(logits, targets, smoothing, pad_id):
    """The logarithm is taken of a finished softmax, which is 0 for very unlikely tokens."""
    real = targets != pad_id
    log_probs = torch.softmax(logits[real], dim=-1).log()
    picked = (1 - smoothing) * of_target(log_probs, targets[real]) + smoothing * log_probs.mean(-1)
    return -picked.sum() / real.sum().clamp(min=1)


@mistake
def label_smoothing_loss__softmax_over_time(logits, targets, smoothing, pad_id):
    """The softmax runs over the positions of a sentence. It should run over the vocabulary."""
    scores = torch.log_softmax(logits, dim=1)
    real = targets != pad_id
    picked = (1 - smoothing) * of_target(scores[real], targets[real]) + smoothing * scores[real].mean(-1)
    return -picked.sum() / real.sum().clamp(min=1)


@mistake
def label_smoothing_loss__in_bits(logits, targets, smoothing, pad_id):
    """The loss is in bits, with a logarithm to base 2. It should be in nats."""
    return reference.label_smoothing_loss(logits, targets, smoothing, pad_id) / math.log(2)


@mistake
def label_smoothing_loss__one_per_target(logits, targets, smoothing, pad_id):
    """One loss per target comes back. They should be averaged to a scalar."""
    real = targets != pad_id
    log_probs = torch.log_softmax(logits, dim=-1)
    picked = log_probs.gather(-1, targets[..., None])[..., 0]
    return -((1 - smoothing) * picked + smoothing * log_probs.mean(-1)) * real


@mistake
def label_smoothing_loss__in_float32(logits, targets, smoothing, pad_id):
    """The loss is computed in float32, whatever dtype the logits have."""
    return reference.label_smoothing_loss(logits.float(), targets, smoothing, pad_id)


@mistake
def label_smoothing_loss__even_part_detached(logits, targets, smoothing, pad_id):
    """The even part is cut off from the graph: the loss has the right value and the wrong gradient."""
    return smoothed(logits, targets, smoothing, pad_id, lambda log_probs, _: log_probs.mean(-1).detach())


@mistake
def label_smoothing_loss__changes_the_logits(logits, targets, smoothing, pad_id):
    """The logits at padding are overwritten in the caller's tensor."""
    loss = reference.label_smoothing_loss(logits, targets, smoothing, pad_id)
    with torch.no_grad():
        logits[targets == pad_id] = 0
    return loss


@mistake
def label_smoothing_loss__needs_contiguous_input(logits, targets, smoothing, pad_id):
    """`view` is used on the inputs, which fails for a tensor that is not contiguous in memory."""
    flat = logits.view(-1, logits.size(-1))[None], targets.view(-1)[None]
    return reference.label_smoothing_loss(*flat, smoothing, pad_id)


@mistake
def label_smoothing_loss__library_call(logits, targets, smoothing, pad_id):
    """The library's label smoothing does the work that this exercise asks you to do yourself."""
    flat = logits.flatten(0, 1), targets.flatten()
    if not (flat[1] != pad_id).any():
        return logits.sum() * 0
    return F.cross_entropy(*flat, ignore_index=pad_id, label_smoothing=smoothing)


@device_mistake
def label_smoothing_loss__one_hot_on_the_cpu(logits, targets, smoothing, pad_id):
    """The one-hot rows are looked up in a table on the default device, which targets on a GPU cannot index."""
    real = targets != pad_id
    log_probs = torch.log_softmax(logits[real], dim=-1)
    wanted = (1 - smoothing) * torch.eye(logits.size(-1), dtype=logits.dtype)[targets[real]]
    return -((wanted + smoothing / logits.size(-1)) * log_probs).sum() / real.sum().clamp(min=1)


@device_mistake
def label_smoothing_loss__distribution_on_the_cpu(logits, targets, smoothing, pad_id):
    """The smoothed target is made on the default device, the CPU, but the logits may be on a different one."""
    real = targets != pad_id
    log_probs = torch.log_softmax(logits[real], dim=-1)
    wanted = torch.full(log_probs.shape, smoothing / logits.size(-1), dtype=logits.dtype)
    kept = (1 - smoothing) * of_target(log_probs, targets[real]).sum() + (wanted * log_probs).sum()
    return -kept / real.sum().clamp(min=1)
