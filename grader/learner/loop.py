"""The learner's loop: save, read one sentence, go on. Imports no torch: the checks run in a standby process."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
from collections.abc import Iterator
from typing import Any

from grader.crash_report import own_failure
from grader.errors import EXIT_GRADER, EXIT_PASS, UsageError
from grader.judging.open import new_seed
from grader.kit.discovery import Exercise, Kit
from grader.kit.hints import LONG, Streak
from grader.learner.commands import following
from grader.learner.file_watcher import FolderWatch, signature
from grader.learner.keys import END, Keys
from grader.learner.loop_actions import Actions
from grader.learner.loop_screen import WatchScreen
from grader.learner.progress import Progress
from grader.learner.standby import Plan, Standby, from_record
from grader.results.verdicts import ERROR, FAIL, PASS, ExerciseResult, errors_of


def watch(word: str | None, *, device: str, seed: int | None) -> int:
    """Runs the loop until it is quit. Returns the exit status."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("`grader watch` needs a terminal; without one there is `grader check`")
    kit = Kit()
    loop = Loop(kit, device, new_seed() if seed is None else seed)
    exercise = kit.find((word,))[0] if word else following(kit, loop.progress) or kit.exercises[0]
    with _signals(loop.keys):
        return loop.run(exercise)


@contextlib.contextmanager
def _signals(keys: Keys) -> Iterator[None]:
    """SIGTERM and a closed terminal end the loop as `q` does; after Ctrl-Z and fg keys are single again."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, *_only_posix("SIGHUP"))}
    before |= {number: signal.signal(number, lambda *_: keys.resume()) for number in _only_posix("SIGCONT")}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
        self._answered = False
        self._rechecker: Standby | None = None
        self.running = False
        self.result: ExerciseResult | None = None
        self.paused = False
        self.status: int | None = None
        self.streak = Streak()
        self.regressions: dict[str, ExerciseResult] = {}
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
            for standby in (self._standby, self._rechecker):
                if standby is not None:
                    standby.close()
        assert self.status is not None
        return self.status

    def _next(self) -> tuple[str, Any]:
        while True:
            try:
                return self._events.get(timeout=0.5)  # on Windows Ctrl-C is not seen while waiting
            except queue.Empty:
                continue

    def _take(self, kind: str, what: Any) -> None:
        if kind == "saved":
            self.saved()
        elif kind == "key" and what == END:
            self.status = EXIT_PASS
        elif kind == "key" and not self.running:
            self.actions.press(what)
        elif kind == "told":
            self._told(*what)

    # ------------------------------------------------------------------------------------------ checking

    def go_to(self, exercise: Exercise) -> None:
        """Makes this the exercise on screen."""
        self.exercise, self.result, self.paused = exercise, None, False
        self.screen.head(exercise)
        self.check()

    def saved(self) -> None:
        """Checks again if the file is another one than the last that was checked."""
        if not self.running and not self.paused and signature(self.exercise.stub) != self._seen:
            self.check()

    def check(self) -> None:
        """Hands the newest text to the standby process."""
        self._seen = signature(self.exercise.stub)
        try:
            self.text = self.exercise.stub.read_bytes()
        except OSError:
            self.screen.line(f"exercises/{self.exercise.slug}.py is gone; it is checked when it is back")
            self.actions.show_keys()
            return
        self.actions.forget_question()
        if self._standby is None or not self._standby.fits(self.exercise):
            self._warm_up()
        self.screen.checking()
        self.running = True
        assert self._standby is not None
        self._standby.check(self.exercise, self.text)

    def _warm_up(self) -> None:
        """A new standby for this exercise and the next one."""
        if self._standby is not None:
            self._standby.close()
        after = following(self.kit, self.progress, self.exercise)
        slugs = [self.exercise.slug] + ([after.slug] if after not in (None, self.exercise) else [])
        self._answered = False
        self._standby = Standby(Plan(str(self.kit.root), slugs, self.seed, self.device), self._on_told)

    def _on_told(self, standby: Standby, message: dict[str, Any]) -> None:
        self._events.put(("told", (standby, message)))

    def _told(self, standby: Standby, message: dict[str, Any]) -> None:
        if "again" in message:
            self._checked_again(from_record(message["again"]))
        elif standby is self._rechecker and not message.keys().isdisjoint({"done", "error", "gone"}):
            self._rechecker = None
            standby.close()
        elif standby is self._standby and "result" in message:
            self.running, self._answered = False, True
            self._verdict(from_record(message["result"]))
        elif standby is self._standby and message.get("gone") == 0 and self._answered:
            self._warm_up()  # it checks once and ends: the next one warms up while the verdict is read
            if self.running:
                self.running = False
                self.check()
        elif standby is self._standby and self.running and not message.keys().isdisjoint({"error", "gone"}):
            details = str(message.get("error") or standby.log or "a process ended without a word").strip()
            self._broken(details.splitlines()[-1], details)
        elif standby is self._standby and "gone" in message:
            self._standby = None

    def _broken(self, what: str, details: str) -> None:
        self.screen.remark(own_failure(self.kit.reports_folder, what, details))
        self.status = EXIT_GRADER

    def _verdict(self, result: ExerciseResult) -> None:
        failing = result.first_failure if result.verdict == FAIL else None
        self.streak.note(failing.title if failing is not None else None, self.text)
        self.result = result
        self._record(result, self.text)
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
                Plan(str(self.kit.root), solved, new_seed(), self.device, quiet=True), self._on_told
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
        elif self.streak.length >= LONG:
            self.screen.line(f"The same check {self.streak.length} times in a row. A hint may help: h", "dim")
        for regressed in self.regressions.values():
            self.screen.regressed(regressed)
        self.screen.bar(self.exercise, self.progress)
        self.actions.show_keys()
