"""Wrong variants of `sequence_loss` (exercise 3), the likeliest first."""

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex03_teacher_forcing as reference


@mistake
def sequence_loss__padding_counted(logits, targets, pad_id):
    """Padding counts like real tokens, so the model is rewarded for writing pad."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@mistake
def sequence_loss__divided_by_all_positions(logits, targets, pad_id):
    """The sum over the real targets is divided by all positions, so every column of padding makes the loss smaller."""
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    return (losses * (targets != pad_id)).mean()


@mistake
def sequence_loss__nan_without_targets(logits, targets, pad_id):
    """A batch without a real target gives 0 / 0 = NaN, which spoils every weight at the next update."""
    return F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=pad_id)


@mistake
def sequence_loss__pad_is_zero(logits, targets, pad_id):
    """The id 0 is treated as padding, whatever pad_id says."""
    return reference.sequence_loss(logits, targets, 0)


@mistake
def sequence_loss__mean_of_sentence_means(logits, targets, pad_id):
    """The mean is taken in each sentence first, so a token of a short sentence weighs more than one of a long one."""
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    real = (targets != pad_id).to(losses.dtype)
    rows = (losses * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)
    return rows.sum() / (real.sum(dim=1) > 0).sum().clamp(min=1)


@mistake
def sequence_loss__mean_of_all_sentence_means(logits, targets, pad_id):
    """The mean is taken in each sentence first, so a token of a short sentence weighs more than one of a long one; a
    sentence of nothing but padding counts as one whose loss is 0."""
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    real = (targets != pad_id).to(losses.dtype)
    return ((losses * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)).mean()


@mistake
def sequence_loss__sum(logits, targets, pad_id):
    """The losses are summed and not averaged, so long sentences and large batches make larger steps."""
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="sum", ignore_index=pad_id)


@mistake
def sequence_loss__divided_by_the_batch(logits, targets, pad_id):
    """The sum is divided by the number of sentences. Divide by the number of real targets: that is a mean per token."""
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="sum", ignore_index=pad_id) / len(targets)


@mistake
def sequence_loss__divided_by_the_columns(logits, targets, pad_id):
    """The sum is divided by the number of columns. The number of real targets makes it a mean per token."""
    total = F.cross_entropy(logits.transpose(1, 2), targets, reduction="sum", ignore_index=pad_id)
    return total / targets.size(1)


@mistake
def sequence_loss__mean_of_column_means(logits, targets, pad_id):
    """The mean is taken at each position first, so a token of a late position, where few rows are left, weighs more."""
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    real = (targets != pad_id).to(losses.dtype)
    columns = (losses * real).sum(dim=0) / real.sum(dim=0).clamp(min=1)
    return columns.sum() / (real.sum(dim=0) > 0).sum().clamp(min=1)


@mistake
def sequence_loss__sum_of_column_means(logits, targets, pad_id):
    """The mean of each position is added up over the positions. All real targets together make one mean."""
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    real = (targets != pad_id).to(losses.dtype)
    return ((losses * real).sum(dim=0) / real.sum(dim=0).clamp(min=1)).sum()


@mistake
def sequence_loss__column_means_over_the_columns(logits, targets, pad_id):
    """The mean of each position is added up and divided by all columns, so columns of padding make the loss smaller."""
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    real = (targets != pad_id).to(losses.dtype)
    return ((losses * real).sum(dim=0) / real.sum(dim=0).clamp(min=1)).mean()


@mistake
def sequence_loss__perplexity(logits, targets, pad_id):
    """The exponential of the mean is returned: the perplexity. The loss is the mean itself."""
    return reference.sequence_loss(logits, targets, pad_id).exp()


@mistake
def sequence_loss__softmax_twice(logits, targets, pad_id):
    """The logits go through a softmax before a cross entropy that applies one itself, so the loss hardly moves."""
    return reference.sequence_loss(logits.softmax(dim=-1), targets, pad_id)


@mistake
def sequence_loss__no_softmax(logits, targets, pad_id):
    """The logits are used as if they were log-probabilities: the softmax is missing."""
    real = targets != pad_id
    picked = logits.gather(2, targets.unsqueeze(2)).squeeze(2)
    return -(picked * real).sum() / real.sum().clamp(min=1)


@mistake
def sequence_loss__softmax_over_time(logits, targets, pad_id):
    """The softmax runs over the target positions, so steps compete with each other. Words should."""
    return F.nll_loss(
        logits.log_softmax(dim=1).flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=pad_id
    ) / (targets != pad_id).sum().clamp(min=1)


@mistake
def sequence_loss__bits(logits, targets, pad_id):
    """The loss is measured in bits, with a logarithm to base 2. Nats use the natural logarithm."""
    return reference.sequence_loss(logits, targets, pad_id) / torch.log(torch.tensor(2.0, dtype=logits.dtype))


@mistake
def sequence_loss__sign_forgotten(logits, targets, pad_id):
    """The sign is missing: this is the mean log-probability, and making it small makes the truth unlikely."""
    return -reference.sequence_loss(logits, targets, pad_id)


@mistake
def sequence_loss__log_of_softmax(logits, targets, pad_id):
    """The logarithm is taken of a softmax that has underflowed to 0, so a large logit gives an infinite loss."""
    real = targets != pad_id
    logs = logits[real].softmax(dim=-1).log()
    return F.nll_loss(logs, targets[real], reduction="sum") / real.sum().clamp(min=1)


@mistake
def sequence_loss__softmax_without_maximum(logits, targets, pad_id):
    """The exponentials are taken of the raw logits, so large ones overflow to infinity and then to NaN."""
    real = targets != pad_id
    exponentials = logits[real].exp()
    logs = (exponentials / exponentials.sum(dim=-1, keepdim=True)).log()
    return F.nll_loss(logs, targets[real], reduction="sum") / real.sum().clamp(min=1)


@mistake
def sequence_loss__small_number_in_the_log(logits, targets, pad_id):
    """A small number is added inside the logarithm, which limits the loss of a truth that seemed impossible."""
    real = targets != pad_id
    logs = (logits[real].softmax(dim=-1) + 1e-12).log()
    return F.nll_loss(logs, targets[real], reduction="sum") / real.sum().clamp(min=1)


@mistake
def sequence_loss__one_more_in_the_count(logits, targets, pad_id):
    """One is added to the count to avoid a division by zero, which makes every loss too small."""
    real = targets != pad_id
    return F.cross_entropy(logits[real], targets[real], reduction="sum") / (real.sum() + 1)


@mistake
def sequence_loss__batch_and_time_mixed(logits, targets, pad_id):
    """Logits and targets are flattened in different orders, so a token is compared with another sentence's logits."""
    return reference.sequence_loss(logits.transpose(0, 1).reshape(logits.shape), targets, pad_id)


@mistake
def sequence_loss__padding_zeroed_before_the_softmax(logits, targets, pad_id):
    """The logits at padding are set to 0, but a row of zeros has a loss too: it is the loss that must be left out."""
    real = targets != pad_id
    losses = F.cross_entropy((logits * real.unsqueeze(2)).flatten(0, 1), targets.flatten(), reduction="sum")
    return losses / real.sum().clamp(min=1)


@mistake
def sequence_loss__first_target_left_out(logits, targets, pad_id):
    """The first position is left out, as if it were bos. The targets hold no bos: y_1 counts too."""
    return reference.sequence_loss(logits[:, 1:], targets[:, 1:], pad_id)


@mistake
def sequence_loss__pad_logit_removed(logits, targets, pad_id):
    """The padding word is taken out of the softmax. Leave out padded targets only; the vocabulary stays whole."""
    padding = torch.arange(logits.size(-1), device=logits.device) == pad_id
    real = targets != pad_id
    kept = logits[real].masked_fill(padding, -1e30)
    return F.cross_entropy(kept, targets[real], reduction="sum") / real.sum().clamp(min=1)


@mistake
def sequence_loss__constant_zero(logits, targets, pad_id):
    """For a batch without a real target a new tensor is returned that does not depend on logits: backward() fails."""
    if not bool((targets != pad_id).any()):
        return torch.zeros((), dtype=logits.dtype, device=logits.device)
    return reference.sequence_loss(logits, targets, pad_id)


@mistake
def sequence_loss__detached(logits, targets, pad_id):
    """The loss is cut off from the logits, so nothing can be learnt from it."""
    return reference.sequence_loss(logits.detach(), targets, pad_id)


@mistake
def sequence_loss__python_number(logits, targets, pad_id):
    """The loss is turned into a Python number, which has no gradient."""
    return reference.sequence_loss(logits, targets, pad_id).item()


@mistake
def sequence_loss__float32(logits, targets, pad_id):
    """The loss is computed in float32 and converted back, which costs float64 logits half of their digits."""
    return reference.sequence_loss(logits.float(), targets, pad_id).to(logits.dtype)


@mistake
def sequence_loss__needs_contiguous_input(logits, targets, pad_id):
    """`view` is used on the inputs, which fails for a tensor that is not contiguous in memory."""
    return reference.sequence_loss(logits.view(-1, 1, logits.size(-1)), targets.view(-1, 1), pad_id)


@mistake
def sequence_loss__padding_zeroed_in_place(logits, targets, pad_id):
    """The logits at padding are overwritten in place, so the caller's tensor changes too."""
    with torch.no_grad():
        logits[targets == pad_id] = 0
    return reference.sequence_loss(logits, targets, pad_id)


@mistake
def sequence_loss__first_1024_targets(logits, targets, pad_id):
    """Targets after a fixed number of columns do not count. No length is named as the longest."""
    return reference.sequence_loss(logits[:, :1024], targets[:, :1024], pad_id)


@device_mistake
def sequence_loss__weights_on_the_cpu(logits, targets, pad_id):
    """The weights of the classes are made on the default device, but the logits may be on a different one."""
    weights = torch.ones(logits.size(-1), dtype=logits.dtype)
    weights[pad_id] = 0.0
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), weight=weights, reduction="sum")
    return total / (targets != pad_id).sum().clamp(min=1)
