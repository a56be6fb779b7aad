"""Other ways to be right in exercise 12."""

import math

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
