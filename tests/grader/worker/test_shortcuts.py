"""Forbidden functions are seen by their use."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grader.worker.shortcuts import ShortcutDetector


def used(names, action, *, closely=False):
    wires = ShortcutDetector(names)
    with wires.armed(closely=closely):
        action()
    return wires.used


def import_as(name):
    scope = {}
    exec(f"from torch.nn.functional import {name} as mine", scope)
    return scope["mine"]


X = torch.ones(2, 3, 4)


H = torch.zeros(1, 3, 2)


W = [torch.ones(8, 4), torch.ones(8, 2)]


ALIAS = F.scaled_dot_product_attention


@pytest.mark.parametrize("closely", [False, True])
@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("F.scaled_dot_product_attention", lambda: F.scaled_dot_product_attention(X, X, X)),
        ("F.scaled_dot_product_attention", lambda: import_as("scaled_dot_product_attention")(X, X, X)),
        ("F.scaled_dot_product_attention", lambda: getattr(F, "scaled_dot" + "_product_attention")(X, X, X)),
        ("F.scaled_dot_product_attention", lambda: torch._C._nn.scaled_dot_product_attention(X, X, X)),
        ("nn.LSTM", lambda: nn.LSTM(4, 2)),
        ("nn.LSTM", lambda: torch._VF.lstm(X, [H, H], W, False, 1, 0.0, False, False, False)),
        ("nn.GRU*", lambda: nn.GRUCell(4, 2)),
        ("nn.RNN*", lambda: nn.RNN(4, 2)),
        ("nn.MultiheadAttention", lambda: nn.MultiheadAttention(4, 2)),
        ("nn.Transformer*", lambda: nn.TransformerEncoderLayer(4, 2)),
        ("nn.LayerNorm", lambda: type("Mine", (nn.LayerNorm,), {})(4)),
        ("F.layer_norm", lambda: F.layer_norm(X, (4,))),
        ("F.layer_norm", lambda: torch.layer_norm(X, (4,))),
        ("F.layer_norm", lambda: torch.native_layer_norm(X, (4,), None, None, 1e-5)),
        ("F.group_norm", lambda: nn.GroupNorm(1, 3)(X)),
        (
            "F.cross_entropy(label_smoothing)",
            lambda: nn.CrossEntropyLoss(label_smoothing=0.1)(X[0], torch.zeros(3).long()[:3]),
        ),
        (
            "F.cross_entropy(label_smoothing)",
            lambda: F.cross_entropy(X[0], torch.zeros(3).long(), **{"label_smoothing": 0.1}),
        ),
    ],
)
def test_a_shortcut_is_seen_by_its_use(name, action, closely):
    assert used([name], action, closely=closely)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("F.scaled_dot_product_attention", lambda: ALIAS(X, X, X)),
        ("F.scaled_dot_product_attention", lambda: torch.ops.aten.scaled_dot_product_attention(X, X, X)),
        ("nn.LSTM", lambda: torch.ops.aten.lstm.input(X, [H, H], W, False, 1, 0.0, False, False, False)),
    ],
)
def test_a_shortcut_by_a_back_way_is_seen_where_every_call_is_watched(name, action):
    assert used([name], action, closely=True)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("nn.LayerNorm", lambda: nn.Linear(4, 4)(X)),
        ("F.layer_norm", lambda: type("layer_norm", (), {})()),
        ("F.cross_entropy(label_smoothing)", lambda: F.cross_entropy(X[0], torch.zeros(3).long())),
        ("nn.LSTM", lambda: "nn.LSTM"),
    ],
)
def test_everything_else_is_not(name, action):
    assert used([name], action, closely=True) == []


def test_nothing_stays_patched():
    before = nn.LSTM.__init__, torch.lstm, F.layer_norm
    used(["nn.LSTM", "F.layer_norm"], lambda: None)
    assert (nn.LSTM.__init__, torch.lstm, F.layer_norm) == before


def test_what_one_file_uses_is_not_said_of_another():
    one, other = ShortcutDetector(["F.layer_norm"]), ShortcutDetector(["F.layer_norm"])
    with one.armed():
        kept = import_as("layer_norm")
        with other.armed():
            F.layer_norm(X, (4,))
    assert (one.used, other.used) == ([], ["F.layer_norm"])
    kept(X, (4,))  # nothing is looked at now
    assert one.used == []
    with one.armed():
        kept(X, (4,))
    assert one.used == ["F.layer_norm"]
