"""How much longer `grader check 6` takes than `python -c "import torch"`, side by side in one run.

    python tests/grader/bench/bench_start.py [RUNS] [--start]
    python tests/grader/bench/bench_start.py --checks [EX ...]

Prints the median wall time of each and the median of the ratios, pair by pair, and the same for `grader --help`
against `python -c pass`; then what every exercise's checks cost in CPU time, here and with a worker, for the first
submission of a class and for one that answers as another did, and every check that takes long; then what it costs
to recognise the mistake in a failing run. `--start` leaves out all but the first part, `--checks` the first; with
exercises named every check is printed.
"""

import contextlib
import gc
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def wall(command):
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare(name, ours, theirs, runs):
    pairs = [(wall(ours), wall(theirs)) for _ in range(runs + 1)][1:]
    ratio = statistics.median(a / b for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{name}: {a:.2f} s against {b:.2f} s, ratio {ratio:.2f} (median of {runs} pairs)")


SLOW = 0.03
"""Seconds of one check."""


def cost_of_checks(names):
    """CPU seconds of all checks of each exercise on the reference: in this process, and with a worker's share."""
    sys.path.insert(0, str(ROOT))
    from grader.checks.passed_before import PassedRuns
    from grader.judging.exercise import CheckSettings
    from grader.judging.session import Session
    from grader.kit.discovery import Kit
    from grader.launch.launcher import launcher
    from grader.remote.transport import WorkerTransport

    def first(session, exercise):
        session.passed_runs = PassedRuns()
        return session.run(exercise, exercise.solution)

    def again(session, exercise):
        return session.run(exercise, exercise.solution)

    workers = launcher(many=True)
    kit = Kit()
    exercises = kit.find(names)
    here = Session(kit, exercises, CheckSettings(1))
    there = Session(kit, exercises, CheckSettings(1, connect=lambda: WorkerTransport(workers)))
    totals = [0.0] * 4
    gc.freeze()  # as the grader and the learner's commands do
    print("CPU seconds of the first submission, and of one that answers the same: here, and with a worker")
    for exercise in exercises:
        runs = [cheapest(partial(run, session, exercise)) for session in (here, there) for run in (first, again)]
        costs = [cost for cost, _ in runs]
        totals = [total + cost for total, cost in zip(totals, costs, strict=True)]
        print(f"{exercise.slug:<26}{_row(costs)}")
        both = zip(runs[0][1].outcomes, runs[1][1].outcomes, strict=True)
        for fresh, known in sorted(both, key=lambda pair: -pair[0].seconds):
            if names or fresh.seconds > SLOW:
                print(f"{'':<26}{fresh.seconds:6.3f} {known.seconds:6.3f}   {fresh.title}")
    print(f"{'all':<26}{_row(totals)}")
    workers.close()


def _row(costs):
    return "{:6.3f} {:6.3f}   {:6.3f} {:6.3f}".format(*costs)


def cheapest(run, times=6):
    """The least CPU time of some runs, and the last result: on a busy machine the least is nearest to the truth."""
    run()
    costs = []
    for _ in range(times):
        theirs, own = seconds_of_others(), time.process_time()
        result = run()
        own = time.process_time() - own  # to ask for the others' takes 10 ms itself
        costs.append(own + seconds_of_others() - theirs)
    return min(costs), result


def seconds_of_others():
    """CPU seconds of the processes that this one started, on Linux, with what they have waited for."""
    total, parents = 0.0, {os.getpid()}
    for _ in range(3):  # the server of workers stands below what surrounds it
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                number, fields = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
                if number not in parents and int(fields[1]) in parents:
                    parents.add(number)
                    total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def cost_of_recognition(names, every=6):
    """CPU seconds of recognition beside those of the checks, for every so many mistakes, when nothing is remembered."""
    sys.path.insert(0, str(ROOT))
    from grader.checks.attempt import attempt, check_seed
    from grader.dev.survey import as_learner
    from grader.judging.exercise import CheckSettings
    from grader.judging.session import Session, recogniser_of
    from grader.kit.discovery import Kit
    from grader.kit.variants import mistakes
    from grader.remote.transport import LocalTransport

    kit = Kit()
    exercises = kit.find(names)
    session = Session(kit, exercises, CheckSettings(1))
    gc.freeze()
    slowest = []
    for exercise in exercises:
        costs = []
        checks = session.checks[exercise.slug]
        for mistake in mistakes(exercise)[::every]:
            recogniser = recogniser_of(kit, exercise, checks[0].shortcuts)
            code = as_learner(mistake, recogniser.trusted, LocalTransport)
            failed, passed = [], []
            for check in checks:
                seed = check_seed(1, check)
                tried = attempt(check, code, seed)
                (passed if tried.error is None else failed).append(recogniser.run_of(check, seed, tried))
            start = time.process_time()
            for run in failed:
                recogniser.trusted.reference_passes(run.check, run.seed)
            recogniser.diagnose(failed, passed)
            costs.append((time.process_time() - start, mistake.name))
            code.close()
        middle, (most, name) = statistics.median(cost for cost, _ in costs), max(costs)
        slowest.append((most, name, exercise.slug))
        print(f"{exercise.slug:<26}recognised in {middle:6.3f} s CPU, the slowest in {most:.3f} s: {name}", flush=True)
    most, name, slug = max(slowest)
    print(f"the failing run that costs most beyond a passing one: {most:.2f} s CPU, {name} in {slug}")


if __name__ == "__main__":
    checks = "--checks" in sys.argv
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    runs = int(words[0]) if words and not checks else 5
    os.environ["OMP_NUM_THREADS"] = "1"
    python = [sys.executable]
    grader = [*python, "-m", "grader"]
    if not checks:
        compare("grader --help", [*grader, "--help"], [*python, "-c", "pass"], runs)
        ours, theirs = [*grader, "check", "6", "--target", "solutions"], [*python, "-c", "import torch"]
        compare("grader check 6", ours, theirs, runs)
    if "--start" not in sys.argv:
        cost_of_checks(words if checks else [])
        cost_of_recognition(words if checks else [])
