"""`exercises.*` while one exercise is on screen: the earlier ones are the reference, the later ones do not exist."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

from grader.source.absent import may_lack
from grader.source.definitions import parse, refuse_null_bytes

PACKAGE = "exercises"
_known = {PACKAGE}
"""Every name that some finder here has found: the only ones that can be in `sys.modules`."""


class ExerciseFinder(MetaPathFinder, Loader):
    """Finds `exercises` and its modules among sources held in memory.

    Args:
        sources: slug -> (file name for tracebacks, source) of every exercise that may be imported.
        current: the exercise being checked; None lets every import through to `sources` alone.
    """

    def __init__(self, sources: Mapping[str, tuple[str, bytes]], current: str | None = None) -> None:
        self.sources = sources
        self.current = current
        self.modules: dict[str, ModuleType] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == PACKAGE:
            return ModuleSpec(fullname, self, is_package=True)
        package, _, slug = fullname.partition(".")
        if package != PACKAGE or "." in slug:
            return None
        if slug in self.sources:
            _known.add(fullname)
            return ModuleSpec(fullname, self, origin=self.sources[slug][0])
        raise ModuleNotFoundError(self._refusal(slug), name=fullname)

    def _refusal(self, slug: str) -> str:
        if self.current is not None and slug[:2] == "ex" and slug[:4] > self.current[:4]:
            return f"{self.current} comes before {slug}: an exercise may import earlier exercises only"
        known = ", ".join(sorted(self.sources)) or "none"
        return f"there is no {PACKAGE}.{slug} to import here; the earlier exercises are: {known}"

    def exec_module(self, module: ModuleType) -> None:
        _, _, slug = module.__name__.partition(".")
        if slug:
            filename, source = self.sources[slug]
            module.__file__ = filename
            exec(compile_source(source, filename), module.__dict__)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Makes `exercises.*` mean this finder's modules, and restores what it meant before."""
        _known.update(self.modules)
        hidden = _take_modules()
        sys.modules.update(self.modules)
        sys.meta_path.insert(0, self)
        try:
            yield
        finally:
            sys.meta_path.remove(self)
            self.modules = _take_modules()
            sys.modules.update(hidden)


def take_over(finder: ExerciseFinder) -> None:
    """Makes `exercises.*` mean a finder's modules from now on, in a process that nobody else works in."""
    sys.meta_path[:] = [finder, *(other for other in sys.meta_path if not isinstance(other, ExerciseFinder))]
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def _take_modules() -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in _known if name in sys.modules}


def compile_source(source: bytes, filename: str, definitions_only: bool = False) -> CodeType:
    """Compiles bytes as Python does a file: coding line, BOM, CRLF. Tracebacks find the lines.

    Raises SyntaxError, or ValueError where the bytes are no text.
    """
    refuse_null_bytes(source)
    what = parse(source, filename, definitions_only) if definitions_only or may_lack(source) else source
    code = compile(what, filename, "exec", dont_inherit=True)
    lines = source.decode("utf-8-sig", errors="replace").splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    return code
