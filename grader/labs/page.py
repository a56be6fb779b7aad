"""A lab's page: the question, the answer, what was measured, and the figures, all in one file."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from grader.kit.labs import LabEntry
from grader.labs.lab import Finding, Question
from grader.reports import templating


def page(
    entry: LabEntry,
    question: Question,
    answer: str | None,
    solved: str | None,
    finding: Finding,
    pictures: Mapping[str, bytes],
    how: str,
) -> str:
    """The page's HTML.

    Args:
        answer: what was guessed.
        solved: the riddle, its answer, and what is right.
        pictures: the PNG of each figure, by its name.
        how: what it was measured with, a sentence.
    """
    shown = {name: "data:image/png;base64," + base64.b64encode(data).decode() for name, data in pictures.items()}
    known = {"entry": entry, "question": question, "answer": answer, "solved": solved, "finding": finding}
    return templating.render("lab.html", **known, pictures=shown, how=how)
