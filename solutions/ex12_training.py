"""Exercise 12: training: make it learn.

You build the learning rate that first rises and then falls (`warmup_rate`), a loss that does not ask for
certainty (`label_smoothing_loss`), and one update of the weights (`train_step`).
The shift and the plain loss are exercise 3; import them.

Logits are float32 or float64; targets are int64, and pad_id, any valid id, marks padding. Any size may be 1,
inputs may be non-contiguous. Results have the logits' device and dtype.

Not allowed, as it would do the whole exercise: F.cross_entropy or nn.CrossEntropyLoss with label_smoothing.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 5.3 (rate) and 5.4 (smoothing),
https://arxiv.org/abs/1706.03762; Pascanu et al. 2013, algorithm 1 (clipping), https://arxiv.org/abs/1211.5063
Lesson: exercises/ex12_training.md
"""

import torch
from torch import Tensor, nn

from exercises.ex03_teacher_forcing import sequence_loss, shift_right


def warmup_rate(step: int, d_model: int, warmup_steps: int) -> float:
    """Give the learning rate of one step: a straight rise for warmup_steps, then a fall as 1 / sqrt(step).

        d_model^-0.5 * min(step^-0.5, step * warmup_steps^-1.5)

    Args:
        step: counted from 1; step 0 counts as step 1.
        d_model: features of a token.
        warmup_steps: the step at which the rate is highest, at least 1.

    Returns:
        the rate, a Python float.

    Source: Vaswani et al. 2017, equation 3.
    """
    step = max(step, 1)
    return float(d_model**-0.5 * min(step**-0.5, step * warmup_steps**-1.5))


def label_smoothing_loss(logits: Tensor, targets: Tensor, smoothing: float, pad_id: int) -> Tensor:
    """Average the cross entropy, in nats, against targets that are not quite sure.

    The target distribution puts 1 - smoothing on the target and spreads smoothing evenly over the WHOLE
    vocabulary: the target gets its share of it, and so does pad_id (the meaning in F.cross_entropy). The mean
    runs over the targets that are not pad_id. If there is none: 0, with a finite gradient, for every
    smoothing and whatever finite logits are there. With smoothing 0 it is exercise 3's sequence_loss.

    Args:
        logits: (batch, target, vocab), any real numbers: no softmax has been applied.
        targets: (batch, target) int64.
        smoothing: between 0 and 1.
        pad_id: the id of padding.

    Returns:
        a scalar, differentiable in logits.
    """
    real = targets != pad_id  # (batch, target)
    log_probs = torch.log_softmax(logits[real], dim=-1)  # (batch, target, vocab) -> (real, vocab)
    evenly = -log_probs.mean(dim=-1).sum() / real.sum().clamp(min=1)  # (real, vocab) -> (real,) -> ()
    return (1 - smoothing) * sequence_loss(logits, targets, pad_id) + smoothing * evenly


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    source: Tensor,
    targets: Tensor,
    bos_id: int,
    pad_id: int,
    max_norm: float = 1.0,
) -> float:
    """Update the model once, by teacher forcing.

    In order: train mode, which stays on; old gradients cleared; the model fed source and the shifted targets;
    the plain loss over the real targets (no smoothing); its gradients, clipped so that ALL of the model's
    together have an L2 norm of at most max_norm; one step of the optimizer.

    Args:
        model: shaped like exercise 11's Transformer: model(source, decoder_input) -> logits.
        optimizer: made over the model's parameters.
        source: (batch, source) int64.
        targets: (batch, target) int64, what should be written, eos included, then padding.
        bos_id, pad_id: the ids that begin a sentence and that pad it.
        max_norm: gradients whose norm is smaller are left unchanged.

    Returns:
        the loss before the update, a Python float.
    """
    model.train()
    model.zero_grad()
    logits = model(source, shift_right(targets, bos_id))  # (batch, target, vocab)
    loss = sequence_loss(logits, targets, pad_id)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(loss.item())
