"""A class of 300, some of it hostile, graded in three ways that must not differ: alone, in shards, on a cluster.

    python tests/grader/bench/kill_cluster.py [STUDENTS] [SHARDS] [EX ...]

One run on this machine is the standard. The shards are graded one after another and merged in three orders. The cluster
is a Dask scheduler and two workers on loopback: one worker is killed after a third of the class and the client after
two thirds, and the same command goes on. Prints what was compared. Exit status 1 where anything but times differs.
Linux only.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.kit.discovery import Kit
from tests.grader.support import classes
from tests.grader.support.clusters import Cluster, environment, killed_twice, without_times
from tests.grader.support.kits import copy_kit

OPTIONS = ("--seed", "11", "--device", "cpu", "--memory", "512")
HOSTILE = {
    "loops": "\nwhile True:\n    pass\n",
    "forks": "\nimport os\nwhile True:\n    os.fork()\n",
    "fills": "\nheld = [bytearray(1 << 26) for _ in range(1000)]\n",
    "listens": "\nimport socket\nsocket.create_connection(('127.0.0.1', 8786), 1).send(b'x' * 1000)\n",
    "scheduler": "\nimport dask.distributed\ndask.distributed.Client('tcp://127.0.0.1:8786', timeout=1)\n",
}
"""Beside those of `classes.ATTACKS`: what a cluster has to lose."""


def write_class(place, count, exercises):
    """Returns how many of them are hostile."""
    made = classes.students(count - len(HOSTILE), exercises)
    for student in made:
        student.write(place)
    for number, (name, text) in enumerate(HOSTILE.items()):
        exercise = exercises[number % len(exercises)]
        folder = place / f"x_{name}"
        folder.mkdir()
        (folder / f"{exercise.slug}.py").write_bytes(exercise.solution.read_bytes() + text.encode())
    return len(HOSTILE) + sum(one.kind == "attack" for one in made)


def grader(kit, *words):
    """Runs it to its end; seconds."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "grader", *map(str, words)]
    done = subprocess.run(command, cwd=kit, env=environment(kit), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def compare(what, out, standard):
    found = without_times(out)
    differ = sorted(name for name in {*found, *standard} if found.get(name) != standard.get(name))
    said = f"DIFFERS in {', '.join(differ[:5])}" if differ else f"the same in {len(found)} files, times aside"
    print(f"{what}: {said}", flush=True)
    return bool(differ)


def main(count, parts, numbers):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        kit = copy_kit(place / "kit", only={int(number) for number in numbers})
        hostile = write_class(kit / "class", count, Kit(kit).exercises)
        seconds = grader(kit, "grade", "class", "--out", "alone", "--jobs", 2, *OPTIONS)
        standard = without_times(kit / "alone")
        print(f"{count} submissions, {hostile} of them hostile: one machine, 2 jobs: {seconds:.0f} s", flush=True)
        names = [f"part-{number}" for number in range(1, parts + 1)]
        seconds = sum(
            grader(kit, "grade", "class", "--out", name, "--shard", f"{number}/{parts}", "--jobs", 2, *OPTIONS)
            for number, name in enumerate(names, 1)
        )
        print(f"{parts} shards, one after another: {seconds:.0f} s", flush=True)
        wrong = 0
        for number in range(3):
            order = random.Random(number).sample(names, parts) if number else names
            grader(kit, "merge", *order, "--out", f"merged-{number}")
            wrong += compare(f"merged {' '.join(name[5:] for name in order)}", kit / f"merged-{number}", standard)
        start = time.perf_counter()
        with Cluster(kit, place / "cluster") as cluster:
            out = kit / "cluster"
            at, status, said = killed_twice(cluster, out, *OPTIONS, first=count // 3, second=2 * count // 3)
        print(f"cluster: a worker killed at {at[0]} records, the client at {at[1]}; the same command again: {status}")
        print("\n".join(f"  {line}" for line in said.splitlines() if "to grade" in line or "before" in line))
        print(f"  {time.perf_counter() - start:.0f} s, starting and both kills included", flush=True)
        wrong += status != 0 or compare("cluster", out, standard)
        return 1 if wrong else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    size, shards = int(given[0]) if given else 300, int(given[1]) if given[1:] else 7
    sys.exit(main(size, shards, given[2:] or ["5", "6"]))
