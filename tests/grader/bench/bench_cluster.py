"""What a cluster costs beside one machine, and what 50,000 submissions on 100 nodes would cost.

    python tests/grader/bench/bench_cluster.py [--small 40] [--large 240] [--nodes 100] [--count 50000] [EX ...]

Grades two classes, a small one and a large one, in three ways: one machine with one job, a Dask scheduler with one
worker, the same with two. Differences between the two sizes leave starting out. Seconds of CPU count, by who used them:
the client, which reads, journals and writes pages; the scheduler; the workers with everything that grades beside them.
Wall time depends on what else the machine does. Linux only.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.kit.discovery import Kit
from tests.grader.bench.bench_grade import adopt_orphans
from tests.grader.support import classes
from tests.grader.support.clusters import Cluster, environment
from tests.grader.support.kits import copy_kit

OPTIONS = ("--seed", "11", "--device", "cpu")
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
    with Cluster(kit, place / f"dask-{name}-{workers}") as cluster:
        for _ in range(workers):
            cluster.worker()
        cluster.wait_for_workers(workers)
        start = time.perf_counter()
        client = waited(cluster.grade(f"cluster-{name}-{workers}", *OPTIONS, name=name))
        wall, scheduler = time.perf_counter() - start, spent(cluster.scheduler)
    reap()
    used = of_children() - before
    return {"client": client, "scheduler": scheduler, "workers": used - client - scheduler, "all": used, "wall": wall}


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
    tell(found, options)


def tell(found, options):
    base, one, two = found.values()
    print(f"2 workers are {one['wall'] / two['wall']:.2f} times as fast as 1")
    print(f"overhead of the cluster per submission: {1000 * (one['all'] - base['all']):.1f} ms CPU")
    nodes = one["workers"] * options.count / options.nodes
    serial = {who: one[who] * options.count for who in ("client", "scheduler")}
    print(f"{options.count} submissions, {options.nodes} nodes that grade one at a time each: "
          f"{nodes:.0f} s on each node, {one['workers'] * options.count / 3600:.1f} CPU hours in all; "
          f"client {serial['client']:.0f} s, scheduler {serial['scheduler']:.0f} s of CPU, beside them")  # fmt: skip
    slowest = max(nodes, *serial.values())
    who = "the nodes" if slowest == nodes else "the client" if slowest == serial["client"] else "the scheduler"
    print(f"so about {slowest / 60:.0f} minutes, which {who} take; every node starts once, which is not in it")


if __name__ == "__main__":
    main()
