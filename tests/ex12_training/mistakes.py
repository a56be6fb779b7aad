"""Wrong variants of exercise 12, the likeliest first."""

import math

import torch
import torch.nn.functional as F
from torch import nn

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


def updated(model, optimizer, source, fed, targets, pad_id, max_norm):
    """What train_step does once it has decided what to feed."""
    model.train()
    model.zero_grad()
    loss = reference.sequence_loss(model(source, fed), targets, pad_id)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(loss.item())


def with_clip(model, optimizer, source, targets, bos_id, pad_id, clip):
    """One step whose gradients are clipped by `clip`."""
    model.train()
    model.zero_grad()
    loss = reference.sequence_loss(model(source, reference.shift_right(targets, bos_id)), targets, pad_id)
    loss.backward()
    clip(list(model.parameters()))
    optimizer.step()
    return float(loss.item())


def without_train_mode(model, optimizer, source, targets, bos_id, pad_id, max_norm):
    """One step in whatever mode the model is in."""
    model.zero_grad()
    loss = reference.sequence_loss(model(source, reference.shift_right(targets, bos_id)), targets, pad_id)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(loss.item())


# ---------------------------------------------------------------------------------- warmup_rate


@mistake
def warmup_rate__step_zero_is_zero(step, d_model, warmup_steps):
    """Step 0 gets the rate 0, so the first update of a schedule that counts from 0 does nothing."""
    return reference.warmup_rate(step, d_model, warmup_steps) if step else 0.0


@mistake
def warmup_rate__step_zero_crashes(step, d_model, warmup_steps):
    """Step 0 is raised to the power -0.5, which divides by zero."""
    return float(d_model**-0.5 * min(step**-0.5, step * warmup_steps**-1.5))


@mistake
def warmup_rate__late_steps_alike(step, d_model, warmup_steps):
    """From some step on the rate does not fall any more. It falls for ever, as 1 / sqrt(step)."""
    return reference.warmup_rate(min(step, 100_000), d_model, warmup_steps)


@mistake
def warmup_rate__counted_from_zero(step, d_model, warmup_steps):
    """One is added to every step, so the whole schedule runs one step ahead."""
    return reference.warmup_rate(step + 1, d_model, warmup_steps)


@mistake
def warmup_rate__maximum(step, d_model, warmup_steps):
    """The larger of the two rates is taken: it falls where it should rise, and never stops growing."""
    step = max(step, 1)
    return float(d_model**-0.5 * max(step**-0.5, step * warmup_steps**-1.5))


@mistake
def warmup_rate__no_fall(step, d_model, warmup_steps):
    """The rate stays at its peak after the warmup. It should fall with the root of the step."""
    return reference.warmup_rate(min(step, warmup_steps), d_model, warmup_steps)


@mistake
def warmup_rate__always_falls(step, d_model, warmup_steps):
    """There is no warmup: the rate is largest at the first step."""
    return float(d_model**-0.5 * max(step, 1) ** -0.5)


@mistake
def warmup_rate__grows_with_the_model(step, d_model, warmup_steps):
    """The rate is multiplied by the root of d_model. A wider model should get a smaller rate."""
    return reference.warmup_rate(step, d_model, warmup_steps) * d_model


@mistake
def warmup_rate__without_d_model(step, d_model, warmup_steps):
    """The rate does not depend on d_model."""
    return reference.warmup_rate(step, 1, warmup_steps)


@mistake
def warmup_rate__wrong_slope(step, d_model, warmup_steps):
    """The rise has the wrong slope, warmup_steps^-0.5: rise and fall do not meet at the end of the warmup."""
    step = max(step, 1)
    return float(d_model**-0.5 * min(step**-0.5, step * warmup_steps**-0.5))


@mistake
def warmup_rate__a_tensor(step, d_model, warmup_steps):
    """The rate comes back as a tensor. A scheduler wants a Python float."""
    return torch.tensor(reference.warmup_rate(step, d_model, warmup_steps), dtype=torch.float64)


# ---------------------------------------------------------------------------------- label_smoothing_loss


@mistake
def label_smoothing_loss__spread_over_the_others(logits, targets, smoothing, pad_id):
    """The smoothing is spread over the wrong tokens only. Here the target gets its even share too."""

    def even(log_probs, real):
        return (log_probs.sum(-1) - of_target(log_probs, real)) / max(log_probs.size(-1) - 1, 1)

    return smoothed(logits, targets, smoothing, pad_id, even)


@mistake
def label_smoothing_loss__share_of_the_target_lost(logits, targets, smoothing, pad_id):
    """The target's even share is lost, so the distribution asked for does not sum to one."""

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
    """The target keeps probability 1 and the smoothing comes on top, so more than one is given away."""
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
    """Token 0 is taken for padding, whatever pad_id says."""
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
    """For a batch without a real target a new tensor is returned that does not hang on logits: backward() fails."""
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
    """The library's label smoothing does the work that this exercise asks you to build."""
    flat = logits.flatten(0, 1), targets.flatten()
    if not (flat[1] != pad_id).any():
        return logits.sum() * 0
    return F.cross_entropy(*flat, ignore_index=pad_id, label_smoothing=smoothing)


# ---------------------------------------------------------------------------------- train_step


@mistake
def train_step__not_shifted(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The decoder is fed the very tokens it should predict: it learns to copy, and alone it writes nonsense."""
    return updated(model, optimizer, source, targets, targets, pad_id, max_norm)


@mistake
def train_step__old_gradients_kept(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The gradients of earlier steps are not cleared, so every update repeats all those before it."""
    model.train()
    loss = reference.sequence_loss(model(source, reference.shift_right(targets, bos_id)), targets, pad_id)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(loss.item())


@mistake
def train_step__not_clipped(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The optimizer sees unclipped gradients: clipping is missing, too early (before backward) or too late."""
    return with_clip(model, optimizer, source, targets, bos_id, pad_id, lambda parameters: None)


@mistake
def train_step__clipped_one_by_one(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Each parameter's gradient is clipped alone, which bends the direction. There is one norm for all."""

    def clip(parameters):
        for parameter in parameters:
            nn.utils.clip_grad_norm_([parameter], max_norm)

    return with_clip(model, optimizer, source, targets, bos_id, pad_id, clip)


@mistake
def train_step__first_group_clipped(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Only the optimizer's first group of parameters is clipped. There is one norm for all parameters."""

    def clip(parameters):
        nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], max_norm)

    return with_clip(model, optimizer, source, targets, bos_id, pad_id, clip)


@mistake
def train_step__entries_clipped(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Each entry of the gradients is clipped to max_norm, which bends the direction of the step."""

    def clip(parameters):
        for parameter in parameters:
            parameter.grad.clamp_(-max_norm, max_norm)

    return with_clip(model, optimizer, source, targets, bos_id, pad_id, clip)


@mistake
def train_step__always_rescaled(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The gradients are always brought to the length max_norm, so short ones grow."""

    def clip(parameters):
        total = torch.sqrt(sum(parameter.grad.square().sum() for parameter in parameters))
        for parameter in parameters:
            parameter.grad.mul_(max_norm / total)

    return with_clip(model, optimizer, source, targets, bos_id, pad_id, clip)


@mistake
def train_step__squared_norm(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The sum of the squares is taken for the norm: its root is missing."""

    def clip(parameters):
        total = sum(parameter.grad.square().sum() for parameter in parameters)
        for parameter in parameters:
            parameter.grad.mul_((max_norm / total).clamp(max=1.0))

    return with_clip(model, optimizer, source, targets, bos_id, pad_id, clip)


@mistake
def train_step__sum_of_norms(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The norms of the parameters are added up. One long vector of all gradients has a smaller norm."""

    def clip(parameters):
        total = sum(parameter.grad.norm() for parameter in parameters)
        for parameter in parameters:
            parameter.grad.mul_((max_norm / total).clamp(max=1.0))

    return with_clip(model, optimizer, source, targets, bos_id, pad_id, clip)


@mistake
def train_step__largest_entry_clipped(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The largest entry is taken for the norm. An L2 norm is the root of the sum of all squares."""

    def clip(parameters):
        nn.utils.clip_grad_norm_(parameters, max_norm, norm_type=torch.inf)

    return with_clip(model, optimizer, source, targets, bos_id, pad_id, clip)


@mistake
def train_step__norm_always_one(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The gradients are clipped to the norm 1, whatever max_norm says."""
    return reference.train_step(model, optimizer, source, targets, bos_id, pad_id)


@mistake
def train_step__loss_counts_padding(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Padding counts in the loss, so the model is taught to write padding."""
    return updated(model, optimizer, source, reference.shift_right(targets, bos_id), targets, -1, max_norm)


@mistake
def train_step__loss_takes_zero_for_padding(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Token 0 is taken for padding, whatever pad_id says."""
    return updated(model, optimizer, source, reference.shift_right(targets, bos_id), targets, 0, max_norm)


@mistake
def train_step__returns_a_tensor(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The loss comes back as a tensor. A Python float is asked for."""
    return torch.tensor(reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm))


@mistake
def train_step__loss_after_the_update(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The loss is computed again after the update. The one before it is asked for, and costs nothing more."""
    reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    logits = model(source, reference.shift_right(targets, bos_id))
    return float(reference.sequence_loss(logits, targets, pad_id).item())


@mistake
def train_step__train_mode_by_the_top_flag(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Only the model's own training flag is set or asked for. Every part below has a flag of its own."""
    if not model.training:
        model.train()
    return without_train_mode(model, optimizer, source, targets, bos_id, pad_id, max_norm)


@mistake
def train_step__never_in_train_mode(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Train mode is never switched on, so dropout stays off after the first evaluation."""
    return without_train_mode(model, optimizer, source, targets, bos_id, pad_id, max_norm)


@mistake
def train_step__train_mode_too_late(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Train mode is switched on after the forward pass: the first step after an evaluation has no dropout."""
    loss = without_train_mode(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    model.train()
    return loss


@mistake
def train_step__left_in_eval_mode(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The model is put back into eval mode. train_step should leave it in train mode."""
    loss = reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    model.eval()
    return loss


@mistake
def train_step__smoothed(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The loss is smoothed. Plain cross entropy is asked for here."""
    model.train()
    model.zero_grad()
    logits = model(source, reference.shift_right(targets, bos_id))
    loss = reference.label_smoothing_loss(logits, targets, 0.1, pad_id)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(loss.item())


@mistake
def train_step__targets_begin_with_bos(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The first target is fed as if it were bos and never predicted. Here targets do not begin with bos."""
    if targets.size(1) == 1:
        raise ValueError("nothing is left to predict")
    return updated(model, optimizer, source, targets[:, :-1], targets[:, 1:], pad_id, max_norm)


@mistake
def train_step__shifted_left(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The targets are shifted the wrong way: a position is fed the token AFTER the one to predict."""
    fed = torch.cat([targets[:, 1:], torch.full_like(targets[:, :1], pad_id)], dim=1)
    return updated(model, optimizer, source, fed, targets, pad_id, max_norm)


@mistake
def train_step__begins_with_padding(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The decoder's first input is padding. It should be bos."""
    return reference.train_step(model, optimizer, source, targets, pad_id, pad_id, max_norm)


@mistake
def train_step__begins_with_zero(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The decoder's first input is token 0, whatever bos_id says."""
    return reference.train_step(model, optimizer, source, targets, 0, pad_id, max_norm)


@mistake
def train_step__source_and_target_swapped(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The model is given the decoder's input as its source, and the source as the decoder's input."""
    model.train()
    model.zero_grad()
    logits = model(reference.shift_right(targets, bos_id), source)
    loss = reference.sequence_loss(logits, targets, pad_id)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(loss.item())


@mistake
def train_step__encoder_cut_off(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The encoder's result is detached, so the encoder never learns."""
    model.train()
    model.zero_grad()
    memory = model.encode(source).detach()
    loss = reference.sequence_loss(
        model.decode(reference.shift_right(targets, bos_id), memory, source), targets, pad_id
    )
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(loss.item())


@mistake
def train_step__cleared_too_late(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The gradients are cleared between backward and the update, so the update has nothing to work with."""
    return with_clip(model, optimizer, source, targets, bos_id, pad_id, lambda parameters: model.zero_grad())


@mistake
def train_step__updated_twice(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The optimizer takes two steps with the same gradients."""
    loss = reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    optimizer.step()
    return loss


@mistake
def train_step__loss_is_a_sum(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The tokens' losses are added up, so a larger batch takes a larger step. They should be averaged."""
    model.train()
    model.zero_grad()
    logits = model(source, reference.shift_right(targets, bos_id))
    loss = reference.sequence_loss(logits, targets, pad_id) * (targets != pad_id).sum()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(loss.item())


@mistake
def train_step__own_update(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The parameters are changed by hand. How they move, and which of them, is the optimizer's decision."""

    class ByHand:
        @torch.no_grad()
        def step(self):
            for parameter in model.parameters():
                parameter -= optimizer.param_groups[0]["lr"] * parameter.grad

    return reference.train_step(model, ByHand(), source, targets, bos_id, pad_id, max_norm)


@mistake
def train_step__seeded(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """torch's random numbers begin anew in every step, so dropout drops the same features each time."""
    torch.manual_seed(0)
    return reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)


@mistake
def train_step__changes_the_targets(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Padding is overwritten in the caller's targets."""
    loss = reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    targets[targets == pad_id] = -100
    return loss


@mistake
def train_step__turned_to_float64(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The model is converted to float64, whatever dtype its owner chose."""
    return reference.train_step(model.double(), optimizer, source, targets, bos_id, pad_id, max_norm)


@mistake
def train_step__grad_mode_left_off(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Gradients are switched off globally and stay off, so nothing can be trained afterwards."""
    loss = reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    torch.set_grad_enabled(False)
    return loss


@mistake
def train_step__needs_contiguous_targets(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """`view` is used on the targets, which fails for a tensor that is not contiguous in memory."""
    targets.view(-1)
    return reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)


@mistake
def train_step__squeezed(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Axes of size 1 are squeezed away, so a batch with one sentence or one token loses an axis."""
    return reference.train_step(model, optimizer, source.squeeze(), targets.squeeze(), bos_id, pad_id, max_norm)


@device_mistake
def label_smoothing_loss__one_hot_on_the_cpu(logits, targets, smoothing, pad_id):
    """The one-hot rows are looked up in a table on the default device, which targets on a GPU cannot index."""
    real = targets != pad_id
    log_probs = torch.log_softmax(logits[real], dim=-1)
    wanted = (1 - smoothing) * torch.eye(logits.size(-1), dtype=logits.dtype)[targets[real]]
    return -((wanted + smoothing / logits.size(-1)) * log_probs).sum() / real.sum().clamp(min=1)


@device_mistake
def label_smoothing_loss__distribution_on_the_cpu(logits, targets, smoothing, pad_id):
    """The distribution asked for is made on the default device, the CPU, and the logits may be on another."""
    real = targets != pad_id
    log_probs = torch.log_softmax(logits[real], dim=-1)
    wanted = torch.full(log_probs.shape, smoothing / logits.size(-1), dtype=logits.dtype)
    kept = (1 - smoothing) * of_target(log_probs, targets[real]).sum() + (wanted * log_probs).sum()
    return -kept / real.sum().clamp(min=1)


@device_mistake
def train_step__decoder_input_on_the_cpu(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The column of bos is made on the default device, the CPU, and cannot be joined to targets on a GPU."""
    fed = torch.cat([torch.full((len(targets), 1), bos_id), targets[:, :-1]], dim=1)
    return updated(model, optimizer, source, fed, targets, pad_id, max_norm)


@device_mistake
def train_step__device_of_the_machine(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The batch is moved to the device that the machine has, and the model may be on another."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    source, targets = source.to(device), targets.to(device)
    return reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)


@mistake
def train_step__seed_set_back_after_it(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Random numbers are set back after each step, so from the second step on dropout drops the same features."""
    loss = reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    torch.manual_seed(torch.initial_seed())
    return loss
