"""The learner's loop: save, read one sentence, go on. Imports no torch: the checks run in a standby process."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from grader.errors import EXIT_GRADER, EXIT_PASS
from grader.judging.open import new_seed
from grader.kit.discovery import Exercise, Kit
from grader.kit.hints import LONG, Streak
from grader.learner.commands import following
from grader.learner.file_watcher import FolderWatch, signature
from grader.learner.keys import END, Keys
from grader.learner.loop_screen import WatchScreen
from grader.learner.progress import Progress, hinted
from grader.learner.standby import Standby, StandbySettings, from_record
from grader.reports.crash_report import own_failure
from grader.reports.terminal import QUIET
from grader.results.verdicts import ERROR, PASS, ExerciseResult, errors_of
from grader.text import short_path

if TYPE_CHECKING:
    from grader.learner.page_server import PageServer


class KeyActions(Protocol):
    """What the keys do."""

    def show_keys(self) -> None:
        """Shows those that make sense now."""

    def press(self, key: str) -> None:
        """Does what a key stands for."""

    def forget_question(self) -> None:
        """No answer is awaited any more."""


def _text_of(exercise: Exercise) -> bytes | None:
    """The learner's file; None where there is none."""
    try:
        return exercise.stub.read_bytes()
    except OSError:
        return None


class Loop:
    """Waits for saves, keys and verdicts, one at a time.

    Args:
        kit: the course.
        device: where the learner's code works.
        seed: every input follows from it, so that two saves can be compared.
        actions: makes what the keys of a loop do.
    """

    def __init__(self, kit: Kit, device: str, seed: int, actions: Callable[[Loop], KeyActions]) -> None:
        self.kit, self.device, self.seed = kit, device, seed
        self.screen = WatchScreen(kit)
        self.progress = Progress.read(kit.workspace)
        self._events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.keys = Keys(lambda key: self._events.put(("key", key)))
        self.actions = actions(self)
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
        self.running, self._begun = True, time.monotonic()
        standby = self._standby
        if standby is None or not standby.serves(self.exercise):
            standby = self._warm_up()
        self._order = standby.check(self.exercise, self.text)
        self.screen.checking()
        if standby.is_stale():  # looked at while it is at work
            self._order = self._warm_up().check(self.exercise, self.text)

    def _warm_up(self) -> Standby:
        """A new standby for this exercise and the next one."""
        if self._standby is not None:
            self._standby.close()
        after = following(self.kit, self.progress, self.exercise)
        slugs = [self.exercise.slug] + ([after.slug] if after not in (None, self.exercise) else [])
        self._standby = Standby(StandbySettings(str(self.kit.root), slugs, self.seed, self.device), self._on_told)
        return self._standby

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
