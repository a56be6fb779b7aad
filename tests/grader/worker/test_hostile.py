"""What a learner's file may try, and the verdict it gets: one sentence, the other checks go on, the grader lives."""

from dataclasses import replace
from pathlib import Path

import pytest

from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.remote.transport import LocalTransport, WorkerTransport

SCORES = "\ndef attention_scores(q, k):\n    "


@pytest.fixture(scope="module")
def self_attention(kit):
    return kit.find(["6"])[0]


@pytest.fixture(scope="module")
def session(kit, workers, self_attention):
    """Exercise 6 over the worker transport."""
    return Session(kit, [self_attention], CheckSettings(7, connect=lambda: WorkerTransport(workers)))


@pytest.fixture
def grade(session, self_attention, submit):
    """Runs exercise 6 on the reference plus some text, or on the text alone."""

    def run(text, *, alone=False, seconds=30.0):
        reference = b"" if alone else self_attention.solution.read_bytes()
        session.settings = replace(session.settings, seconds=seconds)
        return session.run(self_attention, submit(self_attention, reference + text.encode()))

    return run


def verdicts(result):
    return {outcome.verdict for outcome in result.outcomes}


def test_an_optimizer_of_ones_own_works(grade):
    """At its first use torch imports a thousand modules and asks for a temporary folder."""
    text = "\nweight = nn.Parameter(torch.ones(2))\nweight.grad = torch.ones(2)\ntorch.optim.Adam([weight]).step()\n"
    assert verdicts(grade("\nfrom torch import nn\n" + text)) == {"pass"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(:\n", "Python cannot read"),
        ("x = 1\0\n", "Python cannot read"),
        ("x = int(input('How many heads? '))\n", "input() waits for somebody at a keyboard"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('n')\np.parse_args()\n", "a command line"),
        ("import no_such_thing\nclass A(no_such_thing.B): pass\n", "no_such_thing is not installed where this code"),
        ("import no_such_thing\nassert no_such_thing.f(1) == 2\n", "no_such_thing is not installed where this code"),
        ("from exercises.ex09_encoder_layer import LayerNorm\n", "comes before ex09_encoder_layer"),
        ("from solutions import ex06_self_attention\n", "No module named 'solutions'"),
        ("import grader.checks.compare\n", "No module named 'grader.checks'"),
        ("raise SystemExit\n", "could not be loaded at line 1: SystemExit: (that ends the program: take the line out)"),
        ("1 / 0\n", "could not be loaded at line 1: ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_loaded_fails_every_check_with_one_sentence(grade, text, sentence):
    result = grade(text, alone=True)
    assert verdicts(result) == {"fail"}
    assert len({outcome.message for outcome in result.outcomes}) == 1
    assert sentence in result.outcomes[0].message
    assert result.score == 0


USES_NOTHING = """
import no_such_plots.pyplot as plt, math as m
from no_such_bar import tqdm, trange as t
from no_such_types import Float
from no_such_widgets import interact
if m.pi > 3:
    import no_such_module.deep
try:
    import no_such_speedup as fast
except ImportError:
    fast = None
assert fast is None
plt.figure(figsize=(3, 4)).add_subplot(1).plot([1, 2])
assert [i for i in tqdm(range(3), desc="x")] == [0, 1, 2]
with plt.style.context("dark"):
    plt.show()
@interact(x=(0, 1))
def demo(x: Float["batch"] | None = None):
    return x
assert demo(7) == 7
import sys, argparse
from pathlib import Path
assert len(sys.argv) == 1
argparse.ArgumentParser().parse_args()
assert Path.home().is_dir()
get_ipython().run_line_magic("matplotlib", "inline")
"""


def test_what_is_only_imported_or_shown_costs_nothing(grade):
    assert grade(USES_NOTHING).verdict == "pass"


IMPOSSIBLE = {
    "import os; os.fork()": "starting processes, programs or connections is not possible while grading",
    "import subprocess; subprocess.run(['ls'])": "starting other programs is not possible while grading",
    "from torch.utils.data import DataLoader as D; [*D([1, 2], num_workers=2)]": "with num_workers=0) is not possible",
    "import urllib.request as u; u.urlopen('http://example.org')": "reaching the network, as for a download, is not",
    "from no_such_thing import f; f(q)": "no_such_thing is not installed where this code is checked",
}


@pytest.mark.parametrize("body", IMPOSSIBLE)
def test_what_is_not_possible_while_grading_says_so(grade, workers, body):
    if not {"seccomp", "scratch"} <= {*workers.isolation["layers"]}:
        pytest.skip("nothing forbids it here")
    failed = next(one for one in grade(f"{SCORES}{body}\n").outcomes if one.verdict == "fail")
    assert IMPOSSIBLE[body] in failed.message


def test_a_name_that_is_nearly_right_is_named(grade):
    result = grade("del attention_scores\ndef attention_score(q, k): pass\n")
    assert "defines no attention_scores; is attention_score meant to be that?" in result.first_failure.message


def test_an_empty_file_is_said_to_be_empty(grade):
    assert grade("", alone=True).first_failure.message == "ex06_self_attention.py is empty: it defines no project_qkv"


def test_a_loop_in_one_function_costs_the_checks_that_need_it_and_no_others(grade):
    result = grade("\ndef self_attention(x, w_q, w_k, w_v):\n    while True:\n        x = x\n", seconds=1.0)
    late = [one for one in result.outcomes if one.verdict == "timeout"]
    assert len([one for one in late if "not run" not in one.message]) == 2
    assert "two earlier checks timed out in self_attention, which this one needs, too" in late[-1].message
    assert "time ran out at line" in late[0].message
    assert "while True:" in late[0].message
    passed = {one.id.partition("[")[0] for one in result.outcomes if one.verdict == "pass"}
    assert {"test_scores_worked_by_hand", "test_projections_have_the_shapes_of_their_matrices"} <= passed


def test_a_file_that_is_too_large_is_not_read(grade):
    result = grade("#" * 2_000_000, alone=True)
    assert verdicts(result) == {"fail"}
    assert "2,000,000 bytes" in result.outcomes[0].message


def test_a_file_that_cannot_be_opened_is_a_fail(session, self_attention, tmp_path):
    result = session.run(self_attention, tmp_path)
    assert result.verdict == "fail"
    assert "cannot be read" in result.outcomes[0].message


def test_a_syntax_error_shows_the_line_and_the_caret(grade):
    message = grade("x = 1\ndef f(:\n    pass\n", alone=True).outcomes[0].message
    assert "line 2" in message
    assert "\n          ^" in message
    assert "SyntaxError: invalid syntax" in message


def test_a_missing_function_is_named_with_its_file(grade):
    result = grade("x = 1\n", alone=True)
    assert result.outcomes[0].message == "ex06_self_attention.py defines no project_qkv"


def test_an_endless_load_is_a_timeout_of_every_check(grade):
    result = grade("while True:\n    pass\n", alone=True, seconds=0.5)
    assert verdicts(result) == {"timeout"}
    assert result.verdict == "fail"


def test_ending_the_process_while_loading_is_a_crash_of_every_check(grade):
    result = grade("import os\nos._exit(0)\n", alone=True)
    assert verdicts(result) == {"crash"}
    assert "ended itself with exit status 0" in result.outcomes[0].message


def test_after_two_timeouts_the_rest_is_not_run(grade, self_attention):
    result = grade(SCORES + "while True: pass\n", seconds=1.0)
    late = [outcome for outcome in result.outcomes if outcome.verdict == "timeout"]
    assert "no result after 1 second" in late[0].message
    reference = self_attention.solution.read_text(encoding="utf-8")
    assert late[0].line == (reference + SCORES).count("\n") + 1, "where the loop was"
    assert "not run" in late[2].message
    assert result.outcomes[0].verdict == "pass"


@pytest.mark.parametrize(
    ("body", "verdict", "sentence"),
    [
        ("import sys; sys.exit()", "fail", "raised SystemExit"),
        ("breakpoint()", "fail", "breakpoint() needs a terminal"),
        ("raise KeyboardInterrupt", "fail", "raised KeyboardInterrupt"),
        ("import pytest; pytest.skip('later')", "fail", "raised Skipped: later"),
        ("import os; os._exit(0)", "crash", "ended itself with exit status 0"),
        ("import ctypes; ctypes.string_at(0)", "crash", "killed by signal 11"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "crash", "killed by signal 9"),
        ("return attention_scores(q, k)", "fail", "RecursionError"),
        ("return None", "fail", "returned None, expected a Tensor"),
        ("return 0.5", "fail", "returned a float (0.5), expected a Tensor"),
        ("return torch.zeros(1).expand(10**10)", "fail", "too large to compare"),
        ("return [0] * 100_000", "fail", "expected a Tensor"),
        ("a = []; a.append(a); return a", "fail", "expected a Tensor"),
        ("return torch.full((1,), float('nan'))", "fail", "has shape (1,)"),
        ("return (q @ k.mT / q.size(-1) ** 0.5)[None]", "fail", "has shape"),
        ("return (q @ k.mT / q.size(-1) ** 0.5).as_subclass(Sub)", "fail", "Sub, a subclass of Tensor"),
        ("return Liar()", "fail", "returned learner.Liar"),
        ("raise Rude", "fail", "its message cannot be shown"),
    ],
)
def test_a_wrong_result_or_end_is_one_sentence_and_the_other_checks_still_run(grade, body, verdict, sentence):
    classes = """
class Sub(torch.Tensor):
    pass
class Liar:
    __module__ = "learner"
    shape = (1,)
    def __eq__(self, other): return True
    def __bool__(self): return True
class Rude(Exception):
    def __str__(self): raise KeyError
"""
    result = grade(classes + SCORES + body + "\n")
    by_hand = next(outcome for outcome in result.outcomes if outcome.id == "test_scores_worked_by_hand")
    assert by_hand.verdict == verdict
    assert sentence in by_hand.message
    assert result.outcomes[0].verdict == "pass"
    assert "error" not in verdicts(result)


def test_patched_comparisons_change_nothing(grade):
    patches = "\ntorch.allclose = torch.equal = lambda *a, **k: True\ntorch.Tensor.__eq__ = lambda *a: True\n"
    result = grade(patches + SCORES + "return torch.zeros(*q.shape[:-1], k.size(-2), dtype=q.dtype)\n")
    by_hand = next(outcome for outcome in result.outcomes if outcome.id == "test_scores_worked_by_hand")
    assert by_hand.verdict == "fail"


def test_forged_frames_are_a_crash(grade):
    text = """
import os
for descriptor in range(3, 20):
    try:
        os.write(descriptor, b"\\x01\\x05\\x00\\x00\\x00xxxxx")
    except OSError:
        pass
"""
    result = grade(text)
    assert verdicts(result) == {"crash"}
    assert result.score == 0


def test_gradients_turned_off_while_loading_are_noticed_and_harm_no_other_check(grade):
    result = grade("\ntorch.set_grad_enabled(False)\n")
    assert result.first_failure.id == "test_inputs_and_global_state_are_left_alone"
    assert result.first_failure.message == "loading the file changed grad mode globally"


def test_output_is_kept_in_bounds_and_shown(grade):
    result = grade("\ndef project_qkv(x, w_q, w_k, w_v):\n    print('spam' * 10_000)\n    return x @ w_q\n")
    assert result.first_failure.output.startswith("spamspam")
    assert len(result.first_failure.output) <= 4096


def test_the_worker_has_a_clean_environment(grade, monkeypatch):
    monkeypatch.setenv("SECRET", "token")
    result = grade(f"\nimport os\nassert 'SECRET' not in os.environ and os.environ['HOME'] != {str(Path.home())!r}\n")
    assert result.verdict == "pass"


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffx = 1\n",
        "import exercises.ex02_reverse_input as m\n",
        "from exercises import ex01_encoder\nassert ex01_encoder.lstm_cell\n",
        "from exercises.ex03_teacher_forcing import shift_right\n",
        "import importlib\nimportlib.import_module('exercises.ex05_sinusoidal_encoding')\n",
        "def helper():\n    from exercises.ex04_attention_weights import dot_scores\n    return dot_scores\nhelper()\n",
    ],
)
def test_earlier_exercises_can_be_imported_in_every_way(session, self_attention, submit, text):
    reference = self_attention.solution.read_text()
    docstring, rest = reference.split('"""\n', 1)[0], reference.split('"""\n', 1)[1]
    source = text + rest if not text.startswith("\ufeff") else text[0] + docstring + '"""\n' + rest
    result = session.run(self_attention, submit(self_attention, source.replace("\n", "\r\n")))
    assert (result.verdict, result.outcomes[0].message) == ("pass", "")


def test_the_local_transport_says_the_same(kit, self_attention, submit, grade):
    local = Session(kit, [self_attention], CheckSettings(7, connect=LocalTransport))
    text = self_attention.solution.read_text() + SCORES + "return (q @ k.mT).exit()\n"
    here = local.run(self_attention, submit(self_attention, text))
    there = grade(SCORES + "return (q @ k.mT).exit()\n")
    assert [(o.verdict, o.message) for o in here.outcomes] == [(o.verdict, o.message) for o in there.outcomes]
