"""The versions that are promised stand in pyproject.toml; whatever else names one names the same."""

import ast
import re

import pytest

from grader.paths import ROOT
from grader.source import definitions
from grader.source.definitions import parse
from grader.source.importer import compile_source

PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
NEEDED = dict(
    re.findall(r'^    "([\w-]+)>=([\d.]+)', re.search(r"^dependencies = \[(.*?)^\]", PROJECT, re.M | re.S)[1], re.M)
)
PYTHON = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', PROJECT, re.M)
OLDEST_PYTHON, NEWEST_PYTHON = f"3.{PYTHON[1]}", f"3.{int(PYTHON[2]) - 1}"
TORCH = re.search(r'"(torch>=[\d.]+,<[\d.]+)"', PROJECT)[1]


def in_clone(name):
    if not (ROOT / name).is_file():
        pytest.skip("not a clone")
    return (ROOT / name).read_text("utf-8")


def test_readme_names_the_same_pythons_and_torch():
    assert f"You need Python {OLDEST_PYTHON} to {NEWEST_PYTHON}" in README
    assert set(re.findall(r"torch>=[\d.]+,<[\d.]+", README)) == {TORCH}


def test_the_oldest_versions_are_those_that_ci_installs():
    """A bound below which nobody has looked is no bound."""
    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+)", in_clone(".ci/oldest.txt"), re.M))
    assert set(pinned) == set(NEEDED)
    for name, version in pinned.items():
        assert f"{version}.".startswith(f"{NEEDED[name]}."), f"{name} is promised from {NEEDED[name]} on"


def test_ci_runs_the_oldest_and_the_newest_python_and_types_readmes_commands():
    workflow = in_clone(".github/workflows/ci.yml")
    assert {OLDEST_PYTHON, NEWEST_PYTHON} <= set(re.findall(r'"(3\.\d+)"', workflow))
    for system in ("ubuntu", "macos", "windows"):
        assert f"{system}-latest" in workflow
    assert "pip install -e" not in workflow, "what is installed, and how, stands in README"
    assert ".ci/readme.py" in workflow


def test_every_python_refuses_null_bytes_with_a_syntax_error(monkeypatch):
    """Up to 3.11.3 `ast.parse` and `compile` say ValueError."""

    def old(source, *_, **__):
        raise ValueError("source code string cannot contain null bytes")

    monkeypatch.setattr(ast, "parse", old)
    monkeypatch.setattr("grader.source.importer.compile", old, raising=False)
    for read in (parse, compile_source):
        with pytest.raises(SyntaxError, match="null bytes"):
            read(b"x = 1\x00", "x.py")


def test_a_notebook_with_null_bytes_in_one_cell_loses_that_cell_alone():
    tree = parse(b"# %% cell 1\nx\x00 = 1\n# %% cell 2\ndef f(): pass\n", "n.ipynb", definitions_only=True)
    assert [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)] == ["f"]


@pytest.mark.skipif(not hasattr(ast, "TemplateStr"), reason="Python 3.14 brought template strings")
def test_a_template_string_is_a_constant_of_a_notebook():
    text = b'name = 1\nGREETING = t"hello {name}"\n'
    tree = parse(text, "n.ipynb", definitions_only=True)
    assert any(isinstance(node, ast.TemplateStr) for node in ast.walk(tree))


def test_every_kind_of_expression_of_this_python_was_thought_of():
    """A new one would be dropped from notebooks in silence: it is a constant or it is not, and stands in one list."""
    known = {kind for kind in definitions._CONSTANT if isinstance(kind, type)}
    runs = {"Lambda", "Call", "NamedExpr", "Await", "Yield", "YieldFrom"}
    found = {kind.__name__ for kind in ast.expr.__subclasses__() if kind not in known}
    assert found - runs == set()
