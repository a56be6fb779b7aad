"""Every decimal number that a lesson, its pictures or its questions print is computed here, from the references."""

import importlib
import math
import re
import sys
import types

import pytest
import torch

from grader.kit.collect import use_references
from grader.kit.discovery import Kit
from grader.kit.lesson import Picture, Prose, parts
from grader.paths import PACKAGE

CITED = {2: {"5.8", "4.7", "25.9", "30.6"}}
"""What stands in a paper: of Sutskever et al. 2014, perplexity and BLEU without reversal and with it."""
NOT_PROSE = re.compile(
    r"^(> )?```.*?^(> )?```|`[^`]*`|https?://\S+|\b(sections?|equations?|appendix) [\d.,()\sand]+",
    re.MULTILINE | re.DOTALL,
)
DECIMAL = re.compile(r"(?<![\w.])-?\d*\.\d+\b")


@pytest.fixture(scope="module", autouse=True)
def references(kit):
    torch.manual_seed(0)
    with use_references(kit):
        yield


def solution(slug):
    return importlib.import_module(f"solutions.{slug}")


def lab(name, monkeypatch):
    """A lab's program over the references."""
    shared = types.ModuleType("exercises.lab_training")
    shared.guarded = lambda function: function
    monkeypatch.setitem(sys.modules, "exercises.lab_training", shared)
    program = types.ModuleType(name)
    exec((PACKAGE / "labs" / "programs" / f"{name}.py").read_text(encoding="utf-8"), program.__dict__)
    return program


def double(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def flat(*values):
    """All numbers in tensors and lists, as floats."""
    return [float(number) for value in values for number in torch.as_tensor(value, dtype=torch.float64).flatten()]


def encoder():
    cell = solution("ex01_encoder").lstm_cell
    w_x, w_h, bias = double([0], [0], [1], [0]), double([1], [0], [0], [0]), double(0, 1, 0, 0)
    zero = torch.zeros(1, 1, dtype=torch.float64)
    h, c = cell(double([1]), zero, zero, w_x, w_h, bias)
    second_h, second_c = cell(double([-1]), h, c, w_x, w_h, bias)
    gate = torch.sigmoid(h)
    forget, candidate = torch.sigmoid(double(1)), torch.tanh(double(1))
    return flat(h, c, second_h, second_c, gate, forget, candidate, 0.5, torch.tanh(c), forget * c, gate * candidate)


def distances():
    return []


def teacher_forcing():
    surprise = [-math.log(p) for p in (1 / 2, 1 / 8)]
    return flat(surprise, 5 * math.log(2) / 3, 9 * math.log(2) / 3)


def attention_weights():
    module = solution("ex04_attention_weights")
    query, keys = double([1, 2], [1, 2]), double([2, 0], [0, 1], [1, 1]).repeat(2, 1, 1)
    scores = module.dot_scores(query, keys)
    weights = module.attention_weights(scores, torch.tensor([3, 2]))
    additive = module.additive_scores(query, keys, double([1, -1]), double([1, 1]), double(2))
    powers = scores[0].exp()
    return flat(weights, module.context_vector(weights, keys), additive, powers, powers.sum(), math.tanh(1))


def positions():
    module = solution("ex05_sinusoidal_encoding")
    table = module.sinusoidal_encoding(4, 4, base=100.0, dtype=torch.float64)
    odd = module.sinusoidal_encoding(2, 3, base=1000.0, dtype=torch.float64)
    words = module.add_positions(torch.ones(1, 2, 4, dtype=torch.float64))
    return flat(table, odd, words, math.sin(2))


def heads():
    """The weights of the three heads of lesson 6."""
    place = solution("ex05_sinusoidal_encoding").sinusoidal_encoding
    table = place(9, 4, base=100.0, dtype=torch.float64)
    back = torch.linalg.lstsq(table[1:], table[:-1]).solution
    words = torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 3, 0, 1]), 4).double()
    x = torch.cat([words, table[:6]], dim=1).unsqueeze(0)
    eye = torch.eye(8, dtype=torch.float64)
    attend = solution("ex06_self_attention").self_attention
    word, spot = eye[:, :4], eye[:, 4:]
    asked = (20 * spot @ back, spot), (20 * word, word), (0 * word, word)
    return [attend(x, w_q, w_k, word)[1][0] for w_q, w_k in asked]


def self_attention():
    module = solution("ex06_self_attention")
    x = double([[1, 0], [0, 1], [1, 1]])
    w_q, w_k, w_v = double([1, 1, 1, 1], [2, 0, 0, 0]), double([1, 0, 1, 0], [0, 2, 0, 0]), double([1], [3])
    output, weights = module.self_attention(x, w_q, w_k, w_v)
    q, k, _ = module.project_qkv(x, w_q, w_k, w_v)
    powers = module.attention_scores(q, k)[0, 0].exp()
    undivided = (2 * module.attention_scores(q, k)).softmax(-1)
    back, same, average = heads()
    beside = 20 * (math.cos(1) + math.cos(0.1)) / 2
    by_hand = flat(0.1, math.cos(1), math.cos(0.1), beside, math.exp(beside - 20), 2 * math.pi)
    return flat(output, weights, powers, powers.sum(), undivided, back, same, average, *one_sided()) + by_hand


def one_sided():
    """Over ten and fifty keys of width 64, undivided and divided: the largest weight, the size of the derivatives."""
    found = []
    for keys in (10, 50):
        random = torch.Generator().manual_seed(0)
        q = torch.randn(2000, 1, 64, generator=random, dtype=torch.float64)
        k = torch.randn(2000, keys, 64, generator=random, dtype=torch.float64)
        for root in (1, 8):
            weights = ((q @ k.transpose(1, 2)).squeeze(1) / root).softmax(-1)
            slopes = torch.diag_embed(weights) - weights.unsqueeze(-1) * weights.unsqueeze(-2)
            found += [weights.amax(-1).mean(), slopes.flatten(1).norm(dim=1).mean()]
    return found


def masked_attention():
    return []


def multi_head():
    return []


def encoder_layer():
    unbiased = 2 / math.sqrt(16 / 3)
    return flat(unbiased, 1 / 12, 1e-5)


def decoder_layer():
    tokens = double([0, 2], [9, 1])
    return flat(tokens.mean(0), tokens[1] + tokens.mean(0), tokens[0] + tokens.mean(0))


def transformer():
    embedding = double([0.5, -0.5, 1, 0])
    x = solution("ex05_sinusoidal_encoding").add_positions(2 * embedding.expand(1, 2, 4))
    table = solution("ex05_sinusoidal_encoding").sinusoidal_encoding(50, 64, dtype=torch.float64)
    return flat(embedding, x, x[0, 1] - 2 * embedding, 64**-0.5, table.square().mean().sqrt())


def training():
    rate = solution("ex12_training").warmup_rate
    loss = solution("ex12_training").label_smoothing_loss
    logits = double([[4, 2, 1, 1]]).log()
    losses = [loss(logits, torch.tensor([[0]]), smoothing, pad_id=3) for smoothing in (0.2, 0.0)]
    gradient = double(1 / 3, 1 / 3, -2 / 3)
    norm = (gradient.square().sum() * (1 + 8)).sqrt()
    by_hand = flat(gradient, norm, gradient / norm, -gradient / norm, math.log(3), 0.8, 0.2 * (1 + 2 + 3 + 3) / 4, 1.25)
    return flat(losses, [rate(step, 4, 4) for step in (1, 2, 4, 16)], 2**-0.5) + by_hand + [0.99, 0.2, 1.0, -0.5, -1.5]


def collapse(monkeypatch, seed=0):
    """The cosines of lesson 9, by kind and layer."""
    return lab("collapse", monkeypatch).cosines(seed, 6, 12, 64)["cosine"]


COMPUTED = {
    1: encoder,
    2: distances,
    3: teacher_forcing,
    4: attention_weights,
    5: positions,
    6: self_attention,
    7: masked_attention,
    8: multi_head,
    9: encoder_layer,
    10: decoder_layer,
    11: transformer,
    12: training,
}


def printed(exercise):
    """The decimal numbers of a lesson's prose and pictures, as they are written."""
    drawn = [part for part in parts(exercise) if isinstance(part, Picture) and part.is_drawn]
    texts = [part.text for part in parts(exercise) if isinstance(part, Prose) or part in drawn]
    texts += [part.alternative for part in drawn]
    return {number for text in texts for number in DECIMAL.findall(NOT_PROSE.sub("", text))}


@pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)
def test_every_decimal_number_is_computed(exercise, monkeypatch):
    known = COMPUTED.get(exercise.number, list)()  # a lesson that a course adds shows its numbers in what it runs
    if exercise.number == 9:
        known += flat(collapse(monkeypatch))
    for number in sorted(printed(exercise) - CITED.get(exercise.number, set())):
        half = 0.501 * 10 ** -len(number.partition(".")[2])
        assert any(abs(float(number) - value) <= half for value in known), number


def test_a_number_that_nothing_gives_is_noticed():
    assert DECIMAL.findall("0.212, e^-1.5 and -0.137 of (.98)") == ["0.212", "-1.5", "-0.137", ".98"]
    assert NOT_PROSE.sub("", "see `0.5` and sections 3.4\nand 5.4; 0.7") == "see  and ; 0.7"
    assert printed(Kit().find(["6"])[0]) >= {"0.212", "15.35", "0.87"}


def test_what_is_left_of_a_gradient_20_steps_back(monkeypatch):
    """Lesson 1: about a millionth, less than a ten-thousandth, more than a fifth."""
    for seed in range(3):
        found = lab("memory", monkeypatch).gradients(seed, 20)
        left = {kind: (gradients[20] / gradients[0]).item() for kind, gradients in found.items()}
        assert 1e-7 < left["rnn"] < 1e-5
        assert left["lstm"] < 1e-4
        assert left["forget"] > 1 / 5


def test_how_alike_words_become(monkeypatch):
    """Lesson 9: attention alone, and with residual and norm."""
    for seed in range(3):
        alone, _, layer = collapse(monkeypatch, seed)
        assert abs(alone[1] - 0.94) < 0.02
        assert alone[2] > 0.995
        assert layer[1] < 0.05
        assert layer[6] < 0.3
        assert alone[0].abs() < 0.01


def test_the_size_of_words_and_of_positions():
    """Lesson 11: with the kit's start words are an eighth without the factor, with PyTorch's own they are 8 with it."""
    torch.manual_seed(0)
    model = solution("ex11_transformer").Transformer(500, 500, d_model=64)
    assert model.source_embedding.weight.square().mean().sqrt().item() == pytest.approx(0.125, rel=0.03)
    assert 8 * torch.nn.Embedding(500, 64).weight.square().mean().sqrt().item() == pytest.approx(8, rel=0.03)
    table = solution("ex05_sinusoidal_encoding").sinusoidal_encoding(50, 64)
    assert table.square().mean().sqrt().item() == pytest.approx(0.5**0.5)


def test_one_matrix_turns_every_position_by_k():
    """Lesson 5."""
    table = solution("ex05_sinusoidal_encoding").sinusoidal_encoding(50, 4, base=100.0, dtype=torch.float64)
    for k in (-1, 1, 3):
        turn = torch.zeros(4, 4, dtype=torch.float64)
        for i, angle in ((0, k), (2, k / 10)):
            sine, cosine = math.sin(angle), math.cos(angle)
            turn[i : i + 2, i : i + 2] = double([cosine, -sine], [sine, cosine])
        rows = range(3, 40)
        assert torch.allclose(table[[*rows]] @ turn, table[[p + k for p in rows]], atol=1e-12)


def test_the_hands_of_lesson_6_look_where_it_says():
    back, same, average = heads()
    assert back[1:].argmax(-1).tolist() == [0, 1, 2, 3, 4]
    assert back[0].argmax() == 5
    assert (same.double() > 0.4).tolist() == [[a == b for b in "abcdab"] for a in "abcdab"]
    assert torch.allclose(average, torch.full_like(average, 1 / 6))


def test_a_mixture_of_all_scores_is_uniform():
    """Lesson 9: where all words are one vector, each of 12 keys gets 1/12."""
    x = torch.ones(1, 12, 4, dtype=torch.float64)
    _, weights = solution("ex06_self_attention").self_attention(x, *torch.randn(3, 4, 4, dtype=torch.float64))
    assert torch.allclose(weights, torch.full_like(weights, 1 / 12))
