"""The commands as a person or a script runs them: output, exit status, files."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
from click.testing import CliRunner

import grader
from grader.__main__ import main
from grader.kit.discovery import Kit
from grader.launch.isolation import LAYERS
from grader.learner import commands as learner_commands
from grader.learner import progress
from tests.grader.support.kits import copy_kit, python, run

HERE = ("--transport", "local")
"""Saves the start of a worker where a test is about something else."""
SHORTCUT = "from exercises.ex06_self_attention import *\n"


@pytest.fixture(scope="module")
def little_kit(tmp_path_factory):
    """A kit of exercises 3 and 6."""
    return copy_kit(tmp_path_factory.mktemp("kit"), only={3, 6})


@pytest.fixture
def invoke(monkeypatch, little_kit):
    """Runs a command that imports no torch in this process, in the little kit."""
    monkeypatch.setattr(learner_commands, "Kit", lambda: Kit(little_kit))

    def call(*arguments, stdin=None):
        apart = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}  # click before 8.2
        return CliRunner(**apart).invoke(main, list(map(str, arguments)), input=stdin)

    return call


@pytest.fixture
def edited(little_kit):
    """Replaces exercise 6 for one test."""
    file = little_kit / "exercises" / "ex06_self_attention.py"
    before = file.read_text()

    def edit(old, new):
        text = (little_kit / "solutions" / file.name).read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        return file

    yield edit
    file.write_text(before)


def test_the_command_line_imports_no_torch(little_kit):
    code = "import sys, grader.__main__, grader.learner.commands; sys.exit('torch' in sys.modules)"
    assert python(little_kit, [sys.executable, "-c", code]).returncode == 0


def test_help_and_version(invoke):
    assert "check" in invoke("--help").output
    assert invoke("--version").output == f"grader, version {grader.__version__}\n"


def test_the_list_has_one_line_for_each_exercise(invoke):
    result = invoke("list")
    assert result.exit_code == 0
    assert [line.split()[:4] for line in result.output.splitlines()] == [
        ["unwritten", "ex03_teacher_forcing", "60", "min"],
        ["unwritten", "ex06_self_attention", "40", "min"],
    ]


def test_without_a_command_the_next_step_is_said(invoke):
    assert "Next (about 60 minutes and 26 lines of code): read the lesson, edit" in invoke().output
    assert "grader check 3" in invoke().output


def test_a_lesson_is_shown(invoke):
    assert "five steps" in invoke("lesson", "self").output


@pytest.mark.parametrize("command", ["check", "lesson", "hint", "solution", "reset"])
def test_an_unknown_exercise_is_a_usage_error_that_names_the_nearest(little_kit, command):
    result = run(little_kit, command, "self_atention")
    assert result.returncode == 2
    assert "no exercise 'self_atention'; the nearest: self_attention" in result.stderr
    assert result.stdout == ""


def test_checking_the_solutions_passes_and_writes_results(little_kit, tmp_path):
    file = tmp_path / "results.json"
    result = run(little_kit, "check", "--target", "solutions", "--json", file, "--device", "cpu", "--seed", 5)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "2 of 2 exercises pass, 20 of 20 points"
    document = json.loads(file.read_text())
    assert document["format"] == 1
    assert document["run"]["seed"] == 5
    assert document["run"]["problems"] == []
    assert document["run"]["isolation"]["process"] is True
    (you,) = document["submissions"]
    assert (you["id"], you["score"], you["max_score"]) == ("you", 20.0, 20.0)
    check = you["exercises"][1]["checks"][0]
    assert check["id"] == "test_each_projection_uses_its_own_matrix"
    assert check["title"] == "each projection uses its own matrix"
    assert (check["function"], check["tier"]) == ("project_qkv", "core")
    assert (check["device"], check["verdict"], check["message"], check["mistake"]) == ("cpu", "pass", "", None)
    assert sum(check["max_points"] for check in you["exercises"][1]["checks"]) == pytest.approx(10)


def test_a_reader_who_leaves_early_changes_no_status_and_loses_no_file(little_kit):
    """As in `grader list | head`."""
    command = [sys.executable, "-c", "from grader.__main__ import main; input(); main(['list'])"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=little_kit, **pipes) as listing:
        listing.stdout.close()
        listing.stdin.write("\n")
        listing.stdin.close()
        assert listing.wait() == 0
        assert listing.stderr.read() == ""


def test_results_on_standard_output_stand_there_alone(little_kit):
    result = run(little_kit, "check", "6", "--target", "solutions", "--json", "-", *HERE)
    assert json.loads(result.stdout)["submissions"][0]["score"] == 10.0
    assert result.stderr.splitlines()[-1] == "ex06_self_attention passes: 10 of 10 points."


def test_untouched_stubs_are_unwritten(little_kit):
    result = run(little_kit, "check")
    assert result.returncode == 1
    assert result.stdout.count("unwritten") == 2
    assert result.stdout.splitlines()[-1] == "0 of 2 exercises pass, 0 of 20 points"
    assert "FAIL" not in result.stdout


def test_a_mistake_is_named_with_its_line_its_seed_and_a_way_in(little_kit, edited, tmp_path):
    edited("scores / math.sqrt(d_k)", "scores  # as they are")
    result = run(little_kit, "check", "6", "--seed", "4", "--json", tmp_path / "r.json")
    assert result.returncode == 1
    assert "The scores are not divided by sqrt(d_k)" in result.stdout
    assert re.search(r"exercises/ex06_self_attention.py:\d+        seed 4\n", result.stdout)
    (again,) = re.findall(r"step in: (.*) --pdb\n", result.stdout)
    assert "worst at batch 0, query 2, key 2: yours 6, expected 3" in result.stdout
    found = json.loads((tmp_path / "r.json").read_text())["submissions"][0]["exercises"][0]["checks"]
    assert {check["mistake"] for check in found if check["verdict"] == "fail"} == {"no_scaling"}
    stepped = python(little_kit, [sys.executable, *again.split()[1:]])
    assert stepped.returncode == 1
    assert "The scores are not divided by sqrt(d_k)" in stepped.stdout


def test_the_same_seed_says_the_same_to_the_byte(little_kit, edited, tmp_path):
    edited("/ math.sqrt(d_k)", "")
    said = []
    for name in ("a.json", "b.json"):
        run(little_kit, "check", "6", "--seed", "11", "--json", tmp_path / name, *HERE)
        said.append(re.sub(r'"seconds": ?[\d.e-]+', "", (tmp_path / name).read_text()))
    assert said[0] == said[1]


def test_a_hint_shows_one_rung_at_a_time_for_the_failing_check(little_kit, edited):
    edited("/ math.sqrt(d_k)", "")
    assert run(little_kit, "check", "6", *HERE).returncode == 1
    said = [run(little_kit, "hint", "6").stdout for _ in range(6)]
    rungs = [re.search(r"hint (\d) of 3", text) for text in said]
    assert [rung[1] if rung else "save first" for rung in rungs] == ["1", "save first", "2", "save first", "3", "3"]
    assert said[0].startswith("scores worked by hand\n")
    assert "The scores are not divided by sqrt(d_k)" in said[2]
    chosen = run(little_kit, "hint", "6", "sum to one")
    (again,) = re.findall(r"(?:next hint|To see it now): grader (.*)$", chosen.stdout, flags=re.MULTILINE)
    assert run(little_kit, *shlex.split(again)).returncode == 0


def test_before_the_first_check_there_is_no_hint_and_after_it_none_for_what_is_unwritten(little_kit):
    shutil.rmtree(little_kit / ".grader", ignore_errors=True)  # other tests may have checked it
    result = run(little_kit, "hint", "3")
    assert (result.returncode, result.stdout) == (2, "")
    assert "run `grader check 3` first" in result.stderr
    run(little_kit, "check", "3", "--device", "cpu")
    result = run(little_kit, "hint", "3")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Nothing that is written of ex03_teacher_forcing fails a check.\n")


def test_a_hint_without_a_known_failure_says_what_to_do(little_kit):
    result = run(little_kit, "hint", "3", "no such check")
    assert result.returncode == 2
    assert "names no checks of ex03_teacher_forcing" in result.stderr


def test_states_follow_what_was_checked(little_kit, edited, invoke):
    file = edited("scores / math.sqrt(d_k)", "scores / math.sqrt(d_k)  # mine")
    assert invoke("list").output.splitlines()[1].split()[0] in ("not", "changed")
    assert run(little_kit, "check", "6", *HERE).returncode == 0
    assert "The reference solution: " in invoke("hint", "6").output
    everything = invoke("hint", "6", "worked by hand").output
    assert re.findall(r"^  (\d)\. ", everything, flags=re.MULTILINE) == ["1", "2", "3"], "nothing is held back"
    assert invoke("list").output.splitlines()[1].split()[0] == "pass"
    file.write_text(file.read_text() + "\n# later\n")
    assert invoke("list").output.splitlines()[1].split()[0] == "changed"


def test_reset_keeps_the_file_and_says_where(little_kit, edited, invoke):
    file = edited("scores / math.sqrt(d_k)", "scores * 17")
    refused = invoke("reset", "6")
    assert refused.exit_code == 2
    assert "say --yes" in refused.stderr
    assert "scores * 17" in file.read_text()
    result = invoke("reset", "6", "--yes")
    assert result.exit_code == 0
    kept = little_kit / re.search(r"kept as (\S+)", result.output)[1]
    assert "scores * 17" in kept.read_text()
    assert "NotImplementedError" in file.read_text()
    assert "is the stub already" in invoke("reset", "6", "--yes").output


def test_a_solution_is_not_shown_unasked(invoke):
    assert invoke("solution", "6").exit_code == 2
    assert "torch.softmax" in invoke("solution", "6", "--yes").output


def test_doctor_reports_versions_devices_and_isolation(little_kit):
    result = run(little_kit, "doctor")
    assert result.returncode == 0, result.stderr
    words = ("python", "torch", "device cpu", "device cuda", "device gpu      simulated", "isolation", "extra labs")
    for word in (*words, "exercises   2", *LAYERS):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "--target", "nowhere"], "nowhere: there is no such folder"),
        (["check", "--device", "tpu"], "tpu"),
        (["check", "--seed", "many"], "many"),
        (["grade", "nowhere", "--out", "x"], "nowhere: there is no such folder"),
        (["chekc"], "No such command"),
        (["watch"], "`grader watch` needs a terminal"),
    ],
)
def test_wrong_usage_is_exit_2_with_a_sentence(little_kit, arguments, words):
    result = run(little_kit, *arguments)
    assert result.returncode == 2
    assert words in result.stderr


def test_an_absent_device_is_exit_2(little_kit):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has cuda")
    result = run(little_kit, "check", "6", "--device", "cuda")
    assert result.returncode == 2
    assert "this machine has no cuda; it has cpu" in result.stderr


def test_no_color_is_obeyed(little_kit):
    assert "\x1b" not in run(little_kit, "list", NO_COLOR="1", FORCE_COLOR="1").stdout.replace("\x1b[1m", "")


def test_damaged_progress_is_kept_aside_and_said(tmp_path, kit):
    folder = tmp_path / ".grader"
    folder.mkdir()
    (folder / "progress.json").write_text("{")
    read = progress.Progress.read(tmp_path)
    assert "was moved to" in read.warning
    assert [file.read_text() for file in folder.glob("progress*")] == ["{"]
    with read.changing("ex06_self_attention") as entry:
        entry["mine"] = 1
    assert progress.Progress.read(tmp_path).entry("ex06_self_attention") == {"mine": 1}


def test_an_error_of_the_grader_is_exit_3_and_says_so(little_kit, tmp_path):
    broken = copy_kit(tmp_path / "kit", only={6})
    solution = broken / "solutions" / "ex06_self_attention.py"
    good = solution.read_text()
    solution.write_text(good.replace("/ math.sqrt(d_k)", "/ d_k"))
    result = run(broken, "check", "6", "--target", "solutions", "--json", tmp_path / "r.json")
    assert result.returncode == 3
    assert "grader error (not your code): the checks of ex06_self_attention are broken" in result.stderr
    kept = re.search(r"a report is kept as (\S+)", result.stderr)[1]
    assert "the check fails on the reference too" in Path(kept).read_text()
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["submissions"][0]["score"] is None
    assert document["run"]["problems"]
    solution.write_text(good)
    checks = broken / "tests" / "ex06_self_attention" / "test_self_attention.py"
    checks.write_text("")
    nothing = run(broken, "check", "6", "--target", "solutions")
    assert nothing.returncode == 3
    assert "not your code" in nothing.stderr
    kept = re.search(r"a report is kept as (\S+)", nothing.stderr)[1]
    assert "the checks cannot be collected" in Path(kept).read_text()


def test_problems_are_one_line_each_with_the_file_and_the_line(tmp_path):
    kit = copy_kit(tmp_path / "kit", only={6})
    file = kit / "exercises" / "ex06_self_attention.py"
    solution = (kit / "solutions" / file.name).read_text()
    file.write_text(solution.replace("scores / math.sqrt(d_k)", "scores"))
    matcher = json.loads((kit / "grader/learner/vscode/tasks.json").read_text())["tasks"][0]["problemMatcher"]
    said = run(kit, "check", "6", "--problems", "--device", "cpu").stdout.splitlines()
    found = [match.groups() for match in map(re.compile(matcher["pattern"]["regexp"]).match, said) if match]
    line = solution[: solution.index("def attention_scores")].count("\n") + 1
    assert (f"exercises/{file.name}", str(line)) == found[0][:2]
    assert (
        "scores worked by hand: You get what you would get if this were so: The scores are not divided by sqrt(d_k)"
        in found[0][2]
    )


@pytest.mark.parametrize(("begun", "offered"), [("ex0", 9), ("ex06", 1), ("1", 4), ("self", 1), ("nothing", 0)])
def test_a_shell_completes_the_names_of_exercises(monkeypatch, begun, offered):
    monkeypatch.setenv("_GRADER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"grader check {begun}")
    monkeypatch.setenv("COMP_CWORD", "2")
    said = CliRunner().invoke(main, prog_name="grader").output.split()
    assert len(said) == offered
    assert all(line.removeprefix("plain,").startswith(begun) for line in said)


def test_without_a_terminal_questions_are_printed_and_their_answers_below(invoke):
    said = invoke("ask", "6").output
    assert "? 1. Five keys are equal." in said
    assert said.index("The answers") < said.index("  1. 0.2: equal keys get equal scores")
    assert "Traceback" not in said
