"""The starter repository: what a student needs, and nothing of a solution."""

import ast
import json
import re

import pytest

from grader.cli.teaching.release import release, starter
from grader.errors import UsageError
from grader.kit.discovery import Kit
from grader.kit.stub import stub_of
from tests.grader.support.kits import copy_kit, python, run


def squeezed(text):
    return "".join(text.split())


def bodies(exercise):
    """What a learner is to write: bodies of functions that the stub has not, and their longer statements."""
    text = exercise.solution.read_text("utf-8")
    stub, lines = squeezed(stub_of(text)), text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            whole = squeezed("\n".join(lines[body[0].lineno - 1 : body[-1].end_lineno]))
            parts = [squeezed(ast.get_source_segment(text, statement)) for statement in body]
            for part in {whole, *parts}:
                if len(part) > 40 and part not in stub:
                    yield part


def leaks(files, exercises):
    """What of solutions stands in a file."""
    plain = {
        name: squeezed(re.sub(r'\\n|",\n *"', "", data.decode())).replace('\\"', '"') for name, data in files.items()
    }
    return [(name, part) for one in exercises for part in bodies(one) for name, text in plain.items() if part in text]


def test_no_statement_of_a_solution_is_in_it():
    kit = Kit()
    files = starter(kit, kit.exercises)
    assert sum(1 for one in kit.exercises for _ in bodies(one)) > 50
    lessons = {name for name in files if name.endswith(".md")}
    assert leaks({name: data for name, data in files.items() if name not in lessons}, kit.exercises) == []


def test_a_solution_that_is_in_it_would_be_found():
    kit = Kit()
    solution = kit.exercises[5].solution.read_text("utf-8")
    assert leaks({"a.py": solution.encode()}, kit.exercises[5:6])
    assert leaks(
        {"a.ipynb": json.dumps({"source": solution.splitlines(keepends=True)}, indent=1).encode()}, kit.exercises[5:6]
    )


def test_a_student_works_in_it(tmp_path):
    kit = copy_kit(tmp_path / "kit", only={6})
    starter = tmp_path / "starter"
    made = run(kit, "release", starter, "--without-solutions", "--kit", "https://example.edu/kit.zip")
    assert made.returncode == 0, made.stderr
    assert not list(starter.rglob("*solution*"))
    assert "pip install https://example.edu/kit.zip" in (starter / "README.md").read_text()
    assert {path.name for path in (starter / "notebooks").iterdir()} == {"ex06_self_attention.ipynb"}
    checked = python(starter, ["python", "-m", "grader", "check", "6"], PYTHONPATH=str(kit))
    assert checked.returncode == 1
    assert "unwritten" in checked.stdout


def test_what_lies_there_stays_and_is_named(tmp_path, capsys):
    (tmp_path / "README.md").write_text("ours")
    release(tmp_path, ["6"], solutions=True, kit_at="x")
    assert (tmp_path / "README.md").read_text() == "ours"
    assert "README.md already exists, and was left as it is" in capsys.readouterr().err
    assert (tmp_path / "solutions" / "ex06_self_attention.py").is_file()


def test_an_unknown_exercise_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no exercise"):
        release(tmp_path, ["77"], solutions=False, kit_at="x")
