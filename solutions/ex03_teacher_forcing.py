"""Exercise 3: teacher forcing, the decoder's loop.

A decoder is called once per position and needs to be told the previous token. You build, in this order:
the true previous tokens (`shift_right`), the training loop that feeds the truth or the model's own guess
(`decode_loop`), the loss (`sequence_loss`), and decoding without any truth (`greedy_decode`).

The caller hands you the decoder as a function `step(tokens, state) -> (logits, state)`: tokens (batch,) int64
on any device, logits (batch, vocab), state of any kind. Every id is valid, 0 <= id < vocab, any size may be
1, and no input is modified. What you return is on the logits' device; logits and loss keep their dtype.

Source: Williams and Zipser 1989, https://doi.org/10.1162/neco.1989.1.2.270 (forcing); Bengio et al. 2015,
section 2.4, https://arxiv.org/abs/1506.03099 (the coin)
Lesson: exercises/ex03_teacher_forcing.md
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


def shift_right(targets: Tensor, bos_id: int) -> Tensor:
    """Make the decoder's input from its targets: at each position the token BEFORE the one to predict.

    Args:
        targets: (batch, target) int64, y_1 .. y_T, with T >= 1.
        bos_id: the id that begins every sentence; it comes before y_1.

    Returns:
        (batch, target) int64: bos, y_1 .. y_{T-1}.
    """
    first = torch.full_like(targets[:, :1], bos_id)  # (batch, 1)
    return torch.cat([first, targets[:, :-1]], dim=1)  # (batch, 1) + (batch, target - 1) -> (batch, target)


def decode_loop(
    step: Step,
    state: Any,
    targets: Tensor,
    bos_id: int,
    teacher_forcing_ratio: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Run the decoder over the target positions and collect its logits.

    The first step is fed bos. Before each later step ONE coin is tossed for the whole batch: with probability
    teacher_forcing_ratio every row is fed its true previous target, else every row is fed the argmax of its
    previous logits. The state that a step returns is handed to the next.

    Args:
        step, state: the decoder, called once per target position, and what its first step is given.
        targets: (batch, target) int64, target >= 1.
        bos_id: the token fed first.
        teacher_forcing_ratio: 1 always forces, 0 never does; a coin that decides nothing may be left out.
        generator: a CPU generator, the coins' only source of randomness; None is torch's default one.

    Returns:
        (batch, target, vocab): the logits of all steps, differentiable.
    """
    forced = shift_right(targets, bos_id)  # (batch, target)
    steps: list[Tensor] = []
    for position in range(targets.size(1)):
        heads = position == 0 or torch.rand((), generator=generator, device="cpu").item() < teacher_forcing_ratio
        tokens = forced[:, position] if heads else steps[-1].argmax(dim=-1)  # (batch,)
        logits, state = step(tokens, state)
        steps.append(logits)  # (batch, vocab)
    return torch.stack(steps, dim=1)  # target times (batch, vocab) -> (batch, target, vocab)


def sequence_loss(logits: Tensor, targets: Tensor, pad_id: int) -> Tensor:
    """Average the cross entropy, in nats, over the targets that are not padding: each counts the same.

    Appending columns of padding never changes the loss. If no target is real: 0, with a finite gradient.

    Args:
        logits: (batch, target, vocab), any real numbers: no softmax has been applied.
        targets: (batch, target) int64; pad_id marks padding and may be any id of the vocabulary.

    Returns: a scalar, differentiable in logits.
    """
    real = targets != pad_id  # (batch, target)
    total = F.cross_entropy(logits[real], targets[real], reduction="sum")  # (real, vocab), (real,) -> ()
    return total / real.sum().clamp(min=1)


def greedy_decode(
    step: Step, state: Any, batch_size: int, bos_id: int, eos_id: int, pad_id: int, max_length: int
) -> Tensor:
    """Write sentences without a teacher: every step is fed the most likely token of the step before.

    The first step is fed bos, and each step is handed the state that the one before returned. A row holds its
    argmax tokens up to and including its first eos, then pad. Decoding stops after the step at which the last
    row has produced its eos, or at max_length: `step` is called once per column of the result. Finished rows
    may be fed anything. No gradient is recorded, and grad mode is left as found.

    Args:
        step, state, batch_size: the decoder, what its first step is given, and the number of rows.
        bos_id, eos_id, pad_id: the special tokens. The bos that is fed is no part of the result.
        max_length: the largest number of columns, at least 1.

    Returns:
        (batch, length) int64 with 1 <= length <= max_length.
    """
    tokens = torch.full((batch_size,), bos_id, dtype=torch.int64)  # (batch,)
    finished = torch.zeros(batch_size, dtype=torch.bool)  # (batch,)
    written: list[Tensor] = []
    with torch.no_grad():
        for _ in range(max_length):
            logits, state = step(tokens, state)
            finished = finished.to(logits.device)
            tokens = logits.argmax(dim=-1).masked_fill(finished, pad_id)  # (batch, vocab) -> (batch,)
            written.append(tokens)
            finished = finished | (tokens == eos_id)
            if finished.all():
                break
    return torch.stack(written, dim=1)  # length times (batch,) -> (batch, length)
