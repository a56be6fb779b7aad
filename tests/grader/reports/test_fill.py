"""What Canvas and Moodle exported is filled in: read back by their rules, and the same elsewhere, byte for byte."""

import csv
import io
import zipfile

import pytest

from grader.errors import UsageError
from grader.reports import moodle_feedback
from grader.reports.fill import fill
from grader.reports.gradebook import Person
from grader.reports.html import page_path
from grader.reports.sheet import Sheet
from grader.submissions.people import Member
from tests.grader.support.documents import broken, document, mistaken, right, submission

CLASS = document(
    [
        submission("ann", [right(), right("ex02_other")]),
        submission("bob", [mistaken(), right("ex02_other")]),
        submission("eve", [broken(), right("ex02_other")]),
        submission("zed", [right(), right("ex02_other")]),
    ]
)
PEOPLE = {
    "ann": Person((Member(name="annlee", canvas="11", moodle="71"),)),
    "bob": Person((Member(name="Bob O'Brien", number="2026-02"),)),
    "eve": Person((Member(login="eve"),)),
}
GRADEBOOK = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Homework 3 (501),Homework 4 (502),Current Score,Final Score\r\n"
    ",,,,,Manual Posting,,,\r\n"
    "    Points Possible,,,,,40.00,20,(read only),(read only)\r\n"
    '"Lee, Ann",11,2026-01,ann1,"CS ""A"", 1",,7.00,12.5,12.5\r\n'
    '"O\'Brien, Bob",12,2026-02,bob,CS A,1,2,,\n'
    '"Stone, Eve",13,2026-03,eve,CS A,,9,,\r\n'
    '"Gone, Gil",14,2026-04,gil,CS A,,,,\r\n'
    '"Student, Test",99,,abc,CS A,,,,'
)


def cells(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def filled(text, **columns):
    return fill(text.encode(), "grades.csv", CLASS, PEOPLE, columns)


def test_a_column_of_canvas_is_filled_and_nothing_else_changes():
    made = filled(GRADEBOOK, total="502")
    lines = made.data.split(b"\n")
    assert cells(made.data)[3][6] == "20"  # 20 of 20
    before = GRADEBOOK.encode().split(b"\n")
    assert [i for i, (old, new) in enumerate(zip(before, lines, strict=True)) if old != new] == [3, 4]
    assert lines[3] == before[3].replace(b",7.00,", b",20,")
    assert lines[4] == before[4].replace(b",1,2,,", b",1,%s,," % cells(made.data)[4][6].encode())


def test_scores_are_scaled_to_the_points_of_the_column_and_it_is_said():
    made = filled(GRADEBOOK, total="Homework 3")
    assert cells(made.data)[3][5] == "40"
    assert "total: scores of 20 points were scaled to the 40 of the file" in made.said


def test_exercises_have_columns_of_their_own():
    made = filled(GRADEBOOK, ex01_encoder="Homework 3 (501)", ex02_other="homework 4")
    assert cells(made.data)[3][5:7] == ["40", "20"]


def test_what_lateness_costs_is_taken_off_each_exercise_and_a_mark_by_hand_leaves_them_alone():
    late, by_hand = ({**CLASS["submissions"][0], "share": share} for share in (0.75, None))
    columns = {"ex01_encoder": "501", "ex02_other": "502"}
    for one, cells_of_ann in ((late, ["30", "15"]), (by_hand, ["", "7.00"])):
        made = fill(GRADEBOOK.encode(), "grades.csv", document([one]), PEOPLE, columns)
        assert cells(made.data)[3][5:7] == cells_of_ann


def test_who_is_in_no_row_and_who_handed_in_nothing_are_named():
    said = " ".join(filled(GRADEBOOK, total="502").said)
    assert "in no row of the file, and not filled in: zed" in said
    assert "handed in nothing, and left as they are: Gone, Gil" in said
    assert "Test" not in said
    assert "Stone, Eve: no score, as the grader failed; left as it is" in said


def test_excused_stays_excused():
    made = filled(GRADEBOOK.replace(",7.00,", ",EX,"), total="502")
    assert cells(made.data)[3][6] == "EX"
    assert "Lee, Ann: excused there, and left so" in made.said


def test_two_rows_of_one_name_and_two_submissions_of_one_row_fill_nothing():
    twins = document([submission("Twin Tim", [right()]), submission("a", [right()]), submission("b", [right()])])
    text = GRADEBOOK + '\r\n"Tim, Twin",21,x,y,CS A,,,,\r\n"Tim, Twin",22,z,w,CS A,,,,'
    people = {name: Person((Member(number="2026-03"),)) for name in ("a", "b")}
    made = fill(text.encode(), "g.csv", twins, people, {"total": "501"})
    assert made.data == text.encode()
    assert "not filled in: Twin Tim, a, b" in made.said[0]


@pytest.mark.parametrize(("columns", "sentence"), [({}, "--column"), ({"total": "Homework 9"}, "no column Homework 9")])
def test_a_column_that_cannot_be_told_is_asked_for_with_all_that_there_are(columns, sentence):
    with pytest.raises(UsageError) as refused:
        filled(GRADEBOOK, **columns)
    assert sentence in str(refused.value)
    assert "Homework 3 (501), Homework 4 (502)" in str(refused.value)
    assert "Final Score" not in str(refused.value)


def test_the_assignments_own_name_finds_its_column():
    made = fill(GRADEBOOK.encode(), "g.csv", CLASS, PEOPLE, {}, "homework 4")
    assert cells(made.data)[3][6] == "20"


def test_a_gradebook_with_semicolons_and_decimal_commas():
    text = 'Student;ID;SIS Login ID;Section;Homework (5)\n    Points Possible;;;;"12,50"\n"Lee, Ann";11;ann1;A;\n'
    made = fill(text.encode(), "g.csv", CLASS, PEOPLE, {})
    assert made.data.decode() == text.replace("ann1;A;\n", "ann1;A;12.5\n")


# ---------------------------------------------------------------------------------------------------- Moodle

ENGLISH = (
    "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments"
)
KOREAN = (
    "식별자,성명,학번,이메일 주소,상태,성적,최고 성적,성적을 변경할 수 있습니다.,"
    "최종 수정 (제출),최종 수정 (성적),피드백 댓글"
)
UNKNOWN = "aa,bb,cc,dd,ee,ff,gg,hh,ii,jj,kk"
ROWS = (
    '{p} 71,Ann Lee,2026-01,ann@example.edu,Submitted,,100.00,{yes},"Monday, 5 October",-,\n'
    "{p} 72,Bob,2026-02,bob@example.edu,Submitted,55.00,100.00,{yes},-,-,old\n"
    "{p} 73,Gil,2026-04,gil@example.edu,No submission,,100.00,{no},-,-,\n"
)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (ENGLISH, ("Participant", "Yes", "No")),
        (KOREAN, ("참여자", "예", "아니오")),
        (UNKNOWN, ("Deelnemer", "Ja", "Nee")),
    ],
)
def test_a_worksheet_in_any_language_is_filled(head, words):
    text = "\ufeff" + head + "\n" + ROWS.format(p=words[0], yes=words[1], no=words[2])
    made = fill(text.encode(), "Grades.csv", CLASS, PEOPLE, {})
    found, before = cells(made.data), cells(text.encode())
    assert found[1][5] == "100"
    for i, row in enumerate(before):
        assert [cell for j, cell in enumerate(found[i]) if j not in (5, 10)] == [
            cell for j, cell in enumerate(row) if j not in (5, 10)
        ]
    assert found[3] == before[3]
    if head != UNKNOWN:
        assert found[1][10].startswith("ex01_encoder: 10 of 10; ex02_other: 10 of 10")
    assert "handed in nothing, and left as they are: Gil" in made.said


def test_a_locked_grade_stays():
    text = ENGLISH + "\n" + ROWS.format(p="Participant", yes="No", no="No")
    made = fill(text.encode(), "Grades.csv", CLASS, PEOPLE, {})
    assert made.data == text.encode()
    assert "Ann Lee: the grade is locked there, and was left as it is" in made.said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "is neither a gradebook exported from Canvas"),
        ('Student,ID,Section,H\n"Lee, Ann"x,1,2,3\n', "line 2: a quote stands out of place"),
        ("", "is neither"),
    ],
)
def test_what_is_no_such_file_is_refused(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        filled(text, total="x")


def test_a_file_that_is_not_utf8_is_refused():
    with pytest.raises(UsageError, match="not in UTF-8"):
        fill("Student,ID,Section,é\n".encode("utf-16"), "g.csv", CLASS, PEOPLE, {})


@pytest.mark.parametrize("text", [GRADEBOOK, ENGLISH + "\n", 'a,"b\r\n""c""",\n\n;,\r', "x"])
def test_a_sheet_reads_as_pythons_reader_and_writes_the_same_bytes(text):
    sheet = Sheet(text.encode(), "x")
    assert sheet.bytes() == text.encode()
    assert [row for row in sheet.rows if row != [""]] == [row for row in cells(text.encode()) if row]


def test_the_zip_for_moodle_holds_a_page_for_each_participant(tmp_path):
    for one in CLASS["submissions"]:
        page = tmp_path / page_path(one["id"])
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"page of {one['id']}")
    people = {**PEOPLE, "zed": Person((Member(name="Zed_of/Team", moodle="74"),))}
    text = ENGLISH + "\n" + ROWS.format(p="Participant", yes="Yes", no="Yes")
    worksheet = fill(text.encode(), "Grades.csv", CLASS, people, {})
    assert moodle_feedback.write(tmp_path, CLASS, people, worksheet) == ["eve"]
    first = (tmp_path / moodle_feedback.NAME).read_bytes()
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        pages = {name: archive.read(name).decode() for name in archive.namelist()}
    assert pages == {
        "annlee_71_assignsubmission_file_/report.html": "page of ann",
        "Bob_72_assignsubmission_file_/report.html": "page of bob",
        "Zed of Team_74_assignsubmission_file_/report.html": "page of zed",
    }
    for name in pages:  # as Moodle cuts it: the number second, the plugin's type and name third and fourth
        fields = name.split("/")[0].split("_", 4)
        assert fields[1].isdigit()
        assert fields[2:4] == ["assignsubmission", "file"]
    moodle_feedback.write(tmp_path, CLASS, people, worksheet)
    assert (tmp_path / moodle_feedback.NAME).read_bytes() == first


def test_a_cell_with_quotes_and_delimiters_is_read_back_as_it_was_put():
    for text in ('a "b", c', "two\nlines", ";", ""):
        sheet = Sheet(b'x;"old";y\r\n', "x")
        sheet.put(0, 1, text)
        assert list(csv.reader(io.StringIO(sheet.bytes().decode(), newline=""), delimiter=";")) == [["x", text, "y"]]
