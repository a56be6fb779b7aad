"""The checks of an exercise: collected by pytest once, run as often as needed."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from grader.errors import KitError
from grader.kit.discovery import Exercise, Kit
from grader.kit.stub import to_write
from grader.results.verdicts import CORE
from grader.source.file import File, Source
from grader.source.importer import ExerciseFinder
from grader.text import exact

GIVEN = frozenset({"code", "draw", "expect"})
"""What a check may ask for, besides its own parameters."""
EXERCISE_POINTS = 10.0
_SYMBOLS = re.compile(r"\b(d|pad|bos|eos) (k|v|model|ff|head|id)\b")


@dataclass(frozen=True)
class Check:
    """One check of one exercise."""

    slug: str
    id: str
    function: Callable[..., None]
    params: dict[str, Any]
    points: float
    structural: bool
    shortcuts: tuple[str, ...]
    of: str = ""
    """The function or method that it is about: of all that it needs the last in the file."""
    tier: str = CORE
    patience: float = 1.0
    """How many times a check's usual time it has."""

    @property
    def title(self) -> str:
        """The sentence that a learner reads."""
        return title(self.id)


@functools.cache
def title(check_id: str) -> str:
    """`test_scores_are_divided_by_the_root_of_d_k[2]` -> `scores are divided by the root of d_k (2)`."""
    name, _, params = check_id.removeprefix("test_").partition("[")
    return _SYMBOLS.sub(r"\1_\2", name.replace("_", " ")) + (f" ({params.rstrip(']')})" if params else "")


def check_of(item: pytest.Function, slug: str) -> Check:
    """Raises KitError for a check that has no points or asks for what only pytest could give."""
    mark = item.get_closest_marker("points")
    if mark is None:
        raise KitError(f"{item.nodeid} has no points")
    params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    unknown = set(item.fixturenames) - GIVEN - params.keys() - {"request", "device"}
    if unknown:
        raise KitError(f"{item.nodeid} asks for {', '.join(sorted(unknown))}: a check gets {', '.join(sorted(GIVEN))}")
    params.pop("device", None)
    about = [str(found.args[0]) for found in item.iter_markers("needs")] or [str(mark.kwargs.get("of", ""))]
    tier = str(mark.kwargs.get("tier", CORE))
    names = tuple(name for found in item.iter_markers("shortcuts") for name in found.args)
    structural = bool(mark.kwargs.get("structural", False))
    patience = float(mark.kwargs.get("patience", 1.0))
    points = float(mark.args[0])
    return Check(slug, check_id(item), item.function, params, points, structural, names, about[0], tier, patience)


def check_id(item: pytest.Function) -> str:
    """The check's name and its own parameters, without the device."""
    callspec = getattr(item, "callspec", None)
    parts = [str(part) for part in getattr(callspec, "_idlist", [])]
    device = callspec.params.get("device") if callspec is not None else None
    parts = [part for part in parts if part != device]
    return f"{item.originalname}[{'-'.join(parts)}]" if parts else item.originalname


class _Collector:
    def __init__(self) -> None:
        self.items: list[pytest.Item] = []
        self.problems: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(report.longreprtext.strip())


def collect(kit: Kit, exercises: Sequence[Exercise]) -> dict[str, list[Check]]:
    """The checks of these exercises, in teaching order, by slug.

    Raises KitError where an exercise has no checks or pytest cannot read them.
    """
    collector = _Collector()
    missing = [exercise for exercise in exercises if not exercise.checks.is_file()]
    if missing:
        raise KitError(f"{missing[0].slug} has no checks: {missing[0].checks} does not exist")
    arguments = [
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:unraisableexception",  # collects garbage twice: 0.2 s with torch loaded
        "-p",
        "grader.pytest_plugin",
        "--import-mode=importlib",
        "--assert=plain",  # no check has a bare assert: there is nothing to rewrite
        "--strict-markers",
        "--rootdir",
        str(kit.root),
        "-c",
        os.devnull,  # whatever settings lie here or above are not about these checks
    ]
    arguments += [str(exercise.checks) for exercise in exercises]
    with _only_our_plugins(), contextlib.redirect_stdout(io.StringIO()), use_references(kit):
        status = pytest.main(arguments, plugins=[collector])
    if collector.problems or status != pytest.ExitCode.OK:
        problem = collector.problems[0] if collector.problems else f"pytest ended with status {int(status)}"
        raise KitError(f"the checks cannot be collected: {problem}")
    found: dict[str, list[Check]] = {exercise.slug: [] for exercise in exercises}
    for item in collector.items:
        assert isinstance(item, pytest.Function)
        slug = item.path.parent.name
        found[slug].append(check_of(item, slug))
    return {exercise.slug: in_teaching_order(exercise, found[exercise.slug]) for exercise in exercises}


def in_teaching_order(exercise: Exercise, checks: Sequence[Check]) -> list[Check]:
    """Checks in the order of the functions that they are about, for each the core first; else as the file has them.

    Raises KitError where there are none, and for one that is about nothing that the learner writes.
    """
    if not checks:
        raise KitError(f"{exercise.slug} has no checks")
    order = list(to_write(exercise.solution.read_text(encoding="utf-8")).values())
    for check in checks:
        if check.of not in order:
            raise KitError(
                f"{check.slug}, {check.id}: {check.of!r} is none of {', '.join(order)}, which learners write"
            )
    return sorted(checks, key=lambda check: (order.index(check.of), check.tier != CORE))


@contextlib.contextmanager
def _only_our_plugins() -> Iterator[None]:
    """Collects without the plugins that happen to be installed: they cost time and change nothing here."""
    name = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        os.environ.pop(name) if before is None else os.environ.__setitem__(name, before)


@contextlib.contextmanager
def use_references(kit: Kit) -> Iterator[None]:
    """`from solutions import exNN_topic` works here, and in solutions `exercises.*` is a reference too."""
    finder = ExerciseFinder(
        {e.slug: (str(e.solution), e.solution.read_bytes()) for e in kit.exercises if e.solution.is_file()}
    )
    root = str(kit.root)
    sys.path.insert(0, root)
    with finder.active():
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):
                sys.path.remove(root)


def reference(kit: Kit, slug: str) -> ModuleType:
    """The grader's own copy of the solution."""
    with use_references(kit):
        return import_module(f"solutions.{slug}")


def earlier_sources(kit: Kit, exercise: Exercise) -> dict[str, tuple[str, bytes]]:
    """The references that a learner's file may import."""
    return {other.slug: (f"solutions/{other.slug}.py", other.solution.read_bytes()) for other in kit.before(exercise)}


def source_of(kit: Kit, exercise: Exercise, file: File, shortcuts: Sequence[str], shown: str | None = None) -> Source:
    """One learner's file, ready to travel."""
    return with_file(Source(exercise.slug, "", "", b"", earlier_sources(kit, exercise), list(shortcuts)), file, shown)


def with_file(source: Source, file: File, shown: str | None = None) -> Source:
    """Another file in a source's place: it may import the same, and the same is a shortcut."""
    name, shown = exact(str(file.path or file.name)), shown or file.name
    return replace(source, filename=name, shown=shown, text=file.text, definitions_only=file.definitions_only)
