"""Other ways to be right in exercise 12."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from grader.authoring import alternative
from solutions import ex12_training as reference


@alternative
def warmup_rate__by_cases(step, d_model, warmup_steps):
    """Two branches, written with roots."""
    step = step or 1
    peak = 1 / math.sqrt(d_model * warmup_steps)
    return peak * step / warmup_steps if step < warmup_steps else peak * math.sqrt(warmup_steps / step)


@alternative
def label_smoothing_loss__soft_targets(logits, targets, smoothing, pad_id):
    """The whole distribution is written out, masked afterwards; prints on the way."""
    vocab = logits.size(-1)
    print("vocab", vocab)
    wanted = torch.full_like(logits, smoothing / vocab)
    wanted = wanted.scatter_add(-1, targets[..., None], torch.full_like(logits[..., :1], 1 - smoothing))
    losses = -(wanted * F.log_softmax(logits, dim=-1)).sum(-1)
    real = (targets != pad_id).to(logits.dtype)
    return (losses * real).sum() / real.sum().clamp(min=1)


@alternative
def label_smoothing_loss__own_softmax(logits, targets, smoothing, pad_id):
    """logsumexp by hand, and a loop over the rows; where nothing counts, zero times the logits."""
    top = logits.amax(-1, keepdim=True).detach()
    log_probs = logits - top - (logits - top).exp().sum(-1, keepdim=True).log()
    terms = []
    for row in range(logits.size(0)):
        for column in range(logits.size(1)):
            if targets[row, column].item() != pad_id:
                scores = log_probs[row, column]
                terms.append(-(1 - smoothing) * scores[targets[row, column]] - smoothing * scores.mean())
    return torch.stack(terms).mean() if terms else 0.0 * logits.sum()


@alternative
def label_smoothing_loss__ignore_index(logits, targets, smoothing, pad_id):
    """nll_loss with ignore_index, as a sum; the even part as a masked sum."""
    log_probs = logits.log_softmax(-1).flatten(0, 1)
    flat = targets.flatten()
    real = flat != pad_id
    total = F.nll_loss(log_probs, flat, ignore_index=pad_id, reduction="sum") * (1 - smoothing)
    total = total - smoothing * log_probs.mean(-1).masked_fill(~real, 0).sum()
    return total / max(1, int(real.sum()))


@alternative
def train_step__library_loss(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Cleared through the optimizer, the library's plain loss, encode and decode called one by one."""
    optimizer.zero_grad(set_to_none=False)
    for module in model.modules():
        module.train(True)
    first = torch.full((targets.size(0), 1), bos_id, dtype=targets.dtype, device=targets.device)
    fed = torch.cat((first, targets[:, :-1]), dim=1)
    logits = model.decode(fed, model.encode(source), source)
    loss = F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=pad_id)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], max_norm)
    optimizer.step()
    return loss.detach().item()


@alternative
def train_step__own_clip(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Clips by hand without the 1e-6 in the library's denominator; gradients are cleared afterwards too."""
    for parameter in model.parameters():
        parameter.grad = None
    model.train()
    loss = reference.sequence_loss(model(source, reference.shift_right(targets, bos_id)), targets, pad_id)
    value = loss.item()
    loss.backward(retain_graph=True)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = math.sqrt(sum(gradient.double().pow(2).sum().item() for gradient in gradients))
    if norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / norm)
    optimizer.step()
    model.zero_grad()
    return value


@alternative
def train_step__shortest_batch(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Columns of nothing but padding are cut off first; gradients come from autograd.grad."""
    longest = int((targets != pad_id).sum(1).max())
    targets = targets[:, :longest].contiguous()
    source = source[:, : int((source != pad_id).sum(1).max())]
    model.train()
    loss = reference.sequence_loss(model(source, reference.shift_right(targets, bos_id)), targets, pad_id)
    parameters = list(model.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    optimizer.step()
    return float(loss)


@alternative
def warmup_rate__power_functions(step, d_model, warmup_steps):
    """math.pow, and an if for step 0."""
    if step == 0:
        step = 1
    arg1 = math.pow(step, -0.5)
    arg2 = step * math.pow(warmup_steps, -1.5)
    return math.pow(d_model, -0.5) * min(arg1, arg2)


@alternative
def warmup_rate__numpy(step, d_model, warmup_steps):
    """numpy's functions; the last line makes a Python float of numpy's."""
    step = np.maximum(step, 1)
    return float(np.power(d_model, -0.5) * np.minimum(np.power(float(step), -0.5), step * warmup_steps**-1.5))


@alternative
def label_smoothing_loss__fairseq(logits, targets, smoothing, pad_id):
    """fairseq's label_smoothed_nll_loss, with the even share of every word and a mean."""
    lprobs = F.log_softmax(logits, dim=-1).reshape(-1, logits.size(-1))
    target = targets.reshape(-1, 1)
    nll_loss = -lprobs.gather(dim=-1, index=target)
    smooth_loss = -lprobs.sum(dim=-1, keepdim=True)
    pad_mask = target.eq(pad_id)
    nll_loss.masked_fill_(pad_mask, 0.0)
    smooth_loss.masked_fill_(pad_mask, 0.0)
    eps_i = smoothing / lprobs.size(-1)
    loss = (1.0 - smoothing) * nll_loss.sum() + eps_i * smooth_loss.sum()
    return loss / (~pad_mask).sum().clamp(min=1)


@alternative
def label_smoothing_loss__one_hot(logits, targets, smoothing, pad_id):
    """One-hot targets, smoothed, with a mask of numbers."""
    vocab = logits.shape[-1]
    one_hot = F.one_hot(targets, num_classes=vocab).to(logits.dtype)
    soft = one_hot * (1 - smoothing) + smoothing / vocab
    loss = -torch.sum(soft * logits.log_softmax(-1), dim=-1)
    mask = targets.ne(pad_id).to(loss.dtype)
    return torch.sum(loss * mask) / torch.clamp(mask.sum(), min=1.0)


@alternative
def label_smoothing_loss__masked_select(logits, targets, smoothing, pad_id):
    """The real targets are picked first; a sum of none is a 0 that hangs on the logits."""
    logp = torch.log_softmax(logits, dim=-1)
    keep = targets != pad_id
    nll = F.nll_loss(logp[keep], targets[keep], reduction="sum")
    uniform = -logp[keep].mean(dim=-1).sum()
    return ((1 - smoothing) * nll + smoothing * uniform) / max(keep.sum().item(), 1)


@alternative
def train_step__asks_the_model(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """Train mode is switched on where the model says that it is off."""
    if not model.training:
        model.train()
    optimizer.zero_grad(set_to_none=True)
    decoder_input = torch.cat([torch.full_like(targets[:, :1], bos_id), targets[:, :-1]], dim=1)
    logits = model(source, decoder_input)
    loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1), ignore_index=pad_id)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return loss.item()


@alternative
def train_step__criterion(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """A criterion object, the shift written into a new tensor, and zero_grad right before backward."""
    criterion = torch.nn.CrossEntropyLoss(ignore_index=pad_id)
    model.train()
    shifted = targets.new_zeros(targets.shape)
    shifted[:, 1:] = targets[:, :-1].clone()
    shifted[:, 0] = bos_id
    output = model(source, shifted)
    loss = criterion(output.permute(0, 2, 1), targets)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=max_norm)
    optimizer.step()
    return float(loss)


@alternative
def train_step__norm_by_hand(model, optimizer, source, targets, bos_id, pad_id, max_norm=1.0):
    """The norm of all norms, and torch's coefficient with its 1e-6."""
    model.train()
    loss = reference.sequence_loss(model(source, reference.shift_right(targets, bos_id)), targets, pad_id)
    optimizer.zero_grad()
    loss.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    total_norm = torch.norm(torch.stack([torch.norm(g) for g in grads]))
    if total_norm > max_norm:
        for g in grads:
            g.mul_(max_norm / (total_norm + 1e-6))
    optimizer.step()
    return loss.detach().cpu().item()
