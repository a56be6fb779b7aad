"""Notebooks: built, run in a real kernel, checked in it, handed in."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import nbformat
import pytest

import grader
from grader.cli import check as check_command
from grader.errors import GraderError, UsageError
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit import questions
from grader.kit.lesson import Prose, parts
from grader.kit.stub import stub_of
from grader.learner.verdict_card import card
from grader.notebooks import cells as history
from grader.notebooks import check_here, export
from grader.remote.transport import WorkerTransport
from grader.results.verdicts import ExerciseResult, Outcome
from grader.source.definitions import parse
from grader.source.file import File, where
from grader.submissions.intake import read, read_one

UNSCALED = "def attention_scores(q, k):\n    return q @ k.transpose(-2, -1)\n\n\n"


def solution(exercise):
    return exercise.solution.read_text(encoding="utf-8")


def built(exercise, code=None):
    """An exercise's notebook with its stub, or with other code."""
    return nbformat.reads(export.build(exercise, code or stub_of(solution(exercise))), as_version=4)


def code_cells(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_a_notebook_is_whole(kit):
    for exercise in kit.exercises:
        book = built(exercise)
        nbformat.validate(book)
        assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(book))
        text = "\n".join(cell.source for cell in code_cells(book))
        assert not [line for line in text.splitlines() if line.startswith(("%", "!"))]
        assert text.endswith(f'grader.check_here("{exercise.slug[:4]}")')
        for line in exercise.stub.read_text(encoding="utf-8").splitlines():
            assert line in text.splitlines()
        lesson = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown").splitlines()
        for part in parts(exercise):
            for line in getattr(part, "text", "").splitlines() if isinstance(part, Prose) else ():
                assert line in lesson or line.startswith(f">>> from exercises.{exercise.slug} ")
        assert "<!--" not in "".join(lesson)
        asked = [line for line in lesson if re.match(r"\*\*\d\.\*\* ", line)]
        assert [line[7:] for line in asked] == [question.text for question in questions.read(exercise.questions)]
        assert lesson.count("<details><summary>The answer</summary>") == len(asked) == 5


def test_each_function_has_its_cell(exercise):
    first_lines = [cell.source.partition("(")[0] for cell in code_cells(built(exercise(6)))]
    assert first_lines[2:5] == ["def project_qkv", "def attention_scores", "def self_attention"]


def test_a_comment_and_a_decorator_stay_with_their_function():
    code = "import a\n\n\n# why\n@given\ndef f():\n    pass\n\n\nx = f()\n\n\nclass C:\n    pass\n"
    assert export.pieces(code) == ["import a", "# why\n@given\ndef f():\n    pass\n\n\nx = f()", "class C:\n    pass"]
    assert export.pieces("x = 1\n") == ["x = 1"]


def test_building_twice_gives_the_same_bytes(exercise):
    code = solution(exercise(6))
    assert export.build(exercise(6), code) == export.build(exercise(6), code)


def test_a_learners_notebook_is_never_written_over(tmp_path, capsys):
    export.notebooks(("6", "7"), tmp_path / "new")
    six, seven = sorted((tmp_path / "new").iterdir())
    six.write_text("mine")
    before = seven.read_bytes()
    export.notebooks((), tmp_path / "new")
    assert six.read_text() == "mine"
    assert seven.read_bytes() == before
    assert len(list((tmp_path / "new").iterdir())) == 12
    said = capsys.readouterr().out
    assert "ex06_self_attention.ipynb already exists and was left as it is" in said
    assert "ex07_masked_attention.ipynb already exists and is still empty" in said


# ---------------------------------------------------------------------------------- what a notebook defines by now


def holds(*cells, without=()):
    """The source of cells that were run one after the other, as lines that are not empty."""
    names = {name for cell in cells for name in cell.replace("(", " ").replace(":", " ").split()} - set(without)
    text, _ = history.source(enumerate(cells, 1), names)
    return [line for line in text.decode().splitlines() if line]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["def f(): return 1", "def f(): return 2"], ["# %% cell 2", "def f(): return 2"]),
        (["class A(no.such): x = 1", "class A: x = 2"], ["# %% cell 2", "class A: x = 2"]),
        (["def f(): return 1", "def f( return 2"], ["# %% cell 1", "def f(): return 1"]),
        (
            ["class A: x = 1", "class A(A): y = 2"],
            ["# %% cell 1", "class A: x = 1", "# %% cell 2", "class A(A): y = 2"],
        ),
        (
            ["def f(): return 1", "old = f", "def f(): return old()"],
            ["# %% cell 1", "def f(): return 1", "# %% cell 2", "old = f", "# %% cell 3", "def f(): return old()"],
        ),
        (["import torch", "%pip x\nimport torch", "x = 5"], ["# %% cell 2", "import torch", "# %% cell 3", "x = 5"]),
        (["x = 1", "x += 1"], ["# %% cell 1", "x = 1", "# %% cell 2", "x += 1"]),
        (["def f(): return 1\nf()\nx = input()", "%%bash\ndef g"], ["# %% cell 1", "def f(): return 1"]),
        (["x = 1\nif x:\n    f = 1", "f = 2"], ["# %% cell 1", "x = 1", "if x:", "    f = 1", "# %% cell 2", "f = 2"]),
        (
            ["def f(): return 1", "from exercises.ex06_x import f", "from exercises.ex06_x import f"],
            ["# %% cell 1", "def f(): return 1", "# %% cell 3", "from exercises.ex06_x import f"],
        ),
    ],
)
def test_the_last_definition_counts(cells, expected):
    assert holds(*cells) == expected


@pytest.mark.parametrize("waits", [False, True], ids=["Python up to 3.13", "Python 3.14"])
@pytest.mark.parametrize("header", ["def f(x: Kind): pass", "def f() -> Kind: pass", "f: Kind = 1"])
def test_what_an_annotation_names_is_needed_as_soon_as_python_reads_it(monkeypatch, waits, header):
    monkeypatch.setattr(history, "ANNOTATIONS_WAIT", waits)
    cells = ["class Kind:\n    first = 1", header, "class Kind:\n    second = 2"]
    text, _ = history.source(enumerate(cells, 1), {"Kind", "f"})
    assert (b"first" in text) is not waits
    assert b"second" in text


def test_what_was_deleted_is_gone():
    assert holds("def f(): pass\ndef g(): pass", "del f", without={"f"}) == ["# %% cell 1", "def g(): pass"]


def test_lines_keep_their_numbers():
    text, names = history.source([(7, "x = 1\n\nprint(x)\n\n@decorated\ndef f():\n    pass")], {"f"})
    assert text.decode().split("\n")[:8] == ["# %% cell 7", "", "", "", "", "@decorated", "def f():", "    pass"]
    assert names == {"f"}


def test_a_notebook_of_several_exercises_may_import_one_for_the_next(session, exercise, tmp_path, kit):
    """The first is checked with the learner's own function, the next with the reference's."""
    wrong = solution(exercise(6)).replace("scores / math.sqrt(d_k)", "scores")
    cells = built(exercise(6), wrong).cells
    cells += [cell for number in (7, 8) for cell in built(exercise(number), solution(exercise(number))).cells]
    (tmp_path / "all.ipynb").write_text(json.dumps({"cells": cells}))
    files = read_one(tmp_path / "all.ipynb", kit.exercises).files
    assert session.run(exercise(6), files["ex06_self_attention"]).first_failure.mistake == "no_scaling"
    assert session.run(exercise(7), files["ex07_masked_attention"]).verdict == "pass"


def test_an_import_of_a_later_exercise_is_still_an_error():
    tree = parse(b"from exercises.ex07_masked_attention import f\n", "x", True)
    assert type(tree.body[0]).__name__ == "ImportFrom"


def test_an_endless_loop_says_its_cell(kit, workers, exercise):
    cells = [(3, "import torch"), (9, "def project_qkv(x, q, k, v):\n    while True:\n        pass")]
    text, _ = history.source(cells, {"torch", "project_qkv"})
    settings = CheckSettings(1, seconds=0.4, connect=lambda: WorkerTransport(workers))
    session = Session(kit, [exercise(6)], settings)
    file = File("this notebook", text, definitions_only=True)
    failure = session.run(exercise(6), file).first_failure
    assert failure.verdict == "timeout"
    assert where(file, failure.line) in ("cell 9, line 2", "cell 9, line 3")


# ---------------------------------------------------------------------------------- what is shown, and where


def test_what_a_learner_wrote_is_text_on_the_page():
    bad = "<script>alert(1)</script>"
    failed = Outcome("test_a", "a", "cpu", "fail", 10.0, message=f"{bad}\n{bad}", output=bad, line=2)
    file = File("this notebook", f"# %% cell 4\n{bad}\n".encode(), definitions_only=True)
    html = card(ExerciseResult("ex01_x", "fail", 0.0, 10.0, [failed]), file, 7, {"a": [bad, "second", "third"]})
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 4
    assert "this notebook, cell 4, line 1; seed 7" in html
    assert html.count("<details") == html.count("</details>") == 5


def test_outside_a_notebook_the_script_is_checked(monkeypatch, tmp_path, exercise):
    (tmp_path / "mine.py").write_text("x = 1")
    script = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", script)
    with pytest.raises(UsageError, match="there is no notebook here to check: use `grader check 6`"):
        check_here._what_is_here(exercise(6))
    script.__file__ = str(tmp_path / "mine.py")
    assert check_here._what_is_here(exercise(6)) == File("mine.py", b"x = 1", definitions_only=True)


def test_outside_a_notebook_text_is_printed(monkeypatch, capsys):
    result = ExerciseResult("ex06_self_attention", "pass", 10.0, 10.0, [Outcome("test_a", "a", "cpu", "pass", 10.0)])
    monkeypatch.setattr(check_here, "_what_is_here", lambda _: File("mine.py", b""))
    monkeypatch.setattr(check_here._checker, "check", lambda *_: result)
    grader.check_here("6")
    assert "pass      ex06_self_attention" in capsys.readouterr().out
    monkeypatch.setattr(check_here._checker, "check", Mock(side_effect=GraderError("it broke")))
    grader.check_here("6")
    assert capsys.readouterr().out == "grader error (not your code): it broke\n"


def test_a_process_that_dies_is_the_graders_fault(kit, exercise, monkeypatch):
    monkeypatch.setattr("grader.learner.standby.sys.path", [])  # so that it finds no grader
    checker = check_here.Checker(1)
    with pytest.raises(GraderError, match="No module named"):
        checker.check(kit, exercise(6), File("this notebook", b""))
    assert checker._standby is None


def test_the_import_alone_costs_nothing(kit):
    program = "import grader.notebooks.check_here, sys; assert not {'torch', 'pytest', 'IPython'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=kit.root, check=True)


def check(*words, target=None):
    settings = {"device": "cpu", "seed": 1, "json_file": None, "transport": "local", "timeout": 10.0}
    return check_command.check(words, target=target, **settings)


def test_a_saved_notebook_is_checked_alone(tmp_path, exercise, capsys):
    file = tmp_path / "homework.ipynb"
    file.write_text(export.build(exercise(6), solution(exercise(6))))
    assert check(str(file)) == 0
    said = capsys.readouterr().out
    assert "ex06_self_attention passes: 10 of 10 points." in said
    assert "ex07" not in said


@pytest.mark.parametrize(
    ("words", "target", "said"),
    [
        (["nowhere.ipynb"], None, "nowhere.ipynb: there is no such"),
        (["{0}"], "solutions", "say one of them"),
        (["{0}", "{0}x.ipynb"], None, "one file or folder can be checked at a time"),
        (["7", "{0}"], None, "holds no exercise that was asked for"),
    ],
)
def test_a_file_that_cannot_be_checked_is_wrong_usage(tmp_path, exercise, words, target, said):
    file = tmp_path / "homework.ipynb"
    file.write_text(export.build(exercise(6), solution(exercise(6))))
    with pytest.raises(UsageError, match=said):
        check(*(word.format(file) for word in words), target=target and Path(target))


def test_the_exercises_own_file_names_the_exercise(kit, exercise):
    assert check_command._path_among(kit, (str(exercise(6).stub),)) == ((str(exercise(6).stub),), None)


# ---------------------------------------------------------------------------------- in a real kernel, and handed in


@pytest.fixture(scope="module")
def ran(kit, tmp_path_factory):
    """The answers of a kernel: all solutions in one notebook, then what people do to it."""
    pytest.importorskip("ipykernel")
    nbclient = pytest.importorskip("nbclient")
    book = nbformat.v4.new_notebook()
    for exercise in kit.exercises:
        book.cells += code_cells(built(exercise, solution(exercise)))
    later = {
        "mistake": UNSCALED + 'grader.check_here("ex06")',
        "tampered": 'torch.set_default_dtype(torch.float64)\ntorch.allclose = None\ngrader.check_here("ex05")',
        "gone": 'del attention_scores, self_attention, project_qkv\ngrader.check_here("ex06")',
        "no such": 'grader.check_here("ex77")',
    }
    book.cells += [nbformat.v4.new_code_cell(text, id=name.replace(" ", "-")) for name, text in later.items()]
    for number, cell in enumerate(book.cells):
        cell.id = f"{number}-{cell.id}"
    folder = tmp_path_factory.mktemp("kernel")
    client = nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(folder)}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(kit.root))
        client.execute()
    return {
        cell.source: output["data"]
        for cell in code_cells(book)
        for output in cell.outputs
        if output.output_type == "display_data"
    }


def answer(ran, words):
    (found,) = [data for source, data in ran.items() if words in source]
    return found


def test_the_solutions_pass_in_a_kernel(ran, kit):
    for exercise in kit.exercises:
        data = ran[f'grader.check_here("{exercise.slug[:4]}")']
        assert f"  pass      {exercise.slug}" in data["text/plain"]
        assert "10 of 10" in data["text/plain"]
        assert '<span class="verdict pass">pass</span>' in data["text/html"]


def test_a_mistake_gets_the_sentence_of_a_file(ran, session, exercise, submit):
    text = solution(exercise(6)).replace("scores / math.sqrt(d_k)", "scores")
    sentence = session.run(exercise(6), submit(exercise(6), text)).first_failure.message.splitlines()[0]
    data = answer(ran, "return q @ k.transpose(-2, -1)")
    assert sentence in data["text/plain"]
    assert re.search(r"this notebook, cell \d+, line 1 ", data["text/plain"])
    for kind in ("text/plain", "text/html"):
        assert re.search(r"\bCell \d+, line 2 gives a value that\s+the\s+reference", data[kind])
        assert not re.search(r"\bLine \d", data[kind])
    assert "your values" in data["text/html"]


def test_what_the_kernel_does_to_itself_changes_no_verdict(ran):
    assert "10 of 10" in answer(ran, "torch.allclose = None")["text/plain"]


def test_nothing_to_check_is_a_sentence(ran):
    assert "defines nothing of ex06_self_attention yet" in answer(ran, "del attention_scores")["text/plain"]
    assert "there is no exercise 'ex77'" in answer(ran, "ex77")["text/plain"]


def test_the_first_step_in_a_notebook_handed_in_is_in_a_cell(session, exercise, tmp_path):
    (tmp_path / "ada.ipynb").write_text(
        export.build(exercise(6), solution(exercise(6)).replace("scores / math.sqrt(d_k)", "scores"))
    )
    (entry,) = read(tmp_path, session.kit.exercises).entries
    file = entry.files["ex06_self_attention"]
    line, text = session.run(exercise(6), file).first_failure.step
    assert text.startswith("C" + where(file, line)[1:])
    assert file.text.splitlines()[line - 1].strip().startswith(b"scores = q @ k")


def test_the_solutions_handed_in_as_notebooks_get_everything(kit, session, tmp_path):
    (tmp_path / "ada").mkdir()
    for exercise in kit.exercises:
        (tmp_path / "ada" / f"{exercise.slug}.ipynb").write_text(export.build(exercise, solution(exercise)))
    (entry,) = read(tmp_path, kit.exercises).entries
    assert entry.problems == []
    assert sum(session.run(one, entry.files.get(one.slug)).score for one in kit.exercises) == 120
