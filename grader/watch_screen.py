"""What the watch loop shows: an exercise, its checks, the first failure, the way forward, the keys."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text

from grader.discovery import Exercise, Kit
from grader.progress import Progress
from grader.screen import Screen, shown
from grader.source import File
from grader.verdicts import PASS, UNWRITTEN, ExerciseResult

BAR = 30
"""Characters of the progress bar."""


class WatchScreen(Screen):
    """The screen of the loop. On a terminal that can, each verdict gets an empty one."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self.console.width = min(self.console.width, 100)

    def checking(self) -> None:
        self.line("checking...", "dim")

    def head(self, exercise: Exercise) -> None:
        """Which exercise this is and where it stands in the course."""
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self.console.clear()
        else:
            self.line("-" * 40)
        numbers = [other.number for other in self._kit.exercises]
        place = f"Exercise {numbers.index(exercise.number) + 1} of {len(numbers)}"
        self.line(f"{place}: {exercise.title}", "bold")
        self.line(shown(exercise.stub), "dim")

    def verdict(self, exercise: Exercise, result: ExerciseResult, seed: int, text: bytes) -> None:
        """All that one run of the checks says."""
        self.head(exercise)
        self.line()
        if result.verdict == UNWRITTEN:
            self.line(f"Nothing is written yet; {len(result.outcomes)} checks wait.")
            self.line(f"Edit {shown(exercise.stub)} and save: the checks run by themselves.")
        else:
            if not result.unloadable:
                self.checks(result, indent=2)
            self.explain(result, shown(exercise.stub), seed, file=File(exercise.stub.name, text))
        self.line()

    def passed(self, exercise: Exercise, result: ExerciseResult, following: Exercise | None) -> None:
        """What was built and what it is good for, in the lesson's words."""
        self.line(f"{exercise.slug} passes: all {len(result.outcomes)} checks.", "bold green")
        for text in (f"You have built: {exercise.title}.", leads_to(exercise)):
            self._wrapped(text)
        if following is not None:
            self.line(f"Next is exercise {following.number}: {following.title}.")

    def all_done(self) -> None:
        self.line("All exercises pass. You have built:", "bold green")
        for exercise in self._kit.exercises:
            self.line(f"  {exercise.number:>2}  {exercise.title}")

    def regressed(self, result: ExerciseResult) -> None:
        failure = result.first_failure
        self.line(f"{result.slug} passed before and does not now: {failure.title if failure else ''}", "bold red")

    def bar(self, progress: Progress) -> None:
        exercises = self._kit.exercises
        solved = sum(1 for exercise in exercises if progress.state(exercise) == PASS)
        full = BAR * solved // len(exercises)
        self.line(f"[{'#' * full}{'.' * (BAR - full)}] {solved} of {len(exercises)} exercises pass")

    def keys(self, names: Sequence[tuple[str, str]]) -> None:
        """The keys that apply now."""
        parts = [part for key, name in names for part in ((key, "bold"), f" {name}  ")]
        self._empty = False
        self.console.print(Text.assemble(*parts))

    def _wrapped(self, text: str) -> None:
        self._empty = False
        self.console.print(Text(text), soft_wrap=False)


def leads_to(exercise: Exercise) -> str:
    """The first paragraph of the lesson's last section: what the exercise is good for."""
    lesson = exercise.lesson.read_text(encoding="utf-8")
    found = re.search(r"^## Where it leads\n+(.+?)(?:\n\n|\Z)", lesson, flags=re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else ""
