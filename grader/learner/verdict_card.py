"""A verdict as a card: in a notebook, and in the page beside an editor. Imports no torch."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from grader.kit import hints
from grader.learner.progress import hinted
from grader.reports import svg, templating
from grader.reports.statistics import reason
from grader.results import summary
from grader.results.verdicts import ERROR, FAIL, SKIP, UNWRITTEN, ExerciseResult
from grader.source.file import File, spot

Ladders = dict[str, list[str]]
"""Check title -> its hints."""


def card(result: ExerciseResult, file: File, seed: int, ladders: Ladders, *, core: bool = False) -> str:
    """The verdict, the first failure with all that is known of it, and a line for each check.

    Args:
        core: whether only the core checks have run: then it has no points.
    """
    checks = summary.CORE_CHECKS if core else "checks"
    failure = result.first_failure if result.verdict in (FAIL, ERROR) else None
    sentence, facts = reason(failure.message) if failure else ("", "")
    ran = [one for one in result.outcomes if one.verdict != SKIP]
    rungs = hints.of_check(ladders, hinted(failure) or "")
    absent = Counter((one.device, one.message) for one in result.outcomes if one.verdict == SKIP)
    return templating.render(
        "here.html",
        result=result,
        shown=UNWRITTEN if result.right_so_far else result.verdict,
        failure=failure,
        functions=summary.functions(result),
        summary=("What is written so far is right: " if result.right_so_far else "") + summary.counts(result, checks),
        core=core,
        sentence=sentence,
        facts=facts,
        place=f"{spot(file.name, file, failure.line)}; seed {seed}" if failure else "",
        hints=[hints.worded(rungs, rung, None) for rung in range(1, len(rungs) + 1)],
        ran=ran,
        several=len({one.device for one in ran}) > 1,
        counts=_counts(Counter(one.verdict for one in ran), checks),
        absent=[f"{count} {checks} not run on {device}: {why}" for (device, why), count in absent.items()],
        yours=lambda picture: Markup(svg.yours(picture)),
        expected=lambda picture: Markup(svg.expected(picture)),
    )


def _counts(verdicts: Counter[str], checks: str) -> str:
    total = sum(verdicts.values())
    return f"{total} {checks}: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
