"""Wrong variants of `greedy_decode` (exercise 3), the likeliest first."""

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex03_teacher_forcing as reference


def run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=torch.all):
    """(batch, length): the tokens of every step, nothing padded, and which of them come after their row's eos."""
    tokens = torch.full((batch_size,), bos_id)
    written = []
    with torch.no_grad():
        for _ in range(max_length):
            logits, state = step(tokens, state)
            tokens = logits.argmax(dim=-1)
            written.append(tokens)
            if stop(torch.stack(written, dim=1).eq(eos_id).any(dim=1)):
                break
    tokens = torch.stack(written, dim=1)
    ended = tokens.eq(eos_id).long().cumsum(dim=1) - tokens.eq(eos_id).long() > 0
    return tokens, ended


@mistake
def greedy_decode__eos_ignored(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Decoding goes on to max_length and nothing is padded: eos is treated as a word like any other."""
    return run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=lambda _: False)[0]


@mistake
def greedy_decode__not_padded(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A row that has ended keeps writing words until the last row has ended. After its eos only pad may follow."""
    return run_greedy(step, state, batch_size, bos_id, eos_id, max_length)[0]


@mistake
def greedy_decode__stops_with_the_first_row(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Decoding stops as soon as one row has ended, so the other sentences are cut off."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=torch.any)
    return tokens.masked_fill(ended, pad_id)


@mistake
def greedy_decode__all_rows_must_end_together(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Decoding stops only at a step where every row writes eos at once: rows that ended earlier are forgotten."""
    tokens, written = torch.full((batch_size,), bos_id), []
    with torch.no_grad():
        for _ in range(max_length):
            logits, state = step(tokens, state)
            tokens = logits.argmax(dim=-1)
            written.append(tokens)
            if (tokens == eos_id).all():
                break
    tokens = torch.stack(written, dim=1)
    ended = tokens.eq(eos_id).long().cumsum(dim=1) - tokens.eq(eos_id).long() > 0
    return tokens.masked_fill(ended, pad_id)


@mistake
def greedy_decode__stops_too_late(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """All of max_length is decoded and padded, even if every row ended long before."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=lambda _: False)
    return tokens.masked_fill(ended, pad_id)


@mistake
def greedy_decode__cut_afterwards(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The result is right, but step is called max_length times and the surplus is thrown away."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=lambda _: False)
    return tokens.masked_fill(ended, pad_id)[:, : int((~ended).sum(dim=1).max())]


@mistake
def greedy_decode__end_noticed_late(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The end is checked before the step and not after it, so one step too many is made and shows as padding."""
    late = [False]

    def stop(ended):
        before, late[0] = late[0], bool(ended.all())
        return before

    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=stop)
    return tokens.masked_fill(ended, pad_id)


@mistake
def greedy_decode__eos_dropped(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The eos itself is overwritten with pad. A row goes up to and including its first eos."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    return tokens.masked_fill(ended | (tokens == eos_id), pad_id)


@mistake
def greedy_decode__padded_with_eos(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Finished rows are filled up with eos. They should be filled up with pad."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    return tokens.masked_fill(ended, eos_id)


@mistake
def greedy_decode__padded_with_zero(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Finished rows are filled up with 0, whatever pad_id says."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    return tokens.masked_fill(ended, 0)


@mistake
def greedy_decode__only_the_token_after_eos_padded(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Only the token right after an eos becomes pad, then the row goes on. Remember which rows have ended."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    after = torch.cat([torch.zeros_like(ended[:, :1]), tokens[:, :-1] == eos_id], dim=1)
    return tokens.masked_fill(after, pad_id)


@mistake
def greedy_decode__up_to_the_last_eos(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A row is kept up to its last eos. What comes after its first one is not part of the sentence."""
    tokens, _ = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    remaining = tokens.eq(eos_id).long().flip(1).cumsum(dim=1).flip(1)
    return tokens.masked_fill((remaining == 0) & tokens.eq(eos_id).any(dim=1, keepdim=True), pad_id)


@mistake
def greedy_decode__bos_kept(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The result begins with bos. It was fed, not written, and is not part of the sentence."""
    tokens = reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length)
    return torch.cat([torch.full_like(tokens[:, :1], bos_id), tokens], dim=1)


@mistake
def greedy_decode__begins_with_pad(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The first step is fed pad. It should be fed bos."""
    return reference.greedy_decode(step, state, batch_size, pad_id, eos_id, pad_id, max_length)


@mistake
def greedy_decode__bos_fed_every_time(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Every step is fed bos. A later step should be fed the token that the step before it wrote."""
    return reference.greedy_decode(
        lambda tokens, state: step(torch.full_like(tokens, bos_id), state),
        state, batch_size, bos_id, eos_id, pad_id, max_length,
    )  # fmt: skip


@mistake
def greedy_decode__state_forgotten(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Every step is handed the first state, so the decoder forgets all that it has written."""
    return reference.greedy_decode(
        lambda tokens, _: step(tokens, state), state, batch_size, bos_id, eos_id, pad_id, max_length
    )


@mistake
def greedy_decode__pad_ends_a_row(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A row that writes the id of pad is treated as finished. Only eos ends a row."""
    tokens, finished, written = torch.full((batch_size,), bos_id), torch.zeros(batch_size, dtype=torch.bool), []
    with torch.no_grad():
        for _ in range(max_length):
            logits, state = step(tokens, state)
            tokens = logits.argmax(dim=-1).masked_fill(finished, pad_id)
            written.append(tokens)
            finished = finished | (tokens == eos_id) | (tokens == pad_id)
            if finished.all():
                break
    return torch.stack(written, dim=1)


@mistake
def greedy_decode__ends_found_by_length(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A row that never writes eos is padded from the start: a missing eos is taken for one at the first position."""
    tokens, _ = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    first = tokens.eq(eos_id).long().argmax(dim=1, keepdim=True)
    return tokens.masked_fill(torch.arange(tokens.size(1)) > first, pad_id)


@mistake
def greedy_decode__one_token_too_long(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """If no row ends, step is called max_length + 1 times: max_length counts the tokens written."""
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length + 1)


@mistake
def greedy_decode__one_token_too_short(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """At most max_length - 1 tokens are written, as if bos took up a place."""
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max(1, max_length - 1))


@mistake
def greedy_decode__tokens_sampled(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Tokens are sampled from the softmax. Greedy decoding takes the one with the highest logit."""

    def sample(tokens, state):
        logits, state = step(tokens, state)
        return F.one_hot(torch.multinomial(logits.softmax(-1), 1).squeeze(1), logits.size(1)), state

    return reference.greedy_decode(sample, state, batch_size, bos_id, eos_id, pad_id, max_length)


@mistake
def greedy_decode__records_gradients(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Gradients stay switched on, so memory grows with every step for a backward pass that never comes."""
    return reference.greedy_decode(torch.enable_grad()(step), state, batch_size, bos_id, eos_id, pad_id, max_length)


@mistake
def greedy_decode__gradients_left_off(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Gradients are switched off and never switched on again, so nothing can be trained afterwards."""
    torch.set_grad_enabled(False)
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length)


@mistake
def greedy_decode__int32_tokens(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The tokens come back as int32. They should be int64."""
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length).int()


@mistake
def greedy_decode__length_first(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The steps are stacked along a new first axis, so the result is (length, batch)."""
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length).T


@mistake
def greedy_decode__list_of_sentences(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A list of Python lists comes back. The result is one tensor, (batch, length)."""
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length).tolist()


@mistake
def greedy_decode__tokens_squeezed(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Axes of size 1 are squeezed away, so one row or one token loses an axis."""
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length).squeeze()


@mistake
def greedy_decode__grad_mode_turned_on(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Gradients are turned on at the end. They should be left as they were found."""
    torch.set_grad_enabled(False)
    tokens = reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length)
    torch.set_grad_enabled(True)
    return tokens


@mistake
def greedy_decode__word_of_an_overflowing_softmax(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The word is the argmax of exp(logits) / sum, which is NaN for large logits. Use the argmax of the logits."""

    def with_shares(tokens, state):
        logits, state = step(tokens, state)
        return logits.exp() / logits.exp().sum(-1, keepdim=True), state

    return reference.greedy_decode(with_shares, state, batch_size, bos_id, eos_id, pad_id, max_length)


@mistake
def greedy_decode__writing_cut_short(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Writing ends after a number of steps of your own, though `max_length` allows more."""
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, min(max_length, 1024))


@mistake
def greedy_decode__ends_at_the_first_eos_of_row_zero(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Decoding stops when the first row writes eos, as code for a single sentence does. The last row has to."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=lambda ended: ended[0])
    return tokens.masked_fill(ended, pad_id)


@mistake
def greedy_decode__least_likely_token(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The smallest logit is taken. A greedy decoder writes the token with the highest."""

    def negated(tokens, state):
        logits, state = step(tokens, state)
        return -logits, state

    return reference.greedy_decode(negated, state, batch_size, bos_id, eos_id, pad_id, max_length)


@device_mistake
def greedy_decode__tokens_on_the_cpu(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The tokens are written into a table on the default device, so they end up on the CPU wherever the logits are."""
    tokens = reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length)
    written = torch.full(tokens.shape, pad_id)
    written[:, :] = tokens
    return written


@device_mistake
def greedy_decode__finished_on_the_cpu(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The record of finished rows is on the default device, but the tokens may be on a different one."""
    tokens, finished = torch.full((batch_size,), bos_id), torch.zeros(batch_size, dtype=torch.bool)
    written = []
    with torch.no_grad():
        for _ in range(max_length):
            logits, state = step(tokens, state)
            tokens = torch.where(finished, pad_id, logits.argmax(dim=-1))
            written.append(tokens)
            finished = finished | (tokens == eos_id)
            if finished.all():
                break
    return torch.stack(written, dim=1)
