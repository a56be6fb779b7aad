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


@alternative
def shift_right__zeros_filled(targets, bos_id):
    """Zeros of the same shape, filled from the left, as a well-known library does."""
    shifted = targets.new_zeros(targets.shape)
    shifted[:, 1:] = targets[:, :-1].clone()
    shifted[:, 0] = bos_id
    return shifted


@alternative
def shift_right__start_column(targets, bos_id):
    """A column of bos joined in front, made on the CPU and moved with `is_cuda`."""
    start = torch.LongTensor([[bos_id]] * targets.size(0))
    if targets.is_cuda:
        start = start.cuda()
    return torch.cat((start, targets[:, :-1]), 1)


@alternative
def shift_right__stacked(targets, bos_id):
    """A list of columns."""
    columns = [torch.empty_like(targets[:, 0]).fill_(bos_id)]
    for t in range(1, targets.shape[1]):
        columns.append(targets[:, t - 1])
    return torch.stack(columns, dim=-1)


@alternative
def decode_loop__tutorial(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The next token chosen after the step by `.item()` of one random number, also after the last; topk and squeeze."""
    batch_size, target_length = targets.size()
    decoder_input = torch.empty(batch_size, 1, dtype=torch.long).fill_(bos_id).squeeze(1)
    decoder_outputs = []
    for i in range(target_length):
        decoder_output, state = step(decoder_input, state)
        decoder_outputs.append(decoder_output.unsqueeze(1))
        use_teacher_forcing = torch.rand(1, generator=generator).item() < teacher_forcing_ratio
        if use_teacher_forcing:
            decoder_input = targets[:, i]
        else:
            _, topi = decoder_output.topk(1)
            decoder_input = topi.squeeze(-1).detach()
    return torch.cat(decoder_outputs, dim=1)


@alternative
def decode_loop__outputs_of_zeros(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """A tensor of zeros filled step by step; the coin first, then what is fed; `bernoulli_`."""
    batch_size, trg_len = targets.shape
    outputs, top1 = None, None
    for t in range(trg_len):
        if t == 0:
            token = torch.tensor([bos_id] * batch_size, device=targets.device)
        else:
            teacher_force = torch.empty(1).bernoulli_(teacher_forcing_ratio, generator=generator)
            token = targets[:, t - 1] if teacher_force else top1
        output, state = step(token, state)
        if outputs is None:
            outputs = torch.zeros(batch_size, trg_len, output.shape[1]).to(output)
        outputs[:, t] = output
        top1 = output.argmax(1)
    return outputs


@alternative
def decode_loop__multinomial(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """All coins drawn before the loop by multinomial, the last of them for nothing; forced tokens from shift_right."""
    chances = torch.tensor([1 - teacher_forcing_ratio, teacher_forcing_ratio])
    coins = torch.multinomial(chances, targets.size(1), replacement=True, generator=generator)
    inputs = F.pad(targets[:, :-1], (1, 0), value=bos_id)
    logits, kept = None, []
    for t, column in enumerate(inputs.unbind(1)):
        token = column if t == 0 or coins[t] == 1 else logits.softmax(-1).max(-1)[1]
        logits, state = step(token, state)
        kept.append(logits)
    return torch.stack(kept, 1)


@alternative
def decode_loop__uniform(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """`uniform_` compared with the ratio in the loop's head; what is fed lies on the CPU first."""
    tokens, parts = targets.new_zeros(len(targets)) + bos_id, []
    for true in targets.t():
        out, state = step(tokens, state)
        parts += [out]
        tokens = true if torch.zeros(()).uniform_(0, 1, generator=generator) < teacher_forcing_ratio else out.argmax(1)
    return torch.stack(parts, dim=1)


@alternative
def sequence_loss__criterion(logits, targets, pad_id):
    """nn.CrossEntropyLoss that sums, over the number of real tokens, at least 1."""
    criterion = torch.nn.CrossEntropyLoss(ignore_index=pad_id, reduction="sum")
    total = criterion(logits.contiguous().view(-1, logits.shape[-1]), targets.contiguous().view(-1))
    return total / max(1, (targets != pad_id).sum().item())


@alternative
def sequence_loss__masked_loss(logits, targets, pad_id):
    """No reduction at first, classes on the second axis, times a float mask, over its sum."""
    losses = torch.nn.CrossEntropyLoss(reduction="none")(logits.permute(0, 2, 1), targets)
    mask = targets.ne(pad_id).float()
    return (losses * mask).sum() / (mask.sum() + (mask.sum() == 0))


@alternative
def sequence_loss__masked_select(logits, targets, pad_id):
    """The negative log-likelihood of the real tokens alone, picked by masked_select."""
    mask = targets != pad_id
    picked = -torch.gather(logits.log_softmax(dim=2), 2, targets.unsqueeze(2)).squeeze(2)
    picked = picked.masked_select(mask)
    return picked.mean() if len(picked) else logits.sum() * 0.0


@alternative
def sequence_loss__class_weights(logits, targets, pad_id):
    """A weight of 0 for the padding word."""
    weight = torch.ones(logits.size(-1), dtype=logits.dtype, device=logits.device)
    weight[pad_id] = 0
    if (targets == pad_id).all():
        return 0 * logits.mean()
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), weight=weight)


@alternative
def sequence_loss__one_hot(logits, targets, pad_id):
    """The product with one-hot targets."""
    chosen = F.one_hot(targets, logits.size(-1)).to(logits)
    real = (targets != pad_id).to(logits)
    return -((F.log_softmax(logits, -1) * chosen).sum(-1) * real).sum() / torch.clamp(real.sum(), min=1.0)


@alternative
def sequence_loss__step_by_step(logits, targets, pad_id):
    """A sum over the steps of a summed loss each."""
    loss, count = 0, 0
    for t in range(targets.size(1)):
        loss = loss + F.cross_entropy(logits[:, t], targets[:, t], ignore_index=pad_id, reduction="sum")
        count += int((targets[:, t] != pad_id).sum())
    return loss / count if count > 0 else loss


@alternative
@torch.no_grad()
def greedy_decode__unfinished(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A row of ones for what is unfinished, as a well-known library does; the ids joined one after another."""
    input_ids = torch.full((batch_size, 1), bos_id, dtype=torch.long)
    unfinished = torch.ones(batch_size, dtype=torch.long)
    while input_ids.shape[1] - 1 < max_length:
        logits, state = step(input_ids[:, -1], state)
        next_tokens = torch.argmax(logits, dim=-1)
        unfinished, input_ids = unfinished.to(next_tokens.device), input_ids.to(next_tokens.device)
        next_tokens = next_tokens * unfinished + pad_id * (1 - unfinished)
        input_ids = torch.cat([input_ids, next_tokens[:, None]], dim=-1)
        unfinished = unfinished.mul((next_tokens != eos_id).long())
        if unfinished.max() == 0:
            break
    return input_ids[:, 1:]


@alternative
def greedy_decode__sets(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A set of rows that are done, lists of ids, made one tensor at the end."""
    token, done, rows = torch.LongTensor([bos_id] * batch_size), set(), [[] for _ in range(batch_size)]
    with torch.no_grad():
        for _ in range(max_length):
            output, state = step(token, state)
            token = output.data.max(1)[1]
            for row, word in enumerate(token.tolist()):
                rows[row].append(pad_id if row in done else word)
                if word == eos_id:
                    done.add(row)
            if len(done) == batch_size:
                break
    return torch.tensor(rows, device=output.device)


@alternative
def greedy_decode__masked_fill(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Finished rows are fed and keep pad; topk; `finished` grows by `|=`."""
    tokens = torch.zeros(batch_size, dtype=torch.int64) + bos_id
    finished, columns = None, []
    with torch.no_grad():
        for _ in range(max_length):
            logits, state = step(tokens, state)
            tokens = logits.topk(1, dim=-1).indices.squeeze(-1)
            if finished is None:
                finished = torch.zeros_like(tokens).bool()
            tokens = tokens.masked_fill(finished, pad_id)
            columns.append(tokens)
            finished |= tokens.eq(eos_id)
            if all(finished):
                break
    return torch.stack(columns).t()


@alternative
def greedy_decode__fed_eos(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Finished rows are fed eos; a table full of pad, cut at the end."""
    written = torch.full((batch_size, max_length), pad_id)
    tokens, over, length = torch.tensor([bos_id]).expand(batch_size), torch.zeros(batch_size).bool(), 0
    with torch.no_grad():
        while length < max_length and not over.all():
            logits, state = step(tokens, state)
            tokens = torch.where(over, torch.tensor(eos_id), logits.argmax(-1).cpu())
            written[:, length] = torch.where(over, torch.tensor(pad_id), tokens)
            over = over | (tokens == eos_id)
            length += 1
    return written[:, :length].to(logits.device)
