"""`python -m pytest tests/exNN_topic`: the learner's plain path, where print and pdb work."""

import re
import sys

import pytest

from grader.kit.discovery import Kit
from tests.grader.support.kits import ROOT, copy_kit, python


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A kit of exercise 6, solved in `exercises/` but for what a test changes."""
    folder = copy_kit(tmp_path_factory.mktemp("kit"), only={6})
    (folder / "stubs").mkdir()
    (folder / "exercises" / "ex06_self_attention.py").rename(folder / "stubs" / "ex06_self_attention.py")
    return folder


@pytest.fixture
def check(kit):
    """Runs pytest on exercise 6 with a line of the solution replaced."""

    def run(*arguments, old="", new="", stdin=None):
        text = (kit / "solutions" / "ex06_self_attention.py").read_text()
        (kit / "exercises" / "ex06_self_attention.py").write_text(text.replace(old, new) if old else text)
        command = [sys.executable, "-m", "pytest", "tests/ex06_self_attention", *arguments]
        return python(kit, command, stdin=stdin)

    return run


def test_right_code_passes(check):
    assert check().returncode == 0


def test_over_the_worker_transport_too(check):
    result = check("--transport", "worker", "--target", "solutions", "--seed", "3")
    assert result.returncode == 0
    assert "checking solutions, seed 3" in result.stdout


def test_stubs_are_unwritten_and_do_not_pass(check):
    result = check("--target", "stubs")
    assert result.returncode == 1
    assert re.search(r" [1-9]\d* unwritten in ", result.stdout)


def test_a_failure_is_the_same_sentence_with_the_learners_output(check):
    result = check("-k", "worked_by_hand", old="d_k = q.size(-1)", new='print("hello"); d_k = 1')
    assert "The scores are not divided by sqrt(d_k)" in result.stdout
    assert "hello" in result.stdout
    assert "grader/remote/" not in result.stdout


def test_the_debugger_stops_in_the_learners_line(check):
    stopped = check(
        "-k", "worked_by_hand", "--pdb", old="d_k = q.size(-1)", new="d_k = q.size(7)", stdin="p q.shape\nq\n"
    )
    assert "-> d_k = q.size(7)" in stopped.stdout
    assert "torch.Size([1, 3, 4])" in stopped.stdout


def test_where_a_value_is_wrong_the_debugger_stops_as_the_learners_function_begins(check):
    keys = "p q.shape\nn\np d_k\nn\nn\nc\nc\n"
    stopped = check("-k", "scores_worked_by_hand", "--pdb", old="/ math.sqrt(d_k)", new="", stdin=keys)
    first = stopped.stdout.index("-> d_k = q.size(-1)")
    assert first < stopped.stdout.index("torch.Size([1, 3, 4])") < stopped.stdout.index("(Pdb) 4")
    assert "grader/remote" not in stopped.stdout
    assert "Every value is 2 times the expected one" in stopped.stdout
    assert stopped.returncode == 1


def test_q_leaves_the_debugger_and_the_whole_session(check):
    stopped = check("--pdb", old="/ math.sqrt(d_k)", new="", stdin="q\n")
    assert stopped.stdout.count("(Pdb)") == 1
    assert "the debugger was left" in stopped.stdout
    assert stopped.returncode == 1


def test_q_at_the_learners_own_breakpoint_leaves_the_session_too(check):
    stopped = check("-s", old="d_k = q.size(-1)", new="breakpoint(); d_k = q.size(-1)", stdin="q\nq\n")
    assert stopped.stdout.count("(Pdb)") == 1
    assert "raised Exit" not in stopped.stdout


def test_leaving_from_inside_is_a_failure_of_one_check(check):
    result = check(old="d_k = q.size(-1)", new="raise SystemExit(0)")
    assert result.returncode == 1
    assert "raised SystemExit" in result.stdout
    assert "passed" in result.stdout


def test_a_folder_without_the_file_is_wrong_usage(check, kit):
    result = check("--target", "tests")
    assert result.returncode != 0
    assert "holds no ex06_self_attention.py" in result.stdout + result.stderr


@pytest.mark.parametrize("words", [[], ["."]])
def test_without_a_folder_pytest_collects_the_exercises_checks_alone(words):
    listed = python(ROOT, [sys.executable, "-m", "pytest", *words, "--collect-only", "-q"])
    assert listed.returncode == 0, listed.stdout + listed.stderr
    items = [line for line in listed.stdout.splitlines() if "::" in line]
    assert {item.split("/")[1] for item in items} == {exercise.slug for exercise in Kit().exercises}
