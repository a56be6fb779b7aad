"""An exercise as a Jupyter notebook: its lesson, its stub in cells, a cell that checks. Imports no torch."""

from __future__ import annotations

import ast
import base64
import re
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4

from grader.errors import UsageError
from grader.files import write_atomic
from grader.kit import questions
from grader.kit.discovery import Exercise, Kit
from grader.kit.lesson import Formula, Part, Picture, parts
from grader.kit.stub import stub_of
from grader.reports.terminal import Screen
from grader.text import short_path

HOW = """## Write it here

Run the cells from the top, write where it says `TODO`, run that cell again, and then the last one: it checks what
this notebook defines. Where it says `cell 7` it means the cell with `[7]` beside it. Save the notebook to hand it in.

The kernel needs the kit: `import grader` below finds it once `python -m pip install -e .` was run in the kit's folder
with the same Python. Functions of earlier exercises are there whether you wrote them or not."""
OUTLOOK = "## Where it leads"
_OWN_IMPORT = r"^>>> from exercises\.{slug} import .*\n"


def notebooks(words: tuple[str, ...], out: Path | None) -> None:
    """Writes a notebook for each exercise named, for all where none is. A file that is there is never written over."""
    kit, screen = Kit(), Screen()
    folder = Path("notebooks") if out is None else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "name a folder of your own with --out DIR" if out is None else "name another one"
        raise UsageError(f"{folder} cannot be made here ({error.strerror}): {hint}") from None
    for exercise in kit.find(words):
        file = folder / f"{exercise.slug}.ipynb"
        text = build(exercise, stub_of(exercise.solution.read_text(encoding="utf-8")))
        if not file.exists():
            write_atomic(file, text.encode())
            screen.line(f"{short_path(file)} is written")
        elif file.read_bytes() == text.encode():
            screen.line(f"{short_path(file)} already exists and is still empty")
        else:
            screen.line(f"{short_path(file)} already exists and was left as it is: to start again, move it away first")


def build(exercise: Exercise, code: str) -> str:
    """The notebook of an exercise, as JSON: the same text gives the same bytes.

    Args:
        code: what its code cells hold: a stub, or the solution.
    """
    lesson, outlook = _lesson(exercise)
    cells = [("lesson", "markdown", text) for text in lesson]
    cells += [("questions", "markdown", text) for text in _questions(exercise)]
    cells += [("how", "markdown", HOW), ("start", "code", _start(exercise))]
    cells += [("write", "code", text) for text in pieces(code)]
    cells += [("check", "code", f'grader.check_here("{exercise.slug[:4]}")')]
    cells += [("outlook", "markdown", text) for text in outlook]
    made = [_cell(f"{kind}-{number}", form, text) for number, (kind, form, text) in enumerate(cells, 1)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = v4.new_notebook(cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})  # type: ignore[no-untyped-call]
    return str(nbformat.writes(book, version=4)) + "\n"  # type: ignore[no-untyped-call]


def _cell(name: str, form: str, text: str) -> Any:
    if form == "code":
        return v4.new_code_cell(text, id=name)  # type: ignore[no-untyped-call]
    return v4.new_markdown_cell(text, id=name)  # type: ignore[no-untyped-call]


def _lesson(exercise: Exercise) -> tuple[list[str], list[str]]:
    """The lesson, a cell for each heading: what is read before the code and after it.

    Its example imports nothing that the notebook itself defines. Formulas stay as they are, without their plain twins:
    notebooks draw `$$` themselves, without a network, and JupyterLab throws the tags of MathML away.
    """
    text = "\n".join(map(_shown, parts(exercise)))
    text = re.sub(_OWN_IMPORT.format(slug=exercise.slug), "", text, flags=re.MULTILINE)
    sections = [section.strip() for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)]
    outlook = [section for section in sections if section.startswith(OUTLOOK)]
    return [section for section in sections if section not in outlook], outlook


def _questions(exercise: Exercise) -> list[str]:
    """What the lesson asks, in a cell, with its answers folded; no cell where it asks nothing."""
    asked = []
    for number, question in enumerate(questions.read(exercise.questions), 1):
        options = "\n".join(f"- {letter}: {text}" for letter, text in question.options)
        answer = ": ".join(filter(None, (question.shown_answer, question.because)))
        folded = f"<details><summary>The answer</summary>\n\n{answer}\n\n</details>"
        asked.append("\n\n".join(filter(None, (f"**{number}.** {question.text}", options, folded))))
    return ["\n\n".join(["## Questions", *asked])] if asked else []


def _shown(part: Part) -> str:
    if isinstance(part, Formula):
        return f"$$\n{part.latex}\n$$"
    if isinstance(part, Picture):
        data = base64.b64encode(part.svg.read_bytes()).decode()
        return f'<img alt="{escape(part.alternative)}" src="data:image/svg+xml;base64,{data}">'
    return part.text


def _start(exercise: Exercise) -> str:
    """The exercise's name, by which a notebook of any name is known, and what makes its imports possible."""
    return f'# {exercise.slug}\nimport grader\n\ngrader.start_here("{exercise.slug[:4]}")'


def pieces(code: str) -> list[str]:
    """A file in cells: what comes before the first function or class, then each of these with what follows it."""
    lines = code.splitlines()
    definitions = [node for node in ast.parse(code).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    borders = [0, *(_first_line(lines, node) for node in definitions), len(lines)]
    parts = ("\n".join(lines[start:end]).strip("\n") for start, end in pairwise(borders))
    return [text for text in parts if text]


def _first_line(lines: list[str], node: ast.FunctionDef | ast.ClassDef) -> int:
    """Where a definition begins, with its decorators and the comment right above it."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    while first > 0 and lines[first - 1].startswith("#"):
        first -= 1
    return first
