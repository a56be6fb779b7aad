"""What README and TEACHING.md tell instructors: every command runs, and course.toml is read."""

import re
import shlex
import shutil
import sys

import pytest

from grader.grading import course as courses
from grader.paths import ROOT
from tests.grader.support.kits import copy_kit, python, run

README = (ROOT / "README.md").read_text("utf-8")
TEACHING = ROOT / ".github" / "TEACHING.md"
PLATFORMS = re.compile(r"^### On your platform\n(.*?)^### ", re.MULTILINE | re.DOTALL)
GRADEBOOK = (
    "Student,ID,SIS Login ID,Section,Homework 3 (500),Attention (501)\n"
    "    Points Possible,,,,20,10\n"
    '"Lovelace, Ada",11,ada,A,,\n'
)
WORKSHEET = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\n"
    "Participant 71,ada,ada@example.edu,Submitted,,100.00,Yes,-,-,\n"
)

READ_RESULTS = (
    "grader verify",
    "grader similar",
    "grader grade submissions --out results --into",  # what is graded already is not graded again
    "grader grade submissions --out results --export",
)
"""How commands begin that find results here."""

pytestmark = pytest.mark.skipif(not TEACHING.is_file() or sys.platform == "win32", reason="a clone, and a Unix shell")


def chapter():
    """README's part for instructors about platforms."""
    return PLATFORMS.search(README)[1]


def commands():
    """Every command with arguments, of both."""
    found = []
    for text in (chapter(), TEACHING.read_text("utf-8") if TEACHING.is_file() else ""):
        blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
        found += [line for block in blocks for line in block.splitlines() if line.startswith("grader ")]
        found += [" ".join(span.split()) for span in re.findall(r"`(grader [a-z]+ [^`]*)`", text)]
    return sorted({line for line in found if "DIR" not in line})


def course_toml():
    return re.search(r"<!-- course.toml -->\n```toml\n(.*?)```", TEACHING.read_text("utf-8"), re.DOTALL)[1]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A kit with everything that the commands read: classes, a graded one, its shards, what platforms exported."""
    kit = copy_kit(tmp_path_factory.mktemp("teaching") / "kit", only={6, 7})
    for name in ("submissions", "class", "hw3"):
        for student in ("ada", "bob"):
            shutil.copytree(kit / "solutions", kit / name / student, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(kit / "solutions", kit / "submission", ignore=shutil.ignore_patterns("__pycache__"))
    (kit / "gradebook.csv").write_text(GRADEBOOK)
    (kit / "worksheet.csv").write_text(WORKSHEET)
    (kit / "course.toml").write_text(course_toml())
    for number in (1, 2):
        shard = ("--out", f"results-{number}", "--shard", f"{number}/2", "--seed", "4127", "--jobs", "1")
        assert run(kit, "grade", "submissions", *shard).returncode == 0
    assert run(kit, "merge", "results-1", "results-2", "--out", "graded").returncode == 0
    return kit


@pytest.mark.parametrize("command", commands())
def test_every_command_for_instructors_runs(prepared, tmp_path, command):
    if "--cluster" in command:
        pytest.importorskip("distributed")
    kit = shutil.copytree(prepared, tmp_path / "kit")
    if command.startswith(READ_RESULTS):
        shutil.copytree(kit / "graded", kit / "results")
    if "results/code/ada" in command:  # as if it had not passed
        shutil.copytree(kit / "solutions", kit / "results" / "code" / "ada")
    if "$" in command:
        script = f'grader() {{ "{sys.executable}" -m grader "$@"; }}\n{command}'
        ended = python(kit, ["bash", "-c", script], SLURM_ARRAY_TASK_ID="1")
    else:
        ended = run(kit, *shlex.split(command)[1:])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    if "gradebook.csv" in command and "6=" not in command:
        assert (kit / "gradebook.csv").read_text() == GRADEBOOK.replace(",ada,A,,", ",ada,A,20,")
    if "worksheet.csv" in command:
        assert "Submitted,100,100.00" in (kit / "worksheet.csv").read_text()
        assert (kit / "results" / "moodle-feedback.zip").is_file()


def test_the_table_of_platforms_has_one_command_each():
    rows = [line for line in chapter().splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) >= 10
    for row in rows:
        assert re.search(r"\| `grader [a-z]+ ", row), row


def test_the_course_in_the_documentation_is_read(tmp_path):
    (tmp_path / "course.toml").write_text(course_toml())
    course = courses.read(tmp_path / "course.toml")
    assert course.assignment("hw3").exercises == ("6", "7")
    assert course.late.cap == 0.5


def test_the_array_of_slurm_and_the_job_of_kubernetes_cover_all_shards():
    text = TEACHING.read_text("utf-8")
    assert "--array=1-100" in text
    assert '--shard "$SLURM_ARRAY_TASK_ID/100"' in text
    (completions,) = re.findall(r"completions: (\d+)", text)
    assert f"/{completions} --seed" in text
