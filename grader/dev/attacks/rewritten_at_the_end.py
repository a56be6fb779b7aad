"""Waits until the grader is done, in a thread, at exit and in finalizers, and writes then."""
# needs: files
import atexit
import threading
import weakref


def write(*a):
    try:
        open(CANARY, "w").write("10 points")
    except OSError:
        pass


class Last:
    __del__ = write


def later():
    while True:
        write()


keep = Last()
atexit.register(write)
weakref.finalize(keep, write)
threading.Thread(target=later, daemon=True).start()
