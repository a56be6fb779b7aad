"""Labs that train: a tiny run of each, stops that change nothing, and what is kept."""

import json
import re
from functools import partial

import pytest
import torch

from grader.errors import UsageError
from grader.kit.variants import alternatives
from grader.labs import leak, training, translate_text
from grader.labs.bench import Bench, Stopped
from grader.labs.catalogue import entry_of, lab_of
from grader.labs.dates import dates, expected
from grader.labs.digits import EOS, batches, lines
from grader.labs.known_mistake import with_mistake
from grader.labs.pairs import Vocabulary
from grader.labs.training import Run, train
from grader.labs.translator import exact, kept, trained
from grader.source.file import File

TRAINED = ["reversal", "forcing", "bottleneck", "price", "leak", "translate"]


@pytest.fixture
def bench(workers, files, kit, tmp_path):
    made = []

    def make(program, folder="out", *, texts=None, steps=2, **more):
        own = {**files, **{slug: File(f"{slug}.py", text.encode()) for slug, text in (texts or {}).items()}}
        one = Bench(program, own, workers, "cpu", 1, False, tmp_path / folder, steps=steps, **more)
        one.substitute = partial(with_mistake, kit, own)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def few():
    return dates(pairs=40, test=4)


@pytest.mark.parametrize("name", TRAINED)
def test_a_tiny_training_goes_from_data_to_a_finding(bench, name):
    lab = lab_of(entry_of(name))
    told = []
    finding = lab.run(bench(lab.program, tell=lambda text, share: told.append(share)))
    assert {len(row) for row in finding.table.rows} == {len(finding.table.columns)}
    assert finding.figures
    assert (finding.riddle is not None) == (name == "leak")
    assert told[-1] == 1.0
    assert told == sorted(told)
    json.dumps(finding.numbers)


@pytest.mark.parametrize("kind", ["fixed", "reversed", "attention", "looped"])
def test_another_right_way_of_writing_exercises_learns_to_copy_alike(bench, another_way, kind):
    run = Run("m", kind, partial(batches, 0, False), 3, 0)
    first, other = train(bench("copying", "first"), run), train(bench("copying", "other", texts=another_way), run)
    assert other.losses == pytest.approx(first.losses, abs=1e-4)


def test_what_ended_rows_are_fed_may_be_no_id(bench, kit):
    """The contract leaves it free; -1 here. The untrained model is made to end its rows at different steps."""
    (own,) = [one.source.decode() for one in alternatives(*kit.find(["3"])) if one.name == "buffer"]
    assert "tokens, -1)" in own
    for kind in ("looped", "attention"):
        one = bench("copying", kind, texts={"ex03_teacher_forcing": own})
        state = train(one, Run("m", kind, partial(batches, 0, False), 1, 0)).state
        state["weight output.bias"] = state["weight output.bias"].clone()
        state["weight output.bias"][EOS] += 0.12
        source, lengths, _ = lines("a seed", 20, 2, 12, False)
        tokens = one.ask("write", state, kind, source, lengths, 13)["tokens"]
        assert len({row.index(EOS) if EOS in row else 13 for row in tokens.tolist()}) > 1


def test_another_right_way_of_writing_exercises_learns_to_translate_alike(bench, another_way, few):
    first, other = bench("translate", "first", steps=3), bench("translate", "other", steps=3, texts=another_way)
    (_, learned), (_, as_much) = (trained(one, few, "m", 0, 0) for one in (first, other))
    assert as_much.losses == pytest.approx(learned.losses, abs=1e-4)


def test_the_price_is_timed_on_every_device_of_the_machine(bench):
    one = bench("price", others=["cuda"])
    here, asked = one.ask, []

    def ask(*args, device):
        asked.append(device)
        return here(*args)

    one.ask = ask
    finding = lab_of(entry_of("price")).run(one)
    assert asked == ["cpu", "cuda"]
    assert finding.table.columns[-4:] == tuple(
        f"{name}: ms on {device}" for device in asked for name in ("recurrent", "attention")
    )
    assert re.search(r"attention was (faster|slower) on cpu and (faster|slower) on cuda$", finding.measured)
    assert set(finding.numbers["seconds"]) == {"cpu", "cuda"}


def test_another_right_way_of_writing_exercises_runs_every_leak(bench, another_way):
    """Who writes attention again in exercise 8 never runs that of exercise 7: a mistake there would do nothing."""
    numbers = lab_of(entry_of("leak")).run(bench("translate", texts=another_way)).numbers
    moved = {name: probes[0] for name, probes in numbers["probes"].items()}
    assert moved["your code"] <= leak.MOVED
    assert moved["heads joined in one reshape"] > leak.MOVED
    assert moved["softmax over the queries"] > leak.MOVED
    assert numbers["losses"]["targets not shifted"] != pytest.approx(numbers["losses"]["your code"], abs=1e-3)


def test_with_a_mistake_in_it_no_log_is_the_right_one(bench):
    finding = lab_of(entry_of("leak")).run(bench("translate", mistake="Transformer__not_causal"))
    assert finding.riddle is None
    assert {len(row) for row in finding.table.rows} == {len(finding.table.columns)}
    assert finding.table.rows[0][0] == "your code with Transformer__not_causal"


def test_a_stop_at_any_piece_changes_nothing(bench, few, monkeypatch):
    monkeypatch.setattr(training, "PIECE", 2)
    whole, _ = trained(bench("translate", "whole", steps=6), few, "m", 0, 0)

    class Stop(Exception):
        pass

    def stop(text, share):
        raise Stop

    for _ in range(2):
        with pytest.raises(Stop):
            trained(bench("translate", "stopped", steps=6, tell=stop), few, "m", 0, 0)
    again, result = trained(bench("translate", "stopped", steps=6), few, "m", 0, 0)
    assert len(result.losses) == 6
    assert whole.state.keys() == again.state.keys()
    assert all(torch.equal(whole.state[name], again.state[name]) for name in whole.state)


def test_another_code_begins_anew(bench, few, files):
    asked = []
    first = bench("translate", steps=2)
    trained(first, few, "m", 0, 0)
    changed = files["ex12_training"].text.decode() + "\n# changed\n"
    for texts in (None, {"ex12_training": changed}):
        one = bench("translate", steps=2, texts=texts)
        one.tell = lambda text, share: asked.append(text)
        trained(one, few, "m", 0, 0)
    assert len(asked) == 1  # the same code found its checkpoint and trained nothing


def test_a_damaged_checkpoint_begins_anew(bench, few):
    one = bench("translate", steps=2)
    trained(one, few, "m", 0, 0)
    (file,) = (one.out / "checkpoints").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    _, result = trained(bench("translate", steps=2), few, "m", 0, 0)
    assert len(result.losses) == 2


def test_a_model_is_kept_for_later(bench, few, tmp_path):
    one = bench("translate", steps=2)
    translator, _ = trained(one, few, "m", 0, 0)
    translator.keep(tmp_path / "model.frame", few)
    found = kept(tmp_path / "model.frame", one)
    assert found.same
    assert found.translator.write(["2024년 3월 19일"]) == translator.write(["2024년 3월 19일"])
    other = bench("translate", texts={"ex01_encoder": "# changed\n"})
    assert kept(tmp_path / "model.frame", other).same is False
    assert kept(tmp_path / "nothing.frame", one) is None


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("float('nan')", "the loss is not a number any more"),
        ("model.nothing", r"exercises/ex12_training\.py:\d+: AttributeError"),
        ("'low'", "could not convert string to float"),
    ],
)
def test_a_train_step_that_goes_wrong_ends_in_a_sentence(bench, few, files, returned, words):
    own = files["ex12_training"].text.decode() + f"\ndef train_step(model, *_, **__):\n    return {returned}\n"
    with pytest.raises(Stopped, match=words):
        trained(bench("translate", texts={"ex12_training": own}), few, "m", 0, 0)


def test_weights_that_are_none_are_refused(bench, few, files):
    forged = files["ex11_transformer"].text.decode() + (
        "\n\nclass Transformer(Transformer):\n    def generate(self, source, *_):\n        return ['1'] * len(source)\n"
    )
    one = bench("translate", texts={"ex11_transformer": forged})
    translator, _ = trained(one, few, "m", 0, 0)
    with pytest.raises(Stopped):
        exact(translator, few)


def test_test_days_are_never_trained_on():
    data = dates(pairs=2000, test=50)
    tested = {expected(source) or source for source, _ in data.test}
    years = {source[:4] for source, _ in data.train}
    assert len(data.test) == 50
    assert not tested & {english for _, english in data.train}
    assert len(years) == 100
    assert not {source for source, _ in data.train} & {source for source, _ in data.test}


def test_a_split_by_years():
    data = dates(pairs=300, test=20, last_year=2009, test_year=2040)
    assert all(source.startswith("2040") for source, _ in data.test)
    assert max(source[:4] for source, _ in data.train) <= "2009"
    assert dates(pairs=30, test=3) == dates(pairs=30, test=3)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("2024년 3월 19일", "March 19, 2024"),
        ("2024년 3월 19일 화요일", "Tuesday, March 19, 2024"),
        ("2024. 3. 19.", "Mar 19, 2024"),
        ("2024년 3월 19일 월요일", None),
        ("2024년 2월 30일", None),
        ("2024년 03월 19일", None),
        ("2024년", None),
    ],
)
def test_what_a_date_should_become(text, right):
    assert expected(text) == right


def test_a_vocabulary_goes_there_and_back():
    vocabulary = Vocabulary.of(["abc", "cd"])
    ids = vocabulary.ids(["dab", "c"], eos=True)
    assert ids.tolist() == [[6, 3, 4, 2], [5, 2, 0, 0]]
    assert [vocabulary.text(row) for row in ids.tolist()] == ["dab", "c"]
    assert vocabulary.unknown("abzyz") == "zy"
    assert vocabulary.longest == 3
    assert vocabulary.text([3, 1, 99, 2, 3]) == "a??"


def test_lines_are_padded_and_end_in_eos():
    source, lengths, target = lines("a seed", 50, 2, 12, backwards=True)
    for row, length, written in zip(source.tolist(), lengths.tolist(), target.tolist(), strict=True):
        assert written == [*row[:length][::-1], 2, *[0] * (12 - length)]
        assert row[length:] == [0] * (12 - length)
        assert min(row[:length]) >= 3


@pytest.mark.parametrize(
    ("text", "words"),
    [("hello", "never seen the characters 'h e l o'"), ("  ", "nothing to translate"), ("2" * 30, "30 characters")],
)
def test_what_cannot_be_read_is_said(bench, few, tmp_path, kit, text, words):
    one = bench("translate")
    translator, _ = trained(one, few, "m", 0, 0)
    translator.keep(tmp_path / "model.frame", few)
    with pytest.raises(UsageError, match=words):
        translate_text.translate(text, tmp_path, kit.root / "solutions")


def test_without_a_model_the_command_to_train_one_is_said(tmp_path, kit):
    with pytest.raises(UsageError, match="grader lab translate"):
        translate_text.translate("2024년 3월 19일", tmp_path, kit.root / "solutions")


def test_a_wrong_translation_is_said_to_be_wrong(bench, few, tmp_path, kit, capsys):
    one = bench("translate")
    translator, _ = trained(one, few, "m", 0, 0)
    translator.keep(tmp_path / "model.frame", few)
    assert translate_text.translate("2024년 3월 19일", tmp_path, kit.root / "solutions") == 0
    assert "Right is: March 19, 2024" in capsys.readouterr().err
