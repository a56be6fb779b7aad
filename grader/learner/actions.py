"""What each key of the learner's loop does, and when it applies."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Iterator

from rich.text import Text

from grader.errors import EXIT_PASS, UsageError
from grader.kit.discovery import Exercise
from grader.learner import editor
from grader.learner.commands import following, hint_lines, is_stub, list_lines, put_stub_back
from grader.learner.loop import Loop
from grader.learner.progress import hinted
from grader.learner.questions import ask, invitation
from grader.reports.terminal import Pager
from grader.results.verdicts import PASS, UNWRITTEN
from grader.system import can_open_a_window
from grader.text import short_path


class Actions:
    """The keys of a loop.

    Args:
        loop: whose keys they are.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._asked: Callable[[], None] | None = None
        self._number: str | None = None
        """The digits of the exercise to go to, while one is chosen from the list."""

    def names(self) -> list[tuple[str, str]]:
        """The keys that make sense now, and a word for each."""
        loop = self._loop
        if loop.running:
            return [("q", "quit")]
        if self._asked is not None:
            return [("y", "yes"), ("n", "no")]
        if self._number is not None:
            return [("0-9", f"number {self._number}".rstrip()), ("Enter", "go there"), ("any other key", "stay")]
        if loop.paused:
            return [("p", "go on"), ("q", "quit")]
        keys = [("n", "next", self._is_open() and self._next() is not None)]
        keys += [("h", "hint", self._passes() or self._has_hints()), ("t", "lesson", True), ("o", "page", True)]
        keys += [("?", "questions", bool(invitation(loop.exercise)))]
        keys += [("a", "all checks", self._has_checks()), ("l", "list", True)]
        keys += [("b", "back", bool(loop.before)), ("g", f"go to {self._regressed()}", self._regressed() is not None)]
        keys += [
            ("e", "edit", editor.command() is not None),
            ("d", "debug", self._can_debug()),
            ("r", "run", True),
            ("s", "solution", True),
        ]
        keys += [("x", "reset", not is_stub(loop.exercise)), ("p", "pause", True), ("q", "quit", True)]
        return [(key, name) for key, name, applies in keys if applies]

    def show_keys(self) -> None:
        self._loop.screen.keys(self.names())

    def press(self, key: str) -> None:
        """Does what a key stands for; nothing where it does not apply."""
        key = key.lower()
        if self._number is not None and not self._loop.running:
            self._choose(key)
            return
        if key not in dict(self.names()):
            return
        if self._asked is not None:
            self._answer(key == "y")
        else:
            getattr(self, f"_press_{'questions' if key == '?' else key}")()

    def forget_question(self) -> None:
        self._asked = self._number = None

    def _passes(self) -> bool:
        return self._loop.result is not None and self._loop.result.verdict == PASS

    def _is_open(self) -> bool:
        """Whether the next exercise is."""
        return self._loop.result is not None and self._loop.result.core_passes

    def _has_hints(self) -> bool:
        return self._loop.result is not None and hinted(self._loop.result.first_failure) is not None

    def _has_checks(self) -> bool:
        result = self._loop.result
        return result is not None and result.verdict != UNWRITTEN and not result.unloadable

    def _regressed(self) -> int | None:
        """The first exercise that passed before and does not now."""
        slugs = sorted(self._loop.regressions)
        return self._loop.kit.find(slugs[:1])[0].number if slugs else None

    def _can_debug(self) -> bool:
        result = self._loop.result
        return result is not None and result.first_failure is not None and not result.unloadable

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
        from grader.reports import lesson  # what reads Markdown takes 4 MB

        with self._reading():
            lesson.show(self._loop.screen, self._loop.exercise)
        self.show_keys()

    def _press_questions(self) -> None:
        """What the lesson asks, and what earlier ones did; each answer is a line that is typed."""
        loop = self._loop
        with self._lent():
            ask(loop.screen, loop.kit, loop.progress, loop.exercise, input)
        loop.screen.line()
        self.show_keys()
        loop.saved()

    def _press_o(self) -> None:
        """The lesson in a browser, with this loop's verdicts beside it."""
        loop = self._loop
        address = loop.page().address(loop.exercise)
        loop.screen.line(address, whole=True)
        if can_open_a_window():
            webbrowser.open(address)
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
                with loop.screen.console.pager(Pager()):
                    yield

    def _press_a(self) -> None:
        loop = self._loop
        assert loop.result is not None
        loop.screen.line()
        loop.screen.checks(loop.result, indent=2)
        loop.screen.line()
        self.show_keys()

    def _press_l(self) -> None:
        loop = self._loop
        loop.screen.line()
        list_lines(loop.screen, loop.kit, loop.progress)
        loop.screen.line()
        self._number = ""
        self.show_keys()

    def _choose(self, key: str) -> None:
        """One more digit of the exercise to go to; a number that no digit could follow needs no Enter."""
        numbers = [exercise.number for exercise in self._loop.kit.exercises]
        digits = f"{self._number}{key}" if key.isascii() and key.isdigit() else str(self._number)
        chosen = int(digits) if digits else -1
        self._number = None
        if key in "\r\n" or (key.isdigit() and chosen * 10 > max(numbers)):
            if chosen in numbers:
                self._loop.go_to(self._loop.kit.find([str(chosen)])[0])
                return
            self._loop.screen.line(f"There is no exercise {digits}." if digits else "No number was typed.")
        elif key.isdigit():
            self._number = digits
        self.show_keys()

    def _press_b(self) -> None:
        loop = self._loop
        loop.go_to(loop.before.pop(), back=True)

    def _press_g(self) -> None:
        self._loop.go_to(self._loop.kit.find([str(self._regressed())])[0])

    def _press_e(self) -> None:
        """The file at the line that the verdict is about, in the learner's editor."""
        loop = self._loop
        chosen = editor.command()
        assert chosen is not None
        failure = loop.result.first_failure if loop.result is not None else None
        line = failure.line if failure is not None and failure.line else 1
        arguments = editor.at_line(chosen, loop.exercise.stub, line)
        try:
            with contextlib.nullcontext() if editor.has_a_window(chosen) else self._lent():
                editor.start(arguments)
        except OSError as error:
            loop.screen.line(f"{arguments[0]} cannot be started: {error.strerror}. Set VISUAL to your editor.")
        self.show_keys()
        loop.saved()

    @contextlib.contextmanager
    def _lent(self) -> Iterator[None]:
        """The terminal belongs to another program, and so does Ctrl-C."""
        self._loop.screen.wipe_keys()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with self._loop.keys.off():
                yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _press_d(self) -> None:
        """The first failure under pdb, which has the terminal for itself."""
        loop = self._loop
        assert loop.result is not None
        command = [sys.executable, *loop.screen.step_in(loop.result, loop.seed)[1:]]
        with self._lent():
            subprocess.run(command, cwd=loop.kit.workspace, check=False)
        loop.show()
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
        loop.screen.line(f"The solution is {short_path(loop.exercise.solution)}")
        self.show_keys()

    def _press_x(self) -> None:
        file = short_path(self._loop.exercise.stub)
        self._ask(f"Put the stub back in {file}? Your file is kept.", self._reset)

    def _reset(self) -> None:
        self._loop.notes += put_stub_back(self._loop.progress, self._loop.exercise)
        self._loop.saved()

    def _press_p(self) -> None:
        loop = self._loop
        loop.paused = not loop.paused
        loop.screen.line("paused: saves are not checked" if loop.paused else "resumed")
        self.show_keys()
        loop.saved()

    def _press_q(self) -> None:
        self._loop.status = EXIT_PASS
