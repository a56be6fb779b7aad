"""Checking in a notebook: what it defines goes to a process of its own, and the verdict comes back to be shown.

No check runs in the learner's kernel, where anything may have been changed. Imports no torch.
"""

from __future__ import annotations

import atexit
import io
import queue
import sys
from pathlib import Path
from typing import Any

from grader.errors import GraderError, UsageError
from grader.judging.open import new_seed
from grader.kit import hints
from grader.kit.discovery import Exercise, Kit
from grader.kit.requirements import unmet
from grader.learner import verdict_card
from grader.learner.standby import Standby, StandbySettings, from_record
from grader.notebooks import cells as history
from grader.reports.terminal import Screen
from grader.results.verdicts import ExerciseResult
from grader.source import importer
from grader.source.definitions import defined_names
from grader.source.file import File

NOTEBOOK = "this notebook"


class Answer:
    """What is shown: HTML where that can be seen, else text."""

    def __init__(self, text: str, html: str = "") -> None:
        self._text, self._html = text, html

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str | None:
        return self._html or None


class Checker:
    """The process that checks, started when it is needed and kept for the next time.

    Args:
        seed: every input follows from it, so that two runs in one kernel can be compared.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._standby: Standby | None = None
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        atexit.register(self.close)

    def check(self, kit: Kit, exercise: Exercise, file: File) -> ExerciseResult:
        """Raises GraderError where no verdict came."""
        try:
            self._ready(kit, exercise).check(exercise, file.text, notebook=file.name)
            return from_record(self._wait_for("result"))
        except BaseException:  # also the kernel's interrupt: the next check begins anew
            self.close()
            raise

    def _ready(self, kit: Kit, exercise: Exercise) -> Standby:
        if self._standby is None or not self._standby.fits(exercise):
            self.close()
            messages = self._messages = queue.SimpleQueue[dict[str, Any]]()
            slugs = sorted((one.slug for one in kit.exercises), key=lambda slug: slug != exercise.slug)
            settings = StandbySettings(str(kit.root), slugs, self.seed, "cpu")
            self._standby = Standby(settings, lambda _, message: messages.put(message))
        return self._standby

    def _wait_for(self, kind: str) -> Any:
        while True:
            try:
                message = self._messages.get(timeout=0.5)  # on Windows an interrupt is not seen while waiting
            except queue.Empty:
                continue
            if kind in message:
                return message[kind]
            if "error" in message or "gone" in message:
                said = message.get("error") or (self._standby.log if self._standby else "")
                raise GraderError((str(said).strip().splitlines() or ["the process that checks ended"])[-1])

    def close(self) -> None:
        if self._standby is not None:
            self._standby.close()
            self._standby = None


_checker = Checker(new_seed())


def check_here(word: str) -> None:
    """Checks what this notebook defines and shows what is wrong."""
    try:
        if lacking := unmet():
            raise UsageError("; ".join(lacking))
        kit = Kit()
        (exercise,) = kit.find((word,))
        file = _what_is_here(exercise)
        answer = _answer(_checker.check(kit, exercise, file), file, hints.read(exercise.hints))
    except UsageError as error:
        answer = Answer(f"grader: {error}")
    except GraderError as error:
        answer = Answer(f"grader error (not your code): {error}")
    _show(answer)


def start_here(word: str) -> None:
    """Makes `from exercises.ex06_... import ...` work in a notebook: earlier exercises are their solutions."""
    kit = Kit()
    (exercise,) = kit.find((word,))
    earlier = {other.slug: (str(other.solution), other.solution.read_bytes()) for other in kit.before(exercise)}
    importer.take_over(importer.ExerciseFinder(earlier, exercise.slug))


def _shell() -> Any:
    """IPython's, where the learner's code runs in one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _what_is_here(exercise: Exercise) -> File:
    """The code of the cells that were run; outside a notebook, of the script. Raises UsageError where there is none."""
    shell = _shell()
    if shell is None:
        script = getattr(sys.modules["__main__"], "__file__", None)
        if script is None:
            raise UsageError(f"there is no notebook here to check: use `grader check {exercise.number}`")
        return File(Path(script).name, Path(script).read_bytes(), definitions_only=True)
    cells = list(enumerate(shell.history_manager.input_hist_raw))[1:]
    text, names = history.source(cells, shell.user_ns)
    asked_for = [name for name in defined_names(exercise.solution.read_bytes()) if not name.startswith("_")]
    if not names & set(asked_for):
        raise UsageError(
            f"{NOTEBOOK} defines nothing of {exercise.slug} yet ({', '.join(asked_for)}): run the cells above this one"
            " first, and all of them after the kernel was restarted"
        )
    return File(NOTEBOOK, text, definitions_only=True)


def _answer(result: ExerciseResult, file: File, ladders: verdict_card.Ladders) -> Answer:
    text = io.StringIO()
    screen = Screen(text)
    screen.exercise(result, every_check=False)
    screen.failure(result, file.name, _checker.seed, file)
    return Answer(text.getvalue().rstrip(), verdict_card.card(result, file, _checker.seed, ladders))


def _show(answer: Answer) -> None:
    if _shell() is None:
        print(answer)
    else:
        from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

        display(answer)  # type: ignore[no-untyped-call,unused-ignore]
