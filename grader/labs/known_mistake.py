"""A mistake of the catalogue in the place of what a learner wrote."""

from __future__ import annotations

import ast
import re

from grader.errors import UsageError
from grader.kit.discovery import Exercise, Kit
from grader.kit.labs import LabEntry
from grader.kit.variants import Variant, mistakes
from grader.paths import PROGRAMS
from grader.source.file import File


def known_mistake(kit: Kit, name: str) -> tuple[Exercise, Variant]:
    """The mistake of this name, `no_scaling` or `attention_scores__no_scaling`, and its exercise.

    Raises UsageError where the catalogue has no such mistake, or several.
    """
    target, _, short = name.rpartition("__")
    found = [
        (exercise, variant)
        for exercise in kit.exercises
        for variant in mistakes(exercise)
        if variant.name == short and target in ("", variant.target)
    ]
    if len(found) != 1:
        several = ", ".join(f"{variant.target}__{short} of {exercise.slug}" for exercise, variant in found)
        raise UsageError(f"the catalogue has {several or 'no mistake'} called {name!r}: say one as TARGET__NAME")
    return found[0]


def with_mistake(kit: Kit, files: dict[str, File], name: str, lab: LabEntry | None = None) -> dict[str, File]:
    """The files, with a known mistake in the place of the learner's file of its exercise.

    Args:
        files: by slug.
        lab: what it is for. Raises UsageError where that runs nothing of the exercise, or nothing of what has the
            mistake in it.
    """
    exercise, variant = known_mistake(kit, name)
    others = {slug: file for slug, file in files.items() if slug != exercise.slug}
    if lab is not None:
        if exercise.number not in lab.needs:
            what = f"nothing of {exercise.slug}" if lab.needs else "the reference alone"
            raise UsageError(f"--mistake {name}: the lab {lab.name} runs {what}")
        texts = [file.text for file in others.values()] + [one.read_bytes() for one in PROGRAMS.glob("*.py")]
        if not _is_reached(variant, texts):
            where = f"{variant.target} of {exercise.slug}"
            raise UsageError(f"--mistake {name}: it changes {where}, which nothing else names that the lab can run")
    return {**others, exercise.slug: File(f"{exercise.slug}.py", variant.source)}


def _is_reached(variant: Variant, others: list[bytes]) -> bool:
    """Whether one of the other files names what has the mistake in it, or what of the same file uses that."""
    inside: dict[str, set[str]] = {}
    for statement in ast.parse(variant.source).body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            inside[statement.name] = inside.get(statement.name, set()) | names
    reached = {word.decode() for text in others for word in re.findall(rb"\w+", text)} & inside.keys()
    while more := set().union(*(inside[name] for name in reached)) & inside.keys() - reached:
        reached |= more
    return variant.target in reached
