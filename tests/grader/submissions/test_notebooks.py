"""Notebooks as people save them, and as they break them."""

import json

import pytest

from grader.source.definitions import parse
from grader.source.file import File, where
from grader.submissions import notebooks
from grader.submissions.intake import read_one


def cell(source, kind="code", **more):
    return {"cell_type": kind, "source": source, **more}


def notebook(*cells, **more):
    """A notebook's bytes; each cell is its source or a whole cell."""
    return json.dumps({"cells": [one if isinstance(one, dict) else cell(one) for one in cells], **more}).encode()


def code(*cells):
    """The source of a notebook, without the lines between cells."""
    text, _ = notebooks.read(notebook(*cells))
    return [line for line in text.decode().splitlines() if line.strip() and not line.startswith("# %% ")]


def problem(data):
    text, problems = notebooks.read(data)
    assert text == b"" or not problems
    return " ".join(problems)


BOOK = {"cells": [cell(["x = 1\n", "y = 2"])]}


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(BOOK).encode(),
        json.dumps(BOOK).encode("utf-8-sig"),
        json.dumps(BOOK).encode("utf-16"),
        json.dumps(BOOK).encode("utf-16-be"),
        json.dumps(
            {"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1\ny = 2"}]}], "nbformat": 3}
        ).encode(),
        notebook("x = 1\r\ny = 2", nbformat=2),
        notebook(None, cell(None), {"cell_type": "code"}, "x = 1", ["y = 2", None, 3], {"cell_type": "markdown"}),
        notebook({"cell_type": "raw", "source": "z"}, cell("z = 3", "markdown"), "x = 1", "y = 2", metadata=None),
    ],
)
def test_every_format_is_read(data):
    text, problems = notebooks.read(data)
    assert [line for line in text.decode().splitlines() if line.strip() and line[0] != "#"] == ["x = 1", "y = 2"]
    assert problems == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is no notebook: it is empty"),
        (
            b'{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}',
            "it is a notebook in R, and the exercises are",
        ),
        (b'{"cells": [], "metadata": {"kernelspec": {"language": "sagemath"}}}', "it has no code cells"),
        (b'{"cells": [], "metadata": {"kernelspec": "R", "language_info": {"name": 7}}}', "it has no code cells"),
        (b"{", "it is no notebook"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\x00\xff\x00", "it is no notebook"),
        (b"[1]", "no list of cells"),
        (b'{"cells": 5}', "no list of cells"),
        (b'{"worksheets": [1, {"cells": 2}]}', "no code cells"),
        (b'{"cells": [1, null, "x", []]}', "no code cells"),
        (b'{"cells": [{"cell_type": "markdown", "source": "def f(): pass"}]}', "no code cells"),
    ],
)
def test_what_is_no_notebook_is_a_sentence(data, words):
    assert words in problem(data)


def test_numbers_of_a_million_digits_cost_nothing():
    assert problem(b'{"nbformat": ' + b"9" * 1_000_000 + b', "cells": []}') == "it has no code cells"


@pytest.mark.parametrize(
    "line", ["%matplotlib inline", "!pip install x", "?print", "print?", "x = !ls", "lines = %sx ls", "%%time"]
)
def test_magics_are_removed_and_named_with_their_cell(line):
    text, problems = notebooks.read(notebook(cell("text", "markdown"), f"x = 1\nif x:\n    {line}\ny = 2"))
    assert text.decode() == "# %% cell 2\nx = 1\nif x:\n    pass\ny = 2\n"
    assert f"cell 2: {line}" in problems[0]


def test_a_shell_line_goes_on_after_a_backslash():
    assert code("!pip install \\\n    torch\nx = 1") == ["pass", "pass", "x = 1"]


@pytest.mark.parametrize(
    "text",
    [
        'x = """\n%not a magic\n!nor this\n"""',
        "x = '''a\n# '''\ny = 1",
        "x = (5\n%y)",
        "x = [  # (\n%y\n]",
        "x = 7 \\\n%y",
        "x = 5 % 2",
        "x = '?'",
        "x = 'it\\'s'\ny = \"'''\"",
        "# what is x?",
        "x != y",
    ],
)
def test_python_that_looks_like_magic_stays(text):
    assert code(text) == [line for line in text.splitlines() if line.strip()]


def test_a_cell_of_another_language_is_left_out_and_a_harmless_one_is_not():
    text, problems = notebooks.read(notebook("%%bash\nrm -rf /", "%%time\nx = 1", "\n%%writefile a.py\nx = 2"))
    assert b"x = 1" in text
    assert b"rm" not in text
    assert b"x = 2" not in text
    assert "cell 1 as a whole (%%bash)" in problems[0]
    assert "cell 3 as a whole (%%writefile)" in problems[0]


def test_the_last_definition_counts_and_the_others_are_named():
    text, problems = notebooks.read(notebook("def f(): return 1", "def g(): pass", "def f(): return 2"))
    namespace = {}
    exec(text, namespace)
    assert namespace["f"]() == 2
    assert problems == ["defined more than once, so the last definition counts: f"]


def test_lines_are_told_as_cell_and_line():
    text, _ = notebooks.read(notebook("a\nb", cell("text", "markdown"), "%magic\nc"))
    file = File("x.ipynb", text, definitions_only=True)
    found = {line: where(file, number) for number, line in enumerate(text.decode().splitlines(), 1)}
    assert found["b"] == "cell 1, line 2"
    assert found["c"] == "cell 3, line 2"
    assert where(File("x.py", text), 3) == "line 3"


KEPT = """
import torch
import math as m
from torch import nn
SIZE = 3
EPS, BASE = 1e-9, [10.0 ** k for k in range(SIZE)]
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
size: int = -4
double = lambda x: print(x) or 2 * x
criterion = nn.CrossEntropyLoss(ignore_index=0)
try:
    import tqdm_that_is_not_here
except ImportError:
    pass
if SIZE > 2:
    BIG = True
def f(x):
    while True:
        pass
class C(nn.Module):
    y = f
import plots_that_are_not_here
from_what_is_gone = later + 1
"""
DROPPED = """
x = input()
data = load("x")
for epoch in range(10 ** 9):
    print(epoch)
while True: pass
print(f(2))
f
model = C()
del SIZE
with open("x") as file: pass
assert False
raise SystemExit
if __name__ == "__main__":
    import sys; sys.exit()
if input(): SIZE = 5
"""


def test_only_definitions_are_run():
    namespace = {}
    exec(compile(parse((KEPT + DROPPED).encode(), "x", True), "x", "exec"), namespace)
    kept = {name for name in namespace if not name.startswith("__")}
    expected = "torch m nn SIZE EPS BASE device size double criterion BIG f C plots_that_are_not_here"
    assert kept == set(expected.split())
    assert namespace["BASE"] == [1.0, 10.0, 100.0]


def test_a_scratch_cell_that_is_no_python_stops_nothing_else():
    text, _ = notebooks.read(notebook("def f(): return 1", "f(", "def g(): return 2"))
    tree = parse(text, "x", True)
    assert [node.lineno for node in tree.body] == [2, 6]


def test_a_broken_definition_is_said():
    text, _ = notebooks.read(notebook("def f(): return 1", "def g( return 2"))
    with pytest.raises(SyntaxError):
        parse(text, "x", True)


@pytest.fixture(scope="module")
def solved(kit, tmp_path_factory):
    """Exercises 5 and 6 in one notebook that also trains, plots and asks."""
    folder = tmp_path_factory.mktemp("notebook")
    cells = [
        (kit.root / "solutions" / f"{slug}.py").read_text()
        for slug in ("ex05_sinusoidal_encoding", "ex06_self_attention")
    ]
    cells[1:1] = ["import matplotlib_that_is_not_here as plt", "x = input()\nwhile True: pass", "plt.show("]
    (folder / "mine.ipynb").write_bytes(notebook(cell("# title", "markdown"), *cells))
    return read_one(folder / "mine.ipynb", kit.exercises)


def test_a_notebook_holds_several_exercises(session, solved, exercise):
    assert sorted(solved.files) == ["ex05_sinusoidal_encoding", "ex06_self_attention"]
    result = session.run(exercise(6), solved.files["ex06_self_attention"])
    assert result.verdict == "pass"


def test_what_is_no_notebook_fails_with_one_sentence(session, exercise, tmp_path, kit):
    for name in ("mine.ipynb", "ex06.ipynb"):
        (tmp_path / name).write_bytes(b"{")
        entry = read_one(tmp_path / name, kit.exercises)
        assert len(entry.problems) == 1
        assert f"{name} cannot be read: it is no notebook" in entry.problems[0]
    result = session.run(exercise(6), entry.files["ex06_self_attention"])
    assert (result.verdict, result.first_failure.message) == ("fail", entry.problems[0])


def test_a_message_says_the_cell(session, exercise, tmp_path, kit):
    text = "def project_qkv(x, w_q, w_k, w_v):\n    return x.nothing"
    (tmp_path / "ex06.ipynb").write_bytes(notebook("%pylab", "import torch", text))
    file = read_one(tmp_path / "ex06.ipynb", kit.exercises).files["ex06_self_attention"]
    result = session.run(exercise(6), file)
    assert "at cell 3, line 2, in project_qkv: return x.nothing" in result.first_failure.message


def test_a_name_from_a_cell_that_is_not_run_is_explained(session, exercise, tmp_path, kit):
    text = "def project_qkv(x, w_q, w_k, w_v):\n    return model(x)"
    (tmp_path / "ex06.ipynb").write_bytes(notebook("for i in range(3):\n    model = train(i)", text))
    file = read_one(tmp_path / "ex06.ipynb", kit.exercises).files["ex06_self_attention"]
    message = session.run(exercise(6), file).first_failure.message
    assert "name 'model' is not defined (the notebook makes it where it is not run" in message


def test_a_syntax_error_says_the_cell(session, exercise, tmp_path, kit):
    (tmp_path / "ex06.ipynb").write_bytes(notebook("import torch", "\n\ndef project_qkv(:\n    pass"))
    file = read_one(tmp_path / "ex06.ipynb", kit.exercises).files["ex06_self_attention"]
    assert "cell 2, line 3" in session.run(exercise(6), file).first_failure.message
