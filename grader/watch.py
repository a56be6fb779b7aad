"""The learner's loop: save, read one sentence, go on. Imports no torch: the checks run in a standby process."""

from __future__ import annotations

import queue
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from grader.check_command import EXIT_GRADER, EXIT_PASS, new_seed
from grader.discovery import Exercise, Kit
from grader.error_reports import keep_report
from grader.errors import UsageError
from grader.keys import END, Keys
from grader.learner_commands import following, progress_of
from grader.standby import Plan, Standby, from_record
from grader.verdicts import ERROR, PASS, ExerciseResult
from grader.watch_actions import Actions
from grader.watch_files import FolderWatch, signature
from grader.watch_screen import WatchScreen

SAVES_BEFORE_A_HINT = 3


def watch(word: str | None, *, device: str, seed: int | None) -> int:
    """Runs the loop until it is quit. Returns the exit status."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("`grader watch` needs a terminal; without one there is `grader check`")
    kit = Kit()
    loop = Loop(kit, device, new_seed() if seed is None else seed)
    exercise = kit.find((word,))[0] if word else following(kit, loop.progress) or kit.exercises[0]
    with _signals(loop.keys):
        return loop.run(exercise)


@contextmanager
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
        self.progress = progress_of(kit, self.screen)
        self._events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.keys = Keys(lambda key: self._events.put(("key", key)))
        self.actions = Actions(self)
        self._standby: Standby | None = None
        self._running: Standby | None = None
        self.result: ExerciseResult | None = None
        self.paused = False
        self.status: int | None = None
        self.stuck = 0
        """How many saves in a row failed on the same check."""
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
            for standby in (self._standby, self._running):
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
        elif kind == "key" and self._running is None:
            self.actions.press(what)
        elif kind == "told":
            self._told(*what)

    # ------------------------------------------------------------------------------------------ checking

    def go_to(self, exercise: Exercise) -> None:
        """Makes this the exercise on screen."""
        self.exercise, self.result, self.stuck, self.paused = exercise, None, 0, False
        self.screen.head(exercise)
        self.check()

    def saved(self) -> None:
        """Checks again if the file is another one than the last that was checked."""
        if self._running is None and not self.paused and signature(self.exercise.stub) != self._seen:
            self.check()

    def check(self) -> None:
        """Hands the newest text to the standby process."""
        self._seen = signature(self.exercise.stub)
        try:
            self._text = self.exercise.stub.read_bytes()
        except OSError:
            self.screen.line(f"exercises/{self.exercise.slug}.py is gone; it is checked when it is back")
            return
        self.actions.forget_question()
        self.screen.checking()
        self._running, self._standby = self._ready(), None
        solved = [other for other in self.kit.exercises if other != self.exercise and self._solved(other)]
        self._running.check(self.exercise, self._text, solved)

    def _solved(self, exercise: Exercise) -> bool:
        return self.progress.entry(exercise.slug).get("verdict") == PASS and exercise.stub.is_file()

    def _ready(self) -> Standby:
        """A standby for this exercise: the one that waits, if it is still good."""
        if self._standby is not None and not self._standby.fits(self.exercise):
            self._standby.close()
            self._standby = None
        return self._standby or self._begin()

    def _begin(self) -> Standby:
        after = following(self.kit, self.progress, self.exercise)
        others = [after, *(other for other in self.kit.exercises if self._solved(other))]
        slugs = dict.fromkeys([self.exercise.slug, *(other.slug for other in others if other is not None)])
        plan = Plan(str(self.kit.root), list(slugs), self.seed, self.device)
        return Standby(plan, lambda standby, message: self._events.put(("told", (standby, message))))

    def _told(self, standby: Standby, message: dict[str, Any]) -> None:
        if "regressed" in message:
            self._regressed(from_record(message["regressed"]))
        elif standby is not self._running:
            return
        elif "result" in message:
            self._running = None
            self._verdict(from_record(message["result"]))
        elif "error" in message or "gone" in message:
            self._broken(str(message.get("error") or standby.log))

    def _broken(self, details: str) -> None:
        self.screen.remark(f"grader error (not your code): {keep_report(self.kit.root, details)}")
        self.status = EXIT_GRADER

    def _verdict(self, result: ExerciseResult) -> None:
        failure, before = result.first_failure, self.result.first_failure if self.result is not None else None
        same = failure is not None and before is not None and failure.title == before.title
        self.stuck = self.stuck + 1 if same else int(failure is not None)
        self.result = result
        try:
            self.progress.record(result, self._text)
        except OSError as error:
            self.screen.remark(f"progress could not be saved in {self.progress.folder}: {error.strerror}")
        self.show()
        if result.verdict == ERROR:
            self._broken("\n".join(outcome.message for outcome in result.outcomes if outcome.verdict == ERROR))
            return
        self.keys.forget()
        self._standby = self._begin()
        self.saved()

    # ------------------------------------------------------------------------------------------ showing

    def show(self) -> None:
        """The last verdict and the way forward."""
        if self.result is None:
            return
        self.screen.verdict(self.exercise, self.result, self.seed, self._text)
        if self.result.verdict == PASS:
            self._passed(self.result)
        elif self.stuck >= SAVES_BEFORE_A_HINT:
            self.screen.line("The same check three times: h gives a hint.", "dim")
        self.screen.bar(self.progress)
        self.actions.show_keys()

    def _passed(self, result: ExerciseResult) -> None:
        after = following(self.kit, self.progress, self.exercise)
        self.screen.passed(self.exercise, result, after)
        if after is None:
            self.screen.all_done()

    def _regressed(self, result: ExerciseResult) -> None:
        with self.progress.changing(result.slug) as entry:
            entry["verdict"] = result.verdict
        self.screen.regressed(result)
        if self._running is None:
            self.actions.show_keys()
