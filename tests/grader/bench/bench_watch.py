"""How long a save takes to its verdict in the learner's loop, beside a fresh pytest on the same exercise.

    python tests/grader/bench/bench_watch.py [EX ...] [--saves 20] [--pytest 3]

Drives `grader watch` on a copy of the kit in a terminal of its own. Every save differs; every second one holds a
mistake of the catalogue. Prints for each exercise the median wall time from a save to the verdict of the core checks
and to that of all checks with all that is said beside it, for right and for wrong files; the CPU time of the loop's
processes for it, the memory that they share out (PSS), the same for `python -m pytest tests/exNN` (fresh processes, in
between), and the ratio of the two whole verdicts. Linux only.
"""

import argparse
import contextlib
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.kit.discovery import Kit
from grader.kit.variants import mistakes
from tests.grader.support.kits import copy_kit, python
from tests.grader.support.terminal import Terminal


def family(session):
    """A process and all that descend from it: number -> the fields of its `stat` from the state on."""
    fields = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
    found = {session}
    while more := {child for child, one in fields.items() if int(one[1]) in found} - found:
        found |= more
    return {number: fields[number] for number in found if number in fields}


def cpu_of(session):
    """CPU seconds so far of a process and all that descend from it, those that ended included."""
    return sum(sum(map(int, one[11:15])) for one in family(session).values()) / os.sysconf("SC_CLK_TCK")


def memory_of(session):
    """MB that a process and all that descend from it take; what several share is counted once."""
    total = 0
    for number in family(session):
        with contextlib.suppress(OSError):
            total += int(re.search(r"^Pss: +(\d+)", Path(f"/proc/{number}/smaps_rollup").read_text(), re.M)[1])
    return total / 1024


def pytest_once(kit, exercise):
    start, before = time.perf_counter(), os.times()
    command = [sys.executable, "-m", "pytest", "-q", f"tests/{exercise.slug}", "--target", "solutions"]
    python(kit, command, PYTHONHASHSEED="0")  # with a word about its environment it starts cold
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, cpu


def saves_and_verdicts(kit, exercise, saves):
    """Yields seconds to the core's verdict, to the whole one, of CPU, MB; every second save is a mistake."""
    file = kit / "exercises" / f"{exercise.slug}.py"
    right = (kit / "solutions" / file.name).read_text(encoding="utf-8")
    known = mistakes(exercise)
    wrong = [known[place * len(known) // (saves // 2 + 1)].source.decode() for place in range(saves // 2 + 1)]
    terminal = Terminal(kit, "-m", "grader", "watch", str(exercise.number), rows=200)
    terminal.shows("q quit")
    terminal.draws = False
    for number in range(saves + 1):
        text = f"{right if number % 2 else wrong[number // 2]}\n# save {number}\n"
        cpu = cpu_of(terminal.process.pid)
        begun = len(terminal.raw)
        start = time.perf_counter()
        file.write_text(text, encoding="utf-8")
        core, whole = (shown(terminal, begun, start, word) for word in (b"checking the robust ones", b" pause"))
        yield core, whole, cpu_of(terminal.process.pid) - cpu, memory_of(terminal.process.pid)
    terminal.press("q")
    assert terminal.ends() == 0


def shown(terminal, begun, start, word):
    """Seconds until a word, or the whole verdict, is there."""
    terminal.until(lambda: word in terminal.raw[begun:] or b" pause" in terminal.raw[begun:], word)
    return time.perf_counter() - start


def measure(exercise, saves, pytests):
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        kit = copy_kit(Path(folder) / "kit")
        warm, cold = [], []
        for number, measured in enumerate(saves_and_verdicts(kit, exercise, saves)):
            if number:  # the first one finds nothing ready
                warm.append(measured)
            if number and number % (saves // pytests) == 0:
                cold.append(pytest_once(kit, exercise))
    times = [statistics.median(one[part] for one in warm[start::2]) for start in (0, 1) for part in (0, 1)]
    _, wall, cpu, memory = (statistics.median(column) for column in zip(*warm, strict=True))
    theirs, their_cpu = (statistics.median(column) for column in zip(*cold, strict=True))
    print(
        f"{exercise.slug:<24}{''.join(f'{seconds:>8.2f}' for seconds in times)}{cpu:>8.2f}{memory:>8.0f}"
        f"{theirs:>10.2f}{their_cpu:>8.2f}{wall / theirs:>8.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exercises", nargs="*")
    parser.add_argument("--saves", type=int, default=20)
    parser.add_argument("--pytest", type=int, default=3)
    options = parser.parse_args()
    print(f"{'':<24}{'right':>16}{'wrong':>16}")
    print(f"{'seconds, medians':<24}{'core':>8}{'whole':>8}{'core':>8}{'whole':>8}{'CPU':>8}{'MB':>8}", end="")
    print(f"{'pytest':>10}{'CPU':>8}{'ratio':>8}")
    for exercise in Kit().find(options.exercises) if options.exercises else Kit().exercises:
        measure(exercise, options.saves, options.pytest)


if __name__ == "__main__":
    main()
