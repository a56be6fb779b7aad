"""Counts how often one tensor's way from `expect.agrees` to `Mismatch` moves from file to file, in both processes.

    python tests/grader/bench/count_moves.py [--list]

A learner's `attention_scores` without its division is put to the check of that division over a worker. Every call of a
function of the kit is recorded, here and in the worker; a move is a call into another file than the last call's.
Generator expressions and comprehensions are left out. The number says how much a reader has to jump about.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from grader.checks.attempt import attempt, check_seed
from grader.errors import Mismatch
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit import collect
from grader.kit.discovery import Kit
from grader.launch.launcher import launcher
from grader.limits import Limits
from grader.paths import ROOT
from grader.remote.code import Code
from grader.remote.transport import WorkerTransport
from grader.source.file import File

CHECK = "test_scores_are_divided_by_the_root_of_d_k"
TRACER = """
import sys as _sys
_seen = []
def _note(frame, event, argument):
    if event == "call" and "grader" in frame.f_code.co_filename:
        _seen.append((frame.f_code.co_filename, frame.f_code.co_name))
_sys.setprofile(_note)
def calls_so_far():
    _sys.setprofile(None)
    return [list(one) for one in _seen]
"""
"""Put behind the learner's file: the worker's side is recorded there, by what runs there."""
Step = tuple[str, str]


def recorded(action: Callable[[], object], begins: str, ends: str) -> list[Step]:
    """The kit's calls during an action, from a function of this name to another."""
    steps: list[Step] = []
    state = {"on": False}

    def note(frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else frame.f_code.co_name
        if event != "call" or not frame.f_code.co_filename.startswith(str(ROOT)):
            return
        state["on"] = state["on"] or name.endswith(begins)
        if state["on"]:
            steps.append((os.path.relpath(frame.f_code.co_filename, ROOT), frame.f_code.co_name))
        state["on"] = state["on"] and not name.endswith(ends)

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return steps


def workers_part(steps: list[Step], function: str) -> list[Step]:
    """Of all calls in the worker those of the request that called this function: from its first byte to its answer."""
    place = next(i for i, (_, name) in enumerate(steps) if name == "_find")
    first = max(i for i, (_, name) in enumerate(steps[:place]) if name == "receive")
    last = next(i for i, (_, name) in enumerate(steps) if i > place and name == "receive")
    return steps[first:last]


def readable(steps: list[Step]) -> list[Step]:
    return [(file, name) for file, name in steps if not name.startswith("<") or name == "<lambda>"]


def moves(steps: list[Step]) -> list[Step]:
    """The first call after every change of file."""
    return [step for before, step in zip([("", ""), *steps], steps, strict=False) if before[0] != step[0]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the way, file by file")
    listed = parser.parse_args().list
    kit = Kit()
    (exercise,) = kit.find(["6"])
    workers = launcher(Limits())
    session = Session(kit, [exercise], CheckSettings(0, connect=lambda: WorkerTransport(workers)))
    check = next(one for one in session.checks[exercise.slug] if one.id == CHECK)
    text = exercise.solution.read_text(encoding="utf-8").replace("scores / math.sqrt(d_k)", "scores")
    assert text != exercise.solution.read_text(encoding="utf-8")
    source = collect.source_of(kit, exercise, File("traced", (text + TRACER).encode()), check.shortcuts)
    code = Code(source, session.settings.connect, collect.reference(kit, exercise.slug))
    tried = []
    here = recorded(
        lambda: tried.append(attempt(check, code, check_seed(0, check))), "Expect.agrees", "Mismatch.__init__"
    )
    assert isinstance(tried[0].error, Mismatch), tried[0].error
    there = workers_part([(str(file), str(name)) for file, name in code.calls_so_far()], "attention_scores")
    code.close()
    workers.close()
    out = next(i for i, (file, name) in enumerate(here) if name == "send") + 1
    parts = {"out": here[:out], "in the worker": there, "back, and compared": here[out:]}
    total, files = 0, set()
    for name, steps in parts.items():
        way = moves(readable(steps))
        total += len(way)
        files |= {file for file, _ in way}
        print(f"{name:<20}{len(readable(steps)):5} calls{len(way):5} moves")
        if listed:
            print("".join(f"    {file}: {function}\n" for file, function in way), end="")
    print(f"{'agrees to Mismatch':<20}{total:16} moves, {len(files)} files")


if __name__ == "__main__":
    main()
