"""Everything that checking needs, set up once: processes, collected checks, references, known mistakes.

Imports torch and pytest. Start the launcher first: its process imports torch beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from grader import simulated_gpu
from grader.checks.attempt import Attempt, attempt
from grader.checks.passed_before import PassedRuns
from grader.diagnosis.recognise import Recogniser
from grader.diagnosis.trusted import Attempts, TrustedCode
from grader.errors import UsageError
from grader.judging.exercise import CheckSettings, absences, outcome_of, run_exercise
from grader.kit import collect
from grader.kit.collect import EXERCISE_POINTS, Check
from grader.kit.discovery import Exercise, Kit
from grader.kit.variants import mistakes
from grader.limits import MAX_MESSAGE
from grader.remote.code import Code
from grader.results.verdicts import ERROR, FAIL, MISSING, ExerciseResult, settle
from grader.source.file import File
from grader.system import keep_freed_memory
from grader.text import clean

torch.set_num_threads(1)
keep_freed_memory()

MEASURED = ("cuda",)
"""The GPUs on which right code was measured to pass: others are used where they are asked for by name."""


def present() -> list[str]:
    """The GPUs of this machine."""
    return [name for name, here in (("cuda", torch.cuda.is_available), ("mps", _mps)) if here()]


def devices(wanted: str) -> list[str]:
    """The devices that a name stands for. Raises UsageError for one that is absent."""
    if wanted == "auto":
        return ["cpu", *(name for name in present() if name in MEASURED)]
    if wanted != "cpu" and wanted not in present():
        have = ", ".join(["cpu", *present()])
        raise UsageError(f"--device {wanted}: this machine has no {wanted}; it has {have}")
    return [wanted]


def absent(wanted: str) -> list[str]:
    """The devices that `auto` looked for in vain: `cuda` stands for any GPU."""
    return ["cuda"] if wanted == "auto" and devices(wanted) == ["cpu"] else []


def work_here(on: Sequence[str]) -> None:
    """Learners' code will run in this process, on these devices: no GPU is simulated beside a real one."""
    for device in on:
        if device != "cpu":
            simulated_gpu.yield_to(device)


def _mps() -> bool:
    return torch.backends.mps.is_available()


def recogniser_of(
    kit: Kit, exercise: Exercise, shortcuts: tuple[str, ...], attempt_mistakes: Attempts = attempt
) -> Recogniser:
    """The known mistakes of an exercise, and trusted code to compare a learner's file with.

    Args:
        attempt_mistakes: runs a check on a known mistake.
    """
    source = collect.source_of(kit, exercise, File.at(exercise.solution), shortcuts)
    trusted = TrustedCode(source, collect.reference(kit, exercise.slug), attempt, attempt_mistakes)
    return Recogniser(trusted, mistakes(exercise))


class Session:
    """Runs the checks of some exercises on one folder of files after another.

    Args:
        kit: where exercises, solutions and checks lie.
        exercises: which of them.
        settings: seed, devices, deadlines and how to reach the learner's code.
    """

    def __init__(self, kit: Kit, exercises: Sequence[Exercise], settings: CheckSettings) -> None:
        self.kit = kit
        self.exercises = list(exercises)
        self.settings = settings
        self.checks = collect.collect(kit, self.exercises)
        self._recognisers: dict[str, Recogniser] = {}
        self.passed_runs = PassedRuns()

    def recogniser(self, exercise: Exercise) -> Recogniser:
        """The known mistakes of an exercise, beside one file after another."""
        if exercise.slug not in self._recognisers:
            shortcuts = self.checks[exercise.slug][0].shortcuts
            self._recognisers[exercise.slug] = recogniser_of(self.kit, exercise, shortcuts, self._attempt_mistakes)
        return self._recognisers[exercise.slug]

    def _attempt_mistakes(self, check: Check, code: Code, seed: int) -> Attempt:
        """Runs a check on a known mistake; not where it answers as a file did that passed."""
        return attempt(check, code, seed, self.passed_runs, remembers=False)

    def trusted(self, exercise: Exercise) -> TrustedCode:
        """The reference and the known mistakes of an exercise, for reruns on the grader's side."""
        return self.recogniser(exercise).trusted

    def run(
        self,
        exercise: Exercise,
        file: File | Path | None,
        *,
        shown: str | None = None,
        on_check: Callable[[], None] = lambda: None,
        on_core: Callable[[ExerciseResult], None] | None = None,
        on_result: Callable[[ExerciseResult], None] = lambda _: None,
    ) -> ExerciseResult:
        """Every check of one exercise on one file; None where the submission has no such file.

        Args:
            shown: the file's name in messages.
            on_check: called after each check; what it raises ends the run.
            on_core: where given, the core checks run first, and it is told what they say.
            on_result: told the result at once: a little later, when the learner's code is ended, it is returned.
        """
        found = self.checks[exercise.slug]
        file = File.at(file) if isinstance(file, Path) else file
        if file is None or file.refusal:
            why = file.refusal if file is not None else f"there is no {exercise.slug}.py"
            result = self._not_run(exercise, found, MISSING if file is None else FAIL, why)
            on_result(result)
            return result
        recogniser = self.recogniser(exercise)
        source, reference = collect.with_file(recogniser.trusted.source, file, shown), recogniser.trusted.reference
        runs, hooks = self.passed_runs, (on_check, on_core, on_result)
        return run_exercise(found, source, reference, recogniser, self.settings, runs, *hooks)

    def _not_run(self, exercise: Exercise, found: Sequence[Check], verdict: str, message: str) -> ExerciseResult:
        """Every check listed, none run, no points."""
        outcomes = [outcome_of(check, device, FAIL, message) for device in self.settings.devices for check in found]
        settled = settle(exercise.slug, [*outcomes, *absences(found, self.settings)], EXERCISE_POINTS)
        return ExerciseResult(exercise.slug, verdict, 0.0, EXERCISE_POINTS, settled.outcomes)

    def broken(self, exercise: Exercise, why: str) -> ExerciseResult:
        """What an exercise gives where the grader itself failed: every check listed, no score."""
        outcomes = [
            outcome_of(check, device, ERROR, clean(why, MAX_MESSAGE))
            for device in self.settings.devices
            for check in self.checks[exercise.slug]
        ]
        return settle(exercise.slug, outcomes, EXERCISE_POINTS)
