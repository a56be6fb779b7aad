"""Finds the exercises by their folders; there is no list of them. Imports no torch."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from grader.errors import KitError, UsageError
from grader.paths import PACKAGE, ROOT

SLUG = re.compile(r"ex(\d\d)_[a-z0-9_]+")
NUMBERED = re.compile(r"ex\d\d_")
EFFORT = re.compile(r"\b(\d+) minutes, (\d+) lines\b")
HEAD = 4
"""Lines of a lesson in which it stands."""
_PACKAGED = PACKAGE / "course"
COURSE = _PACKAGED if _PACKAGED.is_dir() else ROOT
"""The folder that holds exercises/, solutions/ and tests/: a clone, or inside the installed package."""


@dataclass(frozen=True)
class Effort:
    """What writing an exercise is expected to take.

    Args:
        minutes: with the lesson.
        lines: of code to write.
    """

    minutes: int
    lines: int

    def __str__(self) -> str:
        return f"about {self.minutes} minutes and {self.lines} lines of code"


@dataclass(frozen=True, order=True)
class Exercise:
    """One exercise of the kit.

    Args:
        slug: `ex06_self_attention`.
        root: the folder that holds exercises/, solutions/ and tests/.
        workspace: the folder that holds the learner's exercises/, where it is another.
    """

    slug: str
    root: Path
    workspace: Path | None = field(default=None, compare=False)

    @property
    def number(self) -> int:
        return int(self.slug[2:4])

    @property
    def stub(self) -> Path:
        """The learner's file."""
        return (self.workspace or self.root) / "exercises" / f"{self.slug}.py"

    @property
    def lesson(self) -> Path:
        return self.root / "exercises" / f"{self.slug}.md"

    @property
    def questions(self) -> Path:
        """What the lesson asks, and the answers."""
        return self.root / "exercises" / f"{self.slug}.questions.md"

    @property
    def solution(self) -> Path:
        return self.root / "solutions" / f"{self.slug}.py"

    @property
    def folder(self) -> Path:
        return self.root / "tests" / self.slug

    @property
    def checks(self) -> Path:
        return self.folder / f"test_{self.slug[5:]}.py"

    @property
    def mistakes(self) -> Path:
        """The file of the known mistakes; where they are many, a folder with a file for each function or method."""
        folder = self.folder / "mistakes"
        return folder if folder.is_dir() else self.folder / "mistakes.py"

    @property
    def alternatives(self) -> Path:
        return self.folder / "alternatives.py"

    @property
    def hints(self) -> Path:
        return self.folder / "hints.md"

    @property
    def title(self) -> str:
        """The lesson's title without its number: `self-attention in five steps`."""
        with self.lesson.open(encoding="utf-8") as lesson:
            heading = lesson.readline().strip("# \n")
        return heading.partition(": ")[2] or heading

    @property
    def effort(self) -> Effort | None:
        """What the lesson's first lines expect of a learner; None where they do not say."""
        with self.lesson.open(encoding="utf-8") as lesson:
            found = EFFORT.search("".join(islice(lesson, HEAD)))
        return Effort(int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class Kit:
    """The folders that hold the course.

    Args:
        root: where exercises, solutions and checks lie.
    """

    root: Path = COURSE

    @property
    def workspace(self) -> Path:
        """Where the learner writes: of this folder and those above it the first with exercises, else the course itself.

        Raises UsageError where the course is inside an installed package and no folder here has exercises.
        """
        if self.root != COURSE:
            return self.root
        here = Path.cwd()
        for folder in (here, *here.parents):
            if any(SLUG.fullmatch(path.stem) for path in (folder / "exercises").glob("ex*.py")):
                return folder
        if COURSE == _PACKAGED:
            raise UsageError("there are no exercises in this folder: `grader init DIR` makes a folder with them")
        return COURSE

    @property
    def reports_folder(self) -> Path:
        """Where a failure of the grader is reported: the workspace, else the current folder."""
        try:
            return self.workspace
        except UsageError:
            return Path.cwd()

    @property
    def exercises_folder(self) -> Path:
        """The learner's files."""
        return self.workspace / "exercises"

    @property
    def exercises(self) -> list[Exercise]:
        """Every exercise, in order. Raises KitError where there is none."""
        names = {path.stem for folder in ("exercises", "solutions") for path in (self.root / folder).glob("ex*.py")}
        names |= {path.name for path in (self.root / "tests").glob("ex*") if path.is_dir()}
        try:
            workspace = self.workspace
        except UsageError:  # whoever needs the learner's files asks for the workspace
            workspace = None
        found = sorted(Exercise(name, self.root, workspace) for name in names if SLUG.fullmatch(name))
        if not found:
            raise KitError(f"no exercise lies in {self.root / 'exercises'}")
        return found

    @property
    def pictures(self) -> list[Path]:
        """The pictures of the lessons: drawings, and the figures of labs."""
        return sorted(path for name in ("figures", "pictures") for path in (self.root / "exercises" / name).glob("*.*"))

    def find(self, words: tuple[str, ...] | list[str]) -> list[Exercise]:
        """The exercises that these numbers, slugs or prefixes name, in course order; all for none.

        Raises UsageError that names the nearest exercises.
        """
        everything = self.exercises
        if not words:
            return everything
        return sorted({self._one(word, everything) for word in words})

    def _one(self, word: str, everything: list[Exercise]) -> Exercise:
        wanted = word.strip().lower().removesuffix(".py").replace("\\", "/").rpartition("/")[2]
        if wanted.isdigit():
            wanted = f"ex{int(wanted):02}"
        matches = [
            exercise
            for exercise in everything
            if exercise.slug.startswith(wanted) or exercise.slug[5:].startswith(wanted)
        ]
        exact = [exercise for exercise in matches if wanted in (exercise.slug, exercise.slug[5:])]
        if len(exact or matches) == 1:
            return (exact or matches)[0]
        if matches and wanted:
            names = ", ".join(exercise.slug for exercise in matches)
            raise UsageError(f"{word!r} means more than one exercise: {names}")
        slugs = [exercise.slug for exercise in everything]
        near = difflib.get_close_matches(wanted, [*slugs, *(slug[5:] for slug in slugs)], n=3, cutoff=0.4)
        names = ", ".join(near) or f"{slugs[0]} to {slugs[-1]}"
        raise UsageError(f"there is no exercise {word!r}; the nearest: {names}")

    def before(self, exercise: Exercise) -> list[Exercise]:
        """The exercises that this one may import."""
        return [other for other in self.exercises if other.number < exercise.number]
