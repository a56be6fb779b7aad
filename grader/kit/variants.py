"""Variants of a reference: mistakes, and other ways to be right. Each is a whole file a learner could have written.

`tests/exNN_topic/mistakes.py` and `alternatives.py` hold functions and classes called `name__slug`, marked `@mistake`
or `@alternative`. They are read as text: the variant's file is the reference with that one definition replaced, plus
whatever else the file defines. In a variant, `reference.name` means the reference's own definition. Where an exercise
has many mistakes, `mistakes/` holds a file for each function or method that they replace, named after it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from grader.errors import KitError
from grader.kit.discovery import Exercise
from grader.kit.merge import merged

_ORIGINALS = (
    "import types as _types\n"
    "reference = _types.SimpleNamespace(**{k: v for k, v in globals().items() if not k.startswith('__')})\n"
)


_MARKS = ("mistake", "device_mistake", "alternative")


@dataclass(frozen=True)
class Variant:
    """One variant of a reference.

    Args:
        name: its name in the catalogue, `no_scaling`.
        target: the name of the reference that it replaces, `attention_scores`.
        diagnosis: the docstring. Of a mistake: what was done, and why it is wrong.
        source: the whole file.
        pieces: the same in three parts: the reference, what the variants of a file share, the definition itself.
        shows_on_gpus_only: a mistake about devices.
    """

    name: str
    target: str
    diagnosis: str
    source: bytes
    pieces: tuple[str, str, str]
    shows_on_gpus_only: bool = False


def mistakes(exercise: Exercise) -> list[Variant]:
    """The known mistakes, in the order of their file. Raises KitError for one that is not well formed."""
    return _read(exercise.mistakes, exercise.solution, ("mistake", "device_mistake"))


def alternatives(exercise: Exercise) -> list[Variant]:
    """Other ways to be right. Raises KitError for one that is not well formed."""
    return _read(exercise.alternatives, exercise.solution, ("alternative",))


@lru_cache
def _read(path: Path, solution: Path, marks: tuple[str, ...]) -> list[Variant]:
    reference = solution.read_text(encoding="utf-8")
    defined = {node.name for node in ast.parse(reference).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    found: dict[str, Variant] = {}
    for file in _files(path, reference):
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
        marked = [node for node in tree.body if _has_mark(node, *marks)]
        shared = [node for node in tree.body if node not in marked and not _is_about_the_kit(node)]
        helpers = "\n\n".join(map(ast.unparse, shared))
        for node in marked:
            assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
            if node.name.partition("__")[0] not in defined:
                raise KitError(f"{file}:{node.lineno}: the reference defines no {node.name.partition('__')[0]}")
            variant = _variant(node, helpers, reference, file)
            if variant.name in found:
                raise KitError(f"{file}:{node.lineno}: there are two variants called {variant.name}")
            found[variant.name] = variant
    return sorted(found.values(), key=lambda one: one.shows_on_gpus_only)


def _files(path: Path, reference: str) -> list[Path]:
    """The file, or the files of the folder in the order in which the reference defines their names."""
    if not path.is_dir():
        return [path] if path.is_file() else []
    defined = [node for node in ast.walk(ast.parse(reference)) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    order = [_snake(node.name) for node in sorted(defined, key=lambda node: node.lineno)]
    files = sorted(path.glob("*.py"))
    for file in files:
        if file.stem not in order:
            raise KitError(f"{file}: the reference defines nothing of that name")
    return sorted(files, key=lambda file: order.index(file.stem))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _has_mark(node: ast.stmt, *marks: str) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.ClassDef)) and any(
        _is_mark(decorator, *marks) for decorator in node.decorator_list
    )


def _is_mark(decorator: ast.expr, *marks: str) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id in (marks or _MARKS)


def _is_about_the_kit(node: ast.stmt) -> bool:
    """The docstring, and imports of `grader` and `solutions`, which do not exist where a variant runs."""
    if isinstance(node, ast.Expr):
        return True
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("grader", "solutions")


def _variant(node: ast.FunctionDef | ast.ClassDef, helpers: str, reference: str, file: Path) -> Variant:
    """What a marked definition says; it takes the name of what it replaces."""
    target, _, name = node.name.partition("__")
    diagnosis = " ".join((ast.get_docstring(node) or "").split())
    if not name or not diagnosis:
        raise KitError(f"{file}:{node.lineno}: a variant is called name__slug and its docstring says what it is")
    on_gpus = _has_mark(node, "device_mistake")
    node.name, node.decorator_list = target, [one for one in node.decorator_list if not _is_mark(one)]
    pieces = (reference, f"{_ORIGINALS}\n{helpers}", ast.unparse(node))
    return Variant(name, target, diagnosis, "\n\n".join([*pieces, ""]).encode(), pieces, on_gpus)


def can_meet(one: Variant, other: Variant) -> bool:
    """Whether one file can hold both: they replace different definitions, or one definition can have both changes."""
    return one.target != other.target or _both(one, other) is not None


def _both(one: Variant, other: Variant) -> list[str] | None:
    """The definitions that make both changes of one target: one around the other where it builds on the reference's
    own, else merged; None where they change the same part."""
    for outer, inner in ((one, other), (other, one)):
        original = f"reference.{one.target}"
        if f"{original}(" in _body(outer.pieces[-1]) and original not in inner.pieces[1] + outer.pieces[1]:
            within = inner.pieces[-1].replace(original, "_original")
            return [f"_original = {original}", within, f"{original} = {one.target}", outer.pieces[-1]]
    both = merged(one.pieces[0], one.pieces[-1], other.pieces[-1], one.target)
    return None if both is None else [both]


def together(variants: Sequence[Variant]) -> list[str]:
    """The pieces of one file that combines these variants; raises ValueError for two that cannot meet.

    Each finds the others where it asks for the reference's own definition, unless it builds on that itself.
    """
    original = variants[0].pieces[0]
    shared = list(dict.fromkeys(variant.pieces[1] for variant in variants))
    pieces = [original, *shared]
    if len(variants) == 2 and variants[0].target == variants[1].target:
        both = _both(*variants)
        if both is None:
            raise ValueError(f"{variants[0].name} and {variants[1].name} change the same part of {variants[0].target}")
        return [*pieces, *both]
    for variant in variants:
        definition = variant.pieces[-1]
        pieces.append(definition)
        builds_on_it = f"reference.{variant.target}" in _body(definition) + variant.pieces[1]
        if len(variants) > 1 and not builds_on_it:
            pieces.append(f"reference.{variant.target} = {variant.target}")
    return pieces


def _body(definition: str) -> str:
    """A definition without its first line, which names the class that it derives from."""
    return definition.partition("\n")[2]
