"""Two changes of one definition made together: a three-way merge of syntax trees.

A catalogued mistake is a small change of the reference's text. Two that touch different parts of a function can be
made in the same function, as people do.
"""

from __future__ import annotations

import ast
import copy
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from typing import Any


class _Conflict(Exception):
    """Both change the same part, each in its own way."""


@lru_cache(maxsize=4_000)
def merged(original: str, one: str, other: str, target: str) -> str | None:
    """The definition of `target` with both changes; None where they change the same part.

    Args:
        original: the reference's file.
        one, other: a definition of `target` each: a function, a class, or a class that derives from `reference.target`
            and overrides some of its methods.
    """
    base = _base(original, target)
    mine, yours = (_whole(text, original, target) for text in (one, other))
    if base is None or mine is None or yours is None:
        return None
    try:
        return ast.unparse(_merge(base, mine, yours))
    except _Conflict:
        return None


@lru_cache(maxsize=64)
def _base(original: str, target: str) -> ast.AST | None:
    found = [node for node in ast.parse(original).body if getattr(node, "name", "") == target]
    return _without_docstrings(found[0]) if found else None


@lru_cache(maxsize=2_000)
def _whole(text: str, original: str, target: str) -> ast.AST | None:
    base = _base(original, target)
    try:
        return None if base is None else _standing_alone(ast.parse(text).body[0], base)
    except _Conflict:
        return None


def _standing_alone(node: ast.AST, base: ast.AST) -> ast.AST:
    """A definition that stands for itself: methods that a subclass overrides are put into the class."""
    node = _without_docstrings(node)
    if type(node) is not type(base):
        raise _Conflict
    if not isinstance(node, ast.ClassDef) or not isinstance(base, ast.ClassDef):
        if "reference." in ast.unparse(node):  # wraps the original: there is nothing to merge in it
            raise _Conflict
        return node
    if not any(ast.unparse(parent).startswith("reference.") for parent in node.bases):
        return node
    if "super()" in ast.unparse([part for part in node.body if _name(part) != "__init__"]):  # type: ignore[arg-type]
        raise _Conflict
    own = {_name(part): part for part in node.body}
    if "__init__" in own and "super()" in ast.unparse(own["__init__"]):
        raise _Conflict
    body = [own.pop(_name(part), part) for part in base.body]
    return ast.ClassDef(base.name, base.bases, base.keywords, [*body, *own.values()], base.decorator_list, **_extra())


def _extra() -> dict[str, Any]:
    return {"type_params": []} if "type_params" in ast.ClassDef._fields else {}


def _name(node: ast.AST) -> str:
    return getattr(node, "name", "") or ast.dump(node)


def _without_docstrings(node: ast.AST) -> ast.AST:
    node = copy.deepcopy(node)
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            if ast.get_docstring(part) is not None:
                part.body = part.body[1:] or [ast.Pass()]
            part.decorator_list = []
        if isinstance(part, ast.FunctionDef):
            part.returns = None
        if isinstance(part, ast.arg):
            part.annotation = None
    return node


def _merge(base: Any, mine: Any, yours: Any) -> Any:
    """Raises _Conflict."""
    if _same(mine, base):
        return yours
    if _same(yours, base) or _same(mine, yours):
        return mine
    if isinstance(base, list) and isinstance(mine, list) and isinstance(yours, list):
        if len(base) == len(mine) == len(yours):
            return [_merge(*parts) for parts in zip(base, mine, yours, strict=True)]
        return _merge_lists(base, mine, yours)
    if isinstance(base, ast.AST) and type(base) is type(mine) is type(yours):
        fields = {name: _merge(*(getattr(one, name) for one in (base, mine, yours))) for name in base._fields}
        return ast.copy_location(type(base)(**fields), base)
    raise _Conflict


def _merge_lists(base: list[Any], mine: list[Any], yours: list[Any]) -> list[Any]:
    """Statements put in, taken out or changed, where the two do not touch the same ones."""
    changes = sorted([*_changes(base, mine), *_changes(base, yours)], key=lambda change: change[:2])
    for (_, end, _), (start, _, _) in pairwise(changes):
        if start < end:
            raise _Conflict
    for first, second in pairwise(changes):
        if first[:2] == second[:2]:
            raise _Conflict
    found, at = [], 0
    for start, end, new in changes:
        found += [*base[at:start], *new]
        at = end
    return [*found, *base[at:]]


def _changes(base: list[Any], other: list[Any]) -> list[tuple[int, int, list[Any]]]:
    texts = [_dump(part) for part in base], [_dump(part) for part in other]
    codes = SequenceMatcher(None, *texts, autojunk=False).get_opcodes()
    return [(start, end, other[first:last]) for kind, start, end, first, last in codes if kind != "equal"]


def _same(one: Any, other: Any) -> bool:
    return bool(_dump(one) == _dump(other))


def _dump(part: Any) -> Any:
    if isinstance(part, ast.AST):
        return ast.dump(part)
    return [_dump(item) for item in part] if isinstance(part, list) else (type(part), part)
