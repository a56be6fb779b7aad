"""Wrong variants of `train_step` (exercise 12), the likeliest first."""

import torch
from torch import nn

from grader.authoring import device_mistake, mistake
from solutions import ex12_training as reference


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


@mistake
def train_step__not_shifted(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The decoder is fed the very tokens it should predict: it learns to copy, and writes nonsense on its own."""
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
    """The gradients are always scaled to the length max_norm, so short ones grow."""

    def clip(parameters):
        total = torch.sqrt(sum(parameter.grad.square().sum() for parameter in parameters))
        for parameter in parameters:
            parameter.grad.mul_(max_norm / total)

    return with_clip(model, optimizer, source, targets, bos_id, pad_id, clip)


@mistake
def train_step__squared_norm(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The sum of the squares is used as the norm: its root is missing."""

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
    """The largest entry is used as the norm. An L2 norm is the root of the sum of all squares."""

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
    """Token 0 is treated as padding, whatever pad_id says."""
    return updated(model, optimizer, source, reference.shift_right(targets, bos_id), targets, 0, max_norm)


@mistake
def train_step__returns_a_tensor(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The loss comes back as a tensor. It should be a Python float."""
    return torch.tensor(reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm))


@mistake
def train_step__loss_after_the_update(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The loss is computed again after the update. Return the one before it, which costs nothing more."""
    reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    logits = model(source, reference.shift_right(targets, bos_id))
    return float(reference.sequence_loss(logits, targets, pad_id).item())


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
    """The loss is smoothed. It should be plain cross entropy here."""
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
def train_step__never_updated(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """No parameter moves: backward or the step is missing, or the gradients are cleared between the two."""
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
    """The parameters are changed by hand. Which of them move, and how, is for the optimizer to decide."""

    class ByHand:
        @torch.no_grad()
        def step(self):
            for parameter in model.parameters():
                parameter -= optimizer.param_groups[0]["lr"] * parameter.grad

    return reference.train_step(model, ByHand(), source, targets, bos_id, pad_id, max_norm)


@mistake
def train_step__seeded(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """torch's random numbers start over in every step, so dropout drops the same features each time."""
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


@mistake
def train_step__seed_set_back_after_it(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The random state is reset after each step, so from the second step on dropout drops the same features."""
    loss = reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
    torch.manual_seed(torch.initial_seed())
    return loss


@mistake
def train_step__cleared_after_the_step(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The gradients are cleared after the update: what was there before the first call is still added to it."""
    model.train()
    loss = reference.sequence_loss(model(source, reference.shift_right(targets, bos_id)), targets, pad_id)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.item())


@mistake
def train_step__ignored_label_fed(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Padding becomes -100 for the loss before the targets are shifted, so -100 is fed and looked up. Shift first."""
    labels = targets.masked_fill(targets == pad_id, -100)
    return updated(model, optimizer, source, reference.shift_right(labels, bos_id), labels, -100, max_norm)


@mistake
def train_step__source_fed(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The decoder is fed the shifted source. It should be fed the shifted targets."""
    return updated(model, optimizer, source, reference.shift_right(source, bos_id), targets, pad_id, max_norm)


@mistake
def train_step__targets_read_as_the_source(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The encoder reads the targets where it should read the source, so the answer stands in the question."""
    return updated(model, optimizer, targets, reference.shift_right(targets, bos_id), targets, pad_id, max_norm)


@mistake
def train_step__first_1024_targets(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Of a long target only the first 1,024 words are learned. A model has no longest sentence."""
    return reference.train_step(model, optimizer, source, targets[:, :1024], bos_id, pad_id, max_norm)


@device_mistake
def train_step__decoder_input_on_the_cpu(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The column of bos is made on the default device, the CPU, and cannot be joined to targets on a GPU."""
    fed = torch.cat([torch.full((len(targets), 1), bos_id), targets[:, :-1]], dim=1)
    return updated(model, optimizer, source, fed, targets, pad_id, max_norm)


@device_mistake
def train_step__device_of_the_machine(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The batch is moved to the device that the machine has, but the model may be on a different one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    source, targets = source.to(device), targets.to(device)
    return reference.train_step(model, optimizer, source, targets, bos_id, pad_id, max_norm)
