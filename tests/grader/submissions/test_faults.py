"""What went wrong with other graders and with this one: each input is small, and gives what an instructor wants."""

import io
import json
import os
import tarfile
import zipfile

import pytest

from grader.kit.discovery import Kit
from grader.submissions.intake import read
from grader.submissions.saved_outputs import OutputFilter
from tests.grader.support.platforms import FIVE, RIGHT, SIX, UNSCALED, notebook, packed

EXERCISES = Kit().exercises
STUB = next(one for one in EXERCISES if one.slug == SIX).stub.read_text(encoding="utf-8")


@pytest.fixture
def intake(tmp_path):
    """What is made of these files: id -> entry, and the whole."""

    def make(files, name="class", out=None):
        home = tmp_path / name
        home.mkdir(exist_ok=True)
        for path, data in files.items():
            file = home / path
            if path.endswith("/"):
                file.mkdir(parents=True)
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data if isinstance(data, bytes) else data.encode())
        found = read(home, EXERCISES, out and home / out)
        return {entry.id: entry for entry in found.entries}, found

    return make


def six(entry):
    """The text that counts for exercise 6."""
    return entry.files[SIX].text.decode()


# ------------------------------------------------------------------------------------------ the right person


@pytest.mark.parametrize("strangers", [["ana_ex06.py"], ["ana_ex06.py", "bo.ipynb"], ["ana.zip"], ["solution2.py"]])
def test_a_class_of_single_files_is_never_one_student(intake, strangers):
    files = {name: packed({f"{SIX}.py": RIGHT}) if name.endswith("zip") else notebook(RIGHT) for name in strangers}
    found, _ = intake({f"{SIX}.py": RIGHT, **files})
    assert len(found) == 1 + len(strangers)


def test_one_person_s_folder_is_one_person(intake):
    found, _ = intake({f"{SIX}.py": RIGHT, f"{FIVE}.ipynb": notebook("x = 1"), "notes.md": "", "test_ex06.py": "x"})
    assert sorted(found["class"].files) == [FIVE, SIX]


def test_exercises_beside_a_class_do_not_make_it_one_student(intake):
    found, whole = intake({f"exercises/{SIX}.py": STUB, f"ana/{SIX}.py": RIGHT, f"bo/{SIX}.py": RIGHT})
    assert sorted(found) == ["ana", "bo"]
    assert whole.problems == ["left out, as nobody's submission: exercises/"]


def test_blackboard_logins_with_underscores_are_two_people(intake):
    stem = "Homework 6_{}_attempt_2026-10-0{}-10-21-00_ex06_self_attention.py"
    found, _ = intake({stem.format("s_ahmed", 4): RIGHT, stem.format("m_ahmed", 5): UNSCALED})
    assert {name: six(entry) for name, entry in found.items()} == {"s_ahmed": RIGHT, "m_ahmed": UNSCALED}


@pytest.mark.parametrize(
    ("item", "logins", "folder"),
    [
        ("Lab_1", ["a_b", "a_c"], "gradebook_SEQ_Lab_1_2026-10-09-10-00-00"),
        ("Homework 6", ["st_1", "st_2"], "gradebook_SEQ101_Homework206_2026-10-09-10-00-00"),
        ("my_lab", ["st_1", "st_2"], "gradebook_SEQ101_my_lab_2026-10-09-10-00-00"),
        ("HW_6", ["jdoe", "mlee", "s_ahmed"], "class"),
        ("Homework 6", ["st_1001", "st_1002", "st_1003", "st_1004"], "class"),
    ],
)
def test_blackboard_s_item_is_no_part_of_a_login(intake, item, logins, folder):
    found, _ = intake({f"{item}_{login}_attempt_2026-10-04-10-21-00_ex06.py": RIGHT for login in logins}, folder)
    assert sorted(found) == logins


def test_gradescope_namesakes_without_numbers_are_two_people(intake):
    head = "submission_{}:\n  :submitters:\n  - :name: Wei Zhang\n    :sid: ''\n    :email: {}\n"
    metadata = head.format(1, "w1@example.edu") + head.format(2, "w2@example.edu") + head.format(3, "")
    files = {f"submission_{number}/{SIX}.py": RIGHT for number in (1, 2, 3)}
    found, _ = intake({**files, "submission_metadata.yml": metadata})
    assert sorted(found) == ["Wei Zhang_3", "Wei Zhang_w1@example.edu", "Wei Zhang_w2@example.edu"]


def test_who_stands_in_two_groups_is_said(intake):
    person = "  - :name: {0}\n    :sid: '{1}'\n    :email: {0}@example.edu\n"
    metadata = "submission_1:\n  :submitters:\n" + person.format("Ana", 1) + person.format("Bo", 2)
    metadata += "submission_2:\n  :submitters:\n" + person.format("Bo", 2)
    files = {f"submission_{number}/{SIX}.py": RIGHT for number in (1, 2)}
    found, _ = intake({**files, "submission_metadata.yml": metadata})
    assert sorted(found) == ["Ana_1 and Bo_2", "Bo_2"]
    assert all("2 is behind 2 submissions: Ana_1 and Bo_2, Bo_2" in entry.problems for entry in found.values())


def test_canvas_groups_whose_names_end_in_numbers(intake):
    names = ["group1_12001_880113", "team_12_12022_880150", "project_team_3_12015_880139", "team_12_12022_880163"]
    ends = [f"_{SIX}.py"] * 3 + [f"_{FIVE}.py"]
    found, _ = intake({name + end: RIGHT for name, end in zip(names, ends, strict=True)})
    assert {name: entry.members[0].canvas for name, entry in found.items()} == {
        "group1_12001": "12001",
        "team_12_12022": "12022",
        "project_team_3_12015": "12015",
    }
    assert sorted(found["team_12_12022"].files) == [FIVE, SIX]


def test_a_canvas_name_that_can_be_read_in_two_ways_is_two_rows_and_a_sentence(intake):
    found, _ = intake({"team_12_12022_880150_ex06.py": RIGHT, "team_13_12029_880163_ex06.py": RIGHT})
    assert sorted(found) == ["team_12_12022", "team_13_12029"]
    assert all("whose it is cannot be told from its name" in entry.problems[0] for entry in found.values())
    assert all(entry.members[0].canvas == "" for entry in found.values())


def test_canvas_with_anonymous_grading_links_and_one_digit(intake):
    found, _ = intake(
        {
            f"anon_Xk3p9_880113_{SIX}.py": RIGHT,
            f"anon_Xk3p9_880114_{FIVE}.py": "x = 1",
            f"LATE_anon_b8s3Q_880120_{SIX}.py": UNSCALED,
            f"a_b_7_880126_{SIX}.py": RIGHT,
            f"a_b_7_880127_{FIVE}.py": "x = 1",
            "cy_8_link.html": "",
            f"dana_LATE_9_880130_{SIX}.py": RIGHT,
        }
    )
    assert sorted(found) == ["a_b_7", "anon_Xk3p9", "anon_b8s3Q", "cy_8", "dana_9"]


@pytest.mark.parametrize("names", [["lab_1_2_ann.py", "lab_1_2_ben.py"], ["hw_2026_14_ann.py", "hw_2026_15_ben.py"]])
def test_names_of_one_s_own_are_not_taken_for_canvas_s(intake, names):
    found, _ = intake(dict.fromkeys(names, RIGHT))
    assert sorted(found) == sorted(name.removesuffix(".py") for name in names)


def test_moodle_s_teams_are_no_participants(intake):
    found, _ = intake(
        {
            f"Team Rocket_4711_assignsubmission_file/{SIX}.py": RIGHT,
            f"The Quants_4712_assignsubmission_file/{SIX}.py": RIGHT,
            f"Default group_assignsubmission_file/{SIX}.py": RIGHT,
        }
    )
    assert sorted(found) == ["Default group", "Team Rocket_4711", "The Quants_4712"]
    assert all(entry.members[0].moodle == "" for entry in found.values())


def test_a_folder_that_holds_the_platform_s_zip_is_that_zip(intake):
    zipped = packed({f"ann_12001_880113_{SIX}.py": RIGHT, f"ben_12008_880126_{SIX}.py": UNSCALED})
    found, whole = intake({"submissions.zip": zipped, "2026-10-09T1000_Grades.csv": "Student,ID\n"})
    assert sorted(found) == ["ann_12001", "ben_12008"]
    assert whole.problems == ["left out, as nobody's submission: 2026-10-09T1000_Grades.csv"]


# ------------------------------------------------------------------------------------------ the right file


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        ({f"{SIX}.py": STUB, f"{SIX}.ipynb": notebook(RIGHT)}, f"{SIX}.ipynb"),
        ({f"{SIX}.py": RIGHT, f"{SIX}.ipynb": notebook(STUB)}, f"{SIX}.py"),
        ({f"{SIX}.py": STUB.replace("import torch", "import torch  # TODO"), "deep/ex06.py": RIGHT}, f"{SIX}.py"),
        (
            {f"kit/exercises/{SIX}.py": STUB, f"kit/notebooks/{SIX}.ipynb": notebook(RIGHT)},
            f"kit/notebooks/{SIX}.ipynb",
        ),
        ({f"{SIX}.py": RIGHT, f"{SIX}_old.py": UNSCALED}, f"{SIX}.py"),
        ({f"{SIX}.py": RIGHT, "test_ex06.py": "def self_attention(): pass"}, f"{SIX}.py"),
        ({f"src/{SIX}.py": RIGHT, "ex06_plot.py": "import matplotlib"}, f"src/{SIX}.py"),
        ({"ex06_main.py": "print('run')", f"attention/{SIX}.py": RIGHT}, f"attention/{SIX}.py"),
        ({"ex06.py": "x = 1", "deep/my_ex06.py": RIGHT}, "deep/my_ex06.py"),
    ],
)
def test_the_file_that_was_worked_in_counts_and_the_message_says_so(intake, files, counts):
    found, _ = intake({f"ana/{path}": data for path, data in files.items()})
    assert found["ana"].files[SIX].name == counts
    said = [problem for problem in found["ana"].problems if " times: " in problem]
    assert all(f"{counts} counts" in problem for problem in said)


def test_a_cell_that_writes_the_exercise_is_the_exercise(intake):
    found, _ = intake({"ana/Untitled.ipynb": notebook(f"%%writefile {SIX}.py\n{RIGHT}", "print(1)")})
    assert RIGHT in six(found["ana"])
    assert found["ana"].problems == []


def test_what_is_not_python_says_what_to_hand_in(intake):
    for ending in ("txt", "docx", "html", "pyc"):
        found, _ = intake({f"{ending}/{SIX}.{ending}": "x"})
        assert found[ending].problems == [
            f"{SIX}.{ending} is no Python file and was not read: hand in {SIX}.py or .ipynb"
        ]


def test_what_comes_with_a_repository_is_no_problem(intake):
    files = ["README.md", "LICENSE", "requirements.txt", "pyproject.toml", "result.json"]
    found, _ = intake({f"ana/{name}": "x" for name in files} | {f"ana/{SIX}.py": RIGHT})
    assert found["ana"].problems == []


# ------------------------------------------------------------------------------------------ notebooks and archives

SWOLLEN = notebook(RIGHT).replace('"outputs": []', '"outputs": [{"data": {"image/png": "%s"}}]' % ("A" * 30_000_000))


@pytest.mark.parametrize("kind", ["plain", "zip", "zip in zip", "tgz"])
def test_saved_outputs_never_count(intake, kind, tmp_path):
    data = SWOLLEN.encode()
    if kind == "tgz":
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            info = tarfile.TarInfo(f"{SIX}.ipynb")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        files = {"ana.tgz": file.getvalue()}
    else:
        inner = packed({f"{SIX}.ipynb": data})
        with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{SIX}.ipynb", data)
        inner = (tmp_path / "x.zip").read_bytes()
        files = {"plain": {f"ana/{SIX}.ipynb": data}, "zip": {"ana.zip": inner}}.get(
            kind, {"ana.zip": packed({"i.zip": inner})}
        )
    found, _ = intake(files)
    assert RIGHT.splitlines()[-1] in six(found["ana"])
    assert found["ana"].problems == []


def test_outputs_are_taken_out_wherever_a_piece_ends():
    cells = [
        {"cell_type": "code", "source": 'x = "outputs: [1]"\ny = {"outputs": [2]}', "outputs": [{"text": 'a"]}\\'}]}
    ]
    data = json.dumps({"cells": cells * 3, "metadata": {"widgets": {"a": ["}"]}}}).encode()
    for size in (1, 2, 3, 7, 50, 10_000):
        found = OutputFilter()
        kept = b"".join([found.feed(data[i : i + size]) for i in range(0, len(data), size)]) + found.rest()
        assert [one["source"] for one in json.loads(kept)["cells"]] == [cells[0]["source"]] * 3, size
        assert [one["outputs"] for one in json.loads(kept)["cells"]] == [[]] * 3
        assert json.loads(kept)["metadata"] == {"widgets": {}}


def test_a_big_archive_with_git_folders_is_read_for_what_it_holds(intake, tmp_path, monkeypatch):
    monkeypatch.setattr("grader.submissions.bounds.MAX_FILES", 20)
    path = tmp_path / "assignment_1_export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3000):
            archive.writestr(f"assignment_1_export/submission_{number % 3}/.git/objects/{number:04}", b"x")
        for number in range(3):
            archive.writestr(f"assignment_1_export/submission_{number}/{SIX}.py", RIGHT)
        archive.writestr("assignment_1_export/submission_4/.gitignore", "")
    found = read(path, EXERCISES)
    assert {entry.id: sorted(entry.files) for entry in found.entries} == {
        **{f"submission_{number}": [SIX] for number in range(3)},
        "submission_4": [],
    }
    assert "nothing was handed in" in found.entries[-1].problems[0]


# ------------------------------------------------------------------------------------------ running it


def test_strays_are_said_and_are_no_students(intake):
    old = {f"old/{name}": "{}" for name in ("results.json", "run.json", "report.html", "students/ana.html")}
    found, whole = intake({f"ana/{SIX}.py": RIGHT, "README.txt": "", "grades.xlsx": "", **old})
    assert sorted(found) == ["ana"]
    assert whole.problems == ["left out, as nobody's submission: README.txt, grades.xlsx, old/"]


def test_results_inside_the_class_are_never_a_submission(intake):
    files = {f"hw6-ana/{SIX}.py": RIGHT, f"hw6-bo/{SIX}.py": RIGHT}
    found, _ = intake(files, "hw6-submissions", "results")
    again, whole = intake({"results/anything.txt": "x"}, "hw6-submissions", "results")
    assert sorted(found) == sorted(again) == ["ana", "bo"]
    assert whole.problems == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_what_this_disk_does_not_let_anybody_read_is_our_fault(intake, tmp_path):
    intake({f"ana/{SIX}.py": RIGHT, f"bo/{SIX}.py": RIGHT})
    (tmp_path / "class" / "ana" / f"{SIX}.py").chmod(0)
    (tmp_path / "class" / "bo").chmod(0)
    found, _ = intake({})
    assert found["ana"].files[SIX].unreadable
    assert found["bo"].unreadable
    (tmp_path / "class" / "bo").chmod(0o700)


def test_a_folder_with_nothing_but_strays_holds_no_submission(intake):
    found, whole = intake({"README.md": "", "grades.csv": ""})
    assert found == {}
    assert whole.problems == ["left out, as nobody's submission: README.md, grades.csv"]


# ------------------------------------------------------------------------------------------ reports of other tools


def test_both_files_of_a_second_attempt_count(intake):
    """jupyter/nbgrader#724: of the second attempt the first file alone was collected."""
    stem = "ps1_ana_attempt_2026-03-03-1{}-00-00_{}.py"
    files = {stem.format(hour, slug): f"# {hour}\n{RIGHT}" for hour in (1, 7) for slug in (FIVE, SIX)}
    found, _ = intake(files)
    assert {file.text.decode()[:3] for file in found["ana"].files.values()} == {"# 7"}


@pytest.mark.parametrize("name", ["doe1j+PHY332", "ps (abc)", "a.b$c^", "a[1]{2}|x"])
def test_names_that_mean_something_to_a_pattern(intake, name):
    """jupyter/nbgrader#928 and #1738: a plus, brackets and the like in names broke collecting and counting."""
    found, _ = intake({f"{name}/{SIX}.py": RIGHT, f"bo/{SIX}.py": RIGHT})
    assert sorted(found) == sorted([name, "bo"])


def test_files_that_windows_leaves_are_no_work(intake):
    """jupyter/nbgrader#1234: desktop.ini was copied along as if it were part of the homework."""
    found, _ = intake({f"ana/{SIX}.py": RIGHT, "ana/desktop.ini": "x", "ana/Thumbs.db": "x", "desktop.ini": ""})
    assert (sorted(found), found["ana"].problems) == (["ana"], [])


def test_a_virtual_environment_is_no_work(intake):
    """cs50/submit50#402: venv/, __pycache__/ and node_modules/ with ten thousands of files broke submissions."""
    rest = {f"ana/venv/lib/python3.11/site-packages/x{number}.py": RIGHT for number in range(50)}
    rest |= {
        "ana/venv/bin/activate_this.py": RIGHT,
        "ana/node_modules/a/ex06.py": RIGHT,
        "ana/__pycache__/ex06.pyc": "x",
    }
    found, _ = intake({f"ana/{SIX}.py": RIGHT, **rest})
    assert (found["ana"].files[SIX].name, found["ana"].problems) == (f"{SIX}.py", [])


def test_a_zip_whose_files_lie_in_folders_is_read(intake):
    """Submitty#742: files inside of folders inside of a zip did not show."""
    found, _ = intake({"ana.zip": packed({f"cats/cats/{SIX}.py": RIGHT, "cats/cats.cpp": "int main() {}"})})
    assert six(found["ana"]) == RIGHT


def test_text_that_an_editor_saved_otherwise(intake):
    """saasbook/hw-sinatra-saas-wordguesser#20: files in UTF-16 ended in an error that nobody understood."""
    found, _ = intake({f"ana/{SIX}.py": RIGHT.encode("utf-16")})
    assert six(found["ana"]).lstrip("\ufeff") == RIGHT
    assert "save it as UTF-8" in found["ana"].problems[0]


def test_a_receipt_of_blackboard_without_files_is_a_student(intake):
    """CodeGra.de#280: who had handed in no file, or was staff with letters for a number, was lost."""
    found, _ = intake({"hw_staff_attempt_2026-03-03-11-00-00.txt": "Name: A B (staff)\n"})
    assert found["staff"].problems == ["hw_staff_attempt_2026-03-03-11-00-00.txt is a receipt: no file was handed in"]


def test_a_submission_that_another_tool_exported(intake):
    """okpy/ok#713: a zip downloaded from the tool holds a meta.json beside the work."""
    found, _ = intake({"ana.zip": packed({f"{SIX}.py": RIGHT, "meta.json": "{}"})})
    assert six(found["ana"]) == RIGHT
