"""What stands for a package that is not installed here: nothing that is only imported ever costs a mark.

While a file is loaded it bears whatever a plot, a progress bar, a widget or a type hint asks of it. After that, or
where a class is built on it, whoever uses it is told which package is missing.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

_IMPORT = re.compile(
    rb"(?:^|[;:])[ \t]*(?:from[ \t]+([A-Za-z_]\w*)[\w.]*[ \t]+import\b"
    rb"|import[ \t]+([A-Za-z_][\w.]*(?:[ \t]+as\b|[ \t]*[,;#\r])[^\n#;]*|[A-Za-z_][\w.]*[ \t]*$))",
    re.MULTILINE,
)
_NAME = re.compile(rb"(?:^|,)[ \t]*([A-Za-z_]\w*)")
OURS = ("exercises", "grader", "solutions", "tests")
"""Names that are the kit's: what is missing of these is said by the import itself."""
used: list[str] = []
"""The packages that were used while the file was loaded."""
failed: dict[str, BaseException] = {}
"""Name -> why a notebook could not define it."""
_loading = [False]


def sentence(package: str) -> str:
    """What whoever uses a package is told."""
    return f"{package} is not installed where this code is checked; of your own files only the exercise itself is taken"


def begin_loading() -> None:
    """From here on until `end_loading` a missing package bears to be used."""
    used.clear()
    failed.clear()
    _loading[0] = True


def end_loading() -> None:
    _loading[0] = False


def is_absent(package: str) -> bool:
    """Whether there is no such package here."""
    if package in sys.modules or package in OURS:
        return False
    try:
        return importlib.util.find_spec(package) is None
    except (ImportError, ValueError):
        return False


def may_lack(source: bytes) -> bool:
    """Whether a file may import a missing package; False only where it does not. Costs less than to parse it."""
    names = {name for parts in _IMPORT.findall(source) for part in parts for name in _NAME.findall(part)}
    return any(is_absent(name.decode(errors="replace")) for name in names)


class Absent:
    """Stands for a missing package, or for something of it.

    Args:
        name: what was imported: `einops.rearrange`.
        wrapped: what it was given, as a progress bar is.
    """

    def __init__(self, name: str, wrapped: Any = None) -> None:
        self.__name__, self._wrapped = name, wrapped

    def _use(self) -> None:
        package = self.__name__.partition(".")[0]
        if not _loading[0]:
            raise ModuleNotFoundError(sentence(package), name=package)
        if package not in used:
            used.append(package)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._use()
        return Absent(f"{self.__name__}.{name}")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._use()
        first = arguments[0] if arguments else None
        if len(arguments) == 1 and (inspect.isfunction(first) or inspect.isclass(first)):
            return first  # as a decorator
        return Absent(self.__name__, first)

    def __getitem__(self, key: Any) -> Any:
        self._use()
        return Absent(self.__name__)

    def __or__(self, other: Any) -> Any:
        self._use()
        return self

    __ror__ = __or__

    def __iter__(self) -> Iterator[Any]:
        self._use()
        return iter(self._wrapped if self._wrapped is not None else ())

    def __enter__(self) -> Any:
        self._use()
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        package = self.__name__.partition(".")[0]
        raise ModuleNotFoundError(sentence(package), name=package)


class Shell:
    """What `get_ipython()` gives where there is no Jupyter: it takes every magic and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


def note(error: BaseException, *names: str) -> None:
    """Remembers why a notebook could not define these names."""
    failed.update(dict.fromkeys(names, error))


def with_stand_ins(tree: ast.Module) -> ast.Module:
    """The same file with something in the place of each missing package. An import inside a `try` is left alone."""
    found = _Imports()
    body = found.replaced(tree.body)
    if not found.any:
        return tree
    first = 0
    while first < len(body) and (_is_text(body[first]) or _is_future(body[first])):
        first += 1
    line = body[first] if first < len(body) else body[-1]
    helper = ast.ImportFrom(__name__, [ast.alias("Absent", "__absent__")], 0)
    body.insert(first, ast.copy_location(helper, line))
    return ast.fix_missing_locations(ast.Module(body, tree.type_ignores))


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


class _Imports:
    """Replaces imports at the level of a module, and in what is decided there."""

    def __init__(self) -> None:
        self.any = False

    def replaced(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        return [new for statement in body for new in self._of(statement)]

    def _of(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Import) and any(is_absent(_root(one.name)) for one in statement.names):
            return [self._import(statement, alias) for alias in statement.names]
        if isinstance(statement, ast.ImportFrom) and statement.level == 0 and is_absent(_root(statement.module or "")):
            names = [alias for alias in statement.names if alias.name != "*"]
            made = [
                self._stand_in(statement, one.asname or one.name, f"{statement.module}.{one.name}") for one in names
            ]
            self.any = True
            return made or [ast.copy_location(ast.Pass(), statement)]
        if isinstance(statement, ast.If):
            statement.body, statement.orelse = self.replaced(statement.body), self.replaced(statement.orelse)
        if isinstance(statement, ast.With):
            statement.body = self.replaced(statement.body)
        return [statement]

    def _import(self, statement: ast.Import, alias: ast.alias) -> ast.stmt:
        if not is_absent(_root(alias.name)):
            return ast.copy_location(ast.Import([alias]), statement)
        name = alias.name if alias.asname else _root(alias.name)
        return self._stand_in(statement, alias.asname or name, name)

    def _stand_in(self, statement: ast.stmt, name: str, what: str) -> ast.stmt:
        self.any = True
        call = ast.Call(ast.Name("__absent__", ast.Load()), [ast.Constant(what)], [])
        return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], call), statement)


def _root(name: str) -> str:
    return name.partition(".")[0]
