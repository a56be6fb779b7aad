"""Asking a learner: questions of earlier lessons come back, missed ones first. Imports no torch.

What was asked, and what was missed, stands in the exercise's entry of `.grader/progress.json` under `questions`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from grader.kit import questions
from grader.kit.discovery import Exercise, Kit
from grader.kit.questions import WHY, Question
from grader.learner.commands import following, progress_of
from grader.learner.progress import Progress
from grader.reports.terminal import Screen
from grader.text import clean

EARLIER = (1, 3, 6)
"""How many exercises back the questions come from that are asked again."""
RECALLED = 2
LEAVE = ("q", "quit")

Read = Callable[[str], str]
"""Shows a prompt and returns the line that was typed; EOFError and KeyboardInterrupt end the questions."""
Asked = tuple[Exercise, Question]


def recalled(kit: Kit, progress: Progress, exercise: Exercise) -> list[Asked]:
    """The two questions from earlier exercises: those that were missed first, then those that were asked least."""
    back = [other for steps in EARLIER for other in kit.exercises if other.number == exercise.number - steps]
    found = [(other, one) for other in back for one in questions.read(other.questions) if one.kind != WHY]

    def turn(asked: Asked) -> tuple[bool, int]:
        known = _memory(progress, *asked)
        return not known.get("missed", False), int(known.get("asked", 0))

    return sorted(found, key=turn)[:RECALLED]


def of_lesson(exercise: Exercise, progress: Progress) -> list[Asked]:
    """The lesson's own: missed ones and new ones first, in the order of the file; last of all the "why"."""
    own = [(exercise, one) for one in questions.read(exercise.questions)]

    def turn(asked: Asked) -> tuple[bool, bool]:
        known = _memory(progress, *asked)
        return asked[1].kind == WHY, bool(known.get("asked")) and not known.get("missed")

    return sorted(own, key=turn)


def invitation(exercise: Exercise) -> str:
    """The line that says how to be asked; empty where the lesson asks nothing."""
    count = len(questions.read(exercise.questions))
    return f"? asks you {count} questions about this lesson, and {RECALLED} about earlier ones." if count else ""


def ask(screen: Screen, kit: Kit, progress: Progress, exercise: Exercise, read: Read) -> None:
    """Asks all that is to be asked about an exercise, line by line, and remembers what was missed.

    Args:
        read: how a line is typed. The loop gives it the terminal; an empty line leaves a question out.
    """
    right = asked_for = 0
    for number, (owner, question) in enumerate([*recalled(kit, progress, exercise), *of_lesson(exercise, progress)], 1):
        screen.line()
        where = "" if owner == exercise else f" (from exercise {owner.number})"
        screen.line(f"? {number}.{where} {question.text}", "bold")
        for letter, text in question.options:
            screen.line(f"    {letter}: {text}")
        try:
            verdict = _answered(screen, question, read)
        except (EOFError, KeyboardInterrupt):
            break
        if verdict is None:
            continue
        if question.kind != WHY:
            asked_for += 1
            right += verdict
        remember(progress, owner, question, right=verdict)
    if asked_for:
        screen.line()
        again = "" if right == asked_for else "; those that were missed come again"
        screen.line(f"{right} of {asked_for} right{again}.")


def _answered(screen: Screen, question: Question, read: Read) -> bool | None:
    """Whether the answer was right; None where the question was left out. Raises EOFError where no more is wanted."""
    if question.kind == WHY:
        if read("  think, then Enter (q leaves): ").strip().lower() in LEAVE:
            raise EOFError
        screen.line(f"  {question.answer}")
        return True
    while True:
        typed = read(f"  {question.expects} (Enter leaves it out, q leaves): ")
        if typed.strip().lower() in LEAVE:
            raise EOFError
        if not typed.strip():
            return None
        accepted = question.accepts(typed)
        if accepted is not None:
            break
        screen.line(f"  {clean(typed.strip(), 40)!r} is not {_a(question)}: try once more")
    said = "Right" if accepted else f"No, it is {question.shown_answer}"
    screen.line(f"  {said}: {question.because}", "green" if accepted else "yellow")
    return accepted


def _a(question: Question) -> str:
    return f"one of {question.expects}" if question.options else question.expects


def _memory(progress: Progress, exercise: Exercise, question: Question) -> dict[str, Any]:
    known = progress.entry(exercise.slug).get("questions")
    found = known.get(question.text) if isinstance(known, dict) else None
    return found if isinstance(found, dict) else {}


def remember(progress: Progress, exercise: Exercise, question: Question, *, right: bool) -> None:
    """Keeps whether a question was missed, where that can be written."""
    with contextlib.suppress(OSError), progress.changing(exercise.slug) as entry:
        if not isinstance(entry.get("questions"), dict):
            entry["questions"] = {}
        known = entry["questions"].get(question.text)
        before = known.get("asked", 0) if isinstance(known, dict) else 0
        entry["questions"][question.text] = {"asked": before + 1, "missed": not right}


def ask_command(word: str | None) -> None:
    """`grader ask`: on a terminal it asks; elsewhere it prints the questions and, below them, the answers."""
    kit, screen = Kit(), Screen()
    progress = progress_of(kit, screen)
    exercise = kit.find((word,))[0] if word else following(kit, progress) or kit.exercises[0]
    screen.line(f"Exercise {exercise.number}: {exercise.title}", "bold")
    if sys.stdin.isatty() and sys.stdout.isatty():
        ask(screen, kit, progress, exercise, input)
        return
    own = questions.read(exercise.questions)
    for number, question in enumerate(own, 1):
        screen.line(f"? {number}. {question.text}")
        for letter, text in question.options:
            screen.line(f"    {letter}: {text}")
    screen.line()
    screen.line("The answers")
    for number, question in enumerate(own, 1):
        because = f": {question.because}" if question.because else ""
        screen.line(f"  {number}. {question.shown_answer}{because}")
