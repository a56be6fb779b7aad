"""What holds on which system: README's table, and the row of it that `grader doctor` prints."""

from __future__ import annotations

import platform
from dataclasses import astuple, dataclass
from typing import Any

from grader.launch.isolation import left_open
from grader.launch.missing_layers import in_windows_subsystem
from grader.system import LINUX, MACOS


@dataclass(frozen=True)
class Row:
    """One system.

    Args:
        system: its name.
        learning: whether the learner's commands work: checks, the loop, notebooks.
        reach: what code that is graded can reach.
        memory: whether its memory is limited.
        start: what starting the code of one exercise takes.
        gpu: which GPU is used, and when.
        known: how all this is known: run, emulated by tests, or read.
    """

    system: str
    learning: str
    reach: str
    memory: str
    start: str
    gpu: str
    known: str


HEADS = Row(
    "system",
    "checks, loop, notebooks",
    "graded code reaches",
    "its memory",
    "code is started by",
    "GPU",
    "known from",
)
PACKAGES_ALONE = "Python and packages, no network"
EVERYTHING = "your files and the network"
FRESH = "a new process, ready beforehand"
TABLE = (
    Row(
        *("Linux", "yes", PACKAGES_ALONE, "limited", "a fork", "CUDA"),
        "run on x86-64, as root and as a plain user, Python 3.10 to 3.13; GPU: run on an H200; ARM, Python 3.14: read",
    ),
    Row(
        *("Linux without namespaces (Docker as it comes)", "yes", PACKAGES_ALONE, "limited", "a fork", "CUDA"),
        "run, with those system calls refused; GPU: read",
    ),
    Row(
        *("Windows Subsystem for Linux 2", "yes; under /mnt a save is seen within a second", PACKAGES_ALONE),
        *("limited", "a fork", "CUDA", "read"),
    ),
    Row(
        *("macOS on Apple silicon", "yes", EVERYTHING, "not limited", FRESH),
        *("mps if asked for, `--device mps`: how exact it is was not measured", "emulated on Linux; mps: read"),
    ),
    Row(*("macOS on Intel", "no: PyPI has no torch later than 2.2 for it", "-", "-", "-", "-", "read")),
    Row(
        *("Windows 10 and 11", "yes", EVERYTHING, "not limited", FRESH),
        *("CUDA, with a torch made for it", "emulated on Linux; CUDA: read"),
    ),
)
(_LINUX, _CONTAINER, _SUBSYSTEM, _MAC, _INTEL_MAC, _WINDOWS) = TABLE


def row_of_this_system(isolation: dict[str, Any]) -> Row:
    """The row for the machine that this runs on, with what a worker saw around itself."""
    if LINUX:
        if in_windows_subsystem():
            return _SUBSYSTEM
        return _LINUX if "namespaces" in isolation["layers"] else _CONTAINER
    if MACOS:
        return _INTEL_MAC if platform.machine() == "x86_64" else _MAC
    return _WINDOWS


def table() -> str:
    """As it stands in README."""
    lines = [" | ".join(astuple(row)) for row in (HEADS, *TABLE)]
    return "\n".join(f"| {line} |" for line in [lines[0], " | ".join(["---"] * len(astuple(HEADS))), *lines[1:]]) + "\n"


def verdict(isolation: dict[str, Any]) -> str:
    """What this machine is good for, in one sentence."""
    could = left_open(isolation)
    if not could:
        return "all of it works here, and what others hand in is kept from your files, the network and the memory"
    return (
        f"your own exercises can be checked here; what others hand in could {', '.join(could)}: grade what you trust,"
        " or grade on a machine that isolates"
    )
