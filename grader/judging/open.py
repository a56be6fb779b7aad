"""Opens a session: what `check`, `grade`, the loop, notebooks and pytest begin with."""

from __future__ import annotations

import gc
import secrets
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from grader.kit.discovery import Exercise, Kit
from grader.launch.launcher import Launcher

if TYPE_CHECKING:
    from grader.judging.session import Session

SEEDS = 1_000_000


def new_seed() -> int:
    return secrets.randbelow(SEEDS)


def open_session(
    kit: Kit,
    exercises: Sequence[Exercise],
    device: str,
    seed: int,
    timeout: float,
    workers: Launcher | None,
    *,
    hidden: bool = False,
) -> Session:
    """torch and pytest are imported here, after the worker's process has started to do the same."""
    from grader.judging.exercise import CheckSettings
    from grader.judging.session import Session, absent, devices, work_here
    from grader.remote.transport import LocalTransport, WorkerTransport

    def connect() -> LocalTransport | WorkerTransport:
        return LocalTransport() if workers is None else WorkerTransport(workers)

    elsewhere = partial(WorkerTransport, workers) if workers is not None else None
    settings = CheckSettings(
        seed, devices(device), timeout, connect, hidden=hidden, absent=absent(device), elsewhere=elsewhere
    )
    if workers is None:
        work_here(settings.devices)
    session = Session(kit, exercises, settings)
    gc.freeze()  # else the end of the process looks through all of torch: 0.4 s
    return session
