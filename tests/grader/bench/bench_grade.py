"""What grading a class costs, beside what it could cost, in one run.

    python tests/grader/bench/bench_grade.py [--rounds 3] [--size 60] [--pytest 3] [--jobs 2] [EX ...]
    python tests/grader/bench/bench_grade.py --sizes 10 100 1000 [EX ...]

The first grades the same submissions, a round at a time, in three ways: `grader grade`; the checks alone in one warm
process, which is the floor; `python -m pytest` for each submission. The second shows that the cost of a submission and
the memory stay the same in a larger class. Both compare every score with what it should be. Seconds of CPU, of every
process that was started, count; wall time depends on what else the machine does. Linux only.
"""

import argparse
import contextlib
import ctypes
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.kit.discovery import Kit
from tests.grader.support import classes

ROOT = Path(__file__).resolve().parents[3]
SEED = 4127
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Processes whose parent dies become ours, so that what they used is counted with the rest."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def cost(command):
    """CPU and wall seconds of a command and of everything that it started."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, cpu, time.perf_counter() - start


def grade(made, folder, jobs, scores):
    """CPU and wall seconds of grading a class; stops where a score is not what it should be."""
    for student in made:
        student.write(folder / "class")
    command = [sys.executable, "-m", "grader", "grade", folder / "class", "--out", folder / "out"]
    command += ["--seed", str(SEED), "--device", "cpu", "--jobs", str(jobs)]
    done, cpu, wall = cost(list(map(str, command)))
    if done.returncode != 0:
        raise SystemExit(f"grade ended with {done.returncode}:\n{done.stderr[-2000:]}")
    document = json.loads((folder / "out" / "results.json").read_text(encoding="utf-8"))
    if problems := [*classes.wrong(document, scores), *document["run"]["problems"]]:
        raise SystemExit("\n".join(problems))
    return cpu, wall


def floor(made, session):
    """CPU seconds of the checks alone, in this process, which has run them before."""
    start = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        for student in made:
            session.run(student.exercise, student.file)
    return time.process_time() - start


def plain(student, folder):
    """CPU and wall seconds of pytest on one submission."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{student.exercise.slug}"]
    command += ["--target", str(folder / "class" / student.id), "--seed", str(SEED), "--device", "cpu"]
    done, cpu, wall = cost(command)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    return cpu, wall


def compare(exercises, session, options):
    """The three ways, interleaved."""
    made = [one for one in classes.students(2 * options.size, exercises) if one.kind not in ("attack", "empty")]
    made = made[: options.size]
    scores = classes.expected(made, session)
    floor(made, session)
    ours, walls, least, theirs, their_walls = [], [], [], [], []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as place:
            cpu, wall = grade(made, Path(place), options.jobs, scores)
            ours.append(cpu / len(made))
            walls.append(wall / len(made))
            least.append(floor(made, session) / len(made))
            for student in made[number * options.pytest : (number + 1) * options.pytest]:
                cpu, wall = plain(student, Path(place))
                theirs.append(cpu)
                their_walls.append(wall)
        print(f"round {number + 1}: grade {ours[-1]:.3f}, floor {least[-1]:.3f} s CPU per submission", flush=True)
    mine, lowest, plainly = (statistics.median(column) for column in (ours, least, theirs))
    print(f"{len(made)} submissions of one exercise each, starting included; seconds of CPU per submission (wall):")
    print(f"  grader grade, {options.jobs} jobs   {mine:.3f} ({statistics.median(walls):.3f})")
    print(f"  floor: checks alone   {lowest:.3f}")
    print(f"  python -m pytest      {plainly:.3f} ({statistics.median(their_walls):.3f})")
    print(f"grade / floor {mine / lowest:.2f}; pytest / grade {plainly / mine:.1f}")


def grow(exercises, session, options):
    """Classes of several sizes."""
    for size in options.sizes:
        made = classes.students(size, exercises)
        scores = classes.expected(made, session)
        harmless = [student for student in made if student.kind != "attack"][:100]
        with tempfile.TemporaryDirectory() as place:
            cpu, wall = grade(made, Path(place), options.jobs, scores)
        least = floor(harmless, session) / len(harmless) * size
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"{size:5} submissions, every score as expected: {cpu / size:.3f} s CPU each ({cpu / least:.2f} x the "
            f"floor), {wall / size:.3f} s wall, largest process so far {peak:.0f} MB",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exercises", nargs="*", default=["1", "4", "5", "6"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=60)
    parser.add_argument("--sizes", type=int, nargs="*")
    parser.add_argument("--pytest", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    adopt_orphans()
    kit = Kit()
    exercises = kit.find(options.exercises)
    session = Session(kit, exercises, CheckSettings(SEED))
    (grow if options.sizes else compare)(exercises, session, options)


if __name__ == "__main__":
    main()
