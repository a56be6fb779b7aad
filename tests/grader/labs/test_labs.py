"""Labs: a tiny run of each from the learner's files to the page, and what they say when something is wrong."""

import json
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner

from grader.__main__ import main
from grader.errors import UsageError
from grader.kit.labs import LABS, unlocked_by
from grader.labs import figures, known_mistake
from grader.labs import run as running
from grader.labs.bench import Bench, Stopped, numbers
from grader.labs.catalogue import demand, entry_of, lab_of
from grader.labs.figures import can_show, drawn
from grader.labs.known_mistake import with_mistake
from grader.labs.lab import Figure, Table, spread
from grader.labs.run import LabOptions, run_lab
from grader.reports.terminal import Screen
from grader.source.file import File

UNTRAINED = ["memory", "positions", "saturation", "collapse"]


@pytest.fixture
def bench(workers, files, tmp_path):
    """A bench with the reference as the learner's files; other files by name."""
    made = []

    def make(program, texts=None, **more):
        own = {**files, **{slug: File(f"{slug}.py", text.encode()) for slug, text in (texts or {}).items()}}
        made.append(Bench(program, own, workers, "cpu", more.pop("seeds", 1), False, tmp_path, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("name", UNTRAINED)
def test_a_lab_without_training_holds_on_the_reference(bench, name):
    lab = lab_of(entry_of(name))
    finding = lab.run(bench(lab.program))
    assert finding.held, finding.measured
    assert len(finding.table.lines()) == len(finding.table.rows) + 1
    json.dumps(finding.numbers)


def test_a_claim_that_does_not_hold_is_told(bench):
    wrong = "from torch import Tensor\ndef attention_scores(q, k):\n    return q @ k.transpose(-2, -1)\n"
    finding = lab_of(entry_of("saturation")).run(bench("saturation", {"ex06_self_attention": wrong}))
    assert not finding.held


def test_one_seed_gives_one_result(bench):
    lab = lab_of(entry_of("collapse"))
    first, second = (lab.run(bench("collapse")).numbers for _ in range(2))
    assert first == second


def test_an_exception_ends_in_the_learners_line(bench):
    text = "def encode(x, lengths, w_x, w_h, bias):\n    y = x\n    return y.nothing()\n"
    with pytest.raises(Stopped, match=r"exercises/ex01_encoder\.py:3: AttributeError"):
        bench("memory", {"ex01_encoder": text}).ask("gradients", 0, 3)


def test_an_endless_loop_ends_in_the_learners_line(bench):
    text = "def encode(x, lengths, w_x, w_h, bias):\n    while True:\n        pass\n"
    endless = bench("memory", {"ex01_encoder": text}, seconds=3.0)
    with pytest.raises(Stopped, match=r"exercises/ex01_encoder\.py:[23]: no result after 3 seconds"):
        endless.ask("gradients", 0, 3, patience=0.2)


@pytest.mark.parametrize("value", ["'many'", "{'rnn': object()}", "{'rnn': torch.ones(2)}"])
def test_what_is_no_result_is_refused(bench, value):
    forged = f"import torch\ndef encode(*_):\n    return {value}\n"
    one = bench("memory", {"ex01_encoder": forged})
    with pytest.raises(Stopped):
        numbers(one.ask("gradients", 0, 3).get("lstm"), (4,), "the gradients")


def test_a_run_from_the_command_to_the_page(tmp_path, capsys):
    options = LabOptions(target=running.Kit().root / "solutions", out=tmp_path / "memory", seeds=1)
    assert run_lab("memory", options, lambda text: "2") == 0
    said = capsys.readouterr().out
    assert "your LSTM, forget bias 2" in said
    assert "Your guess was: a larger bias of the forget gate" in said
    assert {path.name for path in (tmp_path / "memory").iterdir()} == {
        "index.html", "result.json", "guess.txt", "memory.png", "memory.svg",
    }  # fmt: skip
    page = (tmp_path / "memory" / "index.html").read_text("utf-8")
    assert "a larger bias of the forget gate" in page
    assert "held here" in page
    assert "alt=" in page
    assert json.loads((tmp_path / "memory" / "result.json").read_text("utf-8"))["held"] is True


def test_an_exercise_that_does_not_pass_is_named(tmp_path, capsys):
    (tmp_path / "ex01_encoder.py").write_text("def encode(x, lengths, w_x, w_h, bias):\n    return x\n")
    assert run_lab("memory", LabOptions(target=tmp_path, out=tmp_path / "out"), None) == 1
    said = capsys.readouterr().out
    assert "ex01_encoder" in said
    assert "--anyway" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("state", "failing"), [("pass", False), ("core", False), ("fail", True), ("unwritten", True)])
def test_an_exercise_whose_core_passes_is_enough(kit, files, monkeypatch, state, failing):
    known = SimpleNamespace(state=lambda exercise: state)
    monkeypatch.setattr(running.Progress, "read", lambda workspace: known)
    needed = kit.find(["1"])
    assert bool(running._failing(kit, needed, files, kit.root, LabOptions())) is failing


def test_a_mistake_takes_the_learners_place(tmp_path, capsys):
    out = tmp_path / "saturation"
    options = LabOptions(
        target=running.Kit().root / "solutions", out=out, seeds=1, mistake="attention_scores__no_scaling"
    )
    assert run_lab("saturation", options, None) == 0
    assert "It did not hold here" in capsys.readouterr().out


def test_a_mistake_that_is_none_is_refused(kit, files):
    with pytest.raises(UsageError, match="no mistake called 'nonsense'"):
        with_mistake(kit, files, "nonsense")
    with pytest.raises(UsageError, match="say one as TARGET__NAME"):
        with_mistake(kit, files, "no_scaling")


def test_a_mistake_that_the_lab_does_not_run_is_refused(kit, tmp_path):
    options = LabOptions(target=kit.root / "solutions", out=tmp_path, mistake="train_step__not_shifted")
    with pytest.raises(UsageError, match="runs nothing of ex12_training"):
        run_lab("memory", options, None)


def test_a_mistake_in_what_no_other_file_uses_is_refused(kit, files, tmp_path):
    """Whoever writes attention again in exercise 8 runs nothing of exercise 7."""
    name, lab = "masked_attention__softmax_over_queries", entry_of("leak")
    assert with_mistake(kit, files, name, lab)["ex07_masked_attention"].text != files["ex07_masked_attention"].text
    text = files["ex08_multi_head"].text.replace(b"import masked_attention", b"import causal_mask")
    own = {**files, "ex08_multi_head": File("ex08_multi_head.py", text.replace(b"masked_attention(", b"attend("))}
    assert b"masked_attention" in own["ex08_multi_head"].text, "the exercise's name has it in it, too"
    with pytest.raises(UsageError, match="changes masked_attention of ex07_masked_attention, which nothing else names"):
        with_mistake(kit, own, name, lab)


def test_a_mistake_is_reached_through_what_uses_it(kit, files):
    """What other files call may call what has the mistake in it."""
    own = {slug: File(f"{slug}.py", b"decoder_mask") for slug in files}
    assert with_mistake(kit, own, "causal_mask__everything", entry_of("leak"))
    own = {slug: File(f"{slug}.py", b"padding_mask") for slug in files}
    programs = known_mistake.PROGRAMS.glob("*.py")
    assert not any("causal_mask" in one.read_text() for one in programs)
    with pytest.raises(UsageError, match="nothing else names"):
        with_mistake(kit, own, "causal_mask__everything", entry_of("leak"))


def test_a_device_that_is_not_here_is_refused(kit, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    options = LabOptions(target=kit.root / "solutions", out=tmp_path, device="cuda", anyway=True)
    with pytest.raises(UsageError, match="this machine has no cuda"):
        run_lab("memory", options, None)


def test_the_command_lists_what_there_is():
    said = CliRunner().invoke(main, ["lab"]).output
    assert [line.split()[0] for line in said.splitlines()[: len(LABS)]] == [entry.name for entry in LABS]
    assert CliRunner().invoke(main, ["lab", "nonsense"]).exit_code == 2


def test_a_guess_is_asked_once_and_kept(tmp_path, capsys):
    lab, asked = lab_of(entry_of("memory")), []

    def prompt(text, default=None):
        asked.append(text)
        return ["", "7", "3"][len(asked) - 1]

    for _ in range(2):
        assert running._ask(Screen(), lab.question, tmp_path / "guess.txt", prompt) == lab.question.choices[2]
    assert len(asked) == 3
    assert "your guess was: neither" in capsys.readouterr().out


def test_a_lab_that_is_none_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean memory"):
        entry_of("memroy")


def test_a_missing_extra_says_so_in_one_line():
    with pytest.raises(UsageError, match=r'^labs need no_such_package, .*pip install -e "\.\[labs\]"$'):
        demand(["json", "no_such_package"])


def test_every_lab_is_whole(kit):
    numbers = {exercise.number for exercise in kit.exercises}
    for entry in LABS:
        lab = lab_of(entry)
        assert set(entry.needs) <= numbers
        assert max(entry.needs, default=0) <= entry.after
        assert entry in unlocked_by(entry.after)
        assert len(lab.question.choices) >= 2
        assert lab.question.text.endswith("?")


@pytest.mark.filterwarnings("error")
def test_figures_are_the_same_every_time_and_need_no_font():
    def draw(axes):
        axes.plot([1, 2], [3, 4], label="a line")
        axes.set_xticks([1, 2], list("ab"))

    figure = Figure("name", "A finding, " * 12, "a line", draw)
    assert drawn(figure) == drawn(figure)
    assert drawn(figure)["png"].startswith(b"\x89PNG")
    assert b"<svg" in drawn(figure)["svg"]
    assert can_show("abc")
    assert not can_show("\U0010fffd")


def test_a_title_is_broken_where_no_word_stands_alone():
    assert figures._title("short") == ["short"]
    lines = figures._title("word " * 18 + "99 %")
    assert len(lines) == 2
    assert abs(len(lines[0]) - len(lines[1])) <= 6
    assert lines[1].endswith("99\u00a0%")


def test_words_for_numbers():
    assert spread([1.0]) == "1"
    assert spread([1.0, 3.0, 2.0]) == "2 (1 to 3)"
    assert spread([1.0, 0.9999, 1.0], ".2f") == "1.00"
    assert Table(("a", "b"), [("x", "10"), ("long", "2")]).lines() == ["a      b", "x     10", "long   2"]
    words = Table(("a", "b", "c"), [("x", "right", "-1"), ("y", "2 or 3", "")])
    assert words.lines() == ["a  b        c", "x  right   -1", "y  2 or 3"]
