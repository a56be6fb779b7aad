"""`grader watch`: the learner's loop on a terminal, with its signals. Imports no torch."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

from grader.errors import UsageError
from grader.judging.open import new_seed
from grader.kit.discovery import Kit
from grader.learner.actions import Actions
from grader.learner.commands import following
from grader.learner.loop import Loop


def watch(word: str | None, *, device: str, seed: int | None) -> int:
    """Runs the loop until it is quit. Returns the exit status."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("`grader watch` needs a terminal; without one there is `grader check`")
    kit = Kit()
    loop = Loop(kit, device, new_seed() if seed is None else seed, Actions)
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


def _only_posix(name: str) -> list[signal.Signals]:
    return [getattr(signal, name)] if hasattr(signal, name) else []
