"""A failing call that a hand can redo: valid on the reference, wrong on the file, at most eight numbers of input."""

import contextlib
import io
import re
from itertools import islice

import pytest
import torch
from torch import nn

from grader.checks.attempt import attempt, check_seed
from grader.dev.survey import as_learner
from grader.diagnosis.small_call import (
    MOST_NUMBERS,
    SmallCall,
    in_a_word,
    one_at_the_end,
    rows_of_the_identity,
)
from grader.diagnosis.small_example import small_example, smaller
from grader.diagnosis.small_result import agree, is_steady, of_a_file, of_the_reference
from grader.diagnosis.small_weights import identity
from grader.judging import explanation
from grader.judging.exercise import CheckSettings, run_exercise
from grader.kit.variants import alternatives, mistakes
from grader.remote.transport import LocalTransport
from grader.source.file import Source

pytestmark = pytest.mark.no_cover


@pytest.fixture
def shown_call(shown, monkeypatch):
    """The example itself."""
    found = []

    def kept(*given):
        found.append(small_example(*given))
        return found[-1]

    monkeypatch.setattr(explanation, "small_example", kept)

    def run(number, name):
        shown(number, name)
        return found[-1]

    return run


@pytest.fixture
def shown(session, exercise):
    """The example that a learner with this mistake reads."""

    def run(number, name, **settings):
        one = exercise(number)
        mistake = next(found for found in mistakes(one) if found.name == name)
        recogniser = session.recogniser(one)
        trusted = recogniser.trusted
        source = Source(one.slug, "<mine>", "mine", mistake.source, trusted.source.earlier, trusted.source.shortcuts)
        checks = session.checks[one.slug]
        result = run_exercise(checks, source, trusted.reference, recogniser, CheckSettings(11, **settings))
        return result.first_failure.example

    return run


def test_an_example_has_the_call_what_it_gives_and_what_is_right(shown):
    first, yours, expected, *steps = shown(6, "no_scaling").splitlines()
    numbers = re.findall(r"-?\d+", first.partition(" with ")[2])
    assert first.startswith("attention_scores with q = [[")
    assert 0 < len(numbers) <= MOST_NUMBERS
    assert yours.split()[0] == "yours"
    assert expected.split()[0] == "expected"
    assert yours.split()[1:] != expected.split()[1:]
    assert [step.split(" = ")[0].strip() for step in steps] == ["from scores"], "the reference's own step, by its name"


def test_the_right_result_is_the_one_a_hand_works_out(shown):
    first, yours, expected, *steps = shown(6, "no_scaling").splitlines()
    q, k = (eval(text) for text in re.findall(r"= (\[.*?\]) *(?= k|$)", first))
    product = sum(a * b for a, b in zip(row(q), row(k), strict=True))
    assert row(eval(yours.split(maxsplit=1)[1]))[0] == pytest.approx(product)
    assert row(eval(steps[0].partition(" = ")[2]))[0] == pytest.approx(product)
    assert row(eval(expected.split(maxsplit=1)[1]))[0] == pytest.approx(product / len(row(q)) ** 0.5, abs=1e-2)


def row(values):
    """The first row of nested lists."""
    return row(values[0]) if isinstance(values[0], list) else values


def test_tokens_and_masks_are_shown_as_they_are(shown):
    assert re.match(r"split_heads with x = \[[-\d, \]\[]+  num_heads = 2\n", shown(8, "one_reshape"))
    assert re.match(r"reverse_source with tokens = \[\[[\d, ]+\]\]  lengths = \[\d\]\n", shown(2, "whole_row_flipped"))
    assert "True" in shown(7, "either")


@pytest.mark.parametrize(
    ("number", "name"), [(6, "no_scaling"), (6, "values_detached"), (3, "current_target_fed"), (12, "not_clipped")]
)
def test_where_messages_may_not_show_inputs_there_is_none(shown, number, name):
    assert shown(number, name)
    assert shown(number, name, hidden=True) is None


def test_a_gradient_is_said_to_be_one(shown):
    """Of the sum of all results the gradient for a token of one feature is the sum of all three matrices."""
    text = shown(6, "values_detached")
    assert "backward from the sum of its results" in text
    q, k, v = (sum(eval(row)) for row in re.findall(r"w_[qkv] = \[(\[.*?\])\]", text))
    assert re.search(rf"yours, gradient for x +\[\[\[{q + k}\]", text)
    assert re.search(rf"expected, gradient for x +\[\[\[{q + k + v}\]", text)


def test_a_loop_is_shown_with_what_its_step_gives(shown):
    """The first token is bos, and after it come the targets."""
    text = shown(3, "current_target_fed")
    assert "step(token, n) gives the logit n + 1 to [" in text
    (targets,) = re.findall(r"targets = \[(\[.*?\])\]", text)
    (bos,) = re.findall(r"bos_id = (\d)", text)
    assert f"yours, what step is fed     {targets}\n" in text
    assert f"expected, what step is fed  [{bos}, {targets[1:-4]}]\n" in text


def test_a_loop_is_shown_with_the_gradients_of_what_its_step_returns(shown):
    text = shown(3, "no_gradient_while_mixing")
    assert "teacher_forcing_ratio = 0.75" in text
    assert "gives the logit n + 1 to [1, 1, 1][token]" in text, "whatever the coins say, the guess is the truth"
    assert "targets = [[1, 1, 1]]" in text
    assert "yours, gradient for the logits of step 0     none: it is cut off\n" in text
    assert "expected, gradient for the logits of step 0  [[1, 1, 1]]" in text


def test_a_loop_may_have_several_sentences_of_several_tokens(shown):
    assert re.search(r"targets = \[\[\d, \d\], \[\d, \d\]\]", shown(3, "time_first_viewed_as_batch_first"))


def test_an_update_is_shown_by_a_parameter_that_it_changes(shown):
    """All gradients together are no longer than the largest norm: so is what each parameter moves by, at rate 1."""
    text = shown(12, "not_clipped")
    (bound,) = re.findall(r"max_norm = ([\d.]+)", text) or ["1"]  # its default
    mine, right = (torch.tensor(eval(found)) for found in re.findall(r"bias afterwards +(\[.*\])", text))
    assert mine.norm() > float(bound) >= right.norm()


def test_a_module_has_weights_that_are_said_in_a_word(shown):
    first, yours, expected, *_ = shown(9, "pre_norm").splitlines()
    assert re.match(
        r"EncoderLayer\(d_model=\d, num_heads=\d, d_ff=\d\) with x = \[\[\[[-\d, \]\[]+; every matrix", first
    )
    assert "norms 1, biases 0" in first
    assert yours.split()[1:] != expected.split()[1:]


def test_the_right_result_of_a_module_is_what_the_library_gives(shown):
    first, _, expected, *_ = shown(8, "softmax_over_queries").splitlines()
    d_model, heads = (int(number) for number in re.findall(r"=(\d)", first)[:2])
    query, key, value = (tensor(first, name) for name in ("query", "key", "value"))
    factors = dict(re.findall(r"(\w+)_proj.weight (\S+) times", first))
    biases = dict(re.findall(r"(\w+)_proj.bias (-?\d+)", first))
    library = nn.MultiheadAttention(d_model, heads, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        eye = torch.eye(d_model, dtype=torch.float64)
        parts = [eye * float(factors.get(name, 1)) for name in "qkv"]
        library.in_proj_weight.copy_(torch.cat(parts))
        library.in_proj_bias.copy_(torch.cat([eye[0] * 0 + float(biases.get(name, 0)) for name in "qkv"]))
        library.out_proj.weight.copy_(eye * float(factors.get("out", 1)))
        library.out_proj.bias.fill_(float(biases.get("out", 0)))
        output, weights = library(query, key, value, average_attn_weights=False)
    right = weights if "result 2" in expected else output
    assert torch.allclose(tensor(expected, "") if "zeros" not in expected else right * 0, right, atol=1e-3)


def tensor(text, name):
    """The numbers that stand behind a name, or at the end of a line."""
    said = re.search(rf"{name} = ((?:zeros|ones) \([\d, ]+\)|\[[-\d., \[\]]+\])" if name else r"(\[.*\])$", text)
    said = said.group(1)
    if said.startswith(("zeros", "ones")):
        filled, _, shape = said.partition(" ")
        return getattr(torch, filled)(eval(shape), dtype=torch.float64)
    return torch.tensor(eval(said), dtype=torch.float64)


def test_what_may_be_anything_at_padding_makes_no_example():
    call = SmallCall("T.encode", {"source": torch.tensor([[1, 0]])}, {"pad_id": 0})
    mine, right = (torch.tensor([[[1.0, 2.0], [other, 4.0]]]) for other in (3.0, 5.0))
    assert agree(call, [("", mine)], [("", right)])
    assert not agree(call, [("", mine + 1)], [("", right)])


def test_an_example_is_one_for_every_right_way_too(session, exercise, shown_call):
    """Other right files, whatever they call their parameters, return what the reference does."""
    for number, name in (
        (10, "values_from_target"),
        (1, "state_after_the_padding"),
        (8, "keys_as_values"),
        (3, "fair_coin"),
        (9, "dropped_twice"),
    ):
        example = shown_call(number, name)
        trusted = session.recogniser(exercise(number)).trusted
        for one in alternatives(exercise(number)):
            with contextlib.redirect_stdout(io.StringIO()):
                code = as_learner(one, trusted, LocalTransport)
                code.begin(0)
                found = of_a_file(example.call, code, example.module)
            assert agree(example.call, found, example.expected), (name, one.name)


def test_a_matrix_is_the_identity_repeated_to_its_shape():
    assert identity(torch.Size([2, 2]), torch.float64).tolist() == [[1, 0], [0, 1]]
    assert identity(torch.Size([4, 2]), torch.float64).tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert identity(torch.Size([1, 3]), torch.float64).tolist() == [[1, 1, 1]]


def test_every_small_call_is_small_and_given_what_the_contract_allows(session, exercise):
    for number in (8, 10, 11):
        for call in small_calls(session, exercise(number)):
            made = call.made or {}
            assert call.count <= MOST_NUMBERS
            assert not made.get("d_model", 0) % made.get("num_heads", 1)
            assert call.pad_id not in [value for name, value in call.given.items() if name.endswith("_id")]
            assert not (call.backward and call.has_padding), "what is returned at padding may have any gradient"
            vocabularies = [size for name, size in made.items() if name.endswith("vocab")]
            for ids in call.given.values():
                if isinstance(ids, torch.Tensor) and ids.dtype is torch.int64:
                    assert 0 <= int(ids.min()) <= int(ids.max()) < max(vocabularies)
                    assert not bool((ids[:, 0] == call.pad_id).any()), "padding comes last"


def small_calls(session, one):
    """Small calls of every check of an exercise that ends in a call."""
    trusted = session.recogniser(one).trusted
    for check in session.checks[one.slug]:
        calls = attempt(check, trusted.reference_code(), check_seed(3, check)).calls
        yield from islice(smaller(calls, trusted.reference, list(trusted.source.earlier)), 10) if calls else ()


def test_a_part_of_the_module_may_be_an_argument(shown):
    """In the embedding's first coordinate a word's own entry is scaled, and position 0 adds 0."""
    text = shown(11, "no_scaling")
    (width,) = re.findall(r"d_model=(\d)", text)
    mine, right = (torch.tensor(eval(found)) for found in re.findall(r"(?:yours|expected) +(\[.*\])", text))
    assert "embedding = source_embedding" in text
    difference = (right - mine).max()
    assert float(difference) == pytest.approx(int(width) ** 0.5 - 1, abs=1e-3)


@pytest.mark.parametrize("name", ["padding_is_always_zero", "padding_is_zero_in_decode"])
def test_padding_need_not_be_zero(shown, name):
    assert "pad_id=1" in shown(11, name)


def test_a_row_that_has_ended_is_shown_beside_one_that_goes_on(shown):
    text = shown(11, "goes_on_after_eos")
    (pad,), (eos,) = re.findall(r"pad_id=(\d)", text), re.findall(r"eos_id = (\d)", text)
    mine, right = (eval(found) for found in re.findall(r"(?:yours|expected) +(\[.*\])", text))
    ended = next(row for row in right if int(pad) in row)
    assert ended[ended.index(int(pad)) - 1] == int(eos)
    assert mine != right


def test_a_mode_that_a_call_leaves_behind_shows_in_the_second_call(shown):
    text = shown(11, "forward_ends_in_train_mode")
    assert " twice with " in text
    assert "yours, result of call 2" in text


def test_a_mask_that_a_call_leaves_behind_shows_in_the_second_call(shown):
    text = shown(8, "remembers_the_first_mask")
    first, then = re.findall(r" twice, first with allowed = (.*), then with .* allowed = (.*?);", text)[0]
    assert first != then
    assert re.search(r"yours, result \d of call 2", text)


def test_where_the_first_call_is_wrong_there_is_no_second(shown):
    assert "twice" not in shown(8, "mask_after_softmax")


def test_a_stack_of_many_layers_keeps_them(shown):
    assert "num_layers=7" in shown(10, "six_layers_at_most")


def test_a_long_sequence_is_said_in_a_word(shown):
    assert "source = all 1 (1, 1100)" in shown(11, "source_unread_after_512")
    assert "(1, 1100, " in shown(10, "first_1024_of_the_source")


def test_sizes_that_the_check_left_to_the_class_are_small_too(shown):
    text = shown(12, "never_updated")
    assert int(re.findall(r"d_model=(\d+)", text)[0]) <= 4
    assert "pad_id=0" in text


def test_a_number_that_matters_stays(shown):
    assert "warmup_rate with step = 0 " in shown(12, "step_zero_is_zero")
    assert "warmup_rate with step = 3000000 " in shown(12, "late_steps_alike")


def test_what_chance_decides_is_shown_with_its_shares(shown):
    """Of all later steps three in four are told the truth, token 1, each time both sentences; the others the guess."""
    text = shown(3, "coin_for_each_row")
    assert "targets = [[1], [1]]" in text
    assert "teacher_forcing_ratio = 0.75; 512 such targets in one call" in text
    mine, right = (shares(text, who) for who in ("yours", "expected"))
    assert set(mine) == {"[1, 1]", "[1, 2]", "[2, 1]", "[2, 2]"}
    assert set(right) == {"[1, 1]", "[2, 2]"}
    assert right["[1, 1]"] == pytest.approx(75, abs=8)


def test_a_feature_is_dropped_or_counts_twice(shown):
    text = shown(9, "dropout_not_scaled")
    (x,) = (torch.tensor(eval(found)) for found in re.findall(r"x = (\[.*?\]);", text))
    kept = x.relu().flatten()
    assert "dropout=0.5) in train mode" in text
    assert str((2 * kept).tolist()) in shares(text, "expected")
    assert str(kept.tolist()) in shares(text, "yours")
    assert all(share == pytest.approx(50, abs=4) for share in shares(text, "expected").values())


def test_two_loops_toss_apart(shown):
    text = shown(3, "generator_seeded_again")
    assert "decode_loop twice with " in text
    assert all(first == second for first, second in map(eval, shares(text, "yours")))
    assert any(first != second for first, second in map(eval, shares(text, "expected")))


def test_two_calls_drop_apart(shown):
    text = shown(9, "same_dropout_in_every_call")
    assert " in train mode twice with " in text
    assert all(first == second for first, second in map(eval, shares(text, "yours")))
    assert any(first != second for first, second in map(eval, shares(text, "expected")))


def shares(text, who):
    """The outcomes that one of the two has by chance, each with its percentage."""
    line = next(line for line in text.splitlines() if line.strip().startswith(who)).partition("chance")[2]
    return {outcome: int(share) for outcome, share in re.findall(r"(\[[-\d., \[\]]*\]) (\d+)%", line)}


def test_a_number_may_be_as_large_as_those_of_the_failing_call(shown):
    """A score of -10000 + 10000 is as likely as others are; a cell state above 50 is not cut."""
    assert "10000" in shown(7, "ten_thousand_subtracted")
    assert "1000" in shown(1, "cell_clamped")


def test_a_width_that_heads_divide_has_two_features_in_each(shown):
    assert re.search(r"split_heads with x = \[\[\[[-\d]+, [-\d]+, [-\d]+, [-\d]+\]", shown(8, "heads_interleaved"))


def test_targets_are_not_all_padding(shown):
    text = shown(3, "batch_and_time_mixed")
    (targets,), (pad,) = re.findall(r"targets = (\[.*?\]) *pad", text), re.findall(r"pad_id = (\d)", text)
    assert set(torch.tensor(eval(targets)).flatten().tolist()) - {int(pad)}


def test_a_long_call_has_all_its_keys(shown):
    assert re.search(r"all True \(1, \d, 1100\)", shown(7, "first_1024_keys"))
    assert "lengths = [1100]" in shown(4, "longest_source")


def test_ids_are_equal_or_not():
    """Two ids that are one as a float."""
    call = SmallCall("reverse_source", {})
    mine, right = torch.tensor([2**60]), torch.tensor([2**60 + 1])
    assert not agree(call, [("", mine)], [("", right)])
    assert agree(call, [("", right)], [("", right.clone())])


def test_an_example_has_nothing_that_it_does_not_need(shown_call):
    """Without any of its unusual parameters, in eval mode or called once, the file is right."""
    call = shown_call(11, "no_scaling").call
    assert (call.factors, call.training, call.times) == ({}, False, 1)
    assert list(shown_call(10, "last_norms_swapped").call.factors)


def test_what_hangs_on_rounding_is_no_example(session, exercise):
    """With equal scores for all words, the likeliest is none; a ReLU of 0 has two slopes."""
    reference = session.recogniser(exercise(11)).trusted.reference
    sizes = {"source_vocab": 3, "target_vocab": 3, "d_model": 2, "num_heads": 1, "d_ff": 2, "num_layers": 1}
    given = {"source": torch.tensor([[1]]), "bos_id": 1, "eos_id": 2, "max_length": 1}
    call = SmallCall("Transformer.generate", given, {**sizes, "pad_id": 0}, factors={"output.weight": 0.0})
    assert not is_steady(call, reference, [("", torch.tensor([[1]]))])
    clear = SmallCall("Transformer.encode", {"source": torch.tensor([[1]])}, {**sizes, "pad_id": 0})
    assert is_steady(clear, reference, of_the_reference(clear, reference)[0])


def test_where_rounding_shows_there_is_no_example(session, exercise):
    """float16 has three digits: of a third they are not all right, of a half they are."""
    reference = session.recogniser(exercise(6)).trusted.reference
    for words, is_right in ((3, False), (2, True)):
        x = torch.ones(1, words, 1, dtype=torch.float16)
        one = torch.ones(1, 1, dtype=torch.float16)
        call = SmallCall("self_attention", {"x": x, "w_q": one, "w_k": one, "w_v": one})
        assert is_steady(call, reference, of_the_reference(call, reference)[0]) is is_right


def test_some_tensors_are_said_in_a_word():
    assert in_a_word(torch.ones(3, 3).tril() > 0) == "causal"
    assert in_a_word(torch.ones(3, 3).triu() > 0) == ""
    assert in_a_word(torch.ones(2, 3) > 0) == "all True"
    assert in_a_word(torch.full((1, 40), 2)) == "all 2"
    assert in_a_word(torch.tensor([[2, 2]])) == ""
    assert in_a_word(rows_of_the_identity(torch.empty(2, 3, 2))) == "the identity"
    assert rows_of_the_identity(torch.empty(3, 2)).tolist() == [[1, 0], [0, 1], [1, 0]]
    assert in_a_word(one_at_the_end(torch.empty(1, 5, 2)).transpose(1, 2)) == "zeros and a last 1"
    assert in_a_word(torch.tensor([[1.0, 2.0]])) == ""


def test_a_bias_is_no_norm_whatever_its_memory_held():
    class Part(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(2))
            self.linear = nn.Linear(2, 2)
            with torch.no_grad():
                self.linear.bias.fill_(1)  # its values are not drawn: they may be anything

    made = SmallCall("Part", {}, {}).module(Part)
    assert made.gain.tolist() == [1, 1]
    assert made.linear.bias.tolist() == [0, 0]
