"""What the watch loop shows: an exercise, its checks, the first failure, the way forward, the keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from grader.kit.discovery import Exercise, Kit
from grader.kit.labs import unlocked_by
from grader.learner.progress import Progress
from grader.learner.questions import invitation
from grader.reports.terminal import BAD, GOOD, Screen
from grader.results import summary
from grader.results.verdicts import FAIL, PASS, UNWRITTEN, ExerciseResult
from grader.source.file import File
from grader.text import plain, short_path

BAR = 20
"""Characters of the progress bar."""
LONGEST_COUNT = 50
"""Characters of the line that counts the seconds of a run."""
AROUND_A_FAILURE = 14
"""Rows of a screen that hold something else: head, functions, counts, title, place, bar, keys, empty ones."""
UP_AND_ERASE = "\x1b[1A\x1b[2K"


class WatchScreen(Screen):
    """The screen of the loop. A terminal that can gets an empty one for each verdict; the keys stand at the end."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._moves = self.console.is_terminal and not self.console.is_dumb_terminal and not self.console.legacy_windows
        self._empty_before = False
        self._rows_of_keys = 0
        """How many of the last lines are keys."""
        self._counting = False
        """Whether the last line says that a run is on: the next second replaces it."""

    @property
    def redraws(self) -> bool:
        """Whether a screen can be drawn in the place of the last one."""
        return self._moves

    def _room(self) -> int:
        return max(self.console.height - AROUND_A_FAILURE, 0) if self._moves else super()._room()

    def _print(self, text: Text) -> None:
        self.wipe_keys()
        self._counting = False
        super()._print(text)

    def line(self, text: str = "", style: str = "", *, whole: bool = False, opens: Path | None = None) -> None:
        self.wipe_keys()
        super().line(text, style, whole=whole, opens=opens)

    def wipe_keys(self) -> None:
        """The keys that were shown do not apply any more."""
        if self._rows_of_keys and self._moves:
            self.console.file.write(UP_AND_ERASE * self._rows_of_keys)
            self._empty = self._empty_before
        self._rows_of_keys = 0

    def checking(self, seconds: int = 0) -> None:
        """A run is on, for so long already."""
        if seconds and not (self._moves and self.console.width > LONGEST_COUNT):
            return
        if self._counting and self._moves:
            self.console.file.write(UP_AND_ERASE)
        if not seconds:
            self.line("checking...")
        else:
            self.line(f"checking... {seconds} s   save to begin anew, q to quit")
        self._counting = True

    def head(self, exercise: Exercise) -> None:
        """Which exercise this is and where it stands in the course."""
        self._rows_of_keys = 0
        if self._moves:
            self.console.clear()
        else:
            self.line("-" * 40)
        self.line(f"Exercise {self._place(exercise)}: {exercise.title}", "bold")
        self.line(short_path(exercise.stub), opens=exercise.stub)

    def _place(self, exercise: Exercise) -> str:
        numbers = [other.number for other in self._kit.exercises]
        return f"{numbers.index(exercise.number) + 1} of {len(numbers)}"

    def verdict(self, exercise: Exercise, result: ExerciseResult, seed: int, text: bytes) -> None:
        """All that one run of the checks says."""
        self.head(exercise)
        self.line()
        if result.verdict == UNWRITTEN:
            self.line("Nothing is written yet. Read the lesson (t), write, and save: the checks run by themselves.")
            if exercise.effort:
                self.line(f"It takes {exercise.effort}.")
            if asks := invitation(exercise):
                self.line(asks)
        else:
            if not result.unloadable:
                self.line(f"  {summary.functions(result)}")
            self.failure(result, short_path(exercise.stub), seed, File(exercise.stub.name, text))
        self.line()

    def core(self, exercise: Exercise, result: ExerciseResult, seed: int, text: bytes) -> None:
        """What the core checks say, at once: the others are still at work. The verdict takes its place.

        A terminal whose screen cannot be drawn again waits for that.
        """
        if not self._moves:
            return
        self.head(exercise)
        self.line()
        self.line(f"  {summary.functions(result)}")
        if result.core_passes:
            self.line()
            self.line(f"  {summary.counts(result, summary.CORE_CHECKS)}", GOOD)
        else:
            file = File(exercise.stub.name, text)
            self.failure(result, short_path(exercise.stub), seed, file, summary.CORE_CHECKS)
        self.line()
        self.line("checking the robust ones...")
        self._counting = True

    def passed(self, exercise: Exercise, result: ExerciseResult, following: Exercise | None) -> None:
        """What was built and what it is good for, in the lesson's words."""
        self.line(f"{exercise.slug} passes. You have built: {exercise.title}.", f"bold {GOOD}")
        self.line(leads_to(exercise))
        for lab in unlocked_by(exercise.number):
            self.line(f"See what your code does: {lab.offer}")
        if following is not None:
            self.line(f"Next is exercise {following.number}: {following.title}.")
            return
        self.line("That was the last exercise. You have built:", f"bold {GOOD}")
        for built in self._kit.exercises:
            self.line(f"  {built.number:>2}  {built.title}")

    def core_passed(self, following: Exercise | None) -> None:
        """What the exercise is about is right; its edges can wait."""
        after = f"Exercise {following.number}, {following.title}, is open: n. " if following is not None else ""
        self.line(f"The core passes. {after}What is left is worth 2 points and can wait.", GOOD)

    def regressed(self, result: ExerciseResult) -> None:
        """An exercise that passed before."""
        failure = result.first_failure
        what = f": {failure.title}" if failure is not None else ""
        self.line(f"{FAIL.upper()}  {result.slug} passed before and does not now{what} (g goes there)", BAD)

    def bar(self, exercise: Exercise, progress: Progress) -> None:
        exercises = self._kit.exercises
        solved = sum(1 for other in exercises if progress.state(other) == PASS)
        points = {other.slug: progress.points(other) or 0.0 for other in exercises}
        total, most = sum(points.values()), 10 * len(exercises)
        full = int(BAR * total / most)
        here = f"this is {self._place(exercise)}, {plain(points[exercise.slug])} of 10"
        self.line()
        self.line(f"[{'#' * full}{'.' * (BAR - full)}] {solved} pass, {plain(total)} of {most} points; {here}")

    def keys(self, names: Sequence[tuple[str, str]]) -> None:
        """The keys that apply now, in as many lines as they need."""
        rows = [Text()]
        for key, name in names:
            if rows[-1] and len(rows[-1]) + len(f"{key} {name}") >= self.console.width:
                rows.append(Text())
            rows[-1].append_text(Text.assemble((key, "bold"), f" {name}  "))
        for row in rows:
            row.rstrip()
            self._print(row)
        self._empty_before, self._empty = self._empty, False
        self._rows_of_keys = len(rows)


def leads_to(exercise: Exercise) -> str:
    """The first paragraph of the lesson's last section: what the exercise is good for."""
    lesson = exercise.lesson.read_text(encoding="utf-8")
    found = re.search(r"^## Where it leads\n+(.+?)(?:\n\n|\Z)", lesson, flags=re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else ""
