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
            name = "the right result"
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


@lru_cache(maxsize=256)
def function_at(text: str, line: int) -> int:
    """The line where the innermost function around a line begins; 0 outside of all."""
    return max((node.lineno for node in _nodes(text) if _is_in(node, line) and isinstance(node, _FUNCTIONS)), default=0)


@lru_cache(maxsize=256)
def methods_called(text: str, name: str) -> frozenset[str]:
    """The methods of a variable that a file calls: `encode` where it says `model.encode(x)`."""
    called = [node.func for node in _nodes(text) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return frozenset(one.attr for one in called if isinstance(one.value, ast.Name) and one.value.id == name)


@lru_cache(maxsize=256)
def has_default(text: str, line: int, name: str) -> bool:
    """Whether the function that begins on a line need not be given this argument."""
    for node in _nodes(text):
        if isinstance(node, _FUNCTIONS) and node.lineno == line:
            of = node.args
            free = [*of.args[len(of.args) - len(of.defaults) :]]
            free += [one for one, value in zip(of.kwonlyargs, of.kw_defaults, strict=True) if value is not None]
            return name in [one.arg for one in free]
    return False


@lru_cache(maxsize=256)
def without_gradient(text: str, line: int) -> int | None:
    """The line that keeps gradients from being recorded at a line: a `with` or a decorator around it."""
    found = None
    for node in _nodes(text):
        if not _is_in(node, line) or not isinstance(node, (*_FUNCTIONS, ast.With)):
            continue
        heads = [one.context_expr for one in node.items] if isinstance(node, ast.With) else node.decorator_list
        named = [one for head in heads for one in ast.walk(head) if isinstance(one, (ast.Attribute, ast.Name))]
        if any((one.attr if isinstance(one, ast.Attribute) else one.id) in _NO_GRADIENT for one in named):
            found = heads[0].lineno
    return found


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NO_GRADIENT = ("no_grad", "inference_mode", "set_grad_enabled")


def _is_in(node: ast.AST, line: int) -> bool:
    """Whether a node holds a line, its decorators included."""
    if not isinstance(node, ast.stmt):
        return False
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    return bool(first <= line <= (node.end_lineno or node.lineno))
