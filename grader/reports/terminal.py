"""What a person reads in a terminal: plain words; colour only repeats what they say."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.pager import SystemPager
from rich.style import Style
from rich.text import Text

from grader.kit.discovery import COURSE
from grader.paths import ROOT
from grader.reports import side_by_side
from grader.results import summary
from grader.results.verdicts import CRASH, ERROR, FAIL, MISSING, PASS, SKIP, TIMEOUT, UNWRITTEN, ExerciseResult, Outcome
from grader.source.file import File, spot
from grader.system import WINDOWS
from grader.text import PLAIN, command_line, fitted, plain, short_path

GOOD, BAD, WAITING, OURS, QUIET = "color(28)", "bold color(160)", "color(130)", "bold color(127)", "color(243)"
"""Colours that are read on a light ground and on a dark one: each has a contrast of about 4 or more to both."""
STYLES = {
    PASS: GOOD,
    FAIL: BAD,
    TIMEOUT: BAD,
    CRASH: BAD,
    ERROR: OURS,
    UNWRITTEN: WAITING,
    MISSING: WAITING,
    summary.TO_DO: WAITING,
    SKIP: QUIET,
}
WORDS = {UNWRITTEN: summary.TO_DO}
"""How a check's verdict is called where it is not called what it is."""
_WRONG = re.compile(rf"\S+\{side_by_side.WRONG}")
READABLE = 100
"""The longest line on a terminal, however wide it is."""
MAX_LINE = 200
"""Bytes of a line of the learner's file."""
MOST_BEFORE_THE_PICTURE, LINES_OF_AN_EXAMPLE = 14, 3
"""Lines of 80 columns under a check's title; and the call, your result and the right one: what that follows from is
left out first, then all of the example."""
SHOWN_OUTPUT = 500
"""Characters of a learner's own output on the screen."""


class Pager(SystemPager):
    """The system's. On Windows that is `more`, which gets a file in the console's own encoding."""

    def show(self, content: str) -> None:
        encoding = os.device_encoding(0) if WINDOWS else None
        super().show(fitted(content, encoding) if encoding else content)


class _Output(Console):
    """Goes on where nobody reads it any more (`grader check | head`): the command still does what it has to do."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # else Python complains when it flushes at its end
        os.close(nowhere)


class Screen:
    """Writes lines to standard output; remarks go to standard error.

    Args:
        file: takes the lines instead, as plain text.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors=PLAIN)
        terminal = None if file is None else False
        self.console = _Output(
            file=file, force_terminal=terminal, force_jupyter=terminal, highlight=False, soft_wrap=True, markup=False
        )
        self._empty = False
        self._remarks = Console(highlight=False, soft_wrap=True, markup=False, stderr=True)

    def line(self, text: str = "", style: str = "", *, whole: bool = False, opens: Path | None = None) -> None:
        """One line; of two empty lines in a row only the first. A terminal gets it wrapped, unless it must be whole.

        Args:
            opens: the file that a click on it opens, in a terminal that knows links (OSC 8).
        """
        if not text and self._empty:
            return
        link = Style(link=opens.resolve().as_uri()) if opens is not None else Style()
        for part in [text] if whole else self._wrapped(text):
            shown = Text(part, style=style)
            shown.stylize(link, len(part) - len(part.lstrip()))
            self._print(shown)
        self._empty = not text

    def _wrapped(self, text: str) -> list[str]:
        """The line in parts that fit, each as far to the right as the first; a Chinese sign takes two columns."""
        width = min(self.console.width, READABLE)
        if not self.console.is_terminal or cell_len(text) <= width:
            return [text]
        words = text.lstrip()
        indent = text[: len(text) - len(words)]
        parts = Text(words).wrap(self.console, max(width - len(indent), 1))
        return [f"{indent}{part.plain.rstrip()}" for part in parts]

    def _print(self, text: Text) -> None:
        try:
            self.console.print(text)
        except BrokenPipeError:  # rich before 13.8.1 leaves it to us
            self.console.on_broken_pipe()

    def remark(self, text: str) -> None:
        self._remarks.print(Text(text))

    def mark(self, verdict: str, text: str) -> None:
        """One line that begins with a verdict; what did not pass is in capitals."""
        self._marked(2, verdict, text)

    def _marked(self, indent: int, verdict: str, text: str) -> None:
        word = verdict.upper() if verdict in (FAIL, TIMEOUT, CRASH, ERROR) else verdict
        self._empty = False
        line = Text.assemble((f"{' ' * indent}{word:<10}", STYLES.get(verdict, "")), text)
        if self.console.is_terminal and cell_len(line.plain) > self.console.width:
            line.truncate(self.console.width - 3)
            line.append("...")
        self._print(line)

    def exercise(self, result: ExerciseResult, *, every_check: bool) -> None:
        """One line for an exercise, one for its functions where not all is well, one for each check if asked for."""
        here = {
            device: outcomes for device, outcomes in _by_device(result).items() if not _is_not_here(device, outcomes)
        }
        counts = ", ".join(_count(device, outcomes) for device, outcomes in here.items())
        self.mark(summary.word(result), f"{result.slug:<26}{_points(result)}   checks: {counts}")
        if result.verdict == FAIL and not result.unloadable:
            self.line(f"            {summary.functions(result)}")
        if every_check and not result.unloadable:
            self.checks(result)

    def problems(self, result: ExerciseResult, name: str) -> None:
        """One line for each failure, as compilers write them: an editor reads it and goes there."""
        for outcome in result.failures[:1] if result.unloadable else result.failures:
            first = next(iter(outcome.message.splitlines()), "")
            self.line(f"{name}:{outcome.line or 1}: {outcome.title}: {first}", whole=True)

    def checks(self, result: ExerciseResult, indent: int = 6) -> None:
        """One line for each check."""
        here = [outcomes for outcomes in _by_device(result).values() if not _absent(outcomes)]
        for outcome in (outcome for outcomes in here for outcome in outcomes):
            device = f"  [{outcome.device}]" if len(here) > 1 else ""
            self._marked(indent, WORDS.get(outcome.verdict, outcome.verdict), f"{outcome.title}{device}")

    def explain(
        self, result: ExerciseResult, name: str, seed: int, target: Path | None = None, file: File | None = None
    ) -> None:
        """All about the first failure: the sentence, the output, the line, how to stop there.

        `target` is what was checked, where it is not the usual folder; `file` says where a line is in a notebook.
        """
        if self.failure(result, name, seed, file):
            if not result.unloadable:
                self.line(f"    step in: {command_line(self.step_in(result, seed, target))}", QUIET, whole=True)
            self.line()

    def failure(
        self, result: ExerciseResult, name: str, seed: int, file: File | None = None, checks: str = "checks"
    ) -> bool:
        """How much passes, and all about the first failure. Returns whether there is one.

        Args:
            checks: what the checks are called, where there are others beside them.
        """
        failure = result.first_failure
        if result.right_so_far:
            self.line()
            self.line(f"  What is written so far is right: {summary.counts(result, checks)}", "bold")
        if failure is None or result.verdict not in (FAIL, ERROR):
            return False
        place = spot(name, file, failure.line)
        self.line()
        if not result.unloadable:
            self.line(f"  {summary.counts(result, checks)}")
            self.line()
            self.line(f"  {failure.heading or failure.title}", "bold")
        there = Path(name) if Path(name).is_file() else None
        self._failure(failure, f"{place}        seed {seed}", there)
        return True

    @staticmethod
    def step_in(result: ExerciseResult, seed: int, target: Path | None = None) -> list[str]:
        """The command that stops in the first failure, word by word."""
        name = result.first_failure.id.partition("[")[0] if result.first_failure is not None else ""
        plugin = [] if COURSE == ROOT else ["-p", "grader.pytest_plugin"]  # a clone's settings name it
        checks = [*plugin, short_path(COURSE / "tests" / result.slug), "-k", name, "--seed", str(seed)]
        other = ["--target", short_path(target)] if target is not None else []
        return ["python", "-m", "pytest", *checks, *other, "--pdb"]

    def _failure(self, outcome: Outcome, place: str, there: Path | None) -> None:
        free = self.console.width - 4 if self.console.is_terminal else 76
        said = [f"    {text}" for text in outcome.message.splitlines()]
        step = [f"    {text}" for text in outcome.step[1].splitlines()] if outcome.step is not None else []
        example = [f"      {text}" for text in (outcome.example or "").splitlines()]
        while example and _rows_at_80(said + step + example) >= MOST_BEFORE_THE_PICTURE:
            example = example[:-1] if len(example) > LINES_OF_AN_EXAMPLE else []
        picture = side_by_side.lines(outcome.picture, free) if outcome.picture is not None else []
        room = self._room() - self._rows(said)
        for text in said:
            self.line(text, whole=outcome.unloadable)  # the caret of a syntax error points up
        if room >= (needed := self._rows(step)):
            room -= needed
            for text in step:
                self.line(text)
        if example and room > (needed := self._rows(example)):
            room -= needed + 1
            self.line("    for example:")
            for text in example:
                self.line(text)
        if room >= len(picture):
            for text in picture:
                self._print_table_row(f"    {text}")
        elif not example:
            self.line(f"    (a window of {len(picture) - room} more lines shows the values side by side)", QUIET)
        if outcome.output.strip():
            part = outcome.output[:SHOWN_OUTPUT]
            cut = f" (the first {SHOWN_OUTPUT} characters)" if len(outcome.output) > SHOWN_OUTPUT else ""
            self.line(f"    your output{cut}:")
            for text in part.rstrip().splitlines():
                self.line(f"      | {text}", whole=True)
        self.line(f"    {place}", opens=there)

    def _room(self) -> int:
        """How many rows the failure may take, besides its title and its place."""
        return sys.maxsize

    def _rows(self, lines: Sequence[str]) -> int:
        return sum(len(self._wrapped(line)) for line in lines)

    def _print_table_row(self, text: str) -> None:
        row = Text(text)
        row.highlight_regex(_WRONG, BAD)
        self._print(row)
        self._empty = False

    def totals(self, results: Sequence[ExerciseResult]) -> None:
        passed = sum(1 for result in results if result.verdict == PASS)
        score = sum(result.score or 0.0 for result in results)
        most = sum(result.max_score for result in results)
        points = f"{plain(score)} of {plain(most)} points"
        if len(results) == 1:
            self.line(f"{results[0].slug} passes: {points}." if passed else f"Not yet: {points}.")
        else:
            self.line(f"{passed} of {len(results)} exercises pass, {points}")


def _rows_at_80(lines: Sequence[str]) -> int:
    return sum(len(textwrap.wrap(line, 76)) for line in lines)


def _by_device(result: ExerciseResult) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in result.outcomes:
        found.setdefault(outcome.device, []).append(outcome)
    return found


def _absent(outcomes: Sequence[Outcome]) -> bool:
    """Whether nothing ran on a device: such checks are counted, not listed."""
    return all(outcome.verdict == SKIP for outcome in outcomes)


def _is_not_here(device: str, outcomes: Sequence[Outcome]) -> bool:
    """Whether this machine lacks the device: that is said once, not for every exercise."""
    return _absent(outcomes) and all(outcome.message == f"no {device} here" for outcome in outcomes)


def _count(device: str, outcomes: Sequence[Outcome]) -> str:
    skipped = sum(1 for outcome in outcomes if outcome.verdict == SKIP)
    if _absent(outcomes):
        return f"{skipped} skipped: {outcomes[0].message}"
    return f"{len(outcomes) - skipped} on {device}" + (f" and {skipped} skipped" if skipped else "")


def _points(result: ExerciseResult) -> str:
    score = "-" if result.score is None else plain(result.score)
    return f"{score:>5} of {plain(result.max_score)}"
