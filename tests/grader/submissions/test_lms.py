"""What Canvas, Moodle, Blackboard, Gradescope and GitHub Classroom export is recognised by its names."""

import pytest

from grader.kit.discovery import Kit
from grader.submissions import gradescope
from grader.submissions.github import prefix_of
from grader.submissions.intake import read
from grader.submissions.lms import without_extension

SIX, SEVEN = "ex06_self_attention", "ex07_masked_attention"
EXERCISES = Kit().exercises


@pytest.fixture
def graded(tmp_path):
    """What is made of these files: id -> (source, slug -> text, problems)."""

    def write(files, name="class"):
        for path, text in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        found = read(tmp_path / name, EXERCISES).entries
        return {
            entry.id: (entry.source, {slug: file.text.decode() for slug, file in entry.files.items()}, entry.problems)
            for entry in found
        }

    return write


def test_canvas_sends_one_file_for_each_exercise(graded):
    found = graded(
        {
            "smithjohn_12345_678901_ex06_self_attention-1.py": "6",
            "smithjohn_12345_678902_ex07_masked_attention.py": "7",
            "smithjohn_77777_678903_ex06_self_attention.py": "another of that name",
            "doejane_LATE_12346_678904_ex06_self_attention (2).py": "late",
            "\u00f6zt\u00fcrkay\u015fe_12347_678905_mine.py": "# ex06_self_attention",
        }
    )
    assert sorted(found) == ["doejane_12346", "smithjohn_12345", "smithjohn_77777", "\u00f6zt\u00fcrkay\u015fe_12347"]
    source, files, problems = found["smithjohn_12345"]
    assert source.split(", ") == [
        "smithjohn_12345_678901_ex06_self_attention-1.py",
        "smithjohn_12345_678902_ex07_masked_attention.py",
    ]
    assert (files, problems) == ({SIX: "6", SEVEN: "7"}, [])
    assert found["doejane_12346"][1:] == ({SIX: "late"}, [])


def test_of_two_uploads_to_canvas_the_later_counts(graded):
    names = ["smithjohn_12345_99_ex06.py", "smithjohn_12345_100_ex06.py"]
    ((_, files, problems),) = graded({names[1]: "later", names[0]: "earlier"}).values()
    assert files == {SIX: "later"}
    assert problems == [f"{SIX} was handed in 2 times: {names[1]} is the latest and counts, not {names[0]}"]


def test_a_text_entry_on_canvas_is_named(graded):
    ((_, files, problems),) = graded({"smithjohn_12345_text.html": "<p>my code</p>"}).values()
    assert files == {}
    assert problems == ["text.html belongs to no exercise: put exNN in the file's name"]


@pytest.mark.parametrize(
    "name",
    [
        "John Smith_123456_assignsubmission_file_/ex06.py",
        "John Smith_123456_assignsubmission_file/ex06.py",
        "John Smith_123456_assignsubmission_file_/homework/ex06.py",
        "John Smith_123456_assignsubmission_file_ex06_self_attention.py",
        "John_Smith_123456_assignsubmission_file_mine (1).py",
        "Participant_123456_assignsubmission_file_/ex06.py",
    ],
)
def test_moodle(graded, name):
    found = graded({name: "# ex06_self_attention", "Jane Doe_123457_assignsubmission_file_/ex06.py": "x"})
    mine = name.partition("_123456")[0] + "_123456"
    assert found[mine] == (name.partition("/")[0], {SIX: "# ex06_self_attention"}, [])
    assert found["Jane Doe_123457"][1] == {SIX: "x"}


def test_text_typed_into_moodle_joins_the_files(graded):
    found = graded(
        {
            "John Smith_123456_assignsubmission_file_/ex06.py": "6",
            "John Smith_123456_assignsubmission_onlinetext_/onlinetext.html": "see my file",
        }
    )
    ((_, files, problems),) = found.values()
    assert list(found) == ["John Smith_123456"]
    assert files == {SIX: "6"}
    assert "onlinetext.html belongs to no exercise" in problems[0]


def test_blackboard_and_its_receipts(graded):
    stem = "ex08 Homework_jsmith_attempt_2026-11-2"
    found = graded(
        {
            f"{stem}6-12-00-00_ex06.py": "late and right",
            f"{stem}6-12-00-00.txt": "Name: John Smith (jsmith)",
            f"{stem}5-23-59-59_ex06.py": "early",
            f"{stem}5-23-59-59_ex07.py": "7",
            f"{stem}5-23-59-59.txt": "Name: John Smith (jsmith)",
            "ex08 Homework_mlee_attempt_2026-11-26-12-00-00.txt": "Name: Mei Lee (mlee)",
        }
    )
    assert sorted(found) == ["jsmith", "mlee"]
    _, files, problems = found["jsmith"]
    assert files == {SIX: "late and right", SEVEN: "7"}
    assert problems == [
        f"{SIX} was handed in 2 times: {stem}6-12-00-00_ex06.py is the latest and counts, not {stem}5-23-59-59_ex06.py"
    ]
    assert found["mlee"][1] == {}
    assert "is a receipt: no file was handed in" in found["mlee"][2][0]


METADATA = """\
---
submission_12345678:
  :submitters:
  - :name: John Smith
    :sid: '1001'
    :email: jsmith@example.org
  :created_at: 2026-11-26 10:00:00.000000000 Z
  :score: 3.0
  :results:
    tests:
    - :name: 'a test'
      output: |
        :submitters:
        - :name: Mallory
submission_12345679:
  :submitters:
  - :name: "Mei Lee"
    :sid:
    :email: mlee@example.org
  - :name: Ana Silva
    :sid: '1003'
  :created_at: 2026-11-26 11:00:00.000000000 Z
"""


@pytest.mark.parametrize("folder", ["", "assignment_4711_export/"])
def test_gradescope_with_its_metadata(graded, folder):
    found = graded(
        {
            f"{folder}submission_metadata.yml": METADATA,
            f"{folder}submission_12345678/ex06.py": "a",
            f"{folder}submission_12345679/ex06.py": "b",
            f"{folder}submission_12345680/ex06.py": "c",
        }
    )
    assert {name: (source, files) for name, (source, files, _) in found.items()} == {
        "John Smith_1001": ("submission_12345678", {SIX: "a"}),
        "Ana Silva_1003 and Mei Lee_mlee@example.org": ("submission_12345679", {SIX: "b"}),
        "submission_12345680": ("submission_12345680", {SIX: "c"}),
    }
    assert all(problems == [] for _, _, problems in found.values())


def test_gradescope_without_metadata(graded):
    assert list(graded({"submission_1/ex06.py": "a", "submission_2/ex06.py": "b"})) == ["submission_1", "submission_2"]


def test_a_student_s_own_test_names_are_no_names_in_the_metadata():
    assert next(one.student for one in gradescope.submitters(METADATA).values()) == "John Smith_1001"
    printed = "  :results:\n    output: |\n      :submitters:\n      - :name: Mallory\n"
    people = gradescope.submitters(f"submission_5:\n{printed}  :submitters:\n  - :name: Ana\n    :sid: '9'\n")
    assert people["submission_5"].student == "Ana_9"
    assert gradescope.submitters("") == {}
    assert gradescope.submitters("submission_5:\n")["submission_5"].student == "submission_5"


@pytest.mark.parametrize(
    ("folders", "parent", "ids"),
    [
        (["hw1-octocat", "hw1-anna-b"], "class", ["anna-b", "octocat"]),
        (["seq2seq-octocat", "seq2seq-anna-b"], "seq2seq-submissions", ["anna-b", "octocat"]),
        (["seq2seq-octocat"], "seq2seq-submissions", ["octocat"]),
        (["octocat", "anna-b"], "class", ["anna-b", "octocat"]),
        (["smith-john", "smith-jane"], "class", ["smith-jane", "smith-john"]),
        (["student-001", "student-002", "student-003"], "class", ["student-001", "student-002", "student-003"]),
        (["hw1-octocat", "other"], "class", ["hw1-octocat", "other"]),
    ],
)
def test_github_classroom(graded, folders, parent, ids):
    files = {f"{folder}/exercises/ex06_self_attention.py": folder for folder in folders}
    files |= {f"{folder}/.git/HEAD": "" for folder in folders}
    assert list(graded(files, parent)) == ids


def test_one_repository_is_no_prefix():
    assert prefix_of(["hw1-octocat"], 1, "class") == ""


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("alice.tar.gz", "alice"),
        ("alice.zip", "alice"),
        ("a.b.ipynb", "a.b"),
        ("alice.py.txt", "alice"),
        ("John A. Smith", "John A. Smith"),
        ("README", "README"),
        (".zip", ".zip"),
    ],
)
def test_an_extension(name, stem):
    assert without_extension(name) == stem
