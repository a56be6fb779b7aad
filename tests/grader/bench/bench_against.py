"""What the checks cost here against another commit, in turns in one run.

    python tests/grader/bench/bench_against.py COMMIT [--rounds N]

Prints for every exercise the CPU seconds of its checks there and here, and the ratio. Each commit's own
`bench_start.py` measures, in a checkout of its own. Of some rounds the least counts, which is nearest to the truth on a
busy machine.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = ("first, here", "again, here", "first, worker", "again, worker")
MEASURE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("bench_start", sys.argv[1])
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)
bench.cost_of_checks([])
"""
_ROW = re.compile(r"^(ex\d\d_\w+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", re.MULTILINE)


def measured(root):
    """The four costs of each exercise, as this checkout's own benchmark prints them."""
    bench = next((root / "tests" / "grader").rglob("bench_start.py"))  # it lay elsewhere once
    command = [sys.executable, "-c", MEASURE, str(bench)]
    printed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return {row[0]: [float(cost) for cost in row[1:]] for row in _ROW.findall(printed)}


def least(rounds):
    """The least of every cost."""
    return {slug: [min(costs) for costs in zip(*(one[slug] for one in rounds), strict=True)] for slug in rounds[0]}


def report(there, here):
    print(f"{'CPU seconds, there and here':<28}" + "".join(f"{name:>24}" for name in COLUMNS))
    both = [slug for slug in here if slug in there]
    for name, slugs in [*((slug, [slug]) for slug in both), ("all", both)]:
        sums = [[sum(costs[slug][i] for slug in slugs) for costs in (there, here)] for i in range(len(COLUMNS))]
        print(f"{name:<28}" + "".join(f"{before:10.3f} {after:6.3f} {after / before:6.2f}" for before, after in sums))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "there"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(other), given.commit], cwd=ROOT, check=True)
        try:
            rounds = [(measured(other), measured(ROOT)) for _ in range(given.rounds)]
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(other)], cwd=ROOT, check=True)
    report(*(least(costs) for costs in zip(*rounds, strict=True)))


if __name__ == "__main__":
    main()
