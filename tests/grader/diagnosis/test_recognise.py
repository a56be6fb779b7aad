"""Which known mistake a learner made: one, one of two, two at once, or none."""

from dataclasses import replace

import pytest

from grader.checks.attempt import attempt, check_seed
from grader.dev.survey import as_learner
from grader.diagnosis import recognise
from grader.diagnosis.call_graph import CallGraph, replaced
from grader.diagnosis.diagnosis import NOT_ALL, Certainty
from grader.diagnosis.evidence import Witness
from grader.judging.exercise import CheckSettings, run_exercise
from grader.judging.session import recogniser_of
from grader.kit.variants import mistakes, together
from grader.remote.transport import LocalTransport, WorkerTransport
from grader.results.verdicts import FAIL
from grader.source.file import Source
from tests.grader.support.finished_rows import EOS_DROPPED, greedy_decode

SEED = 20_170_612


@pytest.fixture
def recognised(session, kit, exercise):
    """What every failing check recognises in a file that holds these mistakes."""

    def run(number, *names, text=None, connect=LocalTransport):
        one = exercise(number)
        found = [next(m for m in mistakes(one) if m.name == name) for name in names]
        source = "\n\n".join(together(found)).encode() if text is None else text
        recogniser = recogniser_of(kit, one, session.checks[one.slug][0].shortcuts)
        code = as_learner(replace(mistakes(one)[0], source=source), recogniser.trusted, connect)
        failed, passed = [], []
        for check in session.checks[one.slug]:
            seed = check_seed(SEED, check)
            tried = attempt(check, code, seed)
            (passed if tried.error is None else failed).append(recogniser.run_of(check, seed, tried))
        said = recogniser.diagnose(failed, passed)
        code.close()
        return said

    return run


def names_in(said):
    return {known.name for known in said.values()}


@pytest.mark.parametrize(
    ("number", "name"),
    [(6, "no_scaling"), (3, "state_not_carried"), (12, "old_gradients_kept"), (2, "embedding_reversed_whole")],
)
def test_one_mistake_is_named_in_every_check_that_fails(recognised, number, name):
    said = recognised(number, name)
    assert said
    assert names_in(said) == {name}
    assert {len(known.mistakes) for known in said.values()} == {1}


def test_what_is_wrong_without_its_helper_is_not_the_helpers_mistake(recognised):
    """`encode` reverses nothing, and `reverse_source` is right."""
    assert names_in(recognised(2, "never_reverses")) == {"never_reverses"}


def test_it_is_named_over_a_worker_too(recognised, workers):
    said = recognised(3, "state_not_carried", connect=lambda: WorkerTransport(workers))
    assert names_in(said) == {"state_not_carried"}


@pytest.mark.parametrize(
    ("number", "names", "check"),
    [
        (6, ["no_scaling", "softmax_over_queries"], "test_outputs_are_values_mixed_by_the_weights"),
        (6, ["no_scaling", "rows_and_columns_swapped"], "test_scores_are_divided_by_the_root_of_d_k"),
        (9, ["unbiased_variance", "pre_norm"], "test_encoder_layer_worked_by_hand"),
    ],
)
def test_two_at_once_are_both_said(recognised, number, names, check):
    known = recognised(number, *names)[check]
    assert {one.name for one in known.mistakes} == set(names)
    assert known.name == known.mistakes[0].name
    first, *lines = known.sentences()
    assert first == "You get what you would get if these two were so at once:"
    assert lines == [f"- {one.diagnosis}" for one in known.mistakes]


def test_on_a_gpu_an_exception_is_no_proof_of_a_mistake(recognised):
    said = recognised(11, "future_on_the_cpu")
    assert names_in(said) == {None}


def test_what_is_inferred_is_said_as_an_inference(recognised):
    (first, *_) = recognised(6, "no_scaling").values()
    assert first.sentences()[0].startswith("You get what you would get if this were so: ")


def changed(exercise, number, *lines):
    """The reference's text with some lines replaced, each (before, after)."""
    text = exercise(number).solution.read_text(encoding="utf-8")
    for before, after in lines:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text.encode()


def test_the_same_exception_is_not_the_same_mistake(recognised, exercise):
    """What is raised where a tensor cannot be reshaped follows from its sizes alone."""
    text = changed(exercise, 8, ("self.q_proj(query)", "self.q_proj(key)"))
    assert names_in(recognised(8, text=text)) == {None}


def test_a_name_that_fits_one_check_and_contradicts_another_is_not_given(recognised, exercise):
    """With a state of zero c' = f * (2 c + g) is the catalogued f * (c + g), and with any other it is not."""
    text = exercise(1).solution.read_bytes() + TWICE_THE_STATE
    assert names_in(recognised(1, text=text)) == {None}


TWICE_THE_STATE = b"""

def lstm_cell(x, h, c, w_x, w_h, bias):
    i, f, g, o = (x @ w_x.T + h @ w_h.T + bias).chunk(4, dim=-1)
    c = torch.sigmoid(f) * (2 * c + torch.tanh(g))
    return torch.sigmoid(o) * torch.tanh(c), c
"""


def test_a_name_that_leaves_a_failure_open_is_a_clue(recognised, exercise):
    said = recognised(6, text=exercise(6).solution.read_bytes() + NO_SCALING_AND_A_SLIP)
    assert None in names_in(said)
    clues = [known for known in said.values() if known.certainty is Certainty.CLUE]
    assert {one.name for known in clues for one in known.mistakes} == {"no_scaling"}
    for known in clues:
        assert known.sentences()[0].startswith("In this check you get what you would get if this were so: ")
        assert known.sentences()[-1] == NOT_ALL


NO_SCALING_AND_A_SLIP = b"""

def attention_scores(q, k):
    return q @ k.transpose(-2, -1) + (0.5 * k.sum(-1).unsqueeze(-2) if q.size(-1) == 1 else 0.0)
"""


def test_what_a_finished_row_is_fed_is_free(recognised, exercise):
    text = exercise(3).solution.read_bytes() + greedy_decode(EOS_DROPPED).encode()
    assert "eos_dropped" in names_in(recognised(3, text=text))


def test_what_a_check_cannot_answer_is_no_result(recognised, exercise):
    """`step` refuses this call, and that of a mistake which feeds it something else: neither has a result."""
    text = exercise(3).solution.read_bytes()
    said = recognised(3, text=text.replace(b"= step(tokens, state)", b"= step(tokens)"))
    assert said
    assert names_in(said) == {None}
    assert "guess_with_an_extra_axis" in names_in(recognised(3, "guess_with_an_extra_axis"))


def test_a_helpers_mistake_is_known_where_it_is_made_without_the_helper(recognised, exercise):
    text = changed(
        exercise,
        8,
        ("self.out_proj(concat_heads(heads))", "self.out_proj(heads.reshape(query.shape))"),
    )
    said = recognised(8, text=text)
    assert None not in {known.name for known in said.values() if known.mistakes}
    assert any(known.mistakes for known in said.values())


@pytest.mark.parametrize(
    ("number", "before", "after", "helpers"),
    [
        (1, "next_h, next_c = lstm_cell(", "next_c, next_h = lstm_cell(", "states_swapped"),
        (1, "h, c, w_x, w_h, bias)\n", "h, c, w_x, w_h, 0 * bias)\n", "no_bias"),
        (7, "device=lengths.device)  # (max_length, max_length)", "device=lengths.device).T", "upper_triangle"),
    ],
)
def test_a_helper_that_is_right_and_used_has_no_mistake(recognised, exercise, number, before, after, helpers):
    """What is wrong is how it is called: that is not the helper's mistake, though the results are the same."""
    assert helpers not in names_in(recognised(number, text=changed(exercise, number, (before, after))))


@pytest.mark.parametrize("is_notebook", [True, False])
def test_a_text_that_cannot_be_read_gets_no_helpers_name(session, exercise, monkeypatch, is_notebook):
    """In a notebook one cell may hold anything; a file may be nested more deeply than this process bears."""
    one, recogniser = exercise(1), session.recogniser(exercise(1))
    text = changed(exercise, 1, ("next_h, next_c = lstm_cell(", "next_c, next_h = lstm_cell("))
    if is_notebook:
        text = b"# %% cell 1\nfor for in\n\n# %% cell 2\n" + text
    else:
        monkeypatch.setattr(recognise, "CallGraph", too_deep)
    source = Source(one.slug, "<mine>", "mine", text, definitions_only=is_notebook)
    settings = CheckSettings(SEED, connect=LocalTransport)
    result = run_exercise(session.checks[one.slug], source, recogniser.trusted.reference, recogniser, settings)
    assert result.verdict == FAIL
    assert "states_swapped" not in {outcome.mistake for outcome in result.outcomes}


def too_deep(*_):
    raise RecursionError


UNKNOWN = b"""

def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / q.size(-1) ** 0.5 * 1.01 + 0.3 * q.sum(-1, keepdim=True)
"""


def test_what_nobody_has_listed_has_no_name(recognised, exercise):
    said = recognised(6, text=exercise(6).solution.read_bytes() + UNKNOWN)
    assert said
    assert names_in(said) == {None}
    assert {tuple(known.sentences()) for known in said.values()} == {()}


BARELY_WRONG = b"""

def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / q.size(-1) ** 0.5 * (1 + 3e-8)
"""


def test_a_mistake_that_is_right_here_is_not_the_learners(recognised, exercise):
    """Every mistake elsewhere gives what is right here, which is close to what the learner gives."""
    said = recognised(6, text=exercise(6).solution.read_bytes() + BARELY_WRONG)
    assert said
    assert {known.name for known in said.values()} == {None}


# ------------------------------------------------------------------------------------------------ anatomy

TEXT = b"""
def inner(x):
    return x

def outer(x):
    return inner(x)

class Layer:
    def __init__(self):
        self.other = 1

    def forward(self, x):
        return self.help(x)

    def help(self, x):
        return outer(x)

class Stack:
    def __init__(self):
        self.layers = [Layer()]

    def forward(self, x):
        return x
"""


def test_a_call_reaches_what_it_names_and_what_that_names():
    anatomy = CallGraph(TEXT)
    assert anatomy.reached(["inner"]) == {"inner"}
    assert anatomy.reached(["outer"]) == {"inner", "outer"}
    assert {"Stack.forward", "Layer.forward", "Layer.help", "inner"} <= anatomy.reached(["Stack"])
    assert "Layer.forward" not in anatomy.reached(["Layer.help"])
    assert anatomy.reached(["Embedding.forward"]) == set(anatomy.reached(["Stack", "Layer", "inner", "Layer.help"]))
    assert anatomy.entered(["Layer.help"]) == {"Layer.__init__", "Layer.help"}
    assert anatomy.entered(["Embedding.forward"]) == frozenset()


MODULES = b"""
def plain(x):
    return x

class Norm:
    def forward(self, x):
        return x

class Layer:
    def __init__(self):
        self.norm = Norm()
        self.other = plain(1)

    def forward(self, x):
        return self.norm(x)

    def help(self, x):
        return plain(x)

class Stack:
    def __init__(self):
        self.layers = [Layer() for _ in range(2)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
"""


def test_what_is_made_and_not_called_is_not_used():
    graph = CallGraph(MODULES)
    assert graph.uses(["Layer"], {"Norm.forward"})
    assert graph.uses(["Stack"], {"Norm.forward", "Norm.__init__"})
    assert graph.uses(["Layer.help"], {"plain"})
    assert not graph.uses(["Layer"], {"plain"}), "its constructor calls it, forward does not"
    assert not graph.uses(["Layer.help"], {"Norm.forward"})
    assert not graph.uses(["plain"], {"Layer.forward"})


@pytest.mark.parametrize(
    ("definition", "units"),
    [
        ("class Layer(reference.Layer):\n    def help(self, x):\n        return x", {"Layer.help"}),
        ("class Layer(reference.Layer):\n    def __init__(self):\n        pass", None),
        ("class Layer(reference.Layer):\n    size = 3", None),
        ("class Layer(Module):\n    def help(self, x):\n        return x", None),
        ("def inner(x):\n    return 1", None),
    ],
)
def test_a_variant_replaces_the_methods_that_it_overrides(definition, units):
    assert replaced(definition, "Layer") == units


@pytest.fixture
def asked(monkeypatch):
    """The mistakes and the check of every question that is put to a file with mistakes."""
    found, ask = [], Witness._ask

    def noted(self, some, run):
        found.append((tuple(one.name for one in some), run.check.id))
        return ask(self, some, run)

    monkeypatch.setattr(Witness, "_ask", noted)
    return found


AT_MOST_1000 = """

_right = greedy_decode

def greedy_decode(*given):
    return _right(*given[:6], min(given[6], 1000))
"""


def test_a_mistake_that_a_cheap_check_refutes_is_not_asked_what_is_costly(recognised, exercise, asked):
    whole = exercise(3).solution.read_text(encoding="utf-8")
    said = recognised(3, text=f"{whole}{AT_MOST_1000}".encode())
    assert list(said) == ["test_long_sentences_are_written_whole"]
    known = [one for one in mistakes(exercise(3)) if one.target == "greedy_decode"]
    assert len(asked) < len(known) / 2, "only what the short checks let pass is asked"


def test_what_nobody_has_listed_is_looked_for_in_a_few_of_the_checks_that_fail(recognised, exercise, asked):
    text = exercise(1).solution.read_bytes().replace(b"masked_fill(~real, 0.0)", b"masked_fill(~real, -1.0)")
    said = recognised(1, text=text)
    assert names_in(said) == {None}
    assert len({check for _, check in asked}) <= 3 < len(said), "each mistake is asked what some checks ask, not all"


def test_what_an_answer_costs_is_known_from_what_is_asked(session, exercise):
    """The same on every machine: a loop over a thousand steps is costly, a thousand rows at once are not."""
    costly = {1: "test_long_sequences_have_all_their_outputs_and_gradients", 3: "test_long_sentences_are_written_whole"}
    for number in (1, 3, 4):
        one = exercise(number)
        recogniser = session.recogniser(one)
        for check in session.checks[one.slug]:
            seed = check_seed(SEED, check)
            run = recogniser.run_of(check, seed, attempt(check, recogniser.trusted.reference_code(), seed))
            if check.id == costly.get(number) or "is_too_long" in check.id:
                assert run.is_costly == (number != 4), check.id
            elif "truth_is_fed_as_often" not in check.id:
                assert not run.is_costly, check.id
