"""What translators learn from: number words, other languages, and a file of pairs with its errors."""

import pytest

from grader.errors import UsageError
from grader.kit.labs import LABS
from grader.labs import run as running
from grader.labs.catalogue import entry_of
from grader.labs.dates import dates, expected, known_locale
from grader.labs.number_words import number_words, said, words
from grader.labs.pairs import from_file
from grader.labs.run import LabOptions, run_lab


def written(folder, *lines):
    file = folder / "pairs.tsv"
    file.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return file


def good(number):
    return f"{number} 원\t{number} won"


def test_a_file_becomes_pairs(tmp_path):
    data = from_file(written(tmp_path, *map(good, range(100))))
    assert len(data.test) == 10
    assert len(data.train) == 90
    assert not set(data.test) & set(data.train)
    assert ("7 원", "7 won") in data.train + data.test
    assert data == from_file(tmp_path / "pairs.tsv")
    assert data.unseen == "unseen lines of pairs.tsv"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("no tab here", "line 41: no tab; a line is SOURCE, one tab, TRANSLATION"),
        ("a\tb\tc", "line 41: 2 tabs; a line is"),
        ("\tb", "line 41: no source"),
        ("a\t ", "line 41: no translation"),
        ("", "line 41: empty"),
        ("a" * 81 + "\tb", "line 41: the source has 81 characters; at most 80"),
        (b"a\xff\tb", "line 41: byte 2 is no UTF-8"),
        ("3 원\tthree won", "line 41: the source of line 4 again"),
    ],
)
def test_a_line_that_is_no_pair_is_named(tmp_path, line, words):
    file = written(tmp_path, *map(good, range(40)), line, good(41))
    with pytest.raises(UsageError, match=words):
        from_file(file)


def test_every_wrong_line_is_named_and_many_are_counted(tmp_path):
    with pytest.raises(UsageError) as caught:
        from_file(written(tmp_path, *["wrong"] * 30))
    assert str(caught.value).count("\n  line ") == 20
    assert "and 10 more" in str(caught.value)


def test_a_file_that_cannot_be_used_is_said(tmp_path):
    with pytest.raises(UsageError, match="3 pairs are too few"):
        from_file(written(tmp_path, *map(good, range(3))))
    with pytest.raises(UsageError, match="No such file"):
        from_file(tmp_path / "nothing.tsv")


def test_a_byte_order_mark_is_no_character(tmp_path):
    data = from_file(written(tmp_path, b"\xef\xbb\xbf" + good(0).encode(), *map(good, range(1, 50))))
    assert not data.source.unknown("0 원")
    assert data.source.unknown("\ufeff")


def test_number_words_of_every_length_and_none_twice():
    data = number_words(pairs=300, test=50)
    numbers = [int(number) for _, number in data.train + data.test]
    assert {len(str(number)) for number in numbers} == {*range(1, 10)}
    assert max(numbers) == 10**8
    assert len(set(numbers)) == 350
    assert data == number_words(pairs=300, test=50)
    assert (words(20240), words(0)) == ("이만 이백사십", "영")


@pytest.mark.parametrize(
    ("text", "number", "right"),
    [("십구", "19", True), ("십구", "18", False), ("십구", "won", False), ("하나", "1", False)],
)
def test_whether_a_number_was_read_right(text, number, right):
    assert said(text, number) is right


def test_dates_in_another_language():
    assert dict(dates(pairs=50, test=9, locale="de").test)
    assert expected("2024년 3월 19일", "de") == "19. März 2024"
    assert known_locale("pt-br") == "pt_BR"
    with pytest.raises(UsageError, match="no locale 'klingon'"):
        known_locale("klingon")


def test_what_to_learn_is_one_thing_and_for_one_lab(tmp_path):
    translate = entry_of("translate")
    with pytest.raises(UsageError, match="--numbers and --locale: one of them"):
        running._pairs(translate, LabOptions(numbers=True, locale="de"))
    assert running._pairs(translate, LabOptions()) is None
    assert running._pairs(translate, LabOptions(numbers=True, steps=2)).kind == "numbers"
    assert running._pairs(translate, LabOptions(locale="ja", steps=2)).kind == "dates ja"
    for entry in LABS:
        if entry is not translate:
            with pytest.raises(UsageError, match=f"--numbers: .* not {entry.name}"):
                run_lab(entry.name, LabOptions(numbers=True), None)


def test_the_lab_learns_from_a_file_and_the_model_reads_it(kit, tmp_path, capsys):
    from grader.labs.translate_text import translate

    file = written(tmp_path, *map(good, range(60)))
    solutions = kit.root / "solutions"
    options = LabOptions(target=solutions, out=tmp_path / "out", pairs=file, steps=2, anyway=True)
    assert run_lab("translate", options, None) == 0
    assert "unseen lines of pairs.tsv" in capsys.readouterr().out
    assert translate("7 원", tmp_path / "out", solutions) == 0
    with pytest.raises(UsageError, match=r"it reads texts like .* 원 or .* 원"):
        translate("7 달러", tmp_path / "out", solutions)
