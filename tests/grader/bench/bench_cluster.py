"""What a cluster costs beside one machine, and what 50,000 submissions on 100 nodes would cost.

    python tests/grader/bench/bench_cluster.py [--small 40] [--large 240] [--nodes 100] [--count 50000] [EX ...]

Grades two classes, a small one and a large one, in three ways: one machine with one job, a Dask scheduler with one
worker, the same with two. Differences between the two sizes leave starting out. Seconds of CPU count, by who used them:
the client, which reads, journals and writes pages; the scheduler; the workers with everything that grades beside them.
A scheduler has something to do each second, whether there are tasks or not; so what a submission costs it is measured
with thousands that nothing grades, of the same size in both directions. Wall time depends on what else the machine
does. Linux only.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.grading import cluster
from grader.grading.process import Task
from grader.kit.discovery import Kit
from grader.source.file import File
from tests.grader.bench.bench_grade import adopt_orphans
from tests.grader.support import classes
from tests.grader.support.clusters import Cluster, environment
from tests.grader.support.engines import TwoWorkers
from tests.grader.support.kits import copy_kit

OPTIONS = ("--seed", "11", "--device", "cpu")
SOURCE, RECORD = 4_000, 12_000
"""Bytes of a submission of one exercise, and of its record."""
TICKS = os.sysconf("SC_CLK_TCK")


def spent(process):
    """CPU seconds of a process of ours that still runs."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def waited(process):
    """CPU seconds of a process of ours and of what it waited for."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{process.args} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def reap():
    """Waits for whatever else has become ours."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def alone(kit, name):
    """CPU and wall seconds of one machine with one job."""
    before, start = of_children(), time.perf_counter()
    words = [sys.executable, "-m", "grader", "grade", name, "--out", f"alone-{name}", "--jobs", "1", *OPTIONS]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    waited(subprocess.Popen(words, cwd=kit, env=environment(kit), **quiet))
    wall = time.perf_counter() - start
    reap()
    return {"all": of_children() - before, "wall": wall}


def together(kit, name, workers, place):
    """The same of a cluster, by who used it."""
    before = of_children()
    with Cluster(kit, place / f"dask-{name}-{workers}") as dask:
        for _ in range(workers):
            dask.worker()
        dask.wait_for_workers(workers)
        start = time.perf_counter()
        client = waited(dask.grade(f"cluster-{name}-{workers}", *OPTIONS, name=name))
        wall, scheduler = time.perf_counter() - start, spent(dask.scheduler)
    reap()
    used = of_children() - before
    return {"client": client, "scheduler": scheduler, "workers": used - client - scheduler, "all": used, "wall": wall}


def echo(batch):
    """Stands for grading: records of a usual size."""
    return json.dumps([[one["id"], "x" * RECORD, ""] for one in json.loads(batch)]).encode()


def engine_alone(kit, place):
    """CPU seconds of the scheduler and of the client for one submission that nothing grades."""
    from distributed import Client

    with Cluster(kit, place / "echo") as dask:
        for _ in range(2):
            dask.worker()
        dask.wait_for_workers(2)
        with Client(scheduler_file=str(dask.file), set_as_default=False) as client:
            executor = client.get_executor()
            engine, found = TwoWorkers(executor, echo, cluster.BATCH, cluster.AHEAD), []
            for count in (1_000, 11_000):
                before = spent(dask.scheduler), time.process_time()
                file = File("x.py", b"x" * SOURCE)
                answers = engine.run(Task(str(number), "x", "x", {"ex05": file}) for number in range(count))
                assert sum(record is not None for _, record, _ in answers) == count
                found.append((spent(dask.scheduler) - before[0], time.process_time() - before[1]))
    return [(many - few) / 10_000 for few, many in zip(*found, strict=True)]


def each(large, small, sizes):
    """Per submission, starting left out."""
    return {who: (large[who] - small[who]) / (sizes[1] - sizes[0]) for who in large}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exercises", nargs="*", default=["5", "6"])
    parser.add_argument("--small", type=int, default=40)
    parser.add_argument("--large", type=int, default=240)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--count", type=int, default=50_000)
    options = parser.parse_args()
    sizes = (options.small, options.large)
    adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        kit = copy_kit(place / "kit", only={int(number) for number in options.exercises})
        for size in sizes:
            for student in classes.students(size, Kit(kit).exercises):
                student.write(kit / f"class{size}")
        ways = {"one machine, one job": lambda name: alone(kit, name)}
        ways |= {
            f"cluster, {count} worker{'s' if count > 1 else ''}": lambda name, count=count: together(
                kit, name, count, place
            )
            for count in (1, 2)
        }
        found = {}
        for way, run in ways.items():
            small, large = (run(f"class{size}") for size in sizes)
            found[way] = each(large, small, sizes)
            parts = [f"{who} {1000 * found[way][who]:.1f}" for who in found[way] if who not in ("all", "wall")]
            of_which = f" ({', '.join(parts)})" if parts else ""
            cpu, wall = 1000 * found[way]["all"], 1000 * found[way]["wall"]
            print(f"{way}: {cpu:.0f} ms CPU per submission{of_which}, {wall:.0f} ms wall", flush=True)
        scheduler, client = engine_alone(kit, place)
    print(f"of which the engine, with {SOURCE} bytes in and {RECORD} out: "
          f"scheduler {1000 * scheduler:.2f} ms, client {1000 * client:.2f} ms")  # fmt: skip
    tell(found, options, scheduler)


def tell(found, options, scheduler):
    base, one, two = found.values()
    print(f"2 workers are {one['wall'] / two['wall']:.2f} times as fast as 1")
    print(f"overhead of the cluster per submission: {1000 * (one['all'] - base['all']):.1f} ms CPU")
    nodes = one["workers"] * options.count / options.nodes
    serial = {"the client": max(one["client"], two["client"]), "the scheduler": scheduler}
    serial = {who: seconds * options.count for who, seconds in serial.items()}
    hours = one["workers"] * options.count / 3600
    beside = ", ".join(f"{who} {seconds:.0f} s" for who, seconds in serial.items())
    print(f"{options.count} submissions on {options.nodes} nodes that grade one at a time each: "
          f"{nodes:.0f} s of CPU on each node, {hours:.1f} hours in all; beside them {beside}")  # fmt: skip
    took, who = max((seconds, who) for who, seconds in {"the nodes": nodes, **serial}.items())
    print(f"so about {took / 60:.1f} minutes, as long as {who} need; every node starts once, which is not in it")


if __name__ == "__main__":
    main()
