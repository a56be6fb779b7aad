"""How long a save takes to its verdict in the learner's loop, beside a fresh pytest on the same exercise.

    python tests/grader/bench/bench_watch.py [EX] [SAVES]

Drives `grader watch` on a copy of the kit in a terminal of its own. Every save differs; every second one holds a
mistake. Prints the median wall time from save to verdict, the CPU time of the loop's processes for it, the same for
`python -m pytest tests/exNN` (fresh processes, in between), and the ratio of the two.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.kit.discovery import Kit
from tests.grader.support.kits import copy_kit, python
from tests.grader.support.terminal import Terminal

PYTESTS = 5
NEAR, BELOW = ("/ math.sqrt(d_k)", "")


def cpu_of(session):
    """CPU seconds so far of a process and all that descend from it, those that ended included (Linux)."""
    parents, seconds = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        seconds[int(folder.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    family = {session}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(seconds.get(number, 0.0) for number in family)


def pytest_once(kit, exercise):
    start, before = time.perf_counter(), os.times()
    command = [sys.executable, "-m", "pytest", "-q", f"tests/{exercise.slug}", "--target", "solutions"]
    python(kit, command, PYTHONHASHSEED="0")  # with a word about its environment it starts cold
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, cpu


def saves_and_verdicts(kit, exercise, saves):
    file = kit / "exercises" / f"{exercise.slug}.py"
    right = (kit / "solutions" / file.name).read_text(encoding="utf-8")
    wrong = right.replace("return", "return 0 *", 1) if NEAR not in right else right.replace(NEAR, BELOW, 1)
    terminal = Terminal(kit, "-m", "grader", "watch", str(exercise.number), rows=200)
    terminal.shows("q quit")
    found = []
    for number in range(saves + 1):
        text = f"{(wrong, right)[number % 2]}\n# save {number}\n"
        cpu = cpu_of(terminal.process.pid)
        begun = len(terminal.raw)
        start = time.perf_counter()
        file.write_text(text, encoding="utf-8")
        terminal.until(lambda: b"checking..." in terminal.raw[begun:], "checking...")  # noqa: B023
        at_once = time.perf_counter() - start
        terminal.until(lambda: b"quit" in terminal.raw[begun:], "the verdict")  # noqa: B023
        found.append((time.perf_counter() - start, cpu_of(terminal.process.pid) - cpu, at_once))
        yield found[-1]
    terminal.press("q")
    assert terminal.ends() == 0


def main(word, saves):
    exercise = Kit().find([word])[0]
    with tempfile.TemporaryDirectory() as folder:
        kit = copy_kit(Path(folder) / "kit")
        warm, cold = [], []
        for number, measured in enumerate(saves_and_verdicts(kit, exercise, saves)):
            if number:
                warm.append(measured)
            if number % max(saves // PYTESTS, 1) == 0:
                cold.append(pytest_once(kit, exercise))
    wall, cpu, at_once = (statistics.median(column) for column in zip(*warm, strict=True))
    theirs, their_cpu = (statistics.median(column) for column in zip(*cold, strict=True))
    print(f"{exercise.slug}, medians of {len(warm)} saves and {len(cold)} fresh runs of pytest")
    print(f"save to `checking...`  {at_once:6.2f} s wall")
    print(f"save to verdict        {wall:6.2f} s wall  {cpu:6.2f} s CPU")
    print(f"python -m pytest       {theirs:6.2f} s wall  {their_cpu:6.2f} s CPU")
    print(f"ratio                  {wall / theirs:6.2f}         {cpu / their_cpu:6.2f}        (wanted: at most 0.167)")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "6", int(sys.argv[2]) if sys.argv[2:] else 20)
