"""Known mistakes: wrong variants of one name of a reference, each as a whole file that a learner could have written.

`tests/exNN_topic/mistakes.py` holds functions and classes called `name__slug`, marked `@mistake`. The file is read
as text: a mistake's file is the reference with that one definition replaced. In a mistake, `reference.name` means
the reference's own definition.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from grader.discovery import Exercise
from grader.errors import KitError

T = TypeVar("T")

_ORIGINALS = (
    "import types as _types\n"
    "reference = _types.SimpleNamespace(**{k: v for k, v in globals().items() if not k.startswith('__')})\n"
)


def mistake(variant: T) -> T:
    """Marks a function or class of `mistakes.py` as a known mistake; its docstring is the diagnosis."""
    return variant


@dataclass(frozen=True)
class Mistake:
    """One known mistake.

    Args:
        name: its name in the catalogue, `no_scaling`.
        target: the name of the reference that it replaces, `attention_scores`.
        diagnosis: what a learner reads: what was done, and why it is wrong.
        source: the whole file.
    """

    name: str
    target: str
    diagnosis: str
    source: bytes


def catalogue(exercise: Exercise) -> list[Mistake]:
    """The known mistakes of an exercise, in the order of its file. Raises KitError for one that is not well formed."""
    if not exercise.mistakes.is_file():
        return []
    return _read(exercise.mistakes, exercise.solution)


@lru_cache
def _read(file: Path, solution: Path) -> list[Mistake]:
    reference = solution.read_text(encoding="utf-8")
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    shared = [node for node in tree.body if not _is_mistake(node) and not _is_about_the_kit(node)]
    found = [_mistake(node, shared, reference, file) for node in tree.body if _is_mistake(node)]
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise KitError(f"{file} has two mistakes called {name}")
    return found


def _is_mistake(node: ast.stmt) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.ClassDef)) and any(
        isinstance(decorator, ast.Name) and decorator.id == "mistake" for decorator in node.decorator_list
    )


def _is_about_the_kit(node: ast.stmt) -> bool:
    """The docstring, and imports of `grader` and `solutions`, which do not exist where a mistake runs."""
    if isinstance(node, ast.Expr):
        return True
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("grader", "solutions")


def _mistake(node: ast.stmt, shared: list[ast.stmt], reference: str, file: Path) -> Mistake:
    assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
    target, _, name = node.name.partition("__")
    diagnosis = " ".join((ast.get_docstring(node) or "").split())
    if not name or not diagnosis:
        raise KitError(f"{file}:{node.lineno}: a mistake is called name__slug and its docstring is the diagnosis")
    if target not in {top.name for top in ast.parse(reference).body if hasattr(top, "name")}:
        raise KitError(f"{file}:{node.lineno}: the reference defines no {target}")
    renamed = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(renamed, (ast.FunctionDef, ast.ClassDef))
    renamed.name, renamed.decorator_list = target, []
    extra = "\n\n".join(ast.unparse(part) for part in [*shared, renamed])
    return Mistake(name, target, diagnosis, f"{reference}\n\n{_ORIGINALS}\n{extra}\n".encode())
