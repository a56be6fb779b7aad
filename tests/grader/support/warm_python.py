"""`python -m MODULE ...` in a process of its own, without the two seconds that importing torch takes.

One process imports torch, pytest and what else the program needs of other packages, nothing of the kit; for each
command it forks, and the child becomes that command: folder, environment, arguments, input and output are its own.
Processes that the command starts by `multiprocessing` are forked from another that has imported the same.
What depends on how Python starts (an environment variable that it reads, the seed of hashes) needs a real start.
"""

import atexit
import gc
import json
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from functools import cache
from multiprocessing import forkserver
from pathlib import Path

PACKAGES = ("torch", "numpy", "pytest", "rich.console", "click", "jinja2", "msgpack", "nbformat")


class _WarmPython:
    def __init__(self):
        settings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=settings, text=True
        )
        atexit.register(self._end)

    def _end(self):
        with self._process:
            self._process.stdin.close()

    def run(self, folder, words, stdin, environment):
        with tempfile.TemporaryDirectory() as place:
            files = [Path(place, name) for name in ("in", "out", "err")]
            files[0].write_text(stdin or "", encoding="utf-8")
            order = {"folder": str(folder), "words": words, "files": list(map(str, files)), "environment": environment}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            ended = int(self._process.stdout.readline())
            out, err = (file.read_text(encoding="utf-8") for file in files[1:])
        return subprocess.CompletedProcess([sys.executable, "-m", *words], ended, out, err)


@cache
def _warm_python():
    return _WarmPython()


def run(folder, words, *, environment, stdin=None):
    """`python -m` and these words, as `subprocess.run` would: exit status, output and errors as text.

    Args:
        folder: where it runs.
        words: a module and its arguments.
        environment: all variables that it sees.
        stdin: what it reads from standard input.
    """
    return _warm_python().run(folder, list(map(str, words)), stdin, environment)


def _become(order):
    """What this process does as the command; ends it."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    modes = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for descriptor, (file, mode) in enumerate(zip(order["files"], modes, strict=True)):
        opened = os.open(file, mode)
        os.dup2(opened, descriptor)
        os.close(opened)
    forked = multiprocessing.get_context("forkserver")
    multiprocessing.get_context = lambda method=None: forked
    forkserver._forkserver.ensure_running = lambda: None  # it is no child of this process, which could not ask
    module, *arguments = order["words"]
    sys.argv[1:] = arguments
    sys.path[0] = order["folder"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _serve():
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    forkserver.set_forkserver_preload(list(PACKAGES))
    forkserver.ensure_running()  # every command inherits it
    for package in PACKAGES:
        __import__(package)
    gc.freeze()  # else the end of each command looks through all of torch: 0.4 s
    for line in orders:
        child = os.fork()
        if child == 0:
            for opened in (orders, answers):
                opened.close()
            _become(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
