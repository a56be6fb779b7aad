"""`grader doctor`: what this machine has, what to install for what is missing, and what it is good for."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from collections.abc import Sequence

from grader.cli.promises import HEADS, row_of_this_system, verdict
from grader.errors import GraderError
from grader.kit.discovery import Kit
from grader.kit.requirements import unmet
from grader.launch.isolation import LAYERS
from grader.launch.launcher import Launcher, launcher
from grader.launch.missing_layers import in_container, why
from grader.reports.terminal import Screen
from grader.system import WINDOWS

EXTRAS = {
    "labs": ("babel", "matplotlib"),
    "cluster": ("dask", "distributed"),
    "dev": ("mypy", "pytest_cov", "ruff", "xdist"),
}
REDISTRIBUTABLE = "; on Windows it needs the Visual C++ Redistributable: https://aka.ms/vs/17/release/vc_redist.x64.exe"


def report() -> int:
    """Prints one line per fact, and a verdict. Returns the exit status: 1 where the kit cannot work here."""
    screen = Screen()
    container = ", in a container" if in_container() else ""
    screen.line(f"system      {platform.platform()}{container}")
    screen.line(f"python      {platform.python_version()} at {sys.executable}")
    for name in ("torch", "numpy", "pytest", "pytest-timeout", "nbformat", "click", "rich", "msgpack"):
        try:
            screen.line(f"{name:<16}{importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            screen.line(f"{name:<16}missing")
    if lacking := unmet():
        return _cannot(screen, lacking)
    try:
        import torch  # noqa: F401
    except Exception as error:
        return _cannot(screen, [f"torch cannot be imported: {error}{REDISTRIBUTABLE if WINDOWS else ''}"])
    _devices(screen)
    workers = launcher()
    try:
        good_for = _isolation(screen, workers)
    except (GraderError, OSError) as error:
        return _cannot(screen, [f"no process can be started for a learner's code: {error}"])
    finally:
        workers.close()
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        state = f'without {", ".join(missing)}: python -m pip install -e ".[{extra}]"' if missing else "installed"
        screen.line(f"{'extra ' + extra:<16}{state}")
    exercises = Kit().exercises
    screen.line(f"exercises   {len(exercises)}, {exercises[0].slug} to {exercises[-1].slug}, in {Kit().root}")
    screen.line(f"verdict     {good_for}")
    return 0


def _cannot(screen: Screen, reasons: Sequence[str]) -> int:
    for reason in reasons:
        screen.line(f"verdict     the kit cannot work here: {reason}")
    return 1


def _devices(screen: Screen) -> None:
    import torch

    from grader import simulated_gpu
    from grader.judging.session import devices, present

    here, used = ["cpu", *present()], devices("auto")
    for name in ("cpu", "cuda", "mps"):
        state = "present" if name in here else "absent"
        state = torch.cuda.get_device_name(0) if name == "cuda" and name in here else state
        unasked = f", used with --device {name} alone" if name in here and name not in used else ""
        screen.line(f"{'device ' + name:<16}{state}{unasked}")
    simulated = (
        "simulated for checks" if simulated_gpu.available() else f"cannot be simulated by torch {torch.__version__}"
    )
    screen.line(f"{'device gpu':<16}{simulated}")


def _isolation(screen: Screen, workers: Launcher) -> str:
    """What a worker saw around itself; what this machine is good for."""
    from grader.judging.session import devices

    found = workers.isolation
    screen.line(f"isolation   {workers.name}, a worker tried each of these:")
    memory = f"at most {found['memory_mb']:,} MB" if found["memory_mb"] else "not limited"
    screen.line(f"            files {found['files']}, network {found['network']}, memory {memory}")
    for layer, meaning in LAYERS.items():
        here = layer in found["layers"]
        screen.line(f"  {'yes' if here else 'no':<4}{layer:<12}{meaning}")
        if not here:
            screen.line(f"      {'':<12}{why(layer, workers.refusals)}")
    for device in devices("auto")[1:]:
        screen.line(f"            {_on_gpu(workers, device, found['layers'])}")
    row = row_of_this_system(found)
    screen.line(f"promises    README says of {row.system}:")
    for name in ("learning", "reach", "memory", "start", "gpu", "known"):
        screen.line(f"            {getattr(HEADS, name)}: {getattr(row, name)}")
    return verdict(found)


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
