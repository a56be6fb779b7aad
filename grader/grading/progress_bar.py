"""How far a long run is, on standard error: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from grader.text import duration


class ProgressBar:
    """Counts what is done.

    Args:
        total: how much there is to do.
    """

    def __init__(self, total: int) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        self._total, self._done = total, 0
        self._start = time.monotonic()
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("starting", total=total)

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, text: str) -> None:
        """One more is done."""
        self._done += 1
        if self._bar.disable:
            self._console.print(f"[{self._done}/{self._total}] {text}{self._left()}")
        else:
            self._bar.update(self._task, advance=1, description=text)

    def _left(self) -> str:
        left = self._total - self._done
        if not left:
            return ""
        return f", about {duration((time.monotonic() - self._start) / self._done * left)} left"
