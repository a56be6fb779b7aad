"""A stub from a solution: the same file, each body that the learner writes replaced by a TODO and a raise.

Bodies whose `def` ends with the comment `# given` stay; private helpers (`_name`) go. `grader reset` uses this, and
`python -m grader.kit.stub ex13` writes the stub of a new exercise.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Container

from grader.kit.discovery import Kit

GIVEN = "# given"
Function = ast.FunctionDef


def stub_of(solution: str, *, written: Container[str] = ()) -> str:
    """The stub that belongs to a solution. Raises SyntaxError for a text that is not Python.

    Args:
        written: functions and methods, as `to_write` names them, that keep their bodies: a file half done.
    """
    lines = solution.splitlines()
    bodies = to_write(solution)
    for node in reversed(_definitions(ast.parse(solution).body)):
        if _is_private(node) and not written:
            _remove(lines, node)
        elif isinstance(node, Function) and (name := bodies.get(node.lineno)) and name not in written:
            _empty(lines, node)
    return "\n".join(lines) + "\n"


def to_write(solution: str) -> dict[int, str]:
    """What a learner writes, `attention_scores` or `Encoder.forward`, by the line of its `def`."""
    lines = solution.splitlines()
    found: dict[int, str] = {}
    for node in ast.parse(solution).body:
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for body in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(body, Function) and not (_is_private(node) or _is_private(body) or is_given(lines, body)):
                found[body.lineno] = f"{owner}{body.name}"
    return found


def _is_private(node: ast.AST) -> bool:
    name = getattr(node, "name", "")
    return name.startswith("_") and not name.startswith("__")


def _definitions(body: list[ast.stmt]) -> list[Function | ast.ClassDef]:
    """Functions, classes and methods in the order of their lines."""
    found: list[Function | ast.ClassDef] = []
    for node in body:
        if isinstance(node, Function):
            found.append(node)
        elif isinstance(node, ast.ClassDef):
            found.append(node)
            if not node.name.startswith("_"):
                found += _definitions(node.body)
    return found


def is_given(lines: list[str], node: Function) -> bool:
    return any(line.rstrip().endswith(GIVEN) for line in lines[node.lineno - 1 : node.body[0].lineno - 1])


def _remove(lines: list[str], node: Function | ast.ClassDef) -> None:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    last = node.end_lineno or node.lineno
    while last < len(lines) and not lines[last].strip():
        last += 1
    if last == len(lines):
        while first > 0 and not lines[first - 1].strip():
            first -= 1
    del lines[first:last]


def _empty(lines: list[str], node: Function) -> None:
    has_docstring = ast.get_docstring(node) is not None
    kept = node.body[0].end_lineno if has_docstring else node.body[0].lineno - 1
    indent = " " * (node.col_offset + 4)
    stub = [f"{indent}# TODO: your code", f'{indent}raise NotImplementedError("{node.name} is unwritten")']
    lines[kept : node.end_lineno] = stub


def main(words: list[str]) -> None:
    """Writes the stubs of these exercises, or of all where none is named."""
    for exercise in Kit().find(words):
        exercise.stub.write_text(stub_of(exercise.solution.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {exercise.stub.relative_to(exercise.root)}")


if __name__ == "__main__":
    main(sys.argv[1:])
