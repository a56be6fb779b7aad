"""What twice the length costs: the learner's recurrent encoder, and the learner's encoder layer."""

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from exercises.ex01_encoder import encode
from exercises.ex09_encoder_layer import EncoderLayer
from exercises.lab_training import guarded


def longest_chain(tensor):
    """How many operations in a row the result waited for: the longest path through autograd's graph."""
    depth, stack = {}, [(tensor.grad_fn, False)]
    while stack:
        node, ready = stack.pop()
        if node in depth:
            continue
        before = [other for other, _ in node.next_functions if other is not None]
        if ready:
            depth[node] = 1 + max((depth[other] for other in before), default=0)
        else:
            stack += [(node, True), *((other, False) for other in before)]
    return depth[tensor.grad_fn]


def wait(device):
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


@guarded
def cost(seed, like, lengths, batch, width, repeats):
    """For each length: {"work" products of numbers, "chain" operations, "seconds"}, each (lengths, 2), recurrent first.

    Args:
        like: a tensor on the device that is measured.
    """
    device = like.device
    torch.manual_seed(seed)
    layer = EncoderLayer(width, 4, 4 * width).to(device)
    shapes = ((4 * width, width), (4 * width, width), (4 * width,))
    w_x, w_h, bias = (torch.randn(*shape, device=device) / 8 for shape in shapes)
    for weight in (w_x, w_h, bias):
        weight.requires_grad_()
    work, chain, seconds = [], [], []
    for length in lengths:
        x = torch.randn(batch, length, width, device=device)
        all_of_it = torch.full((batch,), length, device=device)
        for run in (lambda x=x, n=all_of_it: encode(x, n, w_x, w_h, bias)[0], lambda x=x: layer(x)):
            with FlopCounterMode(display=False) as counter:
                result = run()
            work.append(counter.get_total_flops() / 2)
            chain.append(longest_chain(result))
            best = float("inf")
            for _ in range(repeats):
                wait(device)
                begun = time.perf_counter()
                run().sum().backward()
                wait(device)
                best = min(best, time.perf_counter() - begun)
            seconds.append(best)
    shape = (len(lengths), 2)
    kinds = {"work": work, "chain": chain, "seconds": seconds}
    return {name: torch.tensor(values, dtype=torch.float64).reshape(shape) for name, values in kinds.items()}
