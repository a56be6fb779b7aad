"""What the statements of a file say: which names a line sets, which it reads, and which loop it calls a variable of."""

from __future__ import annotations

import ast
from functools import lru_cache


@lru_cache(maxsize=32)
def _nodes(text: str) -> list[ast.AST]:
    """Every node of a file; none where Python cannot read it."""
    try:
        return list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return []


@lru_cache(maxsize=32)
def names_in(text: str) -> dict[int, str]:
    """The name that each line of a file gives to its result: what is assigned, or that it is returned."""
    found: dict[int, str] = {}
    for node in _nodes(text):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = f"`{node.targets[0].id}`"
        elif isinstance(node, ast.Return):
            name = "the result"
        else:
            continue
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            found[line] = name
    return found


@lru_cache(maxsize=256)
def names_used(text: str, line: int) -> tuple[str, ...]:
    """The variables that the statement on this line of a file reads, without what stands below it."""
    found = [
        node
        for node in _nodes(text)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not found:
        return ()
    inner = max(found, key=lambda node: (node.lineno, -(node.end_lineno or node.lineno)))
    parts = [value for name, value in ast.iter_fields(inner) if name not in ("body", "orelse", "finalbody")]
    nodes = [node for part in parts for node in (part if isinstance(part, list) else [part])]
    names = [
        one.id
        for node in nodes
        if isinstance(node, ast.AST)
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
    ]
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=256)
def loop_line(text: str, line: int) -> int | None:
    """The line of the innermost loop around a line whose variable is called on it."""
    found = None
    for node in _nodes(text):
        if isinstance(node, ast.For) and node.lineno < line <= (node.end_lineno or node.lineno):
            targets = {one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)}
            called = [one.func for one in ast.walk(node) if isinstance(one, ast.Call) and one.lineno <= line]
            if any(isinstance(one, ast.Name) and one.id in targets for one in called):
                found = node.lineno
    return found
