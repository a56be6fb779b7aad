"""What a worker's process is started with: where packages are, and the kit's modules that it needs, as bytes."""

from __future__ import annotations

import marshal
import os
import site
import sys
import sysconfig
import tempfile
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any

from grader.paths import PACKAGE, ROOT
from grader.system import LINUX, interpreter

PROGRAM = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; import marshal; read = sys.stdin.buffer.read; "
    "orders = marshal.loads(read(int.from_bytes(read(4), 'little'))); names = {'__name__': 'grader.worker.boot'}; "
    "exec(orders['modules']['grader.worker.boot'], names); names['start'](orders)"
)
"""Reads its orders from standard input and follows them. Nothing is ever imported from the current folder.

Python is not isolated with -I, which would ignore the seed of hashes in its environment: all of that is ours.
"""
CARRIED = ("limits", "protocol", "simulated_gpu", "source", "system", "worker")
"""What a worker gets of the kit, a module or a folder each, and nothing else: none knows a check or a solution."""
MAX_LINKS = 40
"""As many as Linux follows."""
SCRATCHES = ("/tmp", "/var/tmp", "/dev/shm", "/mnt", "/media", "/srv")
_LIBRARIES = (
    *(
        "/sbin",
        "/usr/sbin",
        "/lib",
        "/lib32",
        "/lib64",
        "/usr/lib",
        "/usr/lib32",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/share/zoneinfo",
    ),
    *("/usr/local/cuda", "/usr/local/nvidia", "/opt/cuda", "/proc/driver/nvidia"),
    *(f"/home/linuxbrew/.linuxbrew/{folder}" for folder in ("Cellar", "lib", "opt")),
    *("/nix/store", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"),
    *("/etc/mime.types", "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"),
    *("/dev/zero", "/dev/random", "/dev/urandom"),
)


def orders(**more: Any) -> bytes:
    """Orders for `boot.py`, with their length before them."""
    packed = marshal.dumps({"modules": modules(), "path": package_path(), **more})
    return len(packed).to_bytes(4, "little") + packed


@cache
def modules() -> dict[str, CodeType]:
    """The code of all that a worker carries, by module name."""
    files = [PACKAGE / "__init__.py"]
    for name in CARRIED:
        folder = PACKAGE / name
        files += sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    return {dotted(file): _code(file) for file in files}


def dotted(file: Path) -> str:
    """The name under which a file of the kit is imported."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _code(file: Path) -> CodeType:
    name = dotted(file)
    code = SourceFileLoader(name, str(file)).get_code(name)
    assert code is not None
    return _renamed(code, file.relative_to(PACKAGE.parent).as_posix())


def _renamed(code: CodeType, filename: str) -> CodeType:
    """The code, with the file's name in it and in every function in it: a worker cannot read where the kit lies."""
    constants = tuple(_renamed(item, filename) if isinstance(item, CodeType) else item for item in code.co_consts)
    return code.replace(co_filename=filename, co_consts=constants)


def package_path() -> list[str]:
    """Where packages are installed, and nothing else that happens to be on the path: no course, no current folder."""
    homes = [sys.prefix, sys.base_prefix, *site.getsitepackages(), site.getusersitepackages(), *standard_library()]
    torch = find_spec("torch")
    beside_torch = str(Path(torch.origin).parent.parent) if torch is not None and torch.origin else ""
    return [
        entry
        for entry in sys.path
        if entry == beside_torch
        or (entry and os.path.realpath(entry) != str(ROOT) and any(_leads_into(entry, home) for home in homes))
    ]


def standard_library() -> list[str]:
    """Where the standard library lies, as the interpreter has found it: Homebrew's prefix is a link to elsewhere."""
    folders = {sysconfig.get_path("stdlib"), os.path.dirname(os.__file__)}
    for compiled in filter(None, map(find_spec, ("_socket", "_struct", "_ctypes"))):
        if compiled.has_location and compiled.origin:
            folders.add(os.path.dirname(compiled.origin))
    return sorted(folders)


def _leads_into(path: str, folder: str) -> bool:
    """Whether it lies there, by the names that it has or by those that links lead to."""
    return _is_in(path, folder) or _is_in(os.path.realpath(path), os.path.realpath(folder))


def _is_in(path: str, folder: str) -> bool:
    """Of two paths that are written alike: both real ones, or both as they were given."""
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(folder.rstrip("/\\") + os.sep)


def _names_of(program: str) -> list[str]:
    """A path and all that it leads to, link by link: .venv/bin/python, /usr/bin/python3, /usr/bin/python3.11."""
    names = [program]
    while os.path.islink(names[-1]) and len(names) < MAX_LINKS:
        names.append(os.path.normpath(os.path.join(os.path.dirname(names[-1]), os.readlink(names[-1]))))
    return [*names, os.path.realpath(program)]


@cache
def visible() -> list[str]:
    """What a worker may read: the interpreter, installed packages and the libraries under them."""
    programs = {name for program in (sys.executable, interpreter()) for name in _names_of(program)}
    paths = {*programs, *package_path(), *standard_library(), *_LIBRARIES}
    for prefix in (sys.prefix, sys.base_prefix):
        if prefix.rstrip("/") in ("", "/usr", "/usr/local"):
            paths |= {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
        else:
            paths |= {prefix, os.path.realpath(prefix)}
    return sorted(path for path in paths if Path(path).exists())


def devices(device: str) -> list[str]:
    """The device files that code on this device uses."""
    names = ("nvidia*", "dxg") if device == "cuda" else ()  # dxg: a GPU in Windows' Linux
    return [str(path) for name in names for path in Path("/dev").glob(name)]


@cache
def scratch() -> str:
    """Where a worker's own folder is mounted: a folder that covers nothing which the worker needs."""
    needed = [os.path.realpath(path) for path in visible()] + visible()
    for folder in SCRATCHES if LINUX else ():
        if os.path.isdir(folder) and not any(_is_in(path, folder) for path in needed):
            return folder
    return tempfile.gettempdir()


def hidden() -> list[str]:
    """What it may not, although it lies among the visible: the kit, with its checks and solutions, by every name."""
    installed = any(os.path.realpath(entry) == str(ROOT) for entry in package_path())
    secret = str(PACKAGE if installed else ROOT)
    names = {secret}
    for path in visible():
        real = os.path.realpath(path)
        if _is_in(secret, real):
            names.add(path + secret[len(real) :])
    return sorted(names)
