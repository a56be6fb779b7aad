"""Mutants: copies of a reference with one small change each, in the code that a learner writes.

An operator, a comparison, a constant, an axis, the order of two arguments; a call, an argument, a statement left out.
Signatures, annotations, docstrings, texts and given bodies stay as they are.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from grader.kit.stub import is_given

OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult, ast.Div),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt, ast.GtE),
    ast.LtE: (ast.Lt, ast.GtE, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt, ast.LtE),
    ast.GtE: (ast.Gt, ast.LtE, ast.Lt),
    ast.Eq: (ast.NotEq, ast.LtE, ast.GtE),
    ast.NotEq: (ast.Eq, ast.Lt, ast.Gt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
AXES = (-2, -1, 0, 1, 2)
ATTRIBUTES = (
    *("q_proj", "k_proj", "v_proj", "out_proj", "norm_1", "norm_2", "norm_3", "linear_in", "linear_out"),
    *("self_attention", "cross_attention", "source_embedding", "target_embedding"),
)
LIBRARIES = ("torch", "F", "nn", "math", "self")
"""What stands before a function, where a name before a dot else is the value that a method belongs to."""


@dataclass(frozen=True)
class Mutant:
    """One change.

    Args:
        definition: the function or method that it is in.
        before, after: the statement, without what stands below it.
        source: the whole file.
    """

    definition: str
    before: str
    after: str
    source: bytes


def mutants(text: str) -> list[Mutant]:
    """Every mutant of a reference, each once."""
    tree, seen = ast.parse(text), {ast.unparse(ast.parse(text))}
    found: list[Mutant] = []
    keys: set[tuple[str, str, str]] = set()
    for name, function in _learners(tree, text.splitlines()):
        for statement in _statements(function.body):
            for node in _own_nodes(statement):
                for new in _alternatives(node):
                    before, after, source = _replaced(tree, statement, node, new)
                    while (name, before, after) in keys:
                        before += "  # again"
                    if source not in seen:
                        seen.add(source)
                        keys.add((name, before, after))
                        found.append(Mutant(name, before, after, source.encode()))
    return found


def _learners(tree: ast.Module, lines: list[str]) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions and methods that learners write, with their full names."""
    for node in tree.body:
        for part in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(part, ast.FunctionDef) and not is_given(lines, part):
                yield (f"{node.name}.{part.name}" if isinstance(node, ast.ClassDef) else part.name), part


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement, also those inside others; no docstring."""
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        yield statement
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, name, []))


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """A statement and its expressions, without annotations, signatures and the statements below it."""
    yield statement
    if isinstance(statement, ast.FunctionDef):
        return
    for name, value in ast.iter_fields(statement):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, (ast.expr, ast.withitem)) and name != "annotation":
                yield from _below(part)


def _below(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not _is_negative(node):
        for child in ast.iter_child_nodes(node):
            yield from _below(child)


def _is_negative(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)


def _replaced(tree: ast.Module, statement: ast.stmt, node: ast.AST, new: ast.AST) -> tuple[str, str, str]:
    """The statement before, the statement after, the whole file after."""
    twins: dict[int, ast.AST] = {}
    changed = copy.deepcopy(tree, twins)
    _Swap(twins[id(node)], new).visit(changed)
    after = new if node is statement else twins[id(statement)]
    return _head(statement), _head(after), ast.unparse(ast.fix_missing_locations(changed))


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else super().visit(node)


def _head(statement: ast.AST) -> str:
    """A statement on one line, without what stands below it."""
    if not hasattr(statement, "body") or isinstance(statement, ast.IfExp):
        return ast.unparse(statement)
    return ast.unparse(statement).partition("\n")[0]


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.stmt):
        yield from _of_statement(node)
    elif isinstance(node, ast.BinOp):
        for operator in OPERATORS.get(type(node.op), ()):
            yield ast.BinOp(node.left, operator(), node.right)
        yield from (node.left, node.right)
    elif isinstance(node, ast.Compare):
        for comparison in COMPARISONS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [comparison()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
        yield from node.values
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.UnaryOp):
        yield from _numbers(-node.operand.value) if _is_negative(node) else [node.operand]  # type: ignore[attr-defined]
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node.value)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Slice):
        yield from _of_slice(node)
    elif isinstance(node, ast.Tuple):
        yield from (ast.Tuple(swapped, node.ctx) for swapped in _swaps(node.elts))
    elif isinstance(node, ast.FormattedValue):
        yield ast.Constant("")
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        yield from _of_attribute(node)


def _of_statement(node: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(node, ast.If):
        for truth in (True, False):
            yield ast.If(ast.Constant(truth), node.body, node.orelse)
    elif isinstance(node, (ast.With, ast.Try)):
        yield ast.If(ast.Constant(True), node.body, [])
    elif not isinstance(node, (ast.For, ast.FunctionDef, ast.Pass)):
        yield ast.Pass()


def _of_constant(value: object) -> Iterator[ast.expr]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        yield from _numbers(value)
    elif value == "sum":
        yield ast.Constant("mean")


def _numbers(value: float) -> Iterator[ast.expr]:
    axes = AXES if isinstance(value, int) and abs(value) <= 3 else ()
    for other in dict.fromkeys((value + 1, value - 1, type(value)(0), -value, *axes)):
        if other != value:
            yield ast.Constant(other) if other >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-other))


def _of_call(node: ast.Call) -> Iterator[ast.expr]:
    if not (isinstance(node.func, ast.Attribute) and node.func.attr == "transpose"):  # its order makes no difference
        yield from (ast.Call(node.func, swapped, node.keywords) for swapped in _swaps(node.args))
    for keyword in node.keywords:
        yield ast.Call(node.func, node.args, [other for other in node.keywords if other is not keyword])
    if isinstance(node.func, ast.Name) and node.func.id == "range":
        for operator in (ast.Add, ast.Sub):
            last = ast.BinOp(node.args[-1], operator(), ast.Constant(1))
            yield ast.Call(node.func, [*node.args[:-1], last], [])
    if isinstance(node.func, ast.Attribute) and _root(node.func) not in LIBRARIES:
        yield node.func.value
    elif node.args:
        yield from (argument for argument in node.args if not isinstance(argument, ast.Starred))
    if len(node.args) > 1:
        yield ast.Call(node.func, node.args[:-1], node.keywords)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _of_slice(node: ast.Slice) -> Iterator[ast.expr]:
    for name in ("lower", "upper", "step"):
        bound = getattr(node, name)
        if bound is None:
            continue
        given = {other: getattr(node, other) for other in ("lower", "upper", "step")}
        yield ast.Slice(**{**given, name: None})
        if not isinstance(bound, ast.Constant):
            for operator in (ast.Add, ast.Sub):
                yield ast.Slice(**{**given, name: ast.BinOp(bound, operator(), ast.Constant(1))})


def _of_attribute(node: ast.Attribute) -> Iterator[ast.expr]:
    """Other names of the same kind: `norm_2` for `norm_1`, `k_proj` for `q_proj`."""
    start, _, end = node.attr.partition("_")
    if not end:
        return
    for other in ATTRIBUTES:
        first, _, last = other.partition("_")
        if other != node.attr and (first == start or last == end):
            yield ast.Attribute(node.value, other, node.ctx)


def _swaps(items: list[ast.expr]) -> Iterator[list[ast.expr]]:
    """The same items with two neighbours in each other's place."""
    for i in range(len(items) - 1):
        yield [*items[:i], items[i + 1], items[i], *items[i + 2 :]]
