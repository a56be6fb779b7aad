"""The simulated GPU refuses what a GPU refuses, takes what it takes, and leaves no trace in its process."""

import contextlib
import math
import os
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grader import simulated_gpu
from grader.simulated_gpu import NAME, SimulatedTensor, simulating
from tests.grader.support.kits import ROOT, python


@pytest.fixture
def gpu():
    with simulating():
        yield NAME


class Waves(nn.Module):
    """Adds a table that is an attribute, a buffer or a parameter."""

    def __init__(self, keep):
        super().__init__()
        angles = torch.arange(5.0).unsqueeze(1) * torch.tensor([1.0, 0.1, 0.01])
        keep(self, torch.cat([angles.sin(), angles.cos()], dim=1))

    def forward(self, x):
        return x + self.table


class Walk(nn.Module):
    """A small language model, for decoding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.output = nn.Linear(4, 6)

    def forward(self, tokens):
        return self.output(self.embedding(tokens).cumsum(1))


class Layers(nn.Module):
    """Linear maps one after another, in a list of some kind."""

    def __init__(self, kind):
        super().__init__()
        self.layers = kind([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Momentum:
    """An optimizer that keeps its state where `empty` makes it."""

    def __init__(self, parameters, empty):
        self.parameters = list(parameters)
        self.velocity = [empty(parameter) for parameter in self.parameters]

    @torch.no_grad()
    def step(self):
        for parameter, velocity in zip(self.parameters, self.velocity, strict=True):
            velocity.mul_(0.9).add_(parameter.grad)
            parameter.sub_(velocity, alpha=0.1)


def decoded(x, start, stops):
    torch.manual_seed(0)
    model, tokens = Walk().to(x.device), start
    for _ in range(4):
        following = model(tokens)[:, -1].argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, following], dim=1)
        if stops(following):
            break
    return tokens


def trained(x, optimizer_of):
    model = nn.Linear(4, 2).to(x.device)
    optimizer = optimizer_of(model.parameters())
    model(x).sum().backward()
    optimizer.step()
    return model.weight


def rescaled(module):
    for parameter in module.parameters():
        parameter.data = parameter.data * 3
        parameter.data -= 1
        parameter.data.mul_(2)
    return module


def clipped(x):
    (x * x).sum().backward()
    x.grad.data = x.grad.data / x.grad.norm()
    return x.grad * 2


def recurrent(x, h):
    for token in x.unbind(1):
        h = torch.tanh(token + h)
    return h


def filled(x, out):
    for i, row in enumerate(x):
        out[i] = row.softmax(-1)
    return out


def attribute(module, table):
    module.table = table


# Each takes x (3, 5, 6), float32, on the GPU.
WRONG = {
    "a table made on the default device": lambda x: x + torch.zeros(5, 6),
    "positions on the default device": lambda x: x * torch.arange(5).unsqueeze(1),
    "half of a table on the GPU": lambda x: x + torch.zeros(5, 6, device=x.device) * torch.arange(6),
    "a table as a plain attribute": lambda x: Waves(attribute).to(x.device)(x),
    "a mask of ones": lambda x: x.masked_fill(torch.ones(5, 6).tril() == 0, -torch.inf),
    "a mask that is added": lambda x: x + torch.full((5, 6), -torch.inf).triu(1),
    "a mask in where": lambda x: torch.where(torch.ones(5, 6, dtype=torch.bool), x, 0.0),
    "numpy of a tensor": lambda x: torch.from_numpy(np.exp(x.numpy())).to(x.device),
    "a function of numpy's": lambda x: x / np.exp(x),
    "an array of numpy's": lambda x: x * np.ones(6),
    "numpy, and no way back": lambda x: x + torch.from_numpy(x.cpu().numpy()),
    "a first token on the CPU": lambda x: decoded(x, torch.tensor([[1]]), lambda t: t.item() == 2),
    "rows put into a CPU tensor": lambda x: filled(x, torch.zeros(3, 5, 6)),
    "layers in a plain list": lambda x: Layers(list).to(x.device)(x[..., :4]),
    "a weight made in forward": lambda x: x @ nn.Parameter(torch.ones(6, 6)),
    "a layer made in forward": lambda x: nn.Linear(6, 6)(x),
    "a first state on the CPU": lambda x: recurrent(x, torch.zeros(3, 6)),
    "an LSTM's first state on the CPU": lambda x: nn.LSTM(6, 4).to(x.device)(x, (torch.zeros(1, 5, 4),) * 2)[0],
    "a CPU table looked up with GPU indices": lambda x: torch.eye(6)[x.argmax(-1)],
    "an embedding of CPU ids": lambda x: x + nn.Embedding(9, 6).to(x.device)(torch.arange(5)),
    "constants in a list": lambda x: x - torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
    "dropout drawn on the CPU": lambda x: x * (torch.rand(x.shape) > 0.5),
    "an optimizer's state on the CPU": lambda x: trained(
        x[0, :, :4], lambda ps: Momentum(ps, lambda p: torch.zeros(p.shape))
    ),
    "targets left on the CPU": lambda x: F.cross_entropy(x[:, 0], torch.tensor([0, 1, 2])),
    "a device in a string": lambda x: x + torch.ones(6, device="cuda" if torch.cuda.is_available() else "cpu"),
    "the result on the CPU": lambda x: x.softmax(-1).cpu(),
    "a CPU scalar that is written": lambda x: torch.zeros(()).add_(x.sum()),
    "scalars of two devices stacked": lambda x: torch.stack([x.sum(), torch.zeros(())]),
    "packed with lengths on the GPU": lambda x: (
        nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 4, 2], device=x.device), batch_first=True).data
    ),
    "a CPU generator for numbers on the GPU": lambda x: torch.rand(3, device=x.device, generator=torch.Generator()),
    "a result that was asked for on the CPU": lambda x: torch.zeros_like(x, device="cpu"),
}

RIGHT = {
    "a table made where x is": lambda x: x + torch.zeros(5, 6, device=x.device),
    "CPU slices assigned to a GPU table": lambda x: x + filled(torch.zeros(5, 6), torch.zeros(5, 6, device=x.device)),
    "a table as a buffer": lambda x: Waves(lambda m, t: m.register_buffer("table", t)).to(x.device)(x),
    "a table as a parameter": lambda x: Waves(lambda m, t: setattr(m, "table", nn.Parameter(t))).to(x.device)(x),
    "a mask made where x is": lambda x: x.masked_fill(torch.ones(5, 6, device=x.device).tril() == 0, -torch.inf),
    "a CPU scalar as divisor": lambda x: x / torch.sqrt(torch.tensor(6.0)),
    "a CPU scalar in where": lambda x: torch.where(x > 0, x, torch.tensor(-1e9)),
    "a CPU scalar in masked_fill": lambda x: x.masked_fill(x > 0, torch.tensor(0.0)),
    "Python's and numpy's numbers": lambda x: x / math.sqrt(x.size(-1)) / np.sqrt(x.shape[-1]),
    "numpy and back": lambda x: x + torch.from_numpy(np.exp(x.detach().cpu().numpy())).to(x.device),
    "decoding until item says so": lambda x: decoded(x, torch.tensor([[1]]).to(x.device), lambda t: t.item() == 2),
    "decoding until all rows say so": lambda x: decoded(x, x[:2, :1, 0].long() * 0, lambda t: (t == 2).all()),
    "decoding until an int says so": lambda x: decoded(x, x.new_ones(1, 1).long(), lambda t: int(t) == 2),
    "a mask as an index": lambda x: x[x > 0].sum() + x.clone().index_put_((x < 0,), x.new_zeros(())).sum(),
    "rows in a list, stacked": lambda x: torch.stack([row.softmax(-1) for row in x]),
    "layers in a ModuleList": lambda x: Layers(nn.ModuleList).to(x.device)(x[..., :4]),
    "an LSTM": lambda x: nn.LSTM(6, 4).to(x.device)(x)[0],
    "an LSTM of packed sequences": lambda x: (
        nn.LSTM(6, 4, batch_first=True)
        .to(x.device)(nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 4, 2]), batch_first=True))[0]
        .data
    ),
    "a first state where x is": lambda x: recurrent(x, x.new_zeros(3, 6)),
    "CPU indices into a GPU tensor": lambda x: -x.log_softmax(-1)[torch.arange(3), :, torch.tensor([0, 2, 1])].mean(),
    "one_hot": lambda x: F.one_hot(x.argmax(-1), 6) + torch.eye(6, device=x.device)[x.argmax(-1)],
    "dropout": lambda x: F.dropout(x) * (torch.rand_like(x) > 0.5),
    "an optimizer's state beside its weights": lambda x: trained(
        x[0, :, :4], lambda ps: Momentum(ps, torch.zeros_like)
    ),
    "a module in another dtype": lambda x: nn.Linear(6, 2).to(x.device).double()(x.double()),
    "a module on the GPU in another dtype": lambda x: nn.Linear(6, 2).to(x.device, torch.float64)(x.double()),
    "weights through data": lambda x: rescaled(nn.Linear(6, 2).to(x.device))(x),
    "gradients through data": lambda x: clipped(x.detach().clone().requires_grad_()),
    "a loss": lambda x: F.cross_entropy(x[:, 0], torch.tensor([0, 1, 2]).to(x.device)),
    "clipped gradients": lambda x: nn.utils.clip_grad_norm_([x.detach().requires_grad_()], 1.0) + x,
    "an attention of torch's": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "the running mean as a buffer": lambda x: nn.BatchNorm1d(5).to(x.device)(x),
    "sampling from the best": lambda x: torch.multinomial(x[0].topk(3).values.softmax(-1), 1),
    "a loop while something is large": lambda x: recurrent(x, x[:, 0]) * sum(1 for _ in range(int(x.numel() > 3))),
    "an index computed": lambda x: x[x.flatten().topk(2).indices // 30],
    "tensor of GPU scalars": lambda x: torch.tensor([x[0, 0, 0], x[1, 0, 0]], device=x.device),
    "tensor with a device": lambda x: x + torch.tensor([1.0] * 6, device=x.device),
    "new_tensor": lambda x: x + x.new_tensor([1.0] * 6),
    "arange made on the CPU and moved": lambda x: x * torch.arange(6).to(x.device),
    "in place and out=": lambda x: torch.add(x.clone().mul_(2), 1, out=torch.empty_like(x)),
    "inference mode": lambda x: torch.inference_mode()(lambda: (x.view(15, 6) @ x[0, 0]).add_(1))(),
    "views, transposed in place": lambda x: x.clone().transpose_(0, 1).unsqueeze_(0)[..., 1:],
}


def outcome(run, x):
    """On which device the result is, or the exception."""
    try:
        return run(x).device.type
    except (RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def x_on(device):
    return torch.randn(3, 5, 6, generator=torch.Generator().manual_seed(1)).to(device)


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
@pytest.mark.parametrize("name", WRONG)
def test_a_device_mistake_is_seen_here_and_not_on_the_cpu(gpu, name, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)  # one of them asks
    assert outcome(WRONG[name], x_on("cpu")) == "cpu"
    seen = outcome(WRONG[name], x_on(gpu))
    assert "cpu" in seen or simulated_gpu.PLACE in seen, seen


@pytest.mark.parametrize("name", RIGHT)
def test_right_code_works_and_computes_the_same(gpu, name):
    results = []
    for device in ("cpu", gpu):
        torch.manual_seed(3)
        result = RIGHT[name](x_on(device))
        assert result.device.type == device
        results.append(result.detach().cpu())
    assert type(results[1]) is torch.Tensor
    torch.testing.assert_close(results[1], results[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no cuda here")
def test_a_real_gpu_says_the_same():
    """The labels above, put to the test: run this file where there is a GPU."""
    program = f"import runpy; print(runpy.run_path({__file__!r})['on_cuda']())"
    # In a process of its own: where a GPU was simulated, torch goes backward on no real one.
    said = python(ROOT, [sys.executable, "-W", "ignore", "-c", program])
    assert said.stdout.strip() == "(['a device in a string'], [])", said  # on this machine that string is right


def on_cuda():
    """The wrong that work on a real GPU, and the right that do not."""
    wrong = [name for name in WRONG if outcome(WRONG[name], x_on("cuda")) == "cuda"]
    right = [(name, found) for name in RIGHT if (found := outcome(RIGHT[name], x_on("cuda"))) != "cuda"]
    return wrong, right


def test_gradients_are_those_of_the_cpu(gpu):
    gradients = []
    for device in ("cpu", gpu):
        torch.manual_seed(5)
        lstm = nn.LSTM(6, 4, batch_first=True).to(device)
        x = x_on(device).requires_grad_()
        outputs, (h, c) = lstm(x)
        (outputs.square().sum() + h.sum() + (c * c).sum()).backward()
        gradients.append([x.grad.cpu(), *(parameter.grad.cpu() for parameter in lstm.parameters())])
    for here, there in zip(*gradients, strict=True):
        torch.testing.assert_close(here, there)


def test_a_tensor_says_where_it_is(gpu):
    x = torch.ones(2, device=gpu)
    assert (str(x.device), x.tolist(), repr(x)) == ("gpu:0", [1.0, 1.0], "tensor([1., 1.], device='gpu:0')")
    assert (f"{x.sum():.2f}", f"{x}") == ("2.00", repr(x))
    assert type(x.cpu()) is torch.Tensor


@pytest.mark.skipif(torch.cuda.is_available(), reason="here the name of CUDA means a real one")
def test_the_name_of_cuda_means_this_device(gpu):
    x, table = torch.ones(2, 3, device=gpu), torch.arange(3.0)
    assert (x.is_cuda, table.is_cuda, x.cpu().is_cuda) == (True, False, False)
    found = [table.cuda(), table.cuda(x.get_device()), table.to("cuda:0"), torch.arange(3.0, device="cuda")]
    found += [torch.arange(3.0).to(torch.device("cuda")), nn.Parameter(table).cuda()]
    for moved in found:
        assert str((x + moved).device) == "gpu:0"
    for layer in (nn.Linear(3, 2).cuda(), nn.Linear(3, 2).to("cuda")):
        layer(x).sum().backward()
        assert layer.weight.grad.is_cuda


def test_outside_the_block_the_process_is_as_before():
    with simulating():
        kept = torch.ones(3, device=NAME).requires_grad_()
        kept.sum().backward()
    assert type(torch.ones(3)) is torch.Tensor
    with pytest.raises((AssertionError, RuntimeError)) if not torch.cuda.is_available() else contextlib.nullcontext():
        torch.ones(3).cuda()
    assert not torch._C._only_lift_cpu_tensors()
    assert torch.autograd.is_multithreading_enabled()
    w = torch.ones(3, requires_grad=True)
    (w * w).sum().backward()
    assert w.grad.tolist() == [2, 2, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_process_that_simulated_may_fork_and_its_children_go_backward():
    program = f"import runpy; runpy.run_path({__file__!r})['simulate_and_fork']()"
    # Where a real GPU is in sight no forked child goes backward: workers see none.
    ended = python(ROOT, [sys.executable, "-W", "ignore", "-c", program], CUDA_VISIBLE_DEVICES="")
    assert (ended.returncode, ended.stderr) == (0, "")


def simulate_and_fork():
    with simulating():
        torch.ones(3, device=NAME).requires_grad_().sum().backward()
    child = os.fork()
    if child == 0:
        torch.ones(3, requires_grad=True).sum().backward()
        with simulating():
            torch.ones(3, device=NAME).requires_grad_().sum().backward()
        os._exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def test_availability_is_asked_of_torch(monkeypatch):
    assert simulated_gpu.available()
    monkeypatch.setattr(torch._C, "_get_privateuse1_backend_name", lambda: "npu")
    assert not simulated_gpu.available()
    monkeypatch.undo()
    monkeypatch.delattr("torch.utils.backend_registration._setup_privateuseone_for_python_backend")
    assert not simulated_gpu.available()


def test_a_simulated_tensor_is_a_tensor(gpu):
    assert isinstance(torch.ones(2, device=gpu), SimulatedTensor)
    assert isinstance(torch.ones(2, device=gpu), torch.Tensor)
