"""gradebook.csv and the exports, read back by the rules of the products that will read them."""

import csv
import io
import json
import re
import unicodedata
from xml.etree import ElementTree

import pytest

from grader.reports import gradebook
from grader.submissions.people import Member
from tests.grader.support.documents import (
    ANSI,
    FORMULA,
    HOSTILE,
    broken,
    check,
    document,
    exercise,
    hostile_class,
    mistaken,
    right,
    submission,
)

CLASS = document(
    [
        submission("ann", [right(), right("ex02_other")], source="annabel_LATE_1234_567_ex01_encoder.py"),
        submission("bob", [mistaken(), right("ex02_other")], source="Bob B_77_assignsubmission_file_"),
        submission("eve", [broken(), right("ex02_other")]),
        submission("Points Possible", [right(), right("ex02_other")]),
    ]
)

PEOPLE = {
    "ann": gradebook.Person((Member(name="annabel", canvas="1234"),)),
    "bob": gradebook.Person((Member(name="Bob B", moodle="77"),)),
}
"""Who stands behind two of them, as a download says."""


def rows(file, encoding="utf-8"):
    return list(csv.reader(io.StringIO(file.read_text(encoding), newline="")))


def test_the_gradebook_has_a_row_for_each_submission(tmp_path):
    gradebook.write(tmp_path, CLASS)
    assert (tmp_path / "gradebook.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # else Excel garbles names
    found = rows(tmp_path / "gradebook.csv", "utf-8-sig")
    assert found[0] == ["id", "source", "score", "max", "ex01_encoder", "ex02_other", "problems"]
    assert found[1] == ["ann", "annabel_LATE_1234_567_ex01_encoder.py", "20", "20", "10", "10", ""]
    assert found[3][2:6] == ["", "20", "", "10"]
    assert len(found) == 5


def test_hostile_names_are_one_cell_each_and_no_formula(tmp_path):
    gradebook.write(tmp_path, hostile_class())
    found = rows(tmp_path / "gradebook.csv", "utf-8-sig")
    assert len(found) == 1 + len(HOSTILE)
    for row in found:
        assert len(row) == len(found[0])
        for value in row:
            assert not value.startswith(("=", "+", "-", "@", "\t", "\r"))
            assert not any(unicodedata.category(character) == "Cc" for character in value)
    assert f"'{FORMULA}" in [row[0] for row in found]
    assert 'O\'Brien, "Sean"' in [row[0] for row in found]
    assert "two lines" in [row[0] for row in found]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "\x00=", "\n@", "\uff1d"])
def test_a_formula_is_quoted_however_it_begins(start):
    assert gradebook.cell(start + "1+1").startswith("'")


def test_plain_text_is_left_alone():
    assert gradebook.cell("jos\u00e9 \u674e\u660e 'a'") == "jos\u00e9 \u674e\u660e 'a'"
    assert gradebook.cell("a\udcffb") == "ab"  # half a character is none


def canvas_import(found):
    """Canvas: header by position, a row of points, then students by ID, else login, else name."""
    header, body = found[0], found[1:]
    assert "Student" in header[0]
    assert "ID" in header[1]
    assert re.search(r"SIS\s+User\s+ID", header[2])
    assert re.search(r"SIS\s+Login\s+ID", header[3])
    assert header[4] == "Section"
    (assignment,) = header[5:]
    assert not re.search("(Current|Final|Override) (Score|Points|Grade)", assignment)
    points = [float(row[5]) for row in body if "Points Possible" in row[0]]
    return points, [(row[1] or row[3] or row[0], float(row[5])) for row in body if "Points Possible" not in row[0]]


def test_canvas_reads_its_file(tmp_path):
    file = gradebook.export("canvas", tmp_path, CLASS, people=PEOPLE)
    assert not file.read_bytes().startswith(b"\xef\xbb\xbf")
    points, students = canvas_import(rows(file))
    assert points == [20.0]  # also with a student of that name
    assert students == [
        ("1234", 20.0),
        ("Bob B", 15.0),
        ("Points Possible", 20.0),
    ]  # and none for whom there is no score


def test_moodle_reads_its_file(tmp_path):
    found = rows(gradebook.export("moodle", tmp_path, CLASS, assignment="Attention", people=PEOPLE))
    header = found[0]
    where = {name: header.index(name) for name in ("Identifier", "Username", "Grade", "Last modified (grade)")}
    participants = [row[where["Identifier"]][len("Participant ") :] for row in found[1:]]
    assert participants == ["", "77", ""]
    assert [row[where["Username"]] for row in found[1:]] == ["", "", "Points Possible"]
    assert [float(row[where["Grade"]]) for row in found[1:]] == [20.0, 15.0, 20.0]
    percent = [float(row[header.index("Attention (percent)")]) for row in found[1:]]
    assert percent == [100.0, 75.0, 100.0]
    assert max(percent) <= 100  # the most that Moodle takes for a new grade


def test_every_member_of_a_group_has_a_row_and_gradescope_its_own_number(tmp_path):
    both = (Member("Ann A", "0301", "a@example.edu"), Member("Ben B", "0302", "b@example.edu"))
    people = {"ann": gradebook.Person(both, "251234000")}
    written = document([submission("ann", [mistaken()])])
    found = rows(gradebook.export("canvas", tmp_path, written, people=people))[2:]
    assert found == [["Ann A", "", "0301", "", "", "5"], ["Ben B", "", "0302", "", "", "5"]]
    found = rows(gradebook.export("moodle", tmp_path, written, people=people))[1:]
    assert [row[:6] for row in found] == [
        ["", "Ann A", "", "0301", "a@example.edu", "5"],
        ["", "Ben B", "", "0302", "b@example.edu", "5"],
    ]
    assert all(row[7].endswith(" UTC") for row in found)  # Moodle takes no grade that is older than the one it has
    gradebook.export("gradescope", tmp_path, written, people=people)
    assert [path.name for path in (tmp_path / "gradescope").iterdir()] == ["submission_251234000"]


@pytest.mark.parametrize("points", [[0.1] * 66 + [3.4], [0.35] * 20 + [3.0], [10 / 3] * 3, [0.0625] * 160])
def test_points_add_up_exactly_in_any_order(tmp_path, points):
    checks = [check(number, points=worth) for number, worth in enumerate(points)]
    one = submission("ann", [exercise(f"ex{number:02}_x", "pass", checks, 10.0) for number in range(12)])
    tests = gradebook.gradescope(one)["tests"]
    for some in (tests, tests[::-1], sorted(tests, key=lambda test: test["max_score"])):
        assert sum(test["max_score"] for test in some) == sum(test["score"] for test in some) == 120


def test_gradescope_reads_its_files(tmp_path):
    folder = gradebook.export("gradescope", tmp_path, CLASS)
    assert not (folder / "eve").exists()
    found = json.loads((folder / "bob" / "results.json").read_text("utf-8"))
    assert found["score"] == 15.0
    assert sum(test["score"] for test in found["tests"]) == 15.0
    assert sum(test["max_score"] for test in found["tests"]) == 20.0
    failed = found["tests"][1]
    assert failed["name"] == "ex01_encoder: number 2"
    assert failed["number"] == "1.2"
    assert failed["output"].startswith("The gates are in another order.\nlstm_cell")
    assert (failed["status"], failed["visibility"], failed["output_format"]) == ("failed", "visible", "text")
    assert set(failed["tags"]) == {"ex01_encoder", "fail", "gate_order"}


def test_gradescope_gets_text_and_no_markup():
    (one,) = document([submission(ANSI, [mistaken(sentence=ANSI)], problems=[ANSI])])["submissions"]
    found = gradebook.gradescope(one)
    assert found["output"] == "[31mred[0m ]0;title  "
    assert {test["output_format"] for test in found["tests"]} == {"text"}


def test_gradescope_has_no_tests_that_were_not_run():
    skips = [check(i, "skip", device="cuda", message="no cuda here") for i in (1, 2)]
    (one,) = document([submission("ann", [exercise("ex01_encoder", "pass", [check(1), *skips])])])["submissions"]
    found = gradebook.gradescope(one)
    assert [test["name"] for test in found["tests"]] == ["ex01_encoder: number 1"]
    assert found["output"] == "2 checks not run on cuda: no cuda here"


def test_junit_is_xml_that_a_ci_reads(tmp_path):
    file = gradebook.export("junit", tmp_path, CLASS)
    root = ElementTree.parse(file).getroot()
    assert (root.tag, root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == (
        "testsuites",
        "16",
        "1",
        "1",
    )
    suites = {suite.attrib["name"]: suite for suite in root}
    assert suites["bob"].attrib["failures"] == "1"
    (failure,) = suites["bob"].iter("failure")
    assert failure.attrib["message"] == "The gates are in another order."
    assert failure.text.count("\n") == 2
    assert suites["bob"][0].attrib["classname"] == "bob.ex01_encoder"
    assert len(list(suites["eve"].iter("error"))) == 1


def test_junit_holds_no_illegal_character(tmp_path):
    everything = "".join(map(chr, range(0x20))) + "\ud800\ufffe\uffff]]>&<" + ANSI
    skipped = exercise("ex01_encoder", "pass", [check(1), check(2, "skip", message=everything)])
    one = submission(everything, [skipped, mistaken("ex02_other", everything)], problems=[everything])
    root = ElementTree.parse(gradebook.export("junit", tmp_path, document([one]))).getroot()
    assert root[0].attrib["skipped"] == "1"
    assert "]]>&<" in root[0].attrib["name"]
    assert gradebook.export("junit", tmp_path, hostile_class()).is_file()


def test_an_empty_class_has_every_file(tmp_path):
    gradebook.write(tmp_path, document([]))
    for kind in gradebook.EXPORTS:
        gradebook.export(kind, tmp_path, document([]))
    assert rows(tmp_path / "canvas.csv")[1][0] == "Points Possible"
