"""The system calls that a worker may make: what computing needs. Everything else the kernel refuses (seccomp)."""

from __future__ import annotations

import errno
from typing import Any

ALLOWED = """
read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek _llseek open openat close close_range
stat lstat fstat newfstatat fstatat64 statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getdents
getdents64 getcwd chdir fchdir dup dup2 dup3 fcntl fcntl64 ioctl flock umask fadvise64 readahead truncate ftruncate
fallocate fsync fdatasync sync_file_range copy_file_range sendfile mkdir mkdirat rmdir unlink unlinkat rename renameat
renameat2 poll ppoll select pselect6 _newselect epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
epoll_pwait2 pipe pipe2 eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime socketpair recvfrom recvmsg
recv sendto sendmsg send shutdown getsockname getpeername getsockopt setsockopt mmap mmap2 munmap mprotect mremap
madvise brk msync mincore mlock munlock membarrier get_mempolicy set_mempolicy mbind pkey_alloc pkey_free
pkey_mprotect futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue set_robust_list get_robust_list rseq
set_tid_address set_thread_area get_thread_area arch_prctl exit exit_group wait4 waitid getpid getppid gettid getuid
geteuid getgid getegid getgroups getresuid getresgid getpgid getpgrp getsid capget rt_sigaction rt_sigprocmask
rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack sigreturn restart_syscall pause alarm setitimer
getitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete nanosleep clock_nanosleep
clock_nanosleep_time64 clock_gettime clock_gettime64 clock_getres gettimeofday time times getrusage sysinfo uname
getcpu sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler sched_get_priority_max
sched_get_priority_min getpriority getrlimit ugetrlimit getrandom
"""

REFUSED = """
fork vfork execve execveat socket connect bind listen accept accept4 ptrace process_vm_readv process_vm_writev chmod
fchmod fchmodat chown fchown lchown fchownat link linkat symlink symlinkat mknod mknodat utime utimes utimensat
setrlimit setuid setgid setresuid setresgid setgroups unshare setns mount umount2 chroot memfd_create setsid setpgid
"""
"""Refused with the words "Operation not permitted"; all others look as if this kernel did not have them."""

_THREAD = 0x00010000
_PRCTL = (2, 3, 15, 16, 21, 39, 0x53564D41)
"""Asking what is set, and naming threads and memory."""


def build() -> Any:
    """The filter without the worker's own number. Raises ImportError, RuntimeError or OSError where there is none."""
    import pyseccomp as seccomp

    refused = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.ENOSYS))
    for name in ALLOWED.split():
        _add(rules, seccomp.ALLOW, name)
    for name in REFUSED.split():
        _add(rules, refused, name)
    same = seccomp.MASKED_EQ
    _add(rules, seccomp.ALLOW, "clone", seccomp.Arg(0, same, _THREAD, _THREAD))
    _add(rules, refused, "clone", seccomp.Arg(0, same, _THREAD, 0))
    _add(rules, seccomp.ALLOW, "prlimit64", seccomp.Arg(2, seccomp.EQ, 0))
    _add(rules, refused, "prlimit64", seccomp.Arg(2, seccomp.NE, 0))
    for option in _PRCTL:
        _add(rules, seccomp.ALLOW, "prctl", seccomp.Arg(0, seccomp.EQ, option))
    return rules


def load(rules: Any, own_number: int) -> None:
    """Puts the filter in force for this process, for good. Signals reach this process alone."""
    import pyseccomp as seccomp

    for name in ("kill", "tgkill"):
        _add(rules, seccomp.ALLOW, name, seccomp.Arg(0, seccomp.EQ, own_number))
        _add(rules, seccomp.ERRNO(errno.EPERM), name, seccomp.Arg(0, seccomp.NE, own_number))
    rules.load()


def _add(rules: Any, action: int, name: str, *arguments: Any) -> None:
    """One rule; a name that this machine's kernel or library has never had needs none."""
    try:
        rules.add_rule(action, name, *arguments)
    except (OSError, ValueError):
        return
