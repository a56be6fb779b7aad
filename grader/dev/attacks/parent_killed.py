"""Kills the process that started it, and its group."""
# needs: seccomp
import os
import signal


def kill(*a, **k):
    if os.getppid() not in (0, GRADER):
        os.kill(os.getppid(), signal.SIGKILL)
        breach("it may kill its parent")


everywhere(kill)
