"""What one worker costs: fork, sandbox, loading a file, one call, and its end, for several sets of layers.

    python tests/grader/bench/bench_workers.py [WORKERS]

Prints the CPU time of one worker and of the grader for it, side by side in one run, after the cost of the start.
"""

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

SETS = {
    "all layers": (),
    "without namespaces": ("namespaces",),
    "without a folder of its own": ("scratch",),
    "without a control group": ("cgroup",),
    "without Landlock": ("landlock",),
    "without seccomp": ("seccomp",),
    "limits alone": ("cgroup", "namespaces", "scratch", "user", "landlock", "seccomp"),
    "none": ("cgroup", "namespaces", "scratch", "user", "landlock", "seccomp", "limits"),
}


def spent():
    """CPU seconds of all processes of this grader's workers, those that have ended included."""
    from grader.dev.red_team import processes

    total = 0
    for number in processes():
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def measure(name, without, count):
    import torch

    from grader.launch.launcher import launcher
    from grader.remote.code import Code
    from grader.remote.transport import WorkerTransport
    from grader.source.file import Source

    workers = launcher(without=without, many=True)
    layers = workers.isolation["layers"]
    start, own = spent(), time.process_time()
    for _ in range(count):
        source = Source("ex06_self_attention", "x.py", "x.py", b"def double(x):\n    return 2 * x\n")
        code = Code(source, lambda: WorkerTransport(workers), sys)
        code.begin(1)
        code.double(torch.ones(4, 8))
        code.close()
    worker, grader = (spent() - start) / count, (time.process_time() - own) / count
    workers.close()
    print(f"{name:<28}{worker * 1e3:6.1f} ms{grader * 1e3:6.1f} ms   start {start:.1f} s   {', '.join(layers[2:])}")


if __name__ == "__main__":
    count = int(sys.argv[1]) if sys.argv[1:] else 100
    print(f"{'CPU for one of ' + str(count):<28}worker    grader")
    for name, without in SETS.items():
        measure(name, without, count)
