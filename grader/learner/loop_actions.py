"""What each key of the watch loop does, and when it applies."""

from __future__ import annotations

import contextlib
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from grader.errors import EXIT_PASS, UsageError
from grader.kit.discovery import Exercise
from grader.learner.commands import following, hint_lines, is_stub, lesson_lines, list_lines, put_stub_back
from grader.reports.terminal import shown
from grader.results.verdicts import FAIL, PASS

if TYPE_CHECKING:
    from grader.learner.loop import Loop


class Actions:
    """The keys of a loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._asked: Callable[[], None] | None = None

    def names(self) -> list[tuple[str, str]]:
        """The keys that make sense now, and a word for each."""
        loop = self._loop
        if self._asked is not None:
            return [("y", "yes"), ("n", "no")]
        if loop.paused:
            return [("p", "go on"), ("q", "quit")]
        keys = [("n", "next", self._passes() and self._next() is not None)]
        keys += [("h", "hint", self._passes() or self._fails()), ("t", "lesson", True), ("l", "list", True)]
        keys += [("d", "debug", self._can_debug()), ("r", "run", True), ("s", "solution", True)]
        keys += [("x", "reset", not is_stub(loop.exercise)), ("p", "pause", True), ("q", "quit", True)]
        return [(key, name) for key, name, applies in keys if applies]

    def show_keys(self) -> None:
        self._loop.screen.keys(self.names())

    def press(self, key: str) -> None:
        """Does what a key stands for; nothing where it does not apply."""
        key = key.lower()
        if key not in dict(self.names()):
            return
        if self._asked is not None:
            self._answer(key == "y")
        else:
            getattr(self, f"_press_{key}")()

    def forget_question(self) -> None:
        self._asked = None

    def _passes(self) -> bool:
        return self._loop.result is not None and self._loop.result.verdict == PASS

    def _fails(self) -> bool:
        return self._loop.result is not None and self._loop.result.first_failure is not None

    def _can_debug(self) -> bool:
        result = self._loop.result
        return result is not None and result.verdict == FAIL and not result.unloadable

    def _next(self) -> Exercise | None:
        return following(self._loop.kit, self._loop.progress, self._loop.exercise)

    def _ask(self, question: str, then: Callable[[], None]) -> None:
        self._asked = then
        self._loop.screen.line(question, "bold")
        self.show_keys()

    def _answer(self, yes: bool) -> None:
        then, self._asked = self._asked, None
        if yes and then is not None:
            then()
        else:
            self.show_keys()

    # ------------------------------------------------------------------------------------------ keys

    def _press_n(self) -> None:
        after = self._next()
        if after is not None:
            self._loop.go_to(after)

    def _press_h(self) -> None:
        loop = self._loop
        loop.screen.line()
        try:
            hint_lines(loop.screen, loop.progress, loop.exercise, None, "h")
        except UsageError as error:
            loop.screen.line(str(error))
        loop.screen.line()
        self.show_keys()

    def _press_t(self) -> None:
        with self._reading():
            lesson_lines(self._loop.screen, self._loop.exercise)
        self.show_keys()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """A pager for a long text, where the terminal is good for one."""
        loop = self._loop
        loop.screen.wipe_keys()
        with loop.keys.off():
            if loop.screen.console.is_dumb_terminal:
                yield
            else:
                with loop.screen.console.pager():
                    yield

    def _press_l(self) -> None:
        loop = self._loop
        loop.screen.line()
        list_lines(loop.screen, loop.kit, loop.progress)
        loop.screen.line()
        self.show_keys()

    def _press_d(self) -> None:
        """The first failure under pdb, which has the terminal for itself."""
        loop = self._loop
        assert loop.result is not None
        command = [sys.executable, *shlex.split(loop.screen.step_in(loop.result, loop.seed))[1:]]
        loop.screen.wipe_keys()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with loop.keys.off():
                subprocess.run(command, cwd=loop.kit.workspace, check=False)
        finally:
            signal.signal(signal.SIGINT, before)
        self.show_keys()
        loop.saved()

    def _press_r(self) -> None:
        self._loop.check()

    def _press_s(self) -> None:
        if self._passes():
            self._solution()
        else:
            self._ask("It does not pass yet. Show the solution?", self._solution)

    def _solution(self) -> None:
        loop = self._loop
        with self._reading():
            loop.screen.console.print(Text(loop.exercise.solution.read_text(encoding="utf-8")))
        loop.screen.line(f"The solution is {shown(loop.exercise.solution)}")
        self.show_keys()

    def _press_x(self) -> None:
        file = shown(self._loop.exercise.stub)
        self._ask(f"Put the stub back in {file}? Your file is kept.", self._reset)

    def _reset(self) -> None:
        self._loop.notes += put_stub_back(self._loop.progress, self._loop.exercise)
        self._loop.saved()

    def _press_p(self) -> None:
        loop = self._loop
        loop.paused = not loop.paused
        loop.screen.line("paused: saves are not checked" if loop.paused else "going on")
        self.show_keys()
        loop.saved()

    def _press_q(self) -> None:
        self._loop.status = EXIT_PASS
