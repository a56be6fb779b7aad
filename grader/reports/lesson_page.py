"""The page beside the editor: lesson, pictures, questions, and the verdict on what was saved."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from grader.kit import questions
from grader.kit.discovery import Exercise
from grader.reports import lesson, templating


def page(exercise: Exercise, exercises: Sequence[Exercise], number: int, said: str, card: str) -> tuple[str, str]:
    """The HTML, and the content security policy that goes with it.

    Args:
        exercises: all of the course, to go to.
        number: of the verdict that it shows; a later one replaces it.
        said: that verdict in a line.
        card: its HTML.
    """
    script, source = templating.script("lesson.js")
    text = templating.render(
        "lesson.html",
        exercise=exercise,
        exercises=exercises,
        lesson=lesson.as_html(exercise),
        questions=questions.read(exercise.questions),
        inline=lesson.inline,
        number=number,
        said=said,
        card=Markup(card),
        script=script,
        script_source=Markup(source),
    )
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {source}; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy
