"""What a worker does to itself after the fork, so that a learner's code can compute and nothing else.

`Sandbox` is made once in the fork server: it tries every layer in a child and keeps those that work. A worker then
enters all of them, or ends with `BROKEN` before it has read any learner's code.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from grader.system import LINUX, WINDOWS
from grader.worker.sandbox.linux import call, die_with_parent, prefer_for_oom_kill


def around(visible: Sequence[str], hidden: Sequence[str]) -> Iterator[str]:
    """These paths without the hidden ones: a folder that holds a hidden one is replaced by what else it holds.

    What is named itself is visible inside a hidden folder too: a virtual environment inside the kit.
    """
    secrets = {os.path.realpath(path) for path in hidden}
    named = {os.path.realpath(path) for path in visible if not os.path.islink(path)} - secrets
    for path in visible:
        yield from _around(path, secrets, named)


def _around(path: str, secrets: set[str], named: set[str]) -> Iterator[str]:
    real = os.path.realpath(path)  # a link to a folder above a secret opens it as well
    nearest = max((other for other in secrets | named if _in(real, other)), key=len, default="")
    if nearest in secrets:
        return
    if not any(_in(secret, real) for secret in secrets):
        yield path
    elif os.path.isdir(path) and not os.path.islink(path):
        for name in sorted(os.listdir(path)):
            yield from _around(os.path.join(path, name), secrets, named)


def _in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def covers(hidden: Sequence[str], visible: Sequence[str]) -> Iterator[str]:
    """The folders to be covered so that nothing hidden shows, but what is visible inside a hidden folder does."""
    for path in filter(os.path.isdir, hidden):
        if not any(other == path or other.startswith(path.rstrip("/") + "/") for other in visible):
            yield path
        elif path not in visible:
            yield from covers([os.path.join(path, name) for name in sorted(os.listdir(path))], visible)


BROKEN = 70
"""The exit status of a worker whose layers failed although they had worked before."""
NO_MEMORY = 71
"""Exit status of a worker that ran out of memory."""
_SET_DUMPABLE, _NO_NEW_PRIVS = 4, 38
_NEWNS, _NEWIPC, _NEWUSER, _NEWNET = 0x20000, 0x8000000, 0x10000000, 0x40000000
_PRIVATE, _NOSUID_NODEV_NOEXEC, _READ_ONLY = 0x4000 | 0x40000, 2 | 4 | 8, 1


class Sandbox:
    """The layers of one fork server's workers.

    Args:
        orders: from the grader: `limits`, `device`, `devices` (its files), `visible` and `hidden` paths, `without`
            layers, `user` (the number of a user for root's workers), `bubble` (whether this runs in bubblewrap).
    """

    def __init__(self, orders: dict[str, Any]) -> None:
        self._limits: dict[str, Any] = orders["limits"]
        self._orders = orders
        self._rules: Any = None
        self._filter: Any = None
        self._size = _address_space() if LINUX else 0
        self._steps: dict[str, Callable[[], None]] = {}
        self.refused: dict[str, str] = {}
        """Layer -> what was said when it could not be had."""
        if LINUX:
            self._steps = {
                "lifetime": die_with_parent,
                "scratch": self._own_scratch,
                "user": self._drop_user,
                "limits": self._set_limits,
                "landlock": self._landlock,
                "seccomp": self._seccomp,
            }
        elif not WINDOWS:
            self._steps = {"limits": self._set_limits}
        for layer in orders["without"]:
            self._steps.pop(layer, None)
        self._build()

    def _build(self) -> None:
        """Makes once what every worker uses."""
        for layer, make in (("landlock", self._make_rules), ("seccomp", self._make_filter)):
            if layer in self._steps:
                try:
                    make()
                except (ImportError, OSError, RuntimeError) as error:
                    del self._steps[layer]
                    self.refused[layer] = f"{type(error).__name__}: {error}"
        if "user" in self._steps and not (os.getuid() == 0 and self._readable()):
            del self._steps["user"]
            if os.getuid() == 0:
                self.refused["user"] = "another user could not read this Python and its packages"

    def leave_out(self, layer: str | None) -> None:
        """Forgets one layer."""
        if layer is not None:
            self._steps.pop(layer, None)

    def keep(self, working: Sequence[str]) -> None:
        """Forgets the layers that did not work when they were tried."""
        self._steps = {layer: step for layer, step in self._steps.items() if layer in working}

    def enter(self, *, trying: bool = False) -> list[str]:
        """Puts every layer around this process and says which. Raises OSError unless it is only trying."""
        entered = []
        with contextlib.suppress(OSError):  # a process that was started, not forked, has its session already
            getattr(os, "setsid", int)()
        if LINUX:
            prefer_for_oom_kill()
        for layer, step in self._steps.items():
            try:
                step()
                entered.append(layer)
            except OSError as error:
                if not trying:
                    raise
                self.refused[layer] = str(error)
        return entered

    # ------------------------------------------------------------------------------------------ the layers

    def _own_scratch(self) -> None:
        """Mounts of its own (and a network without a way out), with an empty limited file system for files."""
        user, group = os.getuid(), os.getgid()
        spaces = _NEWNS if self._orders["bubble"] else _NEWNS | _NEWNET | _NEWIPC
        call("unshare", spaces if user == 0 else spaces | _NEWUSER)
        if user != 0:
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
        call("mount", None, b"/", None, _PRIVATE, None)
        for path in () if self._orders["bubble"] else covers(self._orders["hidden"], self._orders["visible"]):
            _mount_empty(path, _READ_ONLY, "size=4k,mode=000")
        owner = self._orders["user"] if "user" in self._steps else user
        size = (
            f"size={self._limits['disk_mb']}m,nr_inodes=4096,mode=777,uid={owner},gid={owner if user == 0 else group}"
        )
        _mount_empty(self._orders["scratch"], 0, size)
        os.chdir(self._orders["scratch"])

    def _drop_user(self) -> None:
        number = self._orders["user"]
        os.setgroups([])
        os.setresgid(number, number, number)
        os.setresuid(number, number, number)
        die_with_parent()  # a change of user ends that

    def _set_limits(self) -> None:
        import resource

        disk, files, memory = (self._limits[name] for name in ("disk_mb", "files", "memory_mb"))
        bounds = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": disk << 20, "RLIMIT_NOFILE": files}
        if LINUX and self._orders["device"] == "cpu":  # a GPU's driver takes address space without end
            bounds["RLIMIT_AS"] = self._size + (memory << 20)
        if LINUX and ("user" in self._steps or (self._orders["bubble"] and os.getuid() != 0)):
            bounds["RLIMIT_NPROC"] = self._limits["processes"]
        for name, bound in bounds.items():
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(kind, (bound, bound))

    def _make_rules(self) -> None:
        from landlockpy import AccessFS, Ruleset, Scope

        read = AccessFS.READ_FILE | AccessFS.READ_DIR | AccessFS.EXECUTE
        self._rules = Ruleset(scoped=Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET)
        for path in around(self._orders["visible"], self._orders["hidden"]):
            with contextlib.suppress(OSError):
                self._rules.allow_path(path, read if os.path.isdir(path) else AccessFS.READ_FILE)
        for device in (os.devnull, *self._orders["devices"]):
            with contextlib.suppress(OSError):
                self._rules.allow_path(device, AccessFS.READ_FILE | AccessFS.WRITE_FILE | AccessFS.IOCTL_DEV)
        self._own_process = read | AccessFS.WRITE_FILE | AccessFS.TRUNCATE
        self._own_folder = (
            read | AccessFS.WRITE_FILE | AccessFS.TRUNCATE | AccessFS.MAKE_REG | AccessFS.MAKE_DIR
            | AccessFS.REMOVE_FILE | AccessFS.REMOVE_DIR | AccessFS.REFER
        )  # fmt: skip

    def _landlock(self) -> None:
        from landlockpy import LandlockError

        if self._orders["device"] != "cpu":  # a GPU's driver writes there
            self._rules.allow_path("/proc/self", self._own_process)
        if "scratch" in self._steps and os.getcwd() == self._orders["scratch"]:
            self._rules.allow_path(self._orders["scratch"], self._own_folder)
        try:
            self._rules.restrict()
        except LandlockError as error:
            raise OSError(str(error)) from error
        self._rules.close()

    def _make_filter(self) -> None:
        from grader.worker.sandbox import syscalls

        self._filter = syscalls.build()

    def _seccomp(self) -> None:
        from grader.worker.sandbox import syscalls

        _drop_capabilities()
        call("prctl", _SET_DUMPABLE, 0, 0, 0, 0)
        call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
        syscalls.load(self._filter, os.getpid())

    def _readable(self) -> bool:
        """Whether the other user could still import what is installed: a Python under /root is root's alone."""
        child = os.fork()
        if child == 0:
            try:
                self._drop_user()
                os._exit(0 if all(os.access(path, os.R_OK) for path in self._orders["needed"]) else 1)
            except OSError:
                os._exit(1)
        return os.waitpid(child, 0)[1] == 0


def _mount_empty(path: str, flags: int, options: str) -> None:
    call("mount", b"tmpfs", os.fsencode(path), b"tmpfs", flags | _NOSUID_NODEV_NOEXEC, options.encode())


def _address_space() -> int:
    """Bytes of address space that this process has taken."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _drop_capabilities() -> None:
    """What is left of root's powers inside its own namespaces."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    call("capset", header, (ctypes.c_uint32 * 6)())
