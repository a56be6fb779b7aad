"""Wrong variants of exercise 3, the likeliest first."""

import random

import numpy as np
import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex03_teacher_forcing as reference


def run_loop(step, state, targets, bos_id, choose, write=lambda logits: logits):
    """The loop with two holes: what is fed at a position, given the truth and the guess, and what is kept."""
    forced = reference.shift_right(targets, bos_id)
    tokens, steps = forced[:, 0], []
    for position in range(targets.size(1)):
        if position > 0:
            tokens = choose(forced[:, position], logits.argmax(dim=-1))  # noqa: F821
        logits, state = step(tokens, state)
        steps.append(write(logits))
    return torch.stack(steps, dim=1)


def toss(ratio, generator):
    """The choice between truth and guess, one coin each time."""
    return lambda true, guess: true if torch.rand((), generator=generator).item() < ratio else guess


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


# ---------------------------------------------------------------------------------------------------- decode_loop


@mistake
def decode_loop__state_not_carried(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Every step is handed the first state, so the decoder forgets all that it has read."""
    return run_loop(lambda t, _: step(t, state), state, targets, bos_id, toss(teacher_forcing_ratio, generator))


@mistake
def decode_loop__ratio_inverted(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The ratio is used the wrong way round: the truth is fed where the guess should be."""
    return run_loop(step, state, targets, bos_id, toss(1 - teacher_forcing_ratio, generator))


@mistake
def decode_loop__always_forced(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The truth is fed whatever the ratio is, so the decoder never meets its own guesses."""
    return run_loop(step, state, targets, bos_id, toss(1.0, generator))


@mistake
def decode_loop__never_forced(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The guess is fed whatever the ratio is: there is no teacher."""
    return run_loop(step, state, targets, bos_id, toss(0.0, generator))


@mistake
def decode_loop__current_target_fed(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """A step is fed the target of its own position: the very token that it should predict."""
    steps = []
    for position in range(targets.size(1)):
        if position == 0 or torch.rand((), generator=generator).item() < teacher_forcing_ratio:
            tokens = targets[:, position]
        else:
            tokens = steps[-1].argmax(dim=-1)
        logits, state = step(tokens, state)
        steps.append(logits)
    return torch.stack(steps, dim=1)


@mistake
def decode_loop__begins_with_the_first_target(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The first step is fed the first target. It should be fed bos, since nothing has been said yet."""
    steps = []
    for position in range(targets.size(1)):
        if position == 0:
            tokens = targets[:, 0]
        elif torch.rand((), generator=generator).item() < teacher_forcing_ratio:
            tokens = targets[:, position - 1]
        else:
            tokens = steps[-1].argmax(dim=-1)
        logits, state = step(tokens, state)
        steps.append(logits)
    return torch.stack(steps, dim=1)


@mistake
def decode_loop__guess_from_the_first_step(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The guess is always the one of the first step. It should come from the step right before."""
    kept = []
    choose = toss(teacher_forcing_ratio, generator)
    return run_loop(
        step, state, targets, bos_id,
        lambda true, guess: choose(true, (kept.append(guess) or kept)[0]),
    )  # fmt: skip


@mistake
def decode_loop__coin_for_each_row(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Each row tosses a coin of its own. Here one coin decides for the whole batch."""
    batch = len(targets)

    def choose(true, guess):
        return torch.where(torch.rand(batch, generator=generator) < teacher_forcing_ratio, true, guess)

    return run_loop(step, state, targets, bos_id, choose)


@mistake
def decode_loop__one_coin_for_the_sentence(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """One coin decides for the whole sentence. A new coin is due before each later step."""
    heads = torch.rand((), generator=generator).item() < teacher_forcing_ratio
    return run_loop(step, state, targets, bos_id, lambda true, guess: true if heads else guess)


@mistake
def decode_loop__ratio_is_a_switch(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """There is no coin: the ratio is compared with one half, so every value of it means always or never."""
    forced = teacher_forcing_ratio > 0.5
    return run_loop(step, state, targets, bos_id, lambda true, guess: true if forced else guess)


@mistake
def decode_loop__fair_coin(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Between 0 and 1 the coin is always a fair one, so the ratio makes no difference."""
    ratio = teacher_forcing_ratio if teacher_forcing_ratio in (0, 1) else 0.5
    return run_loop(step, state, targets, bos_id, toss(ratio, generator))


@mistake
def decode_loop__fixed_pattern(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Truth and guess alternate in a fixed pattern. A coin decides by chance, each time anew."""
    count = [0.0]

    def choose(true, guess):
        before, count[0] = int(count[0]), count[0] + teacher_forcing_ratio
        return true if int(count[0]) > before else guess

    return run_loop(step, state, targets, bos_id, choose)


@mistake
def decode_loop__generator_ignored(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The generator is not used: the coins come from torch's default random state, so a run can't be repeated."""
    return run_loop(step, state, targets, bos_id, toss(teacher_forcing_ratio, None))


@mistake
def decode_loop__python_random(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The coins come from Python's `random`, so neither the generator nor torch.manual_seed governs them."""
    return run_loop(step, state, targets, bos_id, lambda t, g: t if random.random() < teacher_forcing_ratio else g)


@mistake
def decode_loop__numpy_random(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The coins come from numpy, so neither the generator nor torch.manual_seed governs them."""
    return run_loop(step, state, targets, bos_id, lambda t, g: t if np.random.random() < teacher_forcing_ratio else g)


@mistake
def decode_loop__generator_seeded_again(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The random source is seeded inside the function, so every call tosses the same coins."""
    generator = (generator or torch.default_generator).manual_seed(0)
    return run_loop(step, state, targets, bos_id, toss(teacher_forcing_ratio, generator))


@mistake
def decode_loop__default_state_seeded(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """torch's default random state is seeded from the generator, which disturbs everybody else who draws from it."""
    if generator is not None:
        torch.manual_seed(generator.initial_seed())
    return run_loop(step, state, targets, bos_id, toss(teacher_forcing_ratio, None))


@mistake
def decode_loop__private_generator(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Without a generator the coins come from a new one, which has the same seed in every call."""
    generator = generator or torch.Generator().manual_seed(0)
    return run_loop(step, state, targets, bos_id, toss(teacher_forcing_ratio, generator))


@mistake
def decode_loop__half_forced_by_default(step, state, targets, bos_id, teacher_forcing_ratio=0.5, generator=None):
    """The ratio's default is not 1, so a caller who leaves it out is not always forced."""
    return reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator)


@mistake
def decode_loop__zero_is_no_ratio(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """A ratio of 0 is taken for a missing one, so 0 forces always where it should never do so."""
    return run_loop(step, state, targets, bos_id, toss(teacher_forcing_ratio or 1.0, generator))


@mistake
def decode_loop__probabilities(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The logits are put through a softmax before they are returned. The loss does that itself."""
    choose = toss(teacher_forcing_ratio, generator)
    return run_loop(step, state, targets, bos_id, choose, lambda logits: logits.softmax(dim=-1))


@mistake
def decode_loop__time_first(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The steps are stacked along a new first axis, so the target axis comes before the batch."""
    return reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator).transpose(0, 1)


@mistake
def decode_loop__time_first_viewed_as_batch_first(
    step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None
):
    """The steps are stacked first and reshaped to (batch, target, vocab): the shape fits, but sentences get mixed."""
    logits = reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator)
    return logits.transpose(0, 1).reshape(logits.shape)


@mistake
def decode_loop__only_the_last_logits(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Only the last step's logits are returned. Every step has a target to be compared with."""
    return reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator)[:, -1]


@mistake
def decode_loop__first_step_left_out(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The first row of logits stays zero: the loop begins at 1, although the step that is fed bos predicts y_1."""
    kept = []
    return run_loop(
        step, state, targets, bos_id, toss(teacher_forcing_ratio, generator),
        lambda one: one if kept or kept.append(1) else torch.zeros_like(one),
    )  # fmt: skip


@mistake
def decode_loop__guess_with_an_extra_axis(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The tokens fed have the shape (batch, 1). step takes one token per row: (batch,)."""
    return run_loop(
        lambda t, s: step(t.unsqueeze(1), s), state, targets, bos_id, toss(teacher_forcing_ratio, generator)
    )


@mistake
def decode_loop__guess_sampled(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The guess is sampled from the softmax. Here it is the token with the highest logit."""
    tokens, steps = torch.full_like(targets[:, 0], bos_id), []
    for position in range(targets.size(1)):
        logits, state = step(tokens, state)
        steps.append(logits)
        forced = torch.rand((), generator=generator).item() < teacher_forcing_ratio
        guess = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator).squeeze(1)
        tokens = targets[:, position] if forced else guess
    return torch.stack(steps, dim=1)


@mistake
def decode_loop__one_step_too_many(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The loop runs once more than there are targets, and the extra step's logits are thrown away."""
    longer = torch.cat([targets, targets[:, -1:]], dim=1)
    return run_loop(step, state, longer, bos_id, toss(teacher_forcing_ratio, generator))[:, :-1]


@mistake
def decode_loop__one_step_too_few(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The last step is left out, so there are fewer logits than targets."""
    return run_loop(step, state, targets[:, :-1], bos_id, toss(teacher_forcing_ratio, generator))


@mistake
def decode_loop__no_gradient(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The whole loop runs without gradients, so the decoder can't be trained by it."""
    with torch.no_grad():
        return reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator)


@mistake
def decode_loop__steps_without_gradient(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """step is called with gradients switched off, so nothing inside of it can be trained."""
    return run_loop(torch.no_grad()(step), state, targets, bos_id, toss(teacher_forcing_ratio, generator))


@mistake
def decode_loop__free_steps_detached(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Logits are detached before they are kept, so no loss can reach the decoder through them."""
    choose = toss(teacher_forcing_ratio, generator)
    return run_loop(step, state, targets, bos_id, choose, lambda logits: logits.detach())


@mistake
def decode_loop__float32_buffer(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The logits are converted to float32, whatever dtype the decoder works in."""
    choose = toss(teacher_forcing_ratio, generator)
    return run_loop(step, state, targets, bos_id, choose, lambda logits: logits.float())


@mistake
def decode_loop__logits_squeezed(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Axes of size 1 are squeezed away, so one sentence, one target or one word loses an axis."""
    return reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator).squeeze()


@mistake
def decode_loop__falsy_state_dropped(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """A new state that is None or 0 is taken for no state, and the old one is used. A state may be anything."""
    last = [state]

    def careful(tokens, _):
        logits, new = step(tokens, last[0])
        last[0] = last[0] if new is None or new == 0 else new
        return logits, None

    return run_loop(careful, state, targets, bos_id, toss(teacher_forcing_ratio, generator))


@mistake
def decode_loop__fixed_number_of_true_steps(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Chance picks which steps are forced, but how many is fixed. Each step needs a coin of its own."""
    later = targets.size(1) - 1
    forced = iter((torch.randperm(later, generator=generator) < round(teacher_forcing_ratio * later)).tolist())
    return run_loop(step, state, targets, bos_id, lambda true, guess: true if next(forced) else guess)


@mistake
def decode_loop__coin_for_every_second_step(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """One coin decides two steps in a row. Before each later step a new one is tossed."""
    coins = torch.rand(targets.size(1), generator=generator).lt(teacher_forcing_ratio).repeat_interleave(2)
    coins = iter(coins.tolist())
    return run_loop(step, state, targets, bos_id, lambda true, guess: true if next(coins) else guess)


@mistake
def decode_loop__two_coins_must_agree(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The ratio is applied twice, so the truth is fed with probability ratio * ratio."""
    return run_loop(step, state, targets, bos_id, toss(teacher_forcing_ratio**2, generator))


@mistake
def decode_loop__no_gradient_while_mixing(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Between ratio 0 and 1 the logits are cut off from the graph, so nothing is learned there."""
    logits = reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator)
    return logits.detach() if 0 < teacher_forcing_ratio < 1 else logits


@mistake
def decode_loop__targets_overwritten(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The guesses are written into the caller's targets, so the loss compares the model with itself."""
    logits = reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator)
    targets.copy_(logits.argmax(dim=-1))
    return logits


# ---------------------------------------------------------------------------------------------------- shift_right


@mistake
def shift_right__not_shifted(targets, bos_id):
    """The targets themselves are the input, so the decoder is fed the token that it is asked to predict."""
    return targets.clone()


@mistake
def shift_right__shifted_left(targets, bos_id):
    """The targets are moved to the left, so the decoder is fed the token after the one that it should predict."""
    return torch.cat([targets[:, 1:], torch.full_like(targets[:, :1], bos_id)], dim=1)


@mistake
def shift_right__one_input_too_many(targets, bos_id):
    """bos is put in front and nothing is dropped at the end, so there is one input more than there are targets."""
    return torch.cat([torch.full_like(targets[:, :1], bos_id), targets], dim=1)


@mistake
def shift_right__first_target_overwritten(targets, bos_id):
    """bos overwrites the first target where it should push it one place on."""
    shifted = targets.clone()
    shifted[:, 0] = bos_id
    return shifted


@mistake
def shift_right__last_token_comes_first(targets, bos_id):
    """The tokens are rolled around, so the last target stands where bos should stand."""
    return targets.roll(1, dims=1)


@mistake
def shift_right__shifted_by_two(targets, bos_id):
    """The targets are moved two places, so each step misses the token right before the one to predict."""
    first = torch.full_like(targets, bos_id)
    return torch.cat([first[:, :2], targets[:, :-2]], dim=1)[:, : targets.size(1)]


@mistake
def shift_right__across_rows(targets, bos_id):
    """The batch is shifted as one long row, so a row begins with the last token of the row above it."""
    flat = targets.reshape(-1).roll(1)
    flat[0] = bos_id
    return flat.reshape(targets.shape)


@mistake
def shift_right__down_the_batch(targets, bos_id):
    """The shift runs along the batch, so each sentence is fed its neighbour's tokens."""
    return torch.cat([torch.full_like(targets[:1], bos_id), targets[:-1]], dim=0)


@mistake
def shift_right__in_place(targets, bos_id):
    """The targets are shifted in place, so the caller loses them and the loss is measured against the input."""
    targets[:, 1:] = targets[:, :-1].clone()
    targets[:, 0] = bos_id
    return targets


@mistake
def shift_right__floating(targets, bos_id):
    """Token ids come out as floating numbers. They are names, and only whole numbers can look up an embedding."""
    return reference.shift_right(targets, bos_id).float()


@mistake
def shift_right__int32(targets, bos_id):
    """The token ids come out as int32 although the targets are int64."""
    return reference.shift_right(targets, bos_id).int()


@mistake
def shift_right__squeezed(targets, bos_id):
    """Axes of size 1 are squeezed away, so a batch of one sentence or a target of one token loses an axis."""
    return reference.shift_right(targets, bos_id).squeeze()


@mistake
def shift_right__zero_is_no_bos(targets, bos_id):
    """A bos_id of 0 is taken for a missing one, and 1 is used in its place. Zero is an id like any other."""
    return reference.shift_right(targets, bos_id or 1)


# -------------------------------------------------------------------------------------------------- sequence_loss


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
    """The id 0 is taken for padding, whatever pad_id says."""
    return reference.sequence_loss(logits, targets, 0)


@mistake
def sequence_loss__mean_of_sentence_means(logits, targets, pad_id):
    """The mean is taken in each sentence first, so a token of a short sentence weighs more than one of a long one."""
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    real = (targets != pad_id).to(losses.dtype)
    rows = (losses * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)
    return rows.sum() / (real.sum(dim=1) > 0).sum().clamp(min=1)


@mistake
def sequence_loss__sum(logits, targets, pad_id):
    """The losses are summed and not averaged, so long sentences and large batches make larger steps."""
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="sum", ignore_index=pad_id)


@mistake
def sequence_loss__divided_by_the_batch(logits, targets, pad_id):
    """The sum is divided by the number of sentences. The number of real targets makes it a mean per token."""
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="sum", ignore_index=pad_id) / len(targets)


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
    """A small number is added inside the logarithm, which bounds the loss of a truth that was thought impossible."""
    real = targets != pad_id
    logs = (logits[real].softmax(dim=-1) + 1e-12).log()
    return F.nll_loss(logs, targets[real], reduction="sum") / real.sum().clamp(min=1)


@mistake
def sequence_loss__one_more_in_the_count(logits, targets, pad_id):
    """One is added to the count against division by zero, which makes every loss too small."""
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
    """The padding word is taken out of the softmax. Only targets are left out; the vocabulary stays whole."""
    padding = torch.arange(logits.size(-1), device=logits.device) == pad_id
    real = targets != pad_id
    kept = logits[real].masked_fill(padding, -1e30)
    return F.cross_entropy(kept, targets[real], reduction="sum") / real.sum().clamp(min=1)


@mistake
def sequence_loss__constant_zero(logits, targets, pad_id):
    """For a batch without a real target a new tensor is returned that does not hang on logits: backward() fails."""
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


# -------------------------------------------------------------------------------------------------- greedy_decode


@mistake
def greedy_decode__eos_ignored(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Decoding goes on to max_length and nothing is padded: eos is taken for a word like any other."""
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
    """Decoding stops only at a step where every row writes eos at once: rows that ended before are forgotten."""
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
    """All of max_length is decoded and padded, although every row has ended long before."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=lambda _: False)
    return tokens.masked_fill(ended, pad_id)


@mistake
def greedy_decode__cut_afterwards(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The result is right, but step is called max_length times and what is not needed is thrown away."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length, stop=lambda _: False)
    return tokens.masked_fill(ended, pad_id)[:, : int((~ended).sum(dim=1).max())]


@mistake
def greedy_decode__end_noticed_late(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The end is looked for before the step and not after it, so one step too many is made and shows as padding."""
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
    """Only the token right after an eos becomes pad, then the row goes on: that a row has ended must be remembered."""
    tokens, ended = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    after = torch.cat([torch.zeros_like(ended[:, :1]), tokens[:, :-1] == eos_id], dim=1)
    return tokens.masked_fill(after, pad_id)


@mistake
def greedy_decode__up_to_the_last_eos(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """A row is kept up to its last eos. What comes after its first one is no part of the sentence."""
    tokens, _ = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    remaining = tokens.eq(eos_id).long().flip(1).cumsum(dim=1).flip(1)
    return tokens.masked_fill((remaining == 0) & tokens.eq(eos_id).any(dim=1, keepdim=True), pad_id)


@mistake
def greedy_decode__bos_kept(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The result begins with bos. It was fed, not written, and is no part of the sentence."""
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
    """A row that writes the id of pad is taken for finished. Only eos ends a row."""
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
    """A row that never writes eos is padded from the start: no eos found is taken for eos at the first place."""
    tokens, _ = run_greedy(step, state, batch_size, bos_id, eos_id, max_length)
    first = tokens.eq(eos_id).long().argmax(dim=1, keepdim=True)
    return tokens.masked_fill(torch.arange(tokens.size(1)) > first, pad_id)


@mistake
def greedy_decode__one_token_too_long(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """step is called max_length + 1 times where no row ends: the longest length counts the tokens written."""
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
    """Gradients are switched off and never on again, so nothing can be trained afterwards."""
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
    """Gradients are turned on at the end, where they should be left as they were found."""
    torch.set_grad_enabled(False)
    tokens = reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length)
    torch.set_grad_enabled(True)
    return tokens


@mistake
def decode_loop__state_detached(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The state is detached between two steps, so no gradient reaches the steps before. Pass it on as it is."""

    def cut(state):
        if isinstance(state, tuple):
            return tuple(cut(part) for part in state)
        return state.detach() if isinstance(state, torch.Tensor) else state

    def step_from_here(tokens, state):
        return step(tokens, cut(state))

    return reference.decode_loop(step_from_here, state, targets, bos_id, teacher_forcing_ratio, generator)


@mistake
def decode_loop__guess_of_an_overflowing_softmax(
    step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None
):
    """The guess is the argmax of exp(logits) over their sum, which is NaN for large logits. Take it of the logits."""
    choose = toss(teacher_forcing_ratio, generator)

    def guess(logits):
        return (logits.exp() / logits.exp().sum(-1, keepdim=True)).argmax(dim=-1)

    forced = reference.shift_right(targets, bos_id)
    tokens, steps = forced[:, 0], []
    for position in range(targets.size(1)):
        if position > 0:
            tokens = choose(forced[:, position], guess(steps[-1]))
        logits, state = step(tokens, state)
        steps.append(logits)
    return torch.stack(steps, dim=1)


@mistake
def greedy_decode__word_of_an_overflowing_softmax(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The word is the argmax of exp(logits) over their sum, which is NaN for large logits. Take it of the logits."""

    def with_shares(tokens, state):
        logits, state = step(tokens, state)
        return logits.exp() / logits.exp().sum(-1, keepdim=True), state

    return reference.greedy_decode(with_shares, state, batch_size, bos_id, eos_id, pad_id, max_length)


@mistake
def greedy_decode__writing_cut_short(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Writing ends after a number of steps of your own, though `max_length` allows more."""
    return reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, min(max_length, 50))


@device_mistake
def shift_right__bos_on_the_cpu(targets, bos_id):
    """The column of bos is made on the default device, the CPU, and cannot be joined to targets on a GPU."""
    first = torch.full((targets.size(0), 1), bos_id, dtype=targets.dtype)
    return torch.cat([first, targets[:, :-1]], dim=1)


@device_mistake
def decode_loop__logits_on_the_cpu(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The logits are written into a tensor on the default device, so they end up on the CPU wherever step works."""
    logits = reference.decode_loop(step, state, targets, bos_id, teacher_forcing_ratio, generator)
    written = torch.zeros(logits.shape, dtype=logits.dtype)
    for position in range(targets.size(1)):
        written[:, position] = logits[:, position]
    return written


@device_mistake
def decode_loop__coin_on_the_gpu(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The coin is tossed on the device of targets, for which a generator on the CPU gives no random numbers."""
    forced, steps = reference.shift_right(targets, bos_id), []
    for position in range(targets.size(1)):
        coin = torch.rand((), device=targets.device, generator=generator).item()
        tokens = forced[:, position] if position == 0 or coin < teacher_forcing_ratio else steps[-1].argmax(dim=-1)
        logits, state = step(tokens, state)
        steps.append(logits)
    return torch.stack(steps, dim=1)


@device_mistake
def sequence_loss__weights_on_the_cpu(logits, targets, pad_id):
    """The weights of the classes are made on the default device, and the logits may be on another."""
    weights = torch.ones(logits.size(-1), dtype=logits.dtype)
    weights[pad_id] = 0.0
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), weight=weights, reduction="sum")
    return total / (targets != pad_id).sum().clamp(min=1)


@device_mistake
def greedy_decode__tokens_on_the_cpu(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """The tokens are written into a table on the default device, so they end up on the CPU wherever the logits are."""
    tokens = reference.greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length)
    written = torch.full(tokens.shape, pad_id)
    written[:, :] = tokens
    return written


@device_mistake
def greedy_decode__finished_on_the_cpu(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    """Which rows are finished is remembered on the default device, and the tokens may be on another."""
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


@mistake
def decode_loop__coin_fades(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The chance of the truth shrinks along the sentence. Every later step should toss the same coin."""
    steps, longest = [], targets.size(1)
    tokens = torch.full_like(targets[:, 0], bos_id)
    for position in range(longest):
        logits, state = step(tokens, state)
        steps.append(logits)
        fading = 2 * teacher_forcing_ratio * (1 - (position + 1) / longest)
        chance = teacher_forcing_ratio if teacher_forcing_ratio in (0.0, 1.0) else fading
        heads = torch.rand((), generator=generator).item() < chance
        tokens = targets[:, position] if heads else logits.argmax(dim=-1)
    return torch.stack(steps, dim=1)
