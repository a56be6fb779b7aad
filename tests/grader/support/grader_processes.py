"""Grader processes that need no torch: what a pool does with processes that answer, die, hang or never start."""

import json
import os
import time

GREETING = {"devices": ["cpu"], "isolation": {}, "checks": {}}


def _greet(channel, greeting=GREETING):
    channel.send_bytes(json.dumps(greeting).encode())


def _record(task):
    return json.dumps({"id": task["id"], "process": os.getpid(), "parent": os.getppid()}).encode()


def honest(channel, settings):
    """Answers; dies of a task whose source says `deadly`, the first time of one that says `once <file>`."""
    _greet(channel)
    while True:
        try:
            task = json.loads(channel.recv_bytes())
        except EOFError:
            return
        word, _, file = task["source"].partition(" ")
        if word == "deadly":
            os._exit(7)
        if word == "once" and not os.path.exists(file):
            with open(file, "w"):
                os.kill(os.getpid(), 9)
        while word == "endless":
            time.sleep(60)
        channel.send_bytes(b".")
        channel.send_bytes(_record(task))


def stillborn(channel, settings):
    """Dies before it has said a word."""
    os._exit(1)


def unable(channel, settings):
    """Cannot do what was asked for."""
    _greet(channel, {"usage": "there is no such device"})


def broken(channel, settings):
    """Finds the kit broken."""
    _greet(channel, {"broken": "ex01 has no checks"})


def short_lived(channel, settings):
    """Starts once, dies of its first task, and never starts again."""
    flag = settings.device
    if os.path.exists(flag):
        os._exit(1)
    with open(flag, "w"):
        _greet(channel)
    channel.recv_bytes()
    os._exit(3)
