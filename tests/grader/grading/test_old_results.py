"""What a run makes of results that are there already: another class's, other packages', its own inside the class."""

import json
from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.grading.conditions import what_changed
from grader.grading.grade import GradeOptions, Grading, _intake
from grader.grading.journal import Journal
from grader.kit.discovery import Kit
from grader.submissions.intake import Class, Entry

HEADER = {"seed": 7, "options": {"device": "cpu", "timeout": 10.0, "memory": 2048, "feedback": "full"}}


@pytest.fixture
def old(tmp_path):
    """A folder with results of ada and bob, of the class hw5."""
    journal = Journal(tmp_path / "results.jsonl")
    journal.begin(HEADER, {"submissions": "hw5"})
    for name in ("ada", "bob"):
        journal.add(json.dumps({"id": name, "score": 5.0}), name, "digest", complete=True)
    journal.close()
    return tmp_path


def begin(out, names, *, name, **options):
    return Grading(Kit(), Class([Entry(one, one) for one in names]), out, GradeOptions(**options), Path(name))


def test_another_class_is_refused_and_nothing_is_written(old):
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    with pytest.raises(UsageError, match="holds the results of hw5, of whom nobody is in hw6: name another folder"):
        begin(old, ["eve"], name="hw6")
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before


def test_the_same_people_under_another_name_are_said(old, capsys):
    begin(old, ["ada", "eve"], name="hw6").close()
    assert "held the results of hw5: they become those of hw6" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("names", "options"), [(["ada"], {}), (["eve"], {}), (["eve"], {"fresh": True})])
def test_the_same_class_and_a_fresh_run_go_on_without_a_word(old, capsys, names, options):
    begin(old, names, name="hw5" if not options else "hw6", **options).close()
    assert capsys.readouterr().err == ""


def testwhat_changed_is_named():
    old = {**HEADER, "packages": {"numpy": "1", "torch": "2"}, "checks": "a", "versions": {}}
    assert what_changed(None, old) == what_changed(old, old) == ""
    new = {**old, "packages": {"numpy": "2", "torch": "2", "einops": "0.8"}}
    assert what_changed(old, new) == "the installed packages (numpy, einops) changed"
    assert what_changed(old, {**new, "checks": "b"}).startswith("the checks or the grader and the installed packages")
    assert what_changed(old, {**old, "options": {}}) == "the options changed"


def test_results_never_go_into_the_class_s_own_folder(tmp_path):
    (tmp_path / "ada").mkdir()
    with pytest.raises(UsageError, match="is the folder of the submissions: name another one for the results"):
        _intake(tmp_path, tmp_path / "ada" / "..", Kit(), ())
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "anything.txt").write_text("x")
    assert [entry.id for entry in _intake(tmp_path, tmp_path / "results", Kit(), ()).entries] == ["ada"]


def test_weak_isolation_is_said(tmp_path, capsys):
    grading = begin(tmp_path, ["ada"], name="hw5")
    grading._warn({"process": True, "files": "hidden", "network": "none", "memory_mb": 2048, "layers": []})
    assert capsys.readouterr().err == ""
    grading._warn({"process": True, "files": "visible", "network": "open", "memory_mb": None, "layers": []})
    said = " ".join(capsys.readouterr().err.split())
    assert "isolation is weak on this machine: the students' code can read your files and can reach the network" in said
    grading.close()
