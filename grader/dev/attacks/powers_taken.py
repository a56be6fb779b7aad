"""Becomes root, makes namespaces, mounts, traces, raises its limits and lets go of its parent."""
# needs: seccomp
import ctypes
import os
import resource

libc = ctypes.CDLL(None, use_errno=True)
ATTEMPTS = {
    "become root": lambda: os.setuid(0),
    "change root": lambda: os.chroot("/"),
    "make namespaces": lambda: _failed(libc.unshare(0x10000000)),
    "mount": lambda: _failed(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
    "unmount": lambda: _failed(libc.umount2(b"/proc", 2)),
    "trace": lambda: _failed(libc.ptrace(16, os.getppid(), 0, 0)),
    "raise its limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
    "outlive its parent": lambda: _failed(libc.prctl(1, 0, 0, 0, 0)),
    "be dumped": lambda: _failed(libc.prctl(4, 1, 0, 0, 0)),
    "hide a file in memory": lambda: os.close(os.memfd_create("x")),
    "make a session": os.setsid,
}


def _failed(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


for what, action in ATTEMPTS.items():
    try:
        action()
    except (OSError, ValueError):
        continue
    breach(f"it may {what}")
