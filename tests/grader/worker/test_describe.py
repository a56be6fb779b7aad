"""What is told of a module: enough to tell two that differ apart, and nothing that is free."""

from torch import nn

from grader.worker.describe import introduce_module


class Layer(nn.Module):
    def __init__(self, *more):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.dropout = nn.Dropout()
        self.more = nn.ModuleList(more)


def facts(module):
    return introduce_module(module).facts


def test_a_part_without_parameters_is_free():
    assert facts(Layer()) == facts(Layer(nn.ReLU(), nn.Dropout()))
    assert facts(Layer().eval()) == facts(Layer(nn.ReLU()).eval())
    assert facts(Layer()) != facts(Layer(nn.Linear(1, 1)))


def test_one_part_in_another_mode_is_seen_and_all_in_one_too():
    mixed = Layer()
    mixed.dropout.eval()
    assert len({facts(Layer()), facts(mixed), facts(Layer().eval())}) == 3
