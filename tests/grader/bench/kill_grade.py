"""Kills a grader at random moments and lets it go on, until it is done; the results must be an undisturbed run's.

    python tests/grader/bench/kill_grade.py [KILLS] [STUDENTS] [EX ...]

Prints where each kill fell. Exit status 1 where anything but times differs. Linux and macOS.
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.kit.discovery import Kit
from tests.grader.support import classes

ROOT = Path(__file__).resolve().parents[3]


def start(place, out):
    command = [sys.executable, "-m", "grader", "grade", place / "class", "--out", place / out]
    command += ["--seed", "11", "--device", "cpu", "--jobs", "2"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(list(map(str, command)), cwd=ROOT, **quiet)


def timeless(value):
    if isinstance(value, dict):
        return {name: timeless(item) for name, item in value.items() if name != "seconds"}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def results(place, out):
    return timeless(json.loads((place / out / "results.json").read_text(encoding="utf-8")))


def records(place):
    journal = place / "killed" / "results.jsonl"
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def kill(process, place, wanted, delay):
    """Kills once there are so many records and a little time has passed, unless the process ends before."""
    while records(place) < wanted and process.poll() is None:
        time.sleep(0.02)
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def main(kills, count, exercises):
    rng = random.Random(kills)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for student in classes.students(count, Kit().find(exercises)):
            student.write(place / "class")
        begun = time.perf_counter()
        if start(place, "undisturbed").wait() != 0:
            raise SystemExit("the undisturbed run failed")
        whole = time.perf_counter() - begun
        for number in range(kills):
            before = records(place)
            wanted, delay = before + rng.randrange(count // kills + 1), rng.uniform(0, whole / kills / 2)
            killed = kill(start(place, "killed"), place, wanted, delay)
            how = "killed" if killed else "had ended"
            print(f"{number + 1}: {how}, {before} of {count} records before, {records(place)} after", flush=True)
        if start(place, "killed").wait() != 0:
            raise SystemExit("the last run failed")
        same = results(place, "killed") == results(place, "undisturbed")
        print("the same as undisturbed, times aside" if same else "DIFFERENT from the undisturbed run")
        return 0 if same else 1


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(int(given[0]) if given else 10, int(given[1]) if given[1:] else 40, given[2:] or ["5", "6"]))
