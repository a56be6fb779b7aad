"""A lesson in parts: what Markdown can show, and the formulas and pictures that a terminal cannot. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from grader.errors import KitError
from grader.kit.discovery import Exercise

_PART = re.compile(
    r"^\$\$\n(?P<latex>.+?)\n\$\$\n\s*<!-- plain\n(?P<plain>.+?)\n-->$"
    r"|^!\[(?P<alternative>[^\]]+)\]\((?P<folder>pictures|figures)/(?P<name>[a-z0-9_]+)\.svg\)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Prose:
    """Markdown."""

    text: str


@dataclass(frozen=True)
class Formula:
    """A displayed formula.

    Args:
        latex: as GitHub, notebooks and pages show it.
        plain: as a terminal shows it, in the author's words.
    """

    latex: str
    plain: str


@dataclass(frozen=True)
class Picture:
    """A picture from the folders beside the lessons.

    Args:
        svg: its file; of a drawing there is a text of the same name, with `.txt`. A lab's figure has none.
        alternative: what it shows, in words.
    """

    svg: Path
    alternative: str

    @property
    def is_drawn(self) -> bool:
        """Whether characters can show it."""
        return self.svg.with_suffix(".txt").is_file()

    @property
    def text(self) -> str:
        """The picture in characters; where there are none, what it shows and where it lies."""
        if self.is_drawn:
            return self.svg.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")
        return f"Figure: {self.alternative} ({'/'.join(self.svg.parts[-3:])})"


Part = Prose | Formula | Picture


def parts(exercise: Exercise) -> list[Part]:
    """The parts of a lesson in order. Raises KitError for a formula that has no plain twin."""
    text = exercise.lesson.read_text(encoding="utf-8")
    found: list[Part] = []
    end = 0
    for match in _PART.finditer(text):
        found.append(Prose(text[end : match.start()]))
        if match["latex"] is not None:
            found.append(Formula(match["latex"], match["plain"]))
        else:
            alternative = " ".join(match["alternative"].split())
            found.append(Picture(exercise.lesson.parent / match["folder"] / f"{match['name']}.svg", alternative))
        end = match.end()
    found.append(Prose(text[end:]))
    if any("$$" in part.text or "<!--" in part.text for part in found if isinstance(part, Prose)):
        raise KitError(f"{exercise.lesson.name} has a formula without `<!-- plain ... -->` behind it")
    return [part for part in found if not isinstance(part, Prose) or part.text.strip()]
