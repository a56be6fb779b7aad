"""The learner's commands that run no checks: list, lesson, hint, solution, reset. Imports no torch."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.markdown import Markdown

from grader import hints
from grader.discovery import Exercise, Kit
from grader.errors import UsageError
from grader.progress import Progress
from grader.screen import Screen
from grader.stub import stub_of

Ask = Callable[[str], bool]


def _progress(kit: Kit, screen: Screen) -> Progress:
    progress = Progress.read(kit.root)
    if progress.warning:
        screen.remark(progress.warning)
    return progress


def show_list(*, then_what: bool = False) -> None:
    """Every exercise and its state, one line each; and the next step."""
    kit, screen = Kit(), Screen()
    progress = _progress(kit, screen)
    states = {exercise: progress.state(exercise) for exercise in kit.exercises}
    for exercise, state in states.items():
        screen.mark(state, f" {exercise.slug:<26}{exercise.title}")
    if not then_what:
        return
    screen.line()
    open_ones = [exercise for exercise, state in states.items() if state != "pass"]
    if not open_ones:
        screen.line("All exercises pass.")
        return
    following = open_ones[0]
    screen.line(f"Next: read the lesson, edit exercises/{following.slug}.py, check it:")
    screen.line(f"  grader lesson {following.number}")
    screen.line(f"  grader check {following.number}")


def show_lesson(word: str) -> None:
    kit, screen = Kit(), Screen()
    (exercise,) = kit.find((word,))
    screen.console.print(Markdown(exercise.lesson.read_text(encoding="utf-8")), soft_wrap=False)


def show_hint(word: str, check: str | None) -> None:
    """The next rung for the check that fails first, or for the check named."""
    kit, screen = Kit(), Screen()
    (exercise,) = kit.find((word,))
    progress = _progress(kit, screen)
    entry = progress.exercise(exercise.slug)
    ladders = hints.read(exercise.hints)
    title = _title(exercise, check, entry.get("failing"), ladders)
    rungs = hints.of_check(ladders, title)
    if not rungs:
        raise UsageError(f"there are no hints for {title!r} in {exercise.slug}")
    seen = entry.setdefault("hints", {})
    rung = min(int(seen.get(title, 0)), len(rungs) - 1)
    screen.line(title, "bold")
    screen.line(f"hint {rung + 1} of {len(rungs)}: {rungs[rung]}")
    if rung + 1 < len(rungs):
        screen.line(f"one more: grader hint {exercise.number}", "dim")
    seen[title] = rung + 1
    progress.save()


def _title(exercise: Exercise, check: str | None, failing: str | None, ladders: dict[str, list[str]]) -> str:
    if check is None:
        if failing is None:
            raise UsageError(
                f"no failing check of {exercise.slug} is known: run `grader check {exercise.number}` first, "
                f"or name a check"
            )
        return failing
    words = check.removeprefix("test_").replace("_", " ").lower()
    matches = [title for title in ladders if words in title.lower()]
    if len(matches) != 1:
        found = "; ".join(matches or ladders)
        raise UsageError(f"{check!r} names {len(matches) or 'no'} checks of {exercise.slug}: {found}")
    return matches[0]


def show_solution(word: str, *, yes: bool, ask: Ask) -> None:
    """The reference; asks first unless the exercise passes."""
    kit, screen = Kit(), Screen()
    (exercise,) = kit.find((word,))
    if _progress(kit, screen).state(exercise) != "pass" and not yes:
        _confirm(f"{exercise.slug} does not pass yet. Show its solution?", ask)
    sys.stdout.write(exercise.solution.read_text(encoding="utf-8"))


def reset(word: str, *, yes: bool, ask: Ask) -> None:
    """Puts the stub back; the learner's file is kept."""
    kit, screen = Kit(), Screen()
    (exercise,) = kit.find((word,))
    stub = stub_of(exercise.solution.read_text(encoding="utf-8"))
    if exercise.stub.is_file() and exercise.stub.read_text(encoding="utf-8", errors="replace") == stub:
        screen.line(f"exercises/{exercise.slug}.py is the stub already")
        return
    if not yes:
        _confirm(f"Replace exercises/{exercise.slug}.py by the stub? Your file is kept.", ask)
    if exercise.stub.is_file():
        kept = _progress(kit, screen).keep(exercise)
        screen.line(f"your file is kept as {kept.relative_to(kit.root)}")
    exercise.stub.write_text(stub, encoding="utf-8")
    screen.line(f"exercises/{exercise.slug}.py is the stub again")


def _confirm(question: str, ask: Ask) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to answer on: say --yes")
    if not ask(question):
        raise SystemExit(1)
