"""The questions of a lesson, read from `exercises/exNN_topic.questions.md`. Imports no torch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from grader.errors import KitError

_OPTION = re.compile(r"^- ([a-z]): (.+)$", re.MULTILINE)
_FIELD = re.compile(r"^(Answer|Because|Code): (.+?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:\s*/\s*(\d+\.?\d*))?")
NUMBER, SHAPE, CHOICE, WHY = "number", "shape", "choice", "why"
CLOSE = 0.01
"""A number is right within one part in a hundred, or half of the last digit of the answer."""


@dataclass(frozen=True)
class Question:
    """One question.

    Args:
        text: what is asked; within its exercise it is also what the question is known by.
        answer: what is right: a number, a shape, the letter of an option; of a "why" the whole explanation.
        because: the reason; empty for a "why".
        options: letter and text of what can be chosen.
        code: a line of Python that computes the answer, for the tests.
    """

    text: str
    answer: str
    because: str = ""
    options: tuple[tuple[str, str], ...] = ()
    code: str = ""

    @property
    def kind(self) -> str:
        if self.options:
            return CHOICE
        if self.text.startswith("Why "):
            return WHY
        return SHAPE if self.answer.startswith("(") else NUMBER

    @property
    def expects(self) -> str:
        """What is to be typed, as a prompt says it."""
        letters = ", ".join(letter for letter, _ in self.options)
        return {NUMBER: "a number", SHAPE: "a shape", CHOICE: letters, WHY: "think"}[self.kind]

    def accepts(self, typed: str) -> bool | None:
        """Whether that is right; None where it is no answer of the kind that is asked for."""
        typed = typed.strip().lower()
        if self.kind == NUMBER:
            number, right = _number(typed), float(self.answer)
            digits = len(self.answer.partition(".")[2])
            room = max(CLOSE * abs(right), 0.5 * 10**-digits) if digits else 0.0
            return None if number is None else abs(number - right) <= room + 1e-12
        if self.kind == SHAPE:
            sizes = re.findall(r"\d+", typed)
            return sizes == re.findall(r"\d+", self.answer) if sizes else None
        letters = [letter for letter, text in self.options if typed in (letter, text.lower())]
        return letters == [self.answer] if letters else None

    @property
    def shown_answer(self) -> str:
        """The answer; of a choice with its text."""
        return f"{self.answer}, {dict(self.options)[self.answer]}" if self.options else self.answer


def _number(text: str) -> float | None:
    """`0.25`, `1/4` or `.25`; a comma may stand for the point."""
    found = _NUMBER.fullmatch(text.replace(",", "."))
    if found is None:
        return None
    below = float(found[2]) if found[2] else 1.0
    number = float(found[1]) / below if below else math.inf
    return number if math.isfinite(number) else None


def read(file: Path) -> list[Question]:
    """The questions in order; none where there is no file. Raises KitError for one that has no answer."""
    if not file.is_file():
        return []
    sections = re.split(r"^## +", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [_question(section, file) for section in sections]


def _question(section: str, file: Path) -> Question:
    text, _, body = section.strip().partition("\n")
    fields = {name: " ".join(value.split()) for name, value in _FIELD.findall(body)}
    options = tuple(_OPTION.findall(body))
    if "Answer" not in fields or (options and fields["Answer"] not in dict(options)):
        raise KitError(f"{file.name}: no answer to {text!r}")
    return Question(text, fields["Answer"], fields.get("Because", ""), options, fields.get("Code", "").strip("`"))
