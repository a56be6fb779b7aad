"""What surrounds the code that is checked on this machine: asked of the workers themselves, and told in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grader.errors import UsageError

LAYERS = {
    "process": "the code has a process of its own, which is killed when its exercise is over",
    "environment": "its environment, standard input and open files hold nothing of yours",
    "lifetime": "it ends when the grader ends, however that comes about",
    "limits": "its memory, threads, files and their sizes are limited",
    "cgroup": "the kernel limits memory and processes of all workers together (a control group, where one can be made)",
    "namespaces": "it has its own files, network, process numbers and shared memory (bubblewrap)",
    "scratch": "its temporary folder is its own, limited in size, and gone with it",
    "user": "it runs as a user who owns nothing (only root can do this)",
    "landlock": "the kernel lets it read the interpreter and installed packages, and no other file (landlockpy)",
    "seccomp": "the kernel refuses it new processes, programs, sockets and signals to others (pyseccomp)",
}
"""In the order in which a report names them."""


PROMISES = {
    "files": "it can read the interpreter and the installed packages, and write nothing that outlives it",
    "network": "it reaches no network",
    "memory": "it cannot take more memory than the limit",
}
"""What layers together achieve. They can be required by these names as well."""
NONE: dict[str, Any] = {"process": False, "files": "visible", "network": "open", "memory_mb": None, "layers": []}
"""What surrounds code in the grader's own process."""


def summary(report: dict[str, Any], layers: Sequence[str], memory_mb: int) -> dict[str, Any]:
    """`run.isolation` of results.json, from what a worker saw and the layers that the launcher adds."""
    found = {*report["layers"], *layers}
    return {
        "process": True,
        "files": "hidden" if report["files"] else "visible",
        "network": "none" if report["network"] else "open",
        "memory_mb": memory_mb if report["memory"] or "cgroup" in found else None,
        "layers": [layer for layer in LAYERS if layer in found],
    }


def weakest(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What holds around every one of several workers: those of a GPU have less around them than those of the CPU."""
    limits = [one["memory_mb"] for one in found]
    return {
        "process": all(one["process"] for one in found),
        "files": "hidden" if all(one["files"] == "hidden" for one in found) else "visible",
        "network": "none" if all(one["network"] == "none" for one in found) else "open",
        "memory_mb": None if None in limits else max(limits),
        "layers": [layer for layer in LAYERS if all(layer in one["layers"] for one in found)],
    }


def missing(isolation: dict[str, Any], names: Sequence[str]) -> list[str]:
    """Those of the names that do not hold."""
    has = set(isolation["layers"])
    has |= {"files"} if isolation["files"] == "hidden" else set()
    has |= {"network"} if isolation["network"] == "none" else set()
    has |= {"memory"} if isolation["memory_mb"] is not None else set()
    return [name for name in names if name not in has]


def left_open(isolation: dict[str, Any]) -> list[str]:
    """What code could do here that it should not, as verbs: `reach the network`."""
    return [
        *(["read your files"] if isolation["files"] != "hidden" else []),
        *(["reach the network"] if isolation["network"] != "none" else []),
        *(["take all memory"] if isolation["memory_mb"] is None else []),
    ]


def check_names(names: Sequence[str]) -> None:
    """Raises UsageError for a name that is no layer."""
    for name in names:
        if name not in LAYERS and name not in PROMISES:
            known = ", ".join([*PROMISES, *LAYERS])
            raise UsageError(f"there is no isolation layer {name!r}; there are: {known}")


def require(isolation: dict[str, Any], names: Sequence[str]) -> None:
    """Raises UsageError that says which of the names do not hold on this machine."""
    check_names(names)
    if lacking := missing(isolation, names):
        raise UsageError(f"this machine does not isolate by {', '.join(lacking)}; `grader doctor` says why")
