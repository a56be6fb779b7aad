"""A class as it comes: whose each file is, which exercise it is, what counts, and what is said of the rest."""

import json
import os
import shutil
import sys
import zipfile

import pytest

from grader.errors import UsageError
from grader.kit.discovery import Kit
from grader.submissions.intake import read, read_one
from tests.grader.submissions.test_notebooks import notebook
from tests.grader.support.kits import ROOT, copy_kit, python, run

SIX, SEVEN = "ex06_self_attention", "ex07_masked_attention"
EXERCISES = Kit().exercises
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")


@pytest.fixture
def folder(tmp_path):
    """A class: call it with paths and texts; a path that ends with a slash is an empty folder."""
    home = tmp_path / "class"
    home.mkdir()

    def write(files):
        for number, (path, text) in enumerate(files.items()):
            file = home / path
            if path.endswith("/"):
                file.mkdir(parents=True)
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
            os.utime(file, (10**9 + number, 10**9 + number))
        return home

    return write


def entries(home):
    return {entry.id: entry for entry in read(home, EXERCISES).entries}


def the_one(home):
    (entry,) = read(home, EXERCISES).entries
    return entry


def texts(entry):
    return {slug: file.text.decode() for slug, file in entry.files.items()}


# ------------------------------------------------------------------------------------------ ids and sources


def test_an_entry_is_a_student(folder):
    found = entries(folder({"alice/ex06.py": "a", "bob.py": "# ex06_self_attention\nb", "c d.e/f/ex06_x.py": "c"}))
    assert {name: (entry.source, texts(entry)) for name, entry in found.items()} == {
        "alice": ("alice", {SIX: "a"}),
        "bob": ("bob.py", {SIX: "# ex06_self_attention\nb"}),
        "c d.e": ("c d.e", {SIX: "c"}),
    }
    assert all(entry.problems == [] for entry in found.values())


def test_hidden_things_are_ignored_and_an_empty_folder_is_a_student(folder):
    home = folder(
        {
            "alice/ex06.py": "a",
            **dict.fromkeys(
                ["alice/.git/ex06.py", "alice/__MACOSX/._ex06.py", "alice/.DS_Store", "alice/._ex06.py"], "no"
            ),
            **dict.fromkeys([".DS_Store", "._alice.zip", "__MACOSX/alice/ex06.py", ".hidden/ex06.py"], "no"),
            "alice/__pycache__/ex06.cpython-311.pyc": "no",
            "alice/.ipynb_checkpoints/ex06-checkpoint.ipynb": "no",
            "empty/": "",
            "emptier/still/": "",
        }
    )
    found = read(home, EXERCISES)
    assert {entry.id: entry.problems for entry in found.entries} == {
        "alice": [],
        "emptier": ["emptier holds no file: nothing was handed in"],
        "empty": ["empty holds no file: nothing was handed in"],
    }
    assert sorted(found.ignored) == [".DS_Store", "._alice.zip", ".hidden", "__MACOSX"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_ids_are_plain_and_unique(folder):
    home = folder(
        {
            "al\x1b[31mice\n/ex06.py": "1",
            "al[31mice/ex06.py": "2",
            "e\u0301va.py": "# ex06_x",
            "\u202ereversed.py": "# ex06_x",
            "=HYPERLINK(1).py": "# ex06_x",
            os.fsdecode(b"latin-\xe9.py"): "# ex06_x",
        }
    )
    found = entries(home)
    expected = ["=HYPERLINK(1)", "al[31mice", "al[31mice (2)", "latin-\\udce9", "reversed", "\u00e9va"]
    assert sorted(found) == sorted(expected)
    assert {texts(found[name])[SIX] for name in ("al[31mice", "al[31mice (2)")} == {"1", "2"}
    for entry in found.values():
        assert entry.id.isprintable()
        assert os.fsencode(entry.source.replace("\\udce9", "\udce9")) in os.listdir(os.fsencode(home))


def test_two_spellings_of_one_name_are_one_student(folder):
    found = entries(folder({"e\u0301va/ex06.py": "6", "\u00e9va.zip/ex07.py": "7"}))
    assert list(found) == ["\u00e9va", "\u00e9va.zip"]
    found = entries(folder({"\u00e9va.py": "# ex07_x"}))
    assert sorted(found["\u00e9va"].files) == [SIX, SEVEN]


def test_two_entries_of_one_student_are_merged(folder):
    home = folder({"alice/ex06.py": "6", "alice.py": "# ex07_x"})
    entry = the_one(home)
    assert entry.id == "alice"
    assert entry.source == "alice, alice.py"
    assert sorted(entry.files) == [SIX, SEVEN]
    assert entry.problems == []


def test_of_two_attempts_the_latest_counts_and_both_are_named(folder):
    entry = the_one(folder({"alice.py": "# ex06_x new", "alice/ex06.py": "old"}))
    assert texts(entry) == {SIX: "old"}
    os.utime(folder({}) / "alice.py", (10**9 + 50, 10**9 + 50))
    entry = the_one(folder({}))
    assert texts(entry) == {SIX: "# ex06_x new"}
    assert entry.problems == [f"{SIX} was handed in 2 times: alice.py is the latest and counts, not alice"]


def test_the_digest_changes_with_what_is_graded(folder):
    home = folder({"alice/ex06.py": "a", "alice/notes.txt": "x"})
    first = the_one(home).digest
    assert the_one(home).digest == first
    (home / "alice" / "ex06.py").write_text("b")
    assert the_one(home).digest != first


# ------------------------------------------------------------------------------------------ which exercise


@pytest.mark.parametrize(
    "name",
    [
        "ex06_self_attention.py",
        "ex06_self_attention (1).py",
        "ex06_self_attention-1.py",
        "EX06.PY",
        "my_ex06_final.py",
        "solution2ex06.py",
        "deep/er/ex06.py",
        "ex06_self_attention.py.txt",
    ],
)
def test_a_number_in_the_name_says_which_exercise(folder, name):
    assert texts(the_one(folder({f"alice/{name}": "def split_heads(): pass"}))) == {SIX: "def split_heads(): pass"}


@pytest.mark.parametrize(
    "text",
    [
        "# ex06_self_attention",
        "#ex06_attention\nx = 1",
        b"\xef\xbb\xbf# ex06_self_attention\n",
        "import torch\ndef attention_scores(q, k):\n    pass",
        b"# -*- coding: latin-1 -*-\r\n# \xe9\r\ndef  self_attention(x): pass",
        "async def self_attention(): pass",
    ],
)
def test_else_the_first_line_or_the_definitions_say_it(folder, text):
    entry = the_one(folder({"alice/mine.py": text}))
    assert list(entry.files) == [SIX]
    assert entry.problems == []


def test_a_word_that_ends_like_a_number_is_asked_last(folder):
    home = folder({"alex06.py": "def split_heads(): pass", "rex06.py": "x = 1"})
    assert {name: list(entry.files) for name, entry in entries(home).items()} == {
        "alex06": ["ex08_multi_head"],
        "rex06": [SIX],
    }


def test_one_file_may_hold_several_exercises(folder):
    text = "def attention_scores(): pass\nclass MultiHeadAttention: pass"
    assert sorted(the_one(folder({"alice.py": text})).files) == [SIX, "ex08_multi_head"]


@pytest.mark.parametrize("text", ["x = 1", "    def attention_scores(): pass", "'''\n# ex06_x'''", "(" * 10**5, b"\0"])
def test_what_says_nothing_is_named(folder, text):
    entry = the_one(folder({"a/mine.py": text, "a/ex07.py": "", "a/data/notes.txt": "x", "a/ex99.py": ""}))
    assert list(entry.files) == [SEVEN]
    (problem,) = entry.problems
    assert problem.startswith("ex99.py, mine.py, data/notes.txt belong to no exercise")


def test_many_files_of_no_exercise_make_one_short_sentence(folder):
    entry = the_one(folder({f"alice/{number}.dat": "" for number in range(40)}))
    assert entry.problems == [
        "0.dat, 1.dat, 10.dat, 11.dat, 12.dat and 35 more belong to no exercise: put exNN in the file's name"
    ]


def test_the_shallowest_counts_then_the_newest(folder):
    home = folder({"alice/b/ex06.py": "deep", "alice/old_ex06.py": "old", "alice/new_ex06.py": "new"})
    entry = the_one(home)
    assert texts(entry) == {SIX: "new"}
    assert entry.problems == [f"{SIX} is there 3 times: new_ex06.py counts, not old_ex06.py, b/ex06.py"]


def test_a_name_counts_before_a_definition(folder):
    entry = the_one(folder({"alice/src/ex06.py": "named", "alice/util.py": "def attention_scores(): pass"}))
    assert texts(entry) == {SIX: "named"}
    assert "util.py" in entry.problems[0]


def test_a_copy_of_the_whole_kit_is_the_work_in_exercises(folder):
    names = ["exercises/ex06_self_attention.py", "exercises/ex06_self_attention.md", "README.md", "pyproject.toml"]
    names += ["exercises/ex06_self_attention.questions.md"]
    names += ["exercises/pictures/ex06_steps.svg", "exercises/pictures/ex06_steps.txt"]
    names += ["solutions/ex06_self_attention.py", "tests/ex06_self_attention/alternatives.py", "grader/cli/main.py"]
    entry = the_one(folder({f"alice/{name}": f"{name}\ndef attention_scores(): pass" for name in names}))
    assert texts(entry)[SIX].startswith("exercises/")
    assert entry.problems == ["the kit's own folders beside exercises/ (solutions, tests, grader) were left out"]


# ------------------------------------------------------------------------------------------ what can't be read


@needs_links
def test_links_pipes_and_devices_are_named_and_never_opened(folder, tmp_path):
    home = folder({"alice/ex06.py": "a", "bob/ex06.py": "b"})
    (tmp_path / "secret.py").write_text("secret")
    for where in (home, home / "alice"):
        (where / "ex07.py").symlink_to(tmp_path / "secret.py")
        (where / "up").symlink_to(home / "bob")
        (where / "loop").symlink_to(where)
        os.mkfifo(where / "ex08.py")
        (where / "gone").symlink_to("nowhere")
    found = entries(home)
    assert sorted(found) == ["alice", "bob", "ex07", "ex08", "gone", "loop", "up"]
    assert list(found["alice"].files) == [SIX]
    assert len(found["alice"].problems) == 5
    assert "ex07.py is a link, and links are not followed: hand in the file itself" in found["alice"].problems
    assert "ex08.py is no plain file (a pipe, a socket or a device) and was not opened" in found["alice"].problems
    for name in ("ex07", "ex08", "gone", "loop", "up"):
        assert found[name].files == {}
        assert len(found[name].problems) == 1


def test_what_may_not_be_read_is_a_sentence(folder, monkeypatch):
    home = folder({"alice/ex06.py": "a", "alice/sub/ex07.py": "b", "bob/ex06.py": "c"})
    really_open, really_scan = os.open, os.scandir

    def refuse(path, *arguments):
        if str(path).endswith(("ex06.py", "sub")) and "alice" in str(path):
            raise PermissionError(13, "Permission denied")
        return (really_open if arguments else really_scan)(path, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    found = entries(home)
    assert found["alice"].files[SIX].refusal == "ex06.py cannot be read: Permission denied"
    assert found["alice"].problems == [
        "the folder sub/ cannot be read: Permission denied",
        "ex06.py cannot be read: Permission denied",
    ]
    assert found["alice"].files[SIX].unreadable == found["alice"].files[SIX].refusal
    assert found["alice"].unreadable == "the folder sub/ cannot be read: Permission denied"
    assert texts(found["bob"]) == {SIX: "c"}


def test_a_huge_file_is_not_read(folder, session, exercise):
    home = folder({"alice/ex06.py": ""})
    with (home / "alice" / "ex06.py").open("wb") as file:
        file.truncate(200 << 20)
    entry = the_one(home)
    assert entry.problems == ["ex06.py is too large: a file of more than 1,048,576 bytes is not read"]
    result = session.run(exercise(6), entry.files[SIX])
    assert result.verdict == "fail"
    assert {outcome.message for outcome in result.outcomes} == set(entry.problems)


@pytest.mark.parametrize(
    ("before", "encoding"),
    [("\ufeff", "utf-8"), ("# coding: latin-1\n# \u00e9\n", "latin-1"), ("# \u00e9\n", "utf-16"), ("\r\n", "ascii")],
)
def test_text_is_what_python_says_it_is(folder, session, exercise, before, encoding):
    text = before + exercise(6).solution.read_text().replace("\n", "\r\n")
    entry = the_one(folder({"alice/ex06.py": text.encode(encoding, "replace")}))
    assert session.run(exercise(6), entry.files[SIX]).verdict == "pass"
    assert entry.problems == ["ex06.py is saved as UTF-16 and was read as such: save it as UTF-8"] * (
        encoding == "utf-16"
    )


def test_no_message_says_where_submissions_lie(folder, session, exercise):
    home = folder({"alice/deep/ex06.py": "def f(:", "bob/ex06.py": "raise ValueError(__file__)"})
    for entry in read(home, EXERCISES).entries:
        message = session.run(exercise(6), entry.files[SIX]).first_failure.message
        assert "ex06.py" in message
        assert str(home) not in message


def test_bytes_that_are_no_text_are_a_sentence(folder, session, exercise):
    entry = the_one(folder({"alice/ex06.py": exercise(6).solution.read_bytes() + b"\0"}))
    result = session.run(exercise(6), entry.files[SIX])
    assert (result.verdict, result.score) == ("fail", 0)
    assert "null bytes" in result.first_failure.message


def test_a_folder_of_endless_files_is_bounded(folder, monkeypatch):
    monkeypatch.setattr("grader.submissions.files.MAX_FILES", 30)
    home = folder({"alice/ex06.py": "a", **{f"alice/z/{number}.py": "" for number in range(60)}, "bob/ex06.py": ""})
    found = entries(home)
    assert list(found["alice"].files) == [SIX]
    assert "it holds more than 30 files: those beyond were not looked at" in found["alice"].problems
    assert found["bob"].problems == []


def test_a_folder_that_is_too_deep_is_named(folder):
    entry = the_one(folder({"alice/ex07.py": "", "alice/" + "d/" * 30 + "ex06.py": ""}))
    assert list(entry.files) == [SEVEN]
    assert "lies more than 16 folders deep" in entry.problems[0]


@needs_links
def test_problems_are_bounded(folder):
    home = folder({"alice/ex06.py": ""})
    for number in range(50):
        (home / "alice" / f"link{number}").symlink_to("nowhere")
    problems = the_one(home).problems
    assert len(problems) == 20
    assert problems[-1] == "... and 31 problems more"


# ------------------------------------------------------------------------------------------ what SUBMISSIONS may be


def test_submissions_may_be_what_one_person_handed_in(folder, tmp_path):
    home = folder({"ex06_self_attention.py": "6", "ex07_masked_attention.py": "7", "notes.md": ""})
    entry = the_one(home)
    assert (entry.id, sorted(entry.files)) == ("class", [SIX, SEVEN])
    assert the_one(home / "ex06_self_attention.py").id == "ex06_self_attention"
    packed = shutil.make_archive(str(tmp_path / "alice"), "zip", home)
    assert (the_one(tmp_path / "alice.zip").id, packed[-9:]) == ("alice", "alice.zip")
    home = folder({"exercises/ex06_self_attention.py": "6", "solutions/ex06_self_attention.py": "no"})
    for name in ("ex06_self_attention.py", "ex07_masked_attention.py"):
        (home / name).unlink()
    assert texts(the_one(home)) == {SIX: "6"}


@pytest.mark.parametrize("kind", ["zip", "gztar"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_submissions_may_be_the_archive_of_a_class(folder, tmp_path, kind, wrapped):
    home = folder({"alice/ex06.py": "a", "bob/deep/ex06.py": "b", "carl.py": "# ex06_x", "__MACOSX/x": ""})
    with zipfile.ZipFile(home / "dora.zip", "w") as archive:
        archive.writestr("ex07.py", "d")
    where = {"base_dir": "class"} if wrapped else {}
    root = home.parent if wrapped else home
    found = read(tmp_path / shutil.make_archive(str(tmp_path / "class"), kind, root, **where), EXERCISES)
    assert {entry.id: (entry.source, list(entry.files), entry.problems) for entry in found.entries} == {
        "alice": ("alice", [SIX], []),
        "bob": ("bob", [SIX], []),
        "carl": ("carl.py", [SIX], []),
        "dora": ("dora.zip", [SEVEN], []),
    }


def test_nothing_to_read_is_wrong_usage(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no archive")
    with pytest.raises(UsageError, match="no such folder"):
        read(tmp_path / "nowhere", EXERCISES)
    with pytest.raises(UsageError, match=r"x\.zip is no archive that can be read"):
        read(tmp_path / "x.zip", EXERCISES)
    zipfile.ZipFile(tmp_path / "y.zip", "w").close()
    with pytest.raises(UsageError, match=r"y\.zip holds no submission$"):
        read(tmp_path / "y.zip", EXERCISES)


def test_one_target_is_read_by_the_same_rules(folder):
    home = folder({"alice/x/ex06_mine.py": "6", "lone.py": "# ex07_x"})
    assert list(read_one(home, EXERCISES).files) == [SIX, SEVEN]
    assert read_one(home / "lone.py", EXERCISES).files[SEVEN].path == home / "lone.py"
    with pytest.raises(UsageError, match="no such folder or file"):
        read_one(home / "nothing", EXERCISES)


# ------------------------------------------------------------------------------------------ the dry run


def test_a_dry_run_says_what_would_be_graded_and_runs_nothing(folder):
    home = folder(
        {
            "alice/x/ex06.py": "raise SystemExit",
            "bob/ex06.py": "raise SystemExit\r\n",
            "carl/ex06.py": (ROOT / "exercises" / f"{SIX}.py").read_bytes(),
            "carl/notes.txt": "",
            "dora.rar": "Rar!",
            "empty/": "",
        }
    )
    result = run(ROOT, "grade", home, "--dry-run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"alice: x/ex06.py -> alice -> {SIX}",
        f"bob: ex06.py -> bob -> {SIX}",
        f"carl: ex06.py -> carl -> {SIX}",
        "carl -> carl -> problem: notes.txt belongs to no exercise: put exNN in the file's name",
        "dora.rar -> dora -> problem: dora.rar is a RAR archive, and is not opened here: "
        "hand in a .zip, a .tar.gz or the files themselves",
        "empty -> empty -> problem: empty holds no file: nothing was handed in",
        f"alike: alice, bob: {SIX} is the same file",
        f"alike: carl: {SIX} is the empty stub",
        "submissions: 5, files: 3, submissions with problems: 3",
    ]


def test_a_dry_run_imports_no_torch(folder):
    home = folder({"alice/ex06.py": "x"})
    code = f"from grader.submissions.dry_run import *; show(Path({str(home)!r}), Kit(), print); import sys; "
    result = python(ROOT, [sys.executable, "-c", code + "print('torch' in sys.modules)"])
    assert result.stdout.splitlines()[-1] == "False", result.stderr


def test_every_file_is_opened_once(folder, monkeypatch):
    opened = []
    really_open = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest: (opened.append(path), really_open(path, *rest))[1])
    home = folder({f"{number:04}/{exercise.slug}.py": "x" for number in range(5) for exercise in EXERCISES})
    opened.clear()
    read(home, EXERCISES)
    assert len(opened) == len(set(opened)) == 5 * len(EXERCISES)


@needs_links
def test_every_kind_of_submission_is_graded(tmp_path):
    kit = copy_kit(tmp_path / "kit", only={6})
    text = (kit / "solutions" / f"{SIX}.py").read_text()
    home = kit / "class"
    home.mkdir()
    (home / "lone.py").write_text(text)
    (home / "book.ipynb").write_bytes(notebook("%matplotlib inline", text, "while True: input()"))
    (home / "smithjohn_12345_678901_ex06_self_attention-1.py").write_text(text)
    (home / "link").symlink_to("lone.py")
    (home / "broken.zip").write_bytes(b"PK")
    with zipfile.ZipFile(home / "packed.zip", "w") as archive:
        archive.writestr("homework/ex06.py", text)
    result = run(kit, "grade", home, "--out", kit / "out", "--device", "cpu", "--jobs", 1)
    assert result.returncode == 0, result.stderr
    document = json.loads((kit / "out" / "results.json").read_text())
    assert document["run"]["problems"] == []
    assert {one["id"]: (one["score"], one["exercises"][0]["verdict"]) for one in document["submissions"]} == {
        **dict.fromkeys(["book", "lone", "packed", "smithjohn_12345"], (10.0, "pass")),
        **dict.fromkeys(["broken", "link"], (0.0, "missing")),
    }
