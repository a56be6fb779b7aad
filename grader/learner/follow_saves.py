"""Checks the exercise whose page is looked at, now and after every save. Imports no torch."""

from __future__ import annotations

import contextlib
import sys
import threading
import webbrowser
from typing import Any

from grader.judging.open import new_seed
from grader.kit.discovery import Exercise, Kit
from grader.learner.commands import following, progress_of
from grader.learner.file_watcher import FolderWatch
from grader.learner.page_server import Board, PageServer
from grader.learner.progress import Progress
from grader.learner.standby import Standby, StandbySettings, from_record
from grader.reports.terminal import Screen
from grader.system import can_open_a_window
from grader.text import short_path


class SaveFollower:
    """Posts a verdict for every text of the exercise that is looked at, and before it what the core checks say.

    Args:
        kit: the course.
        seed: every input follows from it, so that two saves can be compared.
    """

    def __init__(self, kit: Kit, seed: int) -> None:
        self._kit, self._seed = kit, seed
        self.board = Board()
        self._lock = threading.RLock()
        self._exercise: Exercise | None = None
        self._checked: dict[str, bytes | None] = {}
        """What was checked last of each exercise; None where there was no file."""
        self._ordered: tuple[int, Exercise, bytes] | None = None
        self._standby: Standby | None = None
        self._watch = FolderWatch(kit.exercises_folder, self._look_again)

    def look(self, exercise: Exercise) -> None:
        """This exercise is the one that is looked at."""
        with self._lock:
            self._exercise = exercise
        self._look_again()

    def _look_again(self) -> None:
        """Orders a check if the text is another one than the last that was checked."""
        with self._lock:
            exercise = self._exercise
            if exercise is None:
                return
            try:
                text = exercise.stub.read_bytes()
            except OSError:
                text = None
            if exercise.slug in self._checked and self._checked[exercise.slug] == text:
                return
            if self._ordered is not None:  # ended by the new order, so it is checked when it is looked at again
                self._checked.pop(self._ordered[1].slug, None)
                self._ordered = None
            self._checked[exercise.slug] = text
            if text is None:
                self.board.post(exercise.slug, f"{short_path(exercise.stub)} is gone; it is checked when it is back")
                return
            self._ordered = (self._ready(exercise).check(exercise, text), exercise, text)

    def _ready(self, exercise: Exercise) -> Standby:
        if self._standby is None or not self._standby.fits(exercise):
            if self._standby is not None:
                self._standby.close()
            slugs = sorted((one.slug for one in self._kit.exercises), key=lambda slug: slug != exercise.slug)
            self._standby = Standby(StandbySettings(str(self._kit.root), slugs, self._seed, "cpu"), self._told)
        return self._standby

    def _told(self, standby: Standby, message: dict[str, Any]) -> None:
        with self._lock:
            if standby is not self._standby or self._ordered is None:
                return
            number, exercise, text = self._ordered
            if message.get("order") == number and "core" in message:
                core = from_record(message["core"])
                if not core.says_nothing_yet:
                    self.board.post_core(exercise, core, text, self._seed)
            elif message.get("order") == number and "result" in message:
                result = from_record(message["result"])
                self._ordered = None
                with contextlib.suppress(OSError):
                    Progress.read(self._kit.workspace).record(result, text)
                self.board.post_verdict(exercise, result, text, self._seed)
            elif "error" in message or "gone" in message:
                self._ordered = None
                self._checked.pop(exercise.slug, None)
                said = (str(message.get("error") or "").strip().splitlines() or ["the process that checks ended"])[-1]
                self.board.post(exercise.slug, f"grader error (not your code): {said}")

    def close(self) -> None:
        self._watch.close()
        with self._lock:
            standby, self._standby = self._standby, None
        if standby is not None:
            standby.close()


def open_page(word: str | None) -> None:
    """`grader open`: serves the pages and follows saves, until Ctrl-C."""
    kit, screen = Kit(), Screen()
    progress = progress_of(kit, screen)
    exercise = kit.find((word,))[0] if word else following(kit, progress) or kit.exercises[0]
    follower = SaveFollower(kit, new_seed())
    server = PageServer(kit, follower.look, follower.board)
    try:
        address = server.address(exercise)
        screen.line(f"Exercise {exercise.number}: {exercise.title}", "bold")
        screen.line(address, whole=True)
        screen.line("It follows your saves until you press Ctrl-C here.")
        sys.stdout.flush()
        if can_open_a_window():
            webbrowser.open(address)
        while not threading.Event().wait(0.5):  # on Windows Ctrl-C is not seen while waiting
            pass
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
        follower.close()
