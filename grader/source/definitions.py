"""What of a notebook's code is run: imports, constants, functions and classes. Training, plots and input() are not."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import pairwise

from grader.source import absent
from grader.source.absent import with_stand_ins

MARK = re.compile(rb"^# %% cell \d{1,9}$", re.MULTILINE)
"""The line above each cell in a notebook's source."""
_DEFINES = re.compile(rb"^(?:async[ \t]{1,8}def|def|class)\b", re.MULTILINE)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CONSTANT = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.keyword, ast.expr_context),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
    *(ast.Tuple, ast.List, ast.Set, ast.Dict, ast.JoinedStr, ast.FormattedValue, ast.comprehension),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    *(getattr(ast, name) for name in ("TemplateStr", "Interpolation") if hasattr(ast, name)),  # since Python 3.14
)
_left_out: dict[str, set[str]] = {}
"""filename -> the names that only what was left out would have defined."""
_CALLS = re.compile(
    r"float|int|bool|str|len|range|tuple|list|dict|set|frozenset|zip|enumerate|min|max|abs|round|sum|sorted|sqrt|log|exp"
    r"|device|is_available|finfo|iinfo|tensor|zeros|ones|namedtuple|TypeVar|partial|Path"
    r"|Softmax|ReLU|GELU|Tanh|Sigmoid|Identity|\w+Loss"
)
"""The last word of a call that only makes a constant."""


def parse(source: bytes, filename: str, definitions_only: bool = False) -> ast.Module:
    """The tree of a file, or of what is run of a notebook. Raises what `compile` raises.

    A cell that is no Python is left out, as Jupyter would not run it either, unless it defines something.
    """
    tree = tree_of(source, filename, definitions_only)
    if not definitions_only:
        return with_stand_ins(tree)
    own = {statement.name for statement in tree.body if isinstance(statement, _DEFINITIONS)}
    kept = with_stand_ins(ast.Module([one for one in tree.body if is_kept(one)], []))
    _left_out[filename] = {name for statement in tree.body if not is_kept(statement) for name in _bound(statement)}
    return ast.fix_missing_locations(ast.Module([_careful(one, own) for one in kept.body], []))


def tree_of(source: bytes, filename: str, definitions_only: bool = False) -> ast.Module:
    """The tree of a file as it was written; of a notebook without the cells that are no Python. Raises what `compile`
    raises."""
    try:
        return _tree(source, filename)
    except SyntaxError:
        if not definitions_only:
            raise
        return _tree(_without_broken_cells(source), filename)


def refuse_null_bytes(source: bytes) -> None:
    """Raises SyntaxError, as every Python does since 3.11.4; those before say ValueError."""
    if b"\0" in source:
        raise SyntaxError("source code string cannot contain null bytes")


def _tree(source: bytes, filename: str) -> ast.Module:
    refuse_null_bytes(source)
    return ast.parse(source, filename)


def explanation(error: BaseException, filename: str) -> str:
    """Why a name is missing that the notebook defines."""
    if not isinstance(error, NameError) or error.name not in _left_out.get(filename, ()):
        return ""
    return " (the notebook makes it where it is not run: only imports, constants, functions and classes are)"


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a value."""
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.name for node in ast.walk(statement) if isinstance(node, _DEFINITIONS)}


def _defined(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a value at its own level."""
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return _bound(statement)


def _without_broken_cells(source: bytes) -> bytes:
    starts = [0, *(match.start() for match in MARK.finditer(source)), len(source)]
    cells = [source[start:end] for start, end in pairwise(starts)]
    return b"".join(cell if _DEFINES.search(cell) or _is_python(cell) else b"\n" * cell.count(b"\n") for cell in cells)


def _is_python(cell: bytes) -> bool:
    try:
        ast.parse(cell)
    except (SyntaxError, ValueError):
        return False
    return True


def is_kept(statement: ast.stmt) -> bool:
    """Whether a statement is run: it only defines or imports something, or writes a constant down."""
    if isinstance(statement, (*_DEFINITIONS, ast.Import, ast.ImportFrom)) or type(statement).__name__ == "TypeAlias":
        return True
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        return statement.value is None or _is_constant(statement.value)
    if isinstance(statement, ast.If):
        return _is_constant(statement.test) and _all_kept([*statement.body, *statement.orelse])
    if isinstance(statement, ast.Try):
        handled = [inner for handler in statement.handlers for inner in handler.body]
        return _all_kept([*statement.body, *handled, *statement.orelse, *statement.finalbody])
    return False


def _all_kept(statements: Sequence[ast.stmt]) -> bool:
    return all(isinstance(statement, ast.Pass) or is_kept(statement) for statement in statements)


def _is_constant(value: ast.expr) -> bool:
    """Whether an expression only writes a value down: no call but those that make one."""
    if isinstance(value, ast.Lambda):
        return True
    return all(isinstance(node, _CONSTANT) or _makes_constant(node) for node in ast.walk(value))


def _makes_constant(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return _CALLS.fullmatch(name) is not None


def _careful(statement: ast.stmt, own: set[str]) -> ast.stmt:
    """What cannot be made stops nothing else, a demo or a constant: whoever needs it is told why it is not there."""
    if _imports_ours(statement, own) or (isinstance(statement, ast.ImportFrom) and statement.module == absent.__name__):
        return statement
    names: list[ast.expr] = [ast.Constant(name) for name in sorted(_defined(statement))]
    tell = ast.Call(ast.Name("__note__", ast.Load()), [ast.Name("__why__", ast.Load()), *names], [])
    helper = ast.ImportFrom(absent.__name__, [ast.alias("note", "__note__")], 0)
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), "__why__", [helper, ast.Expr(tell)])
    careful = ast.Try(body=[statement], handlers=[handler], orelse=[], finalbody=[])
    return ast.copy_location(careful, statement)


def _imports_ours(statement: ast.stmt, own: set[str]) -> bool:
    """Importing a later exercise is an error that says so, unless the same notebook holds that exercise, too."""
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return True
    if isinstance(statement, ast.ImportFrom) and all(alias.name in own for alias in statement.names):
        return False
    names = [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []
    names += [statement.module or ""] if isinstance(statement, ast.ImportFrom) else []
    return any(name.partition(".")[0] in ("exercises", "torch") for name in names)


_DEFINITION = re.compile(rb"^(?:async[ \t]{1,8}def|def|class)[ \t]{1,8}([A-Za-z_]\w{0,99})", re.MULTILINE)


def defined_names(text: bytes) -> list[str]:
    """The names of the functions and classes that begin at the left margin, in order."""
    return [name.decode(errors="replace") for name in _DEFINITION.findall(text)]
