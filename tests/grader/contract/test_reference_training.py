"""The solution of exercise 12 against torch's losses, clipping and optimizers."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from solutions import ex11_transformer as transformer
from solutions import ex12_training as training
from tests.grader.support.references import close, randn

BOS, EOS, PAD = 1, 2, 0


def test_warmup_rate_rises_then_falls() -> None:
    for step in range(1, 30):
        expected = 1 / math.sqrt(16) * (step / 10**1.5 if step <= 10 else 1 / math.sqrt(step))
        assert training.warmup_rate(step, 16, 10) == pytest.approx(expected, rel=1e-12)
    assert isinstance(training.warmup_rate(1, 16, 1), float)
    assert training.warmup_rate(0, 16, 10) == training.warmup_rate(1, 16, 10)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("vocab", "pad"), [(7, 0), (3, 2)])
def test_label_smoothing_loss_is_torchs(smoothing: float, vocab: int, pad: int) -> None:
    logits, targets = randn(2, 5, vocab).requires_grad_(), torch.arange(10).reshape(2, 5) % vocab
    loss = training.label_smoothing_loss(logits, targets, smoothing, pad)
    flat = logits.flatten(0, 1), targets.flatten()
    expected = F.cross_entropy(*flat, ignore_index=pad, label_smoothing=smoothing)
    close(loss, expected)
    close(torch.autograd.grad(loss, logits)[0], torch.autograd.grad(expected, logits)[0])
    garbage = (randn(2, 5, vocab) * 1e4).requires_grad_()
    nothing = training.label_smoothing_loss(garbage, torch.full((2, 5), pad), smoothing, pad)
    nothing.backward()
    assert nothing.item() == 0.0
    assert garbage.grad is not None
    assert not garbage.grad.any()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("max_norm", [0.01, 1e6])
def test_train_step_is_one_clipped_step_on_fresh_gradients(optimizer: type, max_norm: float) -> None:
    model = transformer.Transformer(11, 9, d_model=6, num_heads=3, d_ff=7, pad_id=PAD).double().eval()
    twin = copy.deepcopy(model)
    for seed, parameter in enumerate(model.parameters()):
        parameter.grad = randn(*parameter.shape, seed=seed)  # left over from before
    source = torch.tensor([[3, 10, 4], [9, 6, PAD], [8, PAD, PAD]])
    fed = torch.tensor([[BOS, 4, 8, 3], [BOS, 5, EOS, PAD], [BOS, 7, 6, EOS]])
    targets = torch.tensor([[4, 8, 3, EOS], [5, EOS, PAD, PAD], [7, 6, EOS, PAD]])
    loss = training.train_step(model, optimizer(model.parameters(), lr=0.1), source, targets, BOS, PAD, max_norm)
    expected = F.cross_entropy(twin(source, fed).transpose(1, 2), targets, ignore_index=PAD)
    expected.backward()
    norm = nn.utils.clip_grad_norm_(twin.parameters(), max_norm)
    assert 0.01 < norm < 1e6
    optimizer(twin.parameters(), lr=0.1).step()
    assert isinstance(loss, float)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    assert all(module.training for module in model.modules())
    for parameter, wanted in zip(model.parameters(), twin.parameters(), strict=True):
        close(parameter, wanted)
