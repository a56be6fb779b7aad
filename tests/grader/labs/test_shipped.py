"""The model that comes with the kit: it is right, small, and what the labs trailer and surgery run."""

import json
from types import SimpleNamespace

import pytest
import torch

from grader.errors import KitError, UsageError
from grader.labs import run as running
from grader.labs import translate_text
from grader.labs.alignment import copied
from grader.labs.bench import Bench
from grader.labs.catalogue import entry_of, lab_of
from grader.labs.dates import dates
from grader.labs.run import LabOptions, run_lab
from grader.labs.shipped import MODEL, ship, shipped, vocabularies
from grader.labs.surgery import LAB as SURGERY
from grader.labs.translator import exact
from grader.learner import commands
from grader.reports.terminal import Screen
from grader.source.file import File


@pytest.fixture
def bench(workers, files, tmp_path):
    one = Bench("translate", files, workers, "cpu", 1, False, tmp_path, steps=2)
    yield one
    one.close()


def test_it_translates_days_that_it_was_not_trained_on(bench):
    share, wrong = exact(shipped(bench), dates(pairs=300, test=100))
    assert share == 1.0, wrong


BY_HAND = {
    "2024년 3월 19일": "March 19, 2024",
    "2024년 3월 19일 화요일": "Tuesday, March 19, 2024",
    "2024. 3. 19.": "Mar 19, 2024",
    "1987년 6월 5일": "June 5, 1987",
    "1987년 6월 5일 금요일": "Friday, June 5, 1987",
    "1987. 6. 5.": "Jun 5, 1987",
    "2000년 1월 1일": "January 1, 2000",
    "2000년 2월 29일": "February 29, 2000",
    "1999년 12월 31일": "December 31, 1999",
    "1950년 6월 25일": "June 25, 1950",
    "1969. 7. 20.": "Jul 20, 1969",
    "1988년 9월 17일 토요일": "Saturday, September 17, 1988",
    "2002년 5월 31일": "May 31, 2002",
    "2018. 2. 9.": "Feb 9, 2018",
    "1961년 4월 12일 수요일": "Wednesday, April 12, 1961",
    "2010년 10월 10일": "October 10, 2010",
    "2049. 11. 30.": "Nov 30, 2049",
    "1977년 8월 8일": "August 8, 1977",
    "2026. 1. 22.": "Jan 22, 2026",
    "2012년 12월 12일": "December 12, 2012",
}


def test_it_is_right_for_twenty_dates_typed_by_hand(bench):
    assert len(BY_HAND) == 20
    assert dict(zip(BY_HAND, shipped(bench).write(list(BY_HAND)), strict=True)) == BY_HAND


@pytest.fixture
def command(bench, workers, kit, tmp_path, capsys, monkeypatch):
    """`grader translate` with a model that a lab kept, here with the weights that come with the kit: what it says."""
    started = SimpleNamespace(start=workers.start, close=lambda: None)  # two seconds of CPU for each text otherwise
    monkeypatch.setattr(translate_text, "launcher", lambda: started)
    shipped(bench).keep(tmp_path / "model.frame", dates(pairs=3, test=3))

    def say(text):
        assert translate_text.translate(text, tmp_path, kit.root / "solutions") == 0
        return capsys.readouterr()

    return say


def test_the_command_says_twenty_dates_typed_by_hand(command):
    for text, english in BY_HAND.items():
        said = command(f" {text} ")
        assert said.out.splitlines() == [english]
        assert said.err == ""


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("2024년 2월 30일", "There is no such day."),
        ("2024년 13월 1일", "There is no such day."),
        (
            "2024년 3월 19일 월요일",
            "That day is written 2024년 3월 19일 화요일 in Korean, and that is: Tuesday, March 19, 2024",
        ),
        ("2024년 03월 19일", "That day is written 2024년 3월 19일 in Korean, and that is: March 19, 2024"),
        ("1900년 1월 1일", "Right is: January 1, 1900. It has learned the years 1950 to 2049 alone."),
        ("2024년 3월", "That was no date in a way of writing that it has learned, so nobody knows what is right."),
    ],
)
def test_the_command_says_what_is_wrong_with_a_text(command, text, remark):
    assert remark in " ".join(command(text).err.split())


def test_it_is_small_and_of_the_reference():
    assert MODEL.stat().st_size < 500_000


def test_it_goes_into_a_file_and_comes_back(bench, tmp_path):
    model = shipped(bench)
    ship(model, tmp_path / "again.safetensors")
    again = shipped(bench, tmp_path / "again.safetensors")
    assert (again.source, again.target) == (model.source, model.target)
    assert again.state.keys() == model.state.keys()
    assert all(torch.equal(again.state[name], model.state[name]) for name in model.state)


def test_a_file_that_is_no_model_is_said(tmp_path):
    (tmp_path / "no.safetensors").write_bytes(b"nothing")
    with pytest.raises(KitError, match=r"python -m grader\.dev\.shipped"):
        vocabularies(tmp_path / "no.safetensors")


def test_the_trailer_answers_a_date_that_was_typed(tmp_path, capsys, kit):
    typed = iter(["2", "hello", "2031년 1월 2일"])
    options = LabOptions(out=tmp_path)
    assert run_lab("trailer", options, lambda text, default=None: next(typed)) == 0
    said = capsys.readouterr().out
    assert "the model has never seen the characters 'h e l o'" in said
    assert "January 2, 2031" in said
    assert "Your guess was: at the day" in said
    assert json.loads((tmp_path / "result.json").read_text("utf-8"))["numbers"]["written"] == "January 2, 2031"


def test_without_a_terminal_it_takes_the_date_of_the_option(tmp_path, capsys):
    assert run_lab("trailer", LabOptions(out=tmp_path, text="1999년 12월 31일"), None) == 0
    assert "December 31, 1999" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--text: the model has never seen the characters"):
        run_lab("trailer", LabOptions(out=tmp_path, text="tomorrow"), None)
    with pytest.raises(UsageError, match="--seeds: the lab trailer trains nothing"):
        run_lab("trailer", LabOptions(out=tmp_path, seeds=3), None)
    with pytest.raises(UsageError, match="--text: the lab memory asks for no text"):
        run_lab("memory", LabOptions(out=tmp_path, text="1", anyway=True), None)


def test_the_trailer_is_offered_before_the_first_exercise(kit, capsys):
    commands._next_step(Screen(), kit.exercises[0])
    assert "grader lab trailer (5 s)" in capsys.readouterr().out
    commands._next_step(Screen(), kit.exercises[1])
    assert "trailer" not in capsys.readouterr().out


def test_the_trailer_runs_the_reference_alone(tmp_path, kit):
    with pytest.raises(UsageError, match="the lab trailer runs the reference alone"):
        run_lab("trailer", LabOptions(out=tmp_path, mistake="attention_scores__no_scaling"), None)


def test_surgery_runs_the_learners_attention_in_the_reference(kit, tmp_path):
    for slug in ("ex08_multi_head", "ex09_encoder_layer"):
        (tmp_path / f"{slug}.py").write_text("mine = True\n")
    files, _ = running._files(kit, entry_of("surgery"), LabOptions(target=tmp_path))
    assert files["ex08_multi_head"].text == b"mine = True\n"
    assert files["ex09_encoder_layer"] == File.at(kit.find(["9"])[0].solution)
    assert "ex07_masked_attention" not in files  # the learner has none


def test_heads_are_switched_off_one_at_a_time(bench):
    finding = lab_of(entry_of("surgery")).run(bench)
    assert finding.numbers["all heads"] == 1.0
    flat = [share for row in finding.numbers["right"].values() for share in row]
    assert len(flat) == 24
    assert min(flat) < 1.0
    assert finding.numbers["all masked"] != "March 19, 2024"


def test_a_head_that_is_off_gives_nothing_to_the_output(bench):
    model = shipped(bench)
    texts = list(BY_HAND)
    off = {name: tensor.clone() for name, tensor in model.state.items()}
    off["weight decoder.layers.0.self_attention.out_proj.weight"][:, :16] = 0
    same = type(model)(bench, off, model.source, model.target)
    written = model.write(texts, {"decoder": [0, 0]})
    assert written == same.write(texts)
    assert written != model.write(texts)


@pytest.mark.parametrize("mask", ["", "2024년 4월 19일", "2024년 _월 19", "_" * 14])
def test_a_mask_that_is_none_is_refused(mask):
    assert "for every character" in SURGERY.typed.refused(mask)


def test_a_mask_of_everything_is_one():
    assert SURGERY.typed.refused("_" * 12) is None


def test_digits_that_were_copied_are_counted():
    assert copied([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], "12", "1a2") == (1, 2)


def test_another_right_way_of_writing_each_exercise_translates_alike(workers, another_way, tmp_path):
    files = {slug: File(f"{slug}.py", text.encode()) for slug, text in another_way.items()}
    bench = Bench("translate", files, workers, "cpu", 1, False, tmp_path)
    try:
        assert dict(zip(BY_HAND, shipped(bench).write(list(BY_HAND)), strict=True)) == BY_HAND
    finally:
        bench.close()
