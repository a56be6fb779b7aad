"""Wrong variants of `decode_loop` (exercise 3), the likeliest first."""

import random

import numpy as np
import torch

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


def run_late(step, state, targets, bos_id, choose):
    """The loop where the next token is chosen after every step, also after the last one, for nothing."""
    tokens, steps = torch.full_like(targets[:, 0], bos_id), []
    for position in range(targets.size(1)):
        logits, state = step(tokens, state)
        steps.append(logits)
        tokens = choose(targets[:, position], logits.argmax(dim=-1))
    return torch.stack(steps, dim=1)


def toss(ratio, generator):
    """The choice between truth and guess, one coin each time."""
    return lambda true, guess: true if torch.rand((), generator=generator).item() < ratio else guess


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
def decode_loop__current_target_fed_after_bos(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The first step is fed bos, but each later one the target of its own position: the very token that it should
    predict."""
    tokens, steps = torch.full_like(targets[:, 0], bos_id), []
    for position in range(targets.size(1)):
        if position > 0:
            forced = torch.rand((), generator=generator).item() < teacher_forcing_ratio
            tokens = targets[:, position] if forced else steps[-1].argmax(dim=-1)
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
def decode_loop__begins_at_the_second_target(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The first target is fed as if it were bos, the loop begins at 1, and the first row of logits stays zero. The
    targets hold no bos: the first step is fed bos_id and predicts y_1."""
    outputs, tokens = None, targets[:, 0]
    for position in range(1, targets.size(1)):
        logits, state = step(tokens, state)
        outputs = logits.new_zeros(*targets.shape, logits.size(-1)) if outputs is None else outputs
        outputs[:, position] = logits
        forced = torch.rand((), generator=generator).item() < teacher_forcing_ratio
        tokens = targets[:, position] if forced else logits.argmax(dim=-1)
    return outputs


@mistake
def decode_loop__begins_at_the_second_target_by_python(
    step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None
):
    """The first target is fed as if it were bos, and the first row of logits stays zero: the targets hold no bos. And
    the coins come from Python's `random`, so neither the generator nor torch.manual_seed governs them."""
    outputs, tokens = None, targets[:, 0]
    for position in range(1, targets.size(1)):
        logits, state = step(tokens, state)
        outputs = logits.new_zeros(*targets.shape, logits.size(-1)) if outputs is None else outputs
        outputs[:, position] = logits
        tokens = targets[:, position] if random.random() < teacher_forcing_ratio else logits.argmax(dim=-1)
    return outputs


@mistake
def decode_loop__guess_from_the_first_step(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The guess is always that of the first step. It should come from the step right before."""
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
    """One coin decides for the whole sentence. A new coin should be tossed before each later step."""
    heads = torch.rand((), generator=generator).item() < teacher_forcing_ratio
    return run_loop(step, state, targets, bos_id, lambda true, guess: true if heads else guess)


@mistake
def decode_loop__ratio_is_a_switch(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """There is no coin: the ratio is compared with one half, so it can only mean always or never."""
    forced = teacher_forcing_ratio > 0.5
    return run_loop(step, state, targets, bos_id, lambda true, guess: true if forced else guess)


@mistake
def decode_loop__fair_coin(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Between 0 and 1 the coin is always a fair one, so the ratio makes no difference."""
    ratio = teacher_forcing_ratio if teacher_forcing_ratio in (0, 1) else 0.5
    return run_loop(step, state, targets, bos_id, toss(ratio, generator))


@mistake
def decode_loop__fixed_pattern(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Truth and guess alternate in a fixed pattern. A coin should decide, tossed again before each later step."""
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
def decode_loop__generator_ignored_after_the_step(
    step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None
):
    """The generator is not used: the coin after each step comes from torch's default random state, so a run can't be
    repeated."""
    return run_late(step, state, targets, bos_id, toss(teacher_forcing_ratio, None))


@mistake
def decode_loop__python_random_after_the_step(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The coin after each step comes from Python's `random`, so neither the generator nor torch.manual_seed governs
    it."""
    return run_late(step, state, targets, bos_id, lambda t, g: t if random.random() < teacher_forcing_ratio else g)


@mistake
def decode_loop__python_random_for_the_sentence(
    step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None
):
    """One coin, from Python's `random`, decides for the whole sentence. A new coin is due before each later step, and
    only the generator may toss it."""
    forced = random.random() < teacher_forcing_ratio
    return run_loop(step, state, targets, bos_id, lambda true, guess: true if forced else guess)


@mistake
def decode_loop__numpy_random_after_the_step(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The coin after each step comes from numpy, so neither the generator nor torch.manual_seed governs it."""
    return run_late(step, state, targets, bos_id, lambda t, g: t if np.random.random() < teacher_forcing_ratio else g)


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
    """torch's default random state is seeded from the generator, which disturbs everything else that draws from it."""
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
    """A ratio of 0 is treated as missing, so 0 always forces. It should never force."""
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
    """step is called with gradients switched off, so nothing inside it can be trained."""
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
    """A new state that is None or 0 is treated as no state, and the old one is used. A state may be anything."""
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
    """One coin decides two steps in a row. A new one should be tossed before each later step."""
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
    """The guess is the argmax of exp(logits) / sum, which is NaN for large logits. Use the argmax of the logits."""
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
def decode_loop__at_most_1024_steps(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """Only a fixed number of steps is made. No length is named as the longest: take it from the targets."""
    return run_loop(step, state, targets[:, :1024], bos_id, toss(teacher_forcing_ratio, generator))


@mistake
def decode_loop__coin_fades(step, state, targets, bos_id, teacher_forcing_ratio=1.0, generator=None):
    """The chance of the truth shrinks along the sentence. It should be the same at every later step."""
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
    """The coin is tossed on the device of targets, where a CPU generator cannot draw random numbers."""
    forced, steps = reference.shift_right(targets, bos_id), []
    for position in range(targets.size(1)):
        coin = torch.rand((), device=targets.device, generator=generator).item()
        tokens = forced[:, position] if position == 0 or coin < teacher_forcing_ratio else steps[-1].argmax(dim=-1)
        logits, state = step(tokens, state)
        steps.append(logits)
    return torch.stack(steps, dim=1)
