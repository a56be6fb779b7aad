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
def write(state, sizes, source, max_length, cut):
    """What the model writes on its own: {"tokens" (batch, length)}.

    Args:
        cut: {} for the whole model; a part and [layer, head] to switch off; or "seen" (source,), what may be looked at,
            by the decoder alone or "everywhere".
    """
    model = trained(state, sizes, source.device)
    parts = attentions(model)
    for part, of_layers in parts.items():
        if part in cut:
            switch_off(of_layers[cut[part][0]], cut[part][1])
    if "seen" in cut:
        for attention in parts["cross"] + (parts["encoder"] if cut["everywhere"] else []):
            attention.register_forward_pre_hook(hiding(cut["seen"].to(source.device)))
    return {"tokens": model.generate(source, BOS, EOS, max_length).cpu()}


def attentions(model):
    """The attentions of each kind, by layer."""
    encoder, decoder = model.encoder.layers, model.decoder.layers
    return {
        "encoder": [layer.self_attention for layer in encoder],
        "decoder": [layer.self_attention for layer in decoder],
        "cross": [layer.cross_attention for layer in decoder],
    }


def switch_off(attention, head):
    """Nothing of this head reaches the output."""
    weight = attention.out_proj.weight
    width = weight.size(1) // attention.num_heads
    with torch.no_grad():
        weight[:, head * width : (head + 1) * width] = 0


def hiding(seen):
    """A hook that forbids to look at what is not seen."""

    def hook(attention, inputs):
        query, key, value, allowed = inputs
        return query, key, value, seen if allowed is None else allowed & seen

    return hook


@guarded
def probe(state, sizes, source, target):
    """What proves a leak without looking at what the model writes.

    Returns:
        {"moved": the most that a score moves when a token after it is changed,
        "loss": nats per token of the target, fed the token before each}.
    """
    model = trained(state, sizes, source.device).eval()
    fed = torch.cat([torch.full_like(target[:, :1], BOS), target[:, :-1]], dim=1)
    changed = fed.clone()
    changed[:, -1] = torch.where(fed[:, -1] == 3, 4, 3)  # another character
    with torch.no_grad():
        scores, others = model(source, fed), model(source, changed)
    loss = torch.nn.functional.cross_entropy(scores.transpose(1, 2), target)
    return {"moved": (scores - others)[:, :-1].abs().max().cpu(), "loss": loss.cpu()}


@guarded
def look(state, sizes, source, target):
    """Where it looks while it writes a target: {"weights" (target, source)}, of the last layer, over all heads."""
    model, seen = trained(state, sizes, source.device).eval(), []
    last = list(model.decoder.layers)[-1].cross_attention
    last.register_forward_hook(lambda module, inputs, output: seen.append(output[1].detach().cpu()))
    with torch.no_grad():
        model(source, torch.cat([torch.full_like(target[:, :1], BOS), target[:, :-1]], dim=1))
    return {"weights": seen[-1][0].mean(0)}
