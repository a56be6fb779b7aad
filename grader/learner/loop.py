"""The learner's loop: save, read one sentence, go on. Imports no torch: the checks run in a standby process."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rich.text import Text

from grader.errors import EXIT_GRADER, EXIT_PASS, UsageError
from grader.judging.open import new_seed
from grader.kit.discovery import Exercise, Kit
from grader.kit.hints import LONG, Streak
from grader.learner import editor
from grader.learner.commands import following, hint_lines, is_stub, list_lines, put_stub_back
from grader.learner.file_watcher import FolderWatch, signature
from grader.learner.keys import END, Keys
from grader.learner.loop_screen import WatchScreen
from grader.learner.progress import Progress, hinted
from grader.learner.questions import ask, invitation
from grader.learner.standby import Standby, StandbySettings, from_record
from grader.reports.crash_report import own_failure
from grader.reports.terminal import QUIET, Pager
from grader.results.verdicts import ERROR, PASS, UNWRITTEN, ExerciseResult, errors_of
from grader.system import can_open_a_window
from grader.text import short_path

if TYPE_CHECKING:
    from grader.learner.page_server import PageServer


class Actions:
    """The keys of a loop."""

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


def watch(word: str | None, *, device: str, seed: int | None) -> int:
    """Runs the loop until it is quit. Returns the exit status."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("`grader watch` needs a terminal; without one there is `grader check`")
    kit = Kit()
    loop = Loop(kit, device, new_seed() if seed is None else seed)
    exercise = kit.find((word,))[0] if word else following(kit, loop.progress) or kit.exercises[-1]
    with _signals(loop):
        return loop.run(exercise)


@contextlib.contextmanager
def _signals(loop: Loop) -> Iterator[None]:
    """SIGTERM and a closed terminal end the loop as `q` does; after Ctrl-Z and fg keys are single again; a terminal of
    another size is drawn anew."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, *_only_posix("SIGHUP"))}
    before |= {number: signal.signal(number, lambda *_: loop.keys.resume()) for number in _only_posix("SIGCONT")}
    before |= {number: signal.signal(number, lambda *_: loop.resized()) for number in _only_posix("SIGWINCH")}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _text_of(exercise: Exercise) -> bytes | None:
    """The learner's file; None where there is none."""
    try:
        return exercise.stub.read_bytes()
    except OSError:
        return None


def _only_posix(name: str) -> list[signal.Signals]:
    return [getattr(signal, name)] if hasattr(signal, name) else []


class Loop:
    """Waits for saves, keys and verdicts, one at a time.

    Args:
        kit: the course.
        device: where the learner's code works.
        seed: every input follows from it, so that two saves can be compared.
    """

    def __init__(self, kit: Kit, device: str, seed: int) -> None:
        self.kit, self.device, self.seed = kit, device, seed
        self.screen = WatchScreen(kit)
        self.progress = Progress.read(kit.workspace)
        self._events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.keys = Keys(lambda key: self._events.put(("key", key)))
        self.actions = Actions(self)
        self._standby: Standby | None = None
        self._order = 0
        """The number of the last order: another answer is to a text that is not the newest any more."""
        self._begun = 0.0
        self._rechecker: Standby | None = None
        self._page: PageServer | None = None
        self.running = False
        self.result: ExerciseResult | None = None
        self.paused = False
        self.status: int | None = None
        self.streak = Streak()
        self.regressions: dict[str, ExerciseResult] = {}
        self.before: list[Exercise] = []
        """The exercises that were on screen before this one."""
        self.notes: list[str] = []
        """What is said once, with the next verdict."""
        self._seen: object = None

    def run(self, exercise: Exercise) -> int:
        folder = FolderWatch(exercise.stub.parent, lambda: self._events.put(("saved", None)))
        self.keys.start()
        try:
            self.go_to(exercise)
            while self.status is None:
                self._take(*self._next())
        except KeyboardInterrupt:
            self.status = EXIT_PASS
        finally:
            self.keys.stop()
            folder.close()
            for standby in (self._standby, self._rechecker, self._page):
                if standby is not None:
                    standby.close()
        assert self.status is not None
        return self.status

    def _next(self) -> tuple[str, Any]:
        while True:
            try:
                return self._events.get(timeout=0.5)  # on Windows Ctrl-C is not seen while waiting
            except queue.Empty:
                if self.running:
                    self.screen.checking(int(time.monotonic() - self._begun))

    def _take(self, kind: str, what: Any) -> None:
        if kind == "saved":
            self.saved()
        elif kind == "key" and what == END:
            self.status = EXIT_PASS
        elif kind == "key":
            self.actions.press(what)
        elif kind == "told":
            self._told(*what)
        elif kind == "resized":
            self._redraw()

    def page(self) -> PageServer:
        """The lessons in a browser, from now on to the end of the loop."""
        if self._page is None:
            from grader.learner.page_server import PageServer

            self._page = PageServer(self.kit)
            if self.result is not None:
                self._page.board.post_verdict(self.exercise, self.result, self.text, self.seed)
        return self._page

    def resized(self) -> None:
        """The terminal has another size: called in a signal handler."""
        self._events.put(("resized", None))

    def _redraw(self) -> None:
        if self._events.empty() and not self.running and self.result is not None and self.screen.redraws:
            self.show()

    # ------------------------------------------------------------------------------------------ checking

    def go_to(self, exercise: Exercise, *, back: bool = False) -> None:
        """Makes this the exercise on screen."""
        last = getattr(self, "exercise", None)
        if last is not None and last != exercise and not back:
            self.before.append(last)
        self.exercise, self.result, self.paused = exercise, None, False
        self.screen.head(exercise)
        self.check()

    def saved(self) -> None:
        """Checks again if the file is another one than the last that was checked. What still runs is ended."""
        if self.paused or (found := signature(self.exercise.stub)) == self._seen:
            return
        if self.running and _text_of(self.exercise) == self.text:
            self._seen = found  # saved again as it was
            return
        self.check()

    def check(self) -> None:
        """Hands the newest text to the standby process."""
        self._seen = signature(self.exercise.stub)
        text = _text_of(self.exercise)
        if text is None:
            self._order, self.running = 0, False
            self.screen.line(f"{short_path(self.exercise.stub)} is gone; it is checked when it is back")
            self.actions.show_keys()
            return
        self.text = text
        self.actions.forget_question()
        if self._standby is None or not self._standby.fits(self.exercise):
            self._warm_up()
        self.screen.checking()
        self.running, self._begun = True, time.monotonic()
        assert self._standby is not None
        self._order = self._standby.check(self.exercise, self.text)

    def _warm_up(self) -> None:
        """A new standby for this exercise and the next one."""
        if self._standby is not None:
            self._standby.close()
        after = following(self.kit, self.progress, self.exercise)
        slugs = [self.exercise.slug] + ([after.slug] if after not in (None, self.exercise) else [])
        self._standby = Standby(StandbySettings(str(self.kit.root), slugs, self.seed, self.device), self._on_told)

    def _on_told(self, standby: Standby, message: dict[str, Any]) -> None:
        self._events.put(("told", (standby, message)))

    def _told(self, standby: Standby, message: dict[str, Any]) -> None:
        if "again" in message:
            self._checked_again(from_record(message["again"]))
        elif standby is self._rechecker and not message.keys().isdisjoint({"done", "error", "gone"}):
            self._rechecker = None
            standby.close()
        elif standby is self._standby and "core" in message:
            if message["order"] == self._order:
                self._core(from_record(message["core"]))
        elif standby is self._standby and "result" in message:
            if message["order"] == self._order:
                self.running = False
                self._verdict(from_record(message["result"]))
        elif standby is self._standby and self.running and not message.keys().isdisjoint({"error", "gone"}):
            details = str(message.get("error") or standby.log or "a process ended without a word").strip()
            self._broken(details.splitlines()[-1], details)
        elif standby is self._standby and "gone" in message:
            self._standby = None

    def _broken(self, what: str, details: str) -> None:
        self.screen.remark(own_failure(self.kit.reports_folder, what, details))
        self.status = EXIT_GRADER

    def _core(self, result: ExerciseResult) -> None:
        """What the core checks say, while the others are at work."""
        if result.says_nothing_yet:
            return
        self.screen.core(self.exercise, result, self.seed, self.text)
        if self._page is not None:
            self._page.board.post_core(self.exercise, result, self.text, self.seed)

    def _verdict(self, result: ExerciseResult) -> None:
        self.streak.note(hinted(result.first_failure), self.text)
        self.result = result
        self._record(result, self.text)
        if self._page is not None:
            self._page.board.post_verdict(self.exercise, result, self.text, self.seed)
        if result.verdict == PASS:
            self._check_again()
        self.show()
        if result.verdict == ERROR:
            self._broken(f"the checks of {result.slug} are broken", "\n".join(errors_of([result])))
            return
        self.saved()

    def _record(self, result: ExerciseResult, text: bytes) -> None:
        self.regressions.pop(result.slug, None)
        try:
            self.progress.record(result, text)
        except OSError as error:
            self.screen.remark(f"progress could not be saved in {self.progress.folder}: {error.strerror}")

    # ------------------------------------------------------------------------------------------ what passed before

    def _check_again(self) -> None:
        """The exercises that passed before are checked quietly, with other inputs."""
        if self._rechecker is not None:
            self._rechecker.close()
        solved = [other.slug for other in self.kit.exercises if other != self.exercise and self._solved(other)]
        if solved:
            self._rechecker = Standby(
                StandbySettings(str(self.kit.root), solved, new_seed(), self.device, quiet=True), self._on_told
            )
            self._rechecker.check_all()

    def _solved(self, exercise: Exercise) -> bool:
        return self.progress.entry(exercise.slug).get("verdict") == PASS and exercise.stub.is_file()

    def _checked_again(self, result: ExerciseResult) -> None:
        with contextlib.suppress(OSError):  # deleted since
            self._record(result, self.kit.find([result.slug])[0].stub.read_bytes())
        if result.verdict != PASS:
            self.regressions[result.slug] = result
            self.screen.regressed(result)
            if not self.running:
                self.actions.show_keys()

    # ------------------------------------------------------------------------------------------ showing

    def show(self) -> None:
        """The last verdict and the way forward."""
        assert self.result is not None
        self.screen.verdict(self.exercise, self.result, self.seed, self.text)
        for note in [*self.notes, *([self.progress.warning] if self.progress.warning else [])]:
            self.screen.line(note)
        self.notes, self.progress.warning = [], None
        if self.result.verdict == PASS:
            after = following(self.kit, self.progress, self.exercise)
            self.screen.passed(self.exercise, self.result, after)
        elif self.result.core_passes:
            self.screen.core_passed(following(self.kit, self.progress, self.exercise))
        elif self.streak.length >= LONG:
            self.screen.line(f"Try {self.streak.length} at this one. h gives a hint.", QUIET)
        self.screen.bar(self.exercise, self.progress)
        self.actions.show_keys()
