"""How much longer `grader check 6` takes than `python -c "import torch"`, side by side in one run.

    python tests/grader/bench_start.py [RUNS]

Prints the median wall time of each and the median of the ratios, pair by pair, and the same for `grader --help`
against `python -c pass`; then what every exercise's checks cost, per exercise and the slowest checks.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def wall(command):
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare(name, ours, theirs, runs):
    pairs = [(wall(ours), wall(theirs)) for _ in range(runs + 1)][1:]
    ratio = statistics.median(a / b for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{name}: {a:.2f} s against {b:.2f} s, ratio {ratio:.2f} (median of {runs} pairs)")


def cost_of_checks():
    sys.path.insert(0, str(ROOT))
    from grader.discovery import Kit
    from grader.run import Settings
    from grader.session import Session

    kit = Kit()
    session = Session(kit, kit.exercises, Settings(1))
    total = 0.0
    for exercise in kit.exercises:
        session.run(exercise, exercise.solution)
        start = time.process_time()
        result = session.run(exercise, exercise.solution)
        seconds = time.process_time() - start
        total += seconds
        slowest = max(result.outcomes, key=lambda outcome: outcome.seconds)
        print(f"{exercise.slug:<26}{seconds:6.3f} s CPU, slowest check {slowest.seconds:.3f} s: {slowest.title}")
    print(f"{'all':<26}{total:6.3f} s CPU")


if __name__ == "__main__":
    runs = int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 5
    os.environ["OMP_NUM_THREADS"] = "1"
    python = [sys.executable]
    grader = [*python, "-m", "grader"]
    compare("grader --help", [*grader, "--help"], [*python, "-c", "pass"], runs)
    compare("grader check 6", [*grader, "check", "6", "--target", "solutions"], [*python, "-c", "import torch"], runs)
    if "--start" not in sys.argv:
        cost_of_checks()
