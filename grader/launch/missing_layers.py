"""Why a layer of isolation is missing on this machine, and what brings it back: for `grader doctor`."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from grader.launch import bubblewrap
from grader.launch.spawn import sandbox_command
from grader.system import LINUX, interpreter

SECONDS = 20.0
"""For a bubblewrap that starts Python and ends."""
_KERNEL = "this system's kernel has no such thing; grade on Linux, or in a container on this machine"
_BACK = {
    "limits": "raise the hard limits (`ulimit -H -a`) that stand in the way",
    "cgroup": "run as root where /sys/fs/cgroup can be written to, or under "
    "`systemd-run --user --scope -p Delegate=yes`",
    "scratch": "allow namespaces, as for bubblewrap",
    "user": "run as root, with Python and its packages where everybody can read them",
    "landlock": "Linux 5.13 or later with landlock among `cat /sys/kernel/security/lsm`, and landlockpy",
    "seccomp": "a kernel with seccomp, and pyseccomp with the library libseccomp",
}
"""What brings a layer of Linux back."""


def why(layer: str, refusals: Mapping[str, str]) -> str:
    """A sentence: what stands in the way of a layer, and what brings it back.

    Args:
        layer: one that does not hold.
        refusals: layer -> what the machine said when a worker tried it.
    """
    if not LINUX:
        return _KERNEL
    if layer == "namespaces":
        return _why_no_namespaces()
    said = refusals.get(layer) or _UNSAID.get(layer, "it was set and shows no effect")
    back = _BACK.get(layer)
    return f"{said}; {back}" if back else said


_UNSAID = {
    "user": "this process is not root",
    "cgroup": "no control group can be made here",
    "scratch": "it was set and is not the folder that was asked for",
}


def _why_no_namespaces() -> str:
    if bubblewrap.program() is None:
        return "bubblewrap is not installed; install the system's package `bubblewrap`"
    said = _complaint([*sandbox_command(()), interpreter(), "-I", "-c", ""])
    if said is None:
        return "bubblewrap works, and what it shows was not alone"
    return f"bubblewrap says: {said}; {_allow_namespaces()}"


def _complaint(command: list[str]) -> str | None:
    """The last line that a command says when it fails; None where it does not."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode == 0:
        return None
    return (ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1]


def _allow_namespaces() -> str:
    if in_container():
        return "in Docker: `docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined`"
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        return "on Ubuntu: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
    return "allow them: `sudo sysctl user.max_user_namespaces=15000`"


def in_container(root: Path = Path("/")) -> bool:
    """Whether this is a container of Docker, Podman or Kubernetes, as far as it says so."""
    signs = (".dockerenv", "run/.containerenv", "var/run/secrets/kubernetes.io")
    return any((root / sign).exists() for sign in signs)


def in_windows_subsystem(version: Path = Path("/proc/version")) -> bool:
    """Whether this Linux runs inside Windows (WSL)."""
    try:
        return LINUX and "microsoft" in version.read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False
