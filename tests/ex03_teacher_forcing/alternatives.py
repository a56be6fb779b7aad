"""Other ways to be right in exercise 3."""

import torch
import torch.nn.functional as F

from grader.authoring import alternative


@alternative
def shift_right__rolled(targets, bos_id):
    """Rolled around, then the first column overwritten in the copy."""
    shifted = torch.roll(targets, 1, dims=1)
    shifted[:, 0] = bos_id
    return shifted


@alternative
def shift_right__padded_in_front(targets, bos_id):
    """F.pad in front, a negative amount behind."""
    return F.pad(targets, (1, -1), value=bos_id)


@alternative
def decode_loop__coins_tossed_at_once(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """All coins at once, one of them for a step that needs none; float64 coins; logits concatenated."""
    batch, target = targets.shape
    coins = torch.rand(target, generator=generator, dtype=torch.float64).lt(teacher_forcing_ratio).tolist()
    previous, parts = targets.new_full((batch,), bos_id), []
    for position, heads in enumerate(coins):
        logits, state = step(previous, state)
        parts.append(logits[:, None])
        previous = targets[:, position] if heads else logits.detach().argmax(1)
    return torch.cat(parts, dim=1)


@alternative
def decode_loop__bernoulli(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Coins by torch.bernoulli, none where the ratio decides alone; prints; a buffer filled step by step."""
    batch, target = targets.shape
    tokens = torch.full((batch,), bos_id, dtype=torch.long)
    out = None
    for t in range(target):
        logits, state = step(tokens, state)
        out = logits.new_zeros(batch, target, logits.shape[-1]) if out is None else out
        out[:, t] = logits
        if teacher_forcing_ratio >= 1:
            forced = True
        elif teacher_forcing_ratio <= 0:
            forced = False
        else:
            forced = bool(torch.bernoulli(torch.tensor(teacher_forcing_ratio), generator=generator))
        tokens = targets[:, t] if forced else torch.topk(logits, 1).indices[:, 0]
    print("decoded", target, "steps")
    return out


@alternative
def decode_loop__integer_coins(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Coins by torch.randint, and a choice by torch.where."""
    inputs, steps = torch.cat([torch.full_like(targets[:, :1], bos_id), targets], dim=1), []
    for t in range(targets.size(1)):
        heads = torch.randint(1 << 40, (1,), generator=generator) < teacher_forcing_ratio * (1 << 40)
        guess = steps[-1].max(dim=-1).indices if t else inputs[:, 0]
        logits, state = step(torch.where(heads.to(guess.device), inputs[:, t].to(guess.device), guess), state)
        steps += [logits]
    return torch.stack(steps).transpose(0, 1)


@alternative
def sequence_loss__weighted(logits, targets, pad_id):
    """log_softmax, gather and a mask."""
    real = (targets != pad_id).to(logits.dtype)
    picked = F.log_softmax(logits, dim=-1).gather(-1, targets[..., None])[..., 0]
    return -(picked * real).sum() / real.sum().clamp(min=1)


@alternative
def sequence_loss__library(logits, targets, pad_id):
    """F.cross_entropy with ignore_index, and zero times the logits where nothing is left."""
    if not (targets != pad_id).any():
        return (logits * 0).sum()
    return F.cross_entropy(logits.reshape(-1, logits.size(-1)), targets.reshape(-1), ignore_index=pad_id)


@alternative
def sequence_loss__loops(logits, targets, pad_id):
    """One token at a time, with torch.logsumexp."""
    total, count = logits.sum() * 0, 0
    for row, sentence in zip(logits, targets, strict=True):
        for scores, target in zip(row, sentence.tolist(), strict=True):
            if target != pad_id:
                total = total + torch.logsumexp(scores, dim=0) - scores[target]
                count += 1
    return total / max(count, 1)


@alternative
def greedy_decode__padded_afterwards(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """In inference mode; finished rows are fed what they write; padding is put in at the end."""
    written = [torch.tensor([bos_id] * batch_size)]
    ended = [False] * batch_size
    with torch.inference_mode():
        while len(written) <= max_length and not all(ended):
            logits, state = step(written[-1], state)
            written.append(logits.argmax(dim=1))
            ended = [done or token == eos_id for done, token in zip(ended, written[-1].tolist(), strict=True)]
        tokens = torch.stack(written[1:], dim=1)
        eos = (tokens == eos_id).long()
        return torch.where(eos.cumsum(dim=1) - eos > 0, torch.full_like(tokens, pad_id), tokens)


@alternative
def greedy_decode__buffer(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A buffer full of pad; finished rows are fed an id that does not exist."""
    previous = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    try:
        written = torch.full((batch_size, max_length), pad_id)
        tokens, running = torch.full((batch_size,), bos_id), torch.ones(batch_size, dtype=torch.bool)
        for length in range(1, max_length + 1):
            logits, state = step(torch.where(running, tokens, -1), state)
            tokens = logits.argmax(dim=-1).cpu()
            written[running, length - 1] = tokens[running]
            running = running & (tokens != eos_id)
            if not running.any():
                break
        return written[:, :length].to(logits.device)
    finally:
        torch.set_grad_enabled(previous)
