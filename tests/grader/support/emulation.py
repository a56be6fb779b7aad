"""Other systems, emulated on Linux: what they do differently is taken away from Python, or put in front of it.

`windows`: README's virtual environment. `sys.executable` is a launcher that starts the Python of the base as another
process; a socket is handed over by `share(number of a process)` and taken by that process alone; there is no fork, no
user number, no `os.set_blocking` (Python before 3.12), no `resource`; paths are quoted for cmd and PowerShell.

`homebrew`: a Mac. The prefix of the base is a link beside which the standard library lies by its real name; nothing
forks.

A process is of another system where `EMULATED` names it and the folder of `sitecustomize` is on its path: `environment`
says both. Workers start isolated from that: they are sent the same with the kit's modules, as the system's name is.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import tempfile
import threading
from pathlib import Path

SYSTEMS = ("windows", "homebrew")
NAMES = {"windows": "win32", "homebrew": "darwin"}
SITE = """
import importlib.util, os, sys
found = importlib.util.spec_from_file_location("emulation", {file!r})
emulation = importlib.util.module_from_spec(found)
found.loader.exec_module(emulation)
emulation.become(os.environ["EMULATED"], os.environ["EMULATED_FOLDER"], os.environ["EMULATED_KIT"])
"""
LAUNCHER = """#!{python} -ES
import ctypes, subprocess, sys
end_with_this = lambda: ctypes.CDLL(None).prctl(1, 9)
process = subprocess.Popen([{python!r}, *sys.argv[1:]], close_fds=False, preexec_fn=end_with_this)
sys.exit(process.wait())
"""
"""As venv's `python.exe`: the Python that it starts ends with it."""
IN_A_WORKER = """
import os, socket, sys
for name in {lacking!r}:
    if hasattr(os, name):
        delattr(os, name)
sys.modules["resource"] = None

def _take(description):
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(description.decode())
        _, descriptors, _, _ = socket.recv_fds(door, 1, 1)
    if not descriptors:
        raise OSError("[WinError 10038] An operation was attempted on something that is not a socket")
    return socket.socket(fileno=descriptors[0])

socket.fromshare = _take
"""
LACKING = ("fork", "set_blocking", "setsid", "nice", "statvfs")
"""What Python on Windows has not in `os`. That it has no `getuid` is left out: Python's own modules ask for it here."""


def environment(system: str, folder: Path, kit: Path) -> dict[str, str]:
    """What makes a process, and all that it starts, one of this system.

    Args:
        folder: an empty one, for what the system needs on the disk.
        kit: the kit that it runs.
    """
    (folder / "site").mkdir(parents=True)
    (folder / "site" / "sitecustomize.py").write_text(SITE.format(file=__file__), encoding="utf-8")
    launcher = folder / "python"
    launcher.write_text(LAUNCHER.format(python=sys.executable), encoding="utf-8")
    launcher.chmod(0o755)
    (folder / "opt").symlink_to(sys.base_prefix)
    places = {"EMULATED_FOLDER": str(folder), "EMULATED_KIT": str(kit), "PYTHONPATH": str(folder / "site")}
    return {"EMULATED": system, **places}


def become(system: str, folder: str, kit: str) -> None:
    """Makes this process one of a system. Before anything of the kit is imported."""
    sys.path.insert(0, kit)
    from grader import system as ours

    ours.NAME = NAMES[system]
    ours.LINUX, ours.MACOS, ours.WINDOWS = False, system == "homebrew", system == "windows"
    if system == "windows":
        _become_windows(folder)
    else:
        sys.base_prefix = os.path.join(folder, "opt")
    from grader.launch import cgroups, payload

    sys.path.remove(kit)
    cgroups.homes = lambda *_: None
    modules = payload.modules

    def of_the_system() -> dict[str, object]:
        found = dict(modules())
        asked = Path(payload.PACKAGE, "system.py").read_text(encoding="utf-8")
        here = f"\nNAME = {ours.NAME!r}\nLINUX, MACOS, WINDOWS = False, {ours.MACOS}, {ours.WINDOWS}\n"
        found["grader.system"] = compile(asked + here, "grader/system.py", "exec", dont_inherit=True)
        if system == "windows":
            boot = Path(payload.PACKAGE, "worker", "boot.py").read_text(encoding="utf-8")
            text = boot + IN_A_WORKER.format(lacking=LACKING)
            found["grader.worker.boot"] = compile(text, "grader/worker/boot.py", "exec", dont_inherit=True)
        return found

    payload.modules = of_the_system


def _become_windows(folder: str) -> None:
    sys._base_executable = os.path.realpath(sys.executable)
    sys.executable = os.path.join(folder, "python")
    for name in LACKING:
        delattr(os, name)
    sys.modules["resource"] = None
    socket.socket.share = _share


def _share(shared: socket.socket, number: int) -> bytes:
    """As WSADuplicateSocket: what it returns is good for the process of this number alone."""
    place = os.path.join(tempfile.mkdtemp(), "door")
    door = socket.socket(socket.AF_UNIX)
    door.bind(place)
    door.listen()
    copy = socket.socket(fileno=os.dup(shared.fileno()))

    def hand_over() -> None:
        with door, copy, door.accept()[0] as who:
            theirs, _, _ = struct.unpack("3i", who.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if theirs == number:
                socket.send_fds(who, [b"h"], [copy.fileno()])
        os.unlink(place)
        os.rmdir(os.path.dirname(place))

    threading.Thread(target=hand_over, daemon=True).start()
    return place.encode()
