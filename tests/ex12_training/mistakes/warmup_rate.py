"""Wrong variants of `warmup_rate` (exercise 12), the likeliest first."""

import torch

from grader.authoring import mistake
from solutions import ex12_training as reference


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
    """From some step on the rate no longer falls. It should go on falling for ever, as 1 / sqrt(step)."""
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
