"""What a worker's process finds around it, the same on every run: settings, and the packages that are installed."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import distributions

from grader.launch import payload
from grader.system import WINDOWS

KEPT = (
    *("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME"),
    # Without these Python on Windows finds no folder for its files, and not what machine it runs on.
    *("SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP", "PROCESSOR_ARCHITECTURE", "NUMBER_OF_PROCESSORS"),
)
FIXED = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "4",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "MPLBACKEND": "Agg",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "LOGNAME": "learner",
    "USER": "learner",
}
"""The order of sets, threads, language, time zone and user: what two runs could differ in, and no code may see."""


def of_worker(device: str) -> dict[str, str]:
    """The environment of a worker for code on this device. Of who starts the grader it has paths alone."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    found = {**kept, **FIXED, "HOME": payload.scratch(), "TORCHINDUCTOR_CACHE_DIR": payload.scratch()}
    if WINDOWS:
        found["USERPROFILE"] = payload.scratch()
    if device == "cpu":  # after a backward pass where a GPU was in sight, forked children go backward no more
        found["CUDA_VISIBLE_DEVICES"] = ""
    return found


@cache
def packages() -> dict[str, str]:
    """Name -> version of every package that a worker can import."""
    found = {one.metadata["Name"] or "": one.version for one in distributions(path=payload.package_path())}
    return {name: found[name] for name in sorted(found, key=str.lower) if name}
