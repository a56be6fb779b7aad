"""`grader doctor`: what this machine has, and what to install for what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from collections.abc import Sequence

from grader.errors import GraderError
from grader.kit.discovery import Kit
from grader.launch.isolation import LAYERS
from grader.launch.launcher import Launcher, launcher
from grader.reports.terminal import Screen

EXTRAS = {
    "labs": ("babel", "matplotlib"),
    "cluster": ("dask", "distributed"),
    "dev": ("mypy", "pytest_cov", "ruff", "xdist"),
}


def report() -> int:
    """Prints one line per fact. Returns the exit status: 1 where the kit cannot work here."""
    screen = Screen()
    screen.line(f"python      {platform.python_version()} at {sys.executable}")
    for name in ("torch", "numpy", "pytest", "pytest-timeout", "nbformat", "click", "rich", "msgpack"):
        try:
            screen.line(f"{name:<12}{importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            screen.line(f"{name:<12}missing: python -m pip install {name}")
            return 1
    _devices(screen)
    _isolation(screen)
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        state = f"without {', '.join(missing)}: python -m pip install -e '.[{extra}]'" if missing else "installed"
        screen.line(f"{'extra ' + extra:<16}{state}")
    exercises = Kit().exercises
    screen.line(f"exercises   {len(exercises)}, {exercises[0].slug} to {exercises[-1].slug}, in {Kit().root}")
    return 0


def _devices(screen: Screen) -> None:
    import torch

    from grader import simulated_gpu
    from grader.judging.session import devices

    present = devices("auto")
    names = {"cuda": torch.cuda.get_device_name(0)} if "cuda" in present else {}
    for name in ("cpu", "cuda", "mps"):
        state = names.get(name, "present") if name in present else "absent"
        screen.line(f"{'device ' + name:<16}{state}")
    simulated = (
        "simulated for checks" if simulated_gpu.available() else f"cannot be simulated by torch {torch.__version__}"
    )
    screen.line(f"{'device gpu':<16}{simulated}")


def _isolation(screen: Screen) -> None:
    """What a worker saw around itself."""
    from grader.judging.session import devices

    workers = launcher()
    try:
        found = workers.isolation
        screen.line(f"isolation   {workers.name}, a worker tried each of these:")
        memory = f"at most {found['memory_mb']:,} MB" if found["memory_mb"] else "not limited"
        screen.line(f"            files {found['files']}, network {found['network']}, memory {memory}")
        for layer, meaning in LAYERS.items():
            state = "yes" if layer in found["layers"] else "no"
            screen.line(f"  {state:<4}{layer:<12}{meaning}")
        for device in devices("auto")[1:]:
            screen.line(f"            {_on_gpu(workers, device, found['layers'])}")
    finally:
        workers.close()


def _on_gpu(workers: Launcher, device: str, on_the_cpu: Sequence[str]) -> str:
    """How the workers of a GPU differ."""
    try:
        found = workers.surrounds([device])
    except GraderError as error:
        return str(error)
    lacking = [layer for layer in on_the_cpu if layer not in found["layers"]]
    without = f" without {', '.join(lacking)}" if lacking else ""
    unlimited = "" if found["memory_mb"] else ", and memory is not limited"
    return f"on {device} the same{without}{unlimited}"
