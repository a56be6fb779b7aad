"""What a notebook defines by now: the cells that were run, in the order of their running, the last definition wins.

Runs beside the learner's code, in their own kernel: it makes the text that the checks are given, no verdict.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Collection, Iterable

from grader.source.definitions import is_kept
from grader.source.importer import PACKAGE
from grader.submissions.notebooks import of_cell

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ANNOTATIONS_WAIT = sys.version_info >= (3, 14)
"""Whether this Python evaluates an annotation only when somebody asks for it."""


def source(cells: Iterable[tuple[int, str]], defined: Collection[str]) -> tuple[bytes, set[str]]:
    """The source of what still holds, shaped as `notebook_source` shapes it, and the names that it defines.

    A cell is run many times while it is written, so what was defined anew since then is left out, and with it the
    attempts that could not be loaded.

    Args:
        cells: the number and the text of each cell that was run, in order.
        defined: the names that are there by now; what `del` or a restart took away is not.
    """
    parts: list[str] = []
    names: set[str] = set()
    shadowed: set[str] = set()
    for number, text in reversed(list(cells)):
        source = of_cell(number, text)
        living = []
        for statement in reversed(_statements(source)):
            bound = _bound(statement)
            if bound and (bound <= shadowed or not any(_first_word(name) in defined for name in bound)):
                continue
            living.append(statement)
            names |= bound
            shadowed = (shadowed | bound) - _needed(statement)
        if living:
            parts.append(_only(source, living))
    return "".join(reversed(parts)).encode("utf-8", "replace"), names


def _statements(source: str) -> list[ast.stmt]:
    """What would be run of a cell. One that is no Python has defined nothing; Jupyter has said so."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [statement for statement in ast.parse(source).body if is_kept(statement)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a meaning, whatever they meant before; none where that depends."""
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        origin = _exercise(statement)
        return {f"{alias.asname or alias.name}{origin}" for alias in statement.names if alias.name != "*"}
    if isinstance(statement, ast.AnnAssign) and statement.value is None:
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    nodes = [node for target in targets if target is not None for node in ast.walk(target)]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _exercise(statement: ast.stmt) -> str:
    """Where an import from an exercise comes from: it takes no meaning from what the notebook itself defines."""
    module = getattr(statement, "module", None) or ""
    return f" of {module}" if module.partition(".")[0] == PACKAGE else ""


def _first_word(name: str) -> str:
    return re.split("[. ]", name)[0]


def _needed(node: ast.AST) -> set[str]:
    """The names whose meaning counts while a statement is run; that of those inside a function counts later."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
        children = [child for child in children if child is node.args or child in getattr(node, "decorator_list", [])]
        children += [node.returns] if isinstance(node, _FUNCTIONS) and node.returns is not None else []
    if ANNOTATIONS_WAIT:
        waiting = [getattr(node, name, None) for name in ("annotation", "returns")]
        children = [child for child in children if child not in waiting]
    found = {name for child in children for name in _needed(child)}
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        found.add(node.target.id)
    return found


def _only(source: str, living: list[ast.stmt]) -> str:
    """A cell's source with every other line empty, so that each line keeps its number."""
    kept = {1}
    for statement in living:
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
        kept |= set(range(first, (statement.end_lineno or first) + 1))
    lines = source.split("\n")
    return "\n".join(line if number in kept else "" for number, line in enumerate(lines, 1))
