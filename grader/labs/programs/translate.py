"""The learner's Transformer, trained by the learner's train_step at the learner's warmup_rate."""

import torch

from exercises.ex11_transformer import Transformer
from exercises.ex12_training import train_step, warmup_rate
from exercises.lab_training import guarded, load, train_piece

PAD, BOS, EOS = 0, 1, 2
PEAK = 3e-3


def make(sizes, seed=0):
    """A Transformer; sizes are its first six arguments."""
    torch.manual_seed(seed)
    return Transformer(*sizes, 0.0, PAD)


def rate(step, steps, d_model):
    """The rate of the paper, its peak moved to PEAK, and down to 0 at the end of a run as short as this one."""
    warmup = max(1, min(100, steps // 6))
    peak = warmup_rate(warmup, d_model, warmup)
    return PEAK * warmup_rate(step, d_model, warmup) / peak * (1 - step / (steps + 1))


@guarded
def train(state, first, steps, seed, sizes, batches):
    model = make(sizes, seed)
    rates = [rate(first + i + 1, steps, sizes[2]) for i in range(len(batches[0]))]

    def update(model, optimizer, source, targets):
        return train_step(model, optimizer, source, targets, BOS, PAD)

    return train_piece(model, update, state, first, seed, rates, batches)


def trained(state, sizes, device):
    model = make(sizes)
    load(model, state)
    return model.to(device)


@guarded
def write(state, sizes, source, max_length):
    """What the model writes on its own: {"tokens" (batch, length)}."""
    return {"tokens": trained(state, sizes, source.device).generate(source, BOS, EOS, max_length).cpu()}


@guarded
def look(state, sizes, source, target):
    """Where it looks while it writes a target: {"weights" (target, source)}, of the last layer, over all heads."""
    model, seen = trained(state, sizes, source.device).eval(), []
    last = list(model.decoder.layers)[-1].cross_attention
    last.register_forward_hook(lambda module, inputs, output: seen.append(output[1].detach().cpu()))
    with torch.no_grad():
        model(source, torch.cat([torch.full_like(target[:, :1], BOS), target[:, :-1]], dim=1))
    return {"weights": seen[-1][0].mean(0)}
