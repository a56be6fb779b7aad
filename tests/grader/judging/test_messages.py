"""What the first failure of a file says beside the check's own sentence: which function, which line, which lines led
there."""

import pytest

from grader.judging.exercise import CheckSettings, run_exercise
from grader.judging.explanation import ELSEWHERE
from grader.source.file import Source


@pytest.fixture
def first_failure(session, exercise):
    """The first failure of a reference in which some text is replaced, and that file's lines."""

    def fail(number, before, after, only=None):
        one = exercise(number)
        recogniser = session.recogniser(one)
        trusted = recogniser.trusted
        text = one.solution.read_text(encoding="utf-8")
        assert text.count(before) == 1
        text = text.replace(before, after)
        source = Source(one.slug, "<mine>", "mine", text.encode(), trusted.source.earlier)
        checks = [check for check in session.checks[one.slug] if only is None or check.id.startswith(only)]
        return run_exercise(checks, source, trusted.reference, recogniser, CheckSettings(3)).first_failure, text

    return fail


def line_of(text, words):
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def test_a_function_that_cannot_answer_is_named_with_the_line_that_called_it(first_failure):
    failure, text = first_failure(
        3,
        "logits, state = step(tokens, state)\n            finished",
        "logits, state = step(tokens)\n            finished",
    )
    line = line_of(text, "= step(tokens)")
    assert failure.line == line
    assert failure.message == (
        "`step`, which was passed in, could not answer: TypeError: step() missing 1 required positional argument: "
        f"'state'\nwithout an answer the code stopped at line {line}, in greedy_decode: logits, state = step(tokens)"
    )


def test_an_exception_is_told_with_the_lines_that_led_there(first_failure):
    failure, text = first_failure(9, "num_heads, d_ff, dropout) for", "num_heads, dropout, d_ff) for")
    lines = [line_of(text, words) for words in ("self.linear_in = ", "self.feed_forward = ", "self.layers = ")]
    assert [line.partition(":")[0] for line in failure.message.splitlines()[1:4]] == [
        f"at line {lines[0]}, in __init__",
        f"called from line {lines[1]}, in __init__",
        f"called from line {lines[2]}, in __init__",
    ]
    failure, _ = first_failure(6, "scores = q @ ", "scores = q.t() @ ")
    assert "called from" not in failure.message, "it was raised in the function that the check calls"


def test_what_an_earlier_call_did_is_placed_at_its_function(first_failure):
    name = "test_inputs_and_global_state_are_left_alone"
    failure, text = first_failure(4, "    positions = torch", "    scores.add_(1)\n    positions = torch", only=name)
    assert failure.message.endswith("attention_weights(scores, lengths) modified its input scores")
    assert failure.line == line_of(text, "def attention_weights")


def test_a_step_of_another_check_is_said_to_be_of_another(first_failure):
    wrong, stops = "return scores / d_k", 'if q.size(0) == 1:\n        raise ValueError("one row")\n    '
    failure, text = first_failure(6, "return scores / math.sqrt(d_k)", stops + wrong)
    assert failure.heading == "attention_scores stopped with an error"
    assert failure.line == line_of(text, "raise ValueError")
    assert failure.step[1].startswith(f"{ELSEWHERE}\nUp to line ")
    assert failure.step[0] == line_of(text, wrong)
    failure, _ = first_failure(6, "return scores / math.sqrt(d_k)", wrong)
    assert failure.step[1].startswith("Up to line ")


def test_what_a_check_cannot_use_is_said_with_the_call_that_returned_it(first_failure):
    failure, _ = first_failure(6, "return output, weights", "pass", only="test_weights_in_each_row_sum_to_one")
    assert failure.message == (
        "self_attention(x, w_q, w_k, w_v) returned None, and the check could not go on: "
        "TypeError: cannot unpack non-iterable NoneType object"
    )


def test_a_result_is_something_and_a_call_returned_it(first_failure):
    returned = "return torch.stack(outputs, dim=1), (h, c)"
    failure, _ = first_failure(1, returned, "return outputs, (h, c)", only="test_the_state_starts_at_zero")
    assert failure.message.startswith("outputs of encode(x, lengths, w_x, w_h, bias) is a list of ")
    failure, _ = first_failure(6, "return scores / math.sqrt(d_k)", "pass")
    assert failure.message == "attention_scores(q, k) returned None, expected a Tensor"


def test_of_the_forms_in_which_torch_can_be_called_none_is_shown(first_failure):
    failure, _ = first_failure(6, "torch.softmax(scores, dim=-1)", "scores.masked_fill(0.0, scores)")
    first = failure.message.splitlines()[0]
    assert "invalid combination of arguments - got (float, Tensor)" in first
    assert first.endswith(")"), "no list is announced"


def test_what_a_call_was_given_is_said_in_plain_words(first_failure):
    failure, _ = first_failure(3, "    written: list[Tensor] = []", "    written: list[Tensor] = 1 / 0")
    assert "given: step a function  state an object  batch_size 2" in failure.message
    failure, _ = first_failure(12, "    loss.backward()", "    loss.backwards()")
    assert "given: model a module  optimizer an optimizer  source (1, 2)" in failure.message


def test_what_a_function_should_return_is_not_said_as_if_it_did(first_failure):
    name, returned = "test_the_state_starts_at_zero", "return torch.stack(outputs, dim=1), (h, c)"
    failure, _ = first_failure(1, returned, "return None", only=name)
    assert failure.message == "encode returned None, expected outputs and the pair (h, c)"
    failure, _ = first_failure(1, returned, "return torch.stack(outputs, dim=1), h", only=name)
    assert failure.message.startswith("the second result of encode is a Tensor of shape (")
    assert failure.message.endswith("), expected the pair (h, c)")
