"""The small parts: discovery, stubs, drawing, verdicts, tripwires, hints, variants."""

import random
import re
import textwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grader.checks.draw import Draw, derived_seed
from grader.checks.module_pool import _known, mould_of
from grader.errors import KitError, UsageError
from grader.kit import hints
from grader.kit.collect import title
from grader.kit.discovery import Kit
from grader.kit.stub import stub_of
from grader.kit.variants import mistakes
from grader.results.verdicts import Outcome, settle
from grader.source.importer import ExerciseFinder
from grader.text import clean
from grader.worker import global_state
from grader.worker.fast_init import uninitialised_layers
from grader.worker.global_state import watched
from grader.worker.shortcuts import ShortcutDetector
from tests.grader.support.kits import copy_kit

# ------------------------------------------------------------------------------------------------ discovery


@pytest.mark.parametrize(
    "word", ["6", "06", "ex06", "ex06_self_attention", "self_attention", "self", "exercises/ex06_self_attention.py"]
)
def test_an_exercise_is_found_by_number_slug_prefix_or_file(kit, word):
    assert [exercise.slug for exercise in kit.find([word])] == ["ex06_self_attention"]


def test_exercises_come_in_course_order_and_once(kit):
    assert [exercise.number for exercise in kit.find(["7", "ex03", "7"])] == [3, 7]
    assert len(kit.find([])) == len(kit.exercises) >= 12


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("99", "there is no exercise '99'"),
        ("e", "means more than one exercise"),
        ("masked", "masked_attention"),
        ("", "there is no exercise ''"),
    ],
)
def test_what_is_not_found_is_a_usage_error(kit, word, words):
    if word == "masked":
        assert kit.find([word])[0].number == 7
        return
    with pytest.raises(UsageError, match=re.escape(words)):
        kit.find([word])


def test_an_empty_folder_is_no_kit(tmp_path):
    with pytest.raises(KitError, match="no exercise lies in"):
        _ = Kit(tmp_path).exercises


# ------------------------------------------------------------------------------------------------ stubs


def test_a_stub_keeps_what_is_given_and_loses_the_rest():
    solution = '''
        """Title."""

        import math

        LIMIT = 3


        def public(x: int) -> int:
            """Doc."""
            y = x
            return y


        # about the helper
        def _helper() -> None:
            """Hidden."""


        class Module:
            """A class."""

            def __init__(self) -> None:  # given
                self.x = 1

            def forward(
                self, x: int
            ) -> int:
                return x

            def _private(self) -> int:
                return 2
    '''
    assert (
        stub_of(textwrap.dedent(solution).lstrip())
        == textwrap.dedent('''
        """Title."""

        import math

        LIMIT = 3


        def public(x: int) -> int:
            """Doc."""
            # TODO: your code
            raise NotImplementedError("public is unwritten")


        class Module:
            """A class."""

            def __init__(self) -> None:  # given
                self.x = 1

            def forward(
                self, x: int
            ) -> int:
                # TODO: your code
                raise NotImplementedError("forward is unwritten")
    ''').lstrip()
    )


# ------------------------------------------------------------------------------------------------ drawing


def test_axes_keep_their_sizes_and_never_share_one():
    for seed in range(50):
        draw = Draw(seed)
        x, y = draw("batch query d_k"), draw("batch key d_k")
        assert (x.size(0), x.size(2)) == (y.size(0), y.size(2))
        assert len({*x.shape, *y.shape}) == 4


def test_the_same_seed_draws_the_same():
    assert torch.equal(Draw(3)("batch d_k"), Draw(3)("batch d_k"))
    assert not torch.equal(Draw(3)("3 4"), Draw(4)("3 4"))
    assert derived_seed(1, "a") == derived_seed(1, "a") != derived_seed(1, "b")


def test_lengths_are_ragged_and_fill_the_padded_length():
    for seed in range(50):
        draw = Draw(seed)
        lengths, longest = draw.lengths(), draw.size("source")
        assert lengths.max() == longest
        assert 1 <= lengths.min() < longest


@pytest.mark.parametrize("axes", ["5", "3 4", "2 3 4"])
def test_non_contiguous_tensors_are_not_contiguous(axes):
    x = Draw(1)(axes)
    assert not Draw(1).non_contiguous(x).is_contiguous()
    assert torch.equal(Draw(1).non_contiguous(x), x)


def test_drawing_leaves_the_default_random_states_alone():
    with watched() as seen:
        draw = Draw(1)
        draw("3 4"), draw.tokens("3", 5), draw.lengths("3", "4"), draw.weights(nn.Identity()), draw.permutation(3)
    assert seen.changed == []


# ------------------------------------------------------------------------------------------------ verdicts


def outcome(name, verdict, points, *, form=False, device="cpu"):
    return Outcome(name, name, device, verdict, points, form)


def test_form_checks_earn_their_points_with_a_value_only():
    shape, value = outcome("shape", "pass", 2, form=True), outcome("value", "fail", 8)
    assert settle("ex", [shape, value], 10).score == 0
    assert settle("ex", [shape, outcome("value", "pass", 8)], 10).score == 10


def test_points_are_shared_among_devices():
    found = [outcome("value", "pass", 10), outcome("value", "fail", 10, device="cuda")]
    result = settle("ex", found, 10)
    assert (result.score, result.verdict, [one.max_points for one in result.outcomes]) == (5, "fail", [5, 5])


def test_a_skipped_device_carries_no_points():
    found = [outcome("value", "pass", 10), outcome("value", "skip", 10, device="cuda")]
    result = settle("ex", found, 10)
    assert (result.score, result.verdict, [one.max_points for one in result.outcomes]) == (10, "pass", [10, 0])


def test_unwritten_is_for_the_whole_exercise_or_a_fail():
    one, two = outcome("a", "unwritten", 5), outcome("b", "unwritten", 5)
    assert settle("ex", [one, two], 10).verdict == "unwritten"
    mixed = settle("ex", [one, outcome("b", "pass", 5)], 10)
    assert (mixed.verdict, mixed.outcomes[0].verdict, mixed.score) == ("fail", "fail", 5)


def test_an_error_has_no_score_and_nothing_run_is_an_error():
    assert settle("ex", [outcome("a", "error", 5), outcome("b", "pass", 5)], 10).score is None
    assert settle("ex", [], 10).verdict == "error"
    assert settle("ex", [outcome("a", "skip", 10)], 10).verdict == "error"


def test_messages_lose_control_characters_and_are_cut():
    assert clean("a\x1b[31mb\x00\tc\nd\u202e", 99) == "a[31mb\tc\nd"
    assert len(clean("é" * 5000, 2000).encode()) <= 2000


def test_a_title_is_the_name_of_its_check():
    assert title("test_scores_are_divided_by_the_root_of_d_k") == "scores are divided by the root of d_k"
    assert title("test_any_size_may_be_one[batch]") == "any size may be one (batch)"


# ------------------------------------------------------------------------------------------------ tripwires


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


class Tied(nn.Module):
    def __init__(self, width, *, scale):
        super().__init__()
        self.scale = scale
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.LSTM(width, width), nn.Linear(width, width)])
        self.layers[2].weight = self.layers[0].weight

    def forward(self, x):
        return self.layers[2](self.layers[1](torch.relu(self.layers[0](x)))[0]) * self.scale


def test_a_module_that_is_moulded_is_the_one_that_is_made():
    _known.cache_clear()
    made, again, moulded = (Draw(seed).module(Tied, 3, scale=2.0) for seed in (5, 5, 5))
    mould = mould_of(Tied, (3,), (("scale", 2.0),))
    assert mould.is_formed
    assert not mould_of(Tied, (4,), (("scale", 2.0),)).is_formed
    assert list(dict(moulded.named_parameters())) == list(dict(made.named_parameters()))
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), moulded.parameters(), strict=True))
    assert moulded.layers[0].weight is moulded.layers[2].weight
    assert moulded.layers[0].weight is not again.layers[0].weight
    assert [part.training for part in moulded.modules()] == [False] * 5
    x = Draw(1)("2 4 3")
    assert torch.equal(moulded(x), made(x))
    moulded.to(torch.float32)(x.float()).sum().backward()
    assert all(p.grad is not None for p in moulded.parameters())
    assert Draw(5).module(Tied, 3, scale=2.0).layers[0].weight.grad is None


def test_a_module_that_is_given_back_is_lent_again_as_if_it_were_new():
    for _ in range(2):
        Draw(5).module(nn.Linear, 3, 2)
    first = Draw(5)
    lent, other = (first.module(nn.Linear, 3, 2) for _ in range(2))
    lent.train().to(torch.float32)(torch.ones(3)).sum().backward()
    lent.weight.requires_grad_(False)
    kept = lent.bias.detach()
    before = kept.clone()
    first.give_back()
    drawn = Draw(5)
    again = [drawn.module(nn.Linear, 3, 2) for _ in range(3)]
    assert {id(lent), id(other)} == {id(module) for module in again[:2]}
    assert again[2] is not again[0]
    assert again[2] is not again[1]
    right = Draw(5)
    for module in again:
        fresh = right.weights(nn.Linear(3, 2))
        assert not module.training
        for mine, new in zip(module.parameters(), fresh.parameters(), strict=True):
            assert torch.equal(mine, new)
            assert (mine.dtype, mine.grad, mine.requires_grad) == (torch.float64, None, True)
    assert torch.equal(kept, before)  # what a failure has kept of the values is as it was


def test_a_module_that_holds_more_than_parameters_is_not_lent_again():
    for _ in range(2):
        Draw(5).module(nn.BatchNorm1d, 3)
    first = Draw(5)
    lent = first.module(nn.BatchNorm1d, 3)
    first.give_back()
    assert mould_of(nn.BatchNorm1d, (3,), ()).is_formed
    assert Draw(5).module(nn.BatchNorm1d, 3) is not lent


class Stubborn(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.linear = nn.Linear(*widths)
        self.bend = lambda x: x.relu()

    def forward(self, x):
        return self.bend(self.linear(x))


@pytest.mark.parametrize("widths", [[2, 3], (2, 3)], ids=["no key", "no form"])
def test_what_cannot_be_moulded_is_made_every_time(widths):
    made = [Draw(5).module(Stubborn, widths) for _ in range(4)]
    x = Draw(1)("4 2")
    assert all(torch.equal(one(x), made[0](x)) for one in made)
    assert not mould_of(Stubborn, (widths,), ()).is_formed


def test_a_layer_made_without_first_values_draws_nothing():
    before = torch.get_rng_state()
    with uninitialised_layers():
        nn.Linear(3, 4)
    assert torch.equal(torch.get_rng_state(), before)
    nn.Linear(3, 4)
    assert not torch.equal(torch.get_rng_state(), before)


# ------------------------------------------------------------------------------------------------ surroundings


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (lambda: torch.set_grad_enabled(False), "grad mode"),
        (lambda: torch.set_default_dtype(torch.float64), "the default dtype"),
        (lambda: torch.set_default_device("meta"), "the default device"),
        (lambda: torch.manual_seed(0), "torch's random state"),
        (lambda: np.random.rand(), "numpy's random state"),
        (lambda: __import__("random").random(), "Python's random state"),
        (lambda: torch.use_deterministic_algorithms(True), "deterministic algorithms"),
        (lambda: torch.autograd.set_detect_anomaly(True), "the search for anomalies"),
    ],
)
def test_global_state_is_compared_and_settings_are_put_back(action, name):
    with watched(seed=4) as seen:
        action()
    assert seen.changed == [name]
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert torch.zeros(1).device.type == "cpu"
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("lies_open", [True, False])
def test_the_state_of_python_s_random_numbers_is_read_where_it_lies_or_asked_for(lies_open, monkeypatch):
    assert global_state._lies_open()
    monkeypatch.setattr(global_state, "_lies_open", lambda: lies_open)
    with watched() as still:
        pass
    with watched() as seen:
        random.gauss(0, 1)
    with watched() as second:
        random.gauss(0, 1)  # made together with the first
    with watched() as back:
        state = random.getstate()
        random.random()
        random.setstate(state)
    assert (still.changed, back.changed) == ([], [])
    assert seen.changed == second.changed == ["Python's random state"]


# ------------------------------------------------------------------------------------ importer, hints, variants


def test_the_importer_restores_what_was_there():
    import sys

    finder = ExerciseFinder({"ex01_a": ("a.py", b"x = 1")}, "ex02_b")
    with finder.active():
        from exercises.ex01_a import x  # type: ignore[import-not-found]

        assert x == 1
        with pytest.raises(ModuleNotFoundError, match="ex02_b comes before ex03_c"):
            import exercises.ex03_c  # type: ignore[import-not-found]  # noqa: F401
    assert "exercises.ex01_a" not in sys.modules


def test_hints_are_read_by_check(tmp_path):
    file = tmp_path / "hints.md"
    file.write_text("# Hints\n\n## a check\n1. look\n   here\n2. cause\n3. how\n\n## other\n1. x\n2. y\n3. z\n")
    assert hints.read(file) == {"a check": ["look here", "cause", "how"], "other": ["x", "y", "z"]}
    assert hints.of_check(hints.read(file), "a check (2)") == ["look here", "cause", "how"]
    assert hints.read(tmp_path / "none.md") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@mistake\ndef nothing__x():\n    '''Doc.'''\n", "defines no nothing"),
        ("@mistake\ndef attention_scores__x(q, k):\n    return q\n", "its docstring"),
        (
            "@mistake\ndef attention_scores__x(q, k):\n    '''A.'''\n@mistake\ndef project_qkv__x():\n    '''B.'''\n",
            "two variants",
        ),
    ],
)
def test_a_malformed_mistake_is_the_kits_fault(tmp_path, text, words):
    kit = Kit(copy_kit(tmp_path / "kit", only={6}))
    kit.exercises[0].mistakes.write_text(text)
    with pytest.raises(KitError, match=words):
        mistakes(kit.exercises[0])
