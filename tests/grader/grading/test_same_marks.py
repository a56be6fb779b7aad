"""The same class, graded by another user, elsewhere, with other settings and other jobs: the same results."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.grader.support.kits import copy_kit
from tests.grader.support.platforms import RIGHT, SIX

SCORES = "def attention_scores(q, k):\n    "
CLASS = {
    "right": "",
    "sets": SCORES
    + "return q @ k.transpose(-2, -1) * (1 + len(str([*{str(i) for i in range(9)}][:3])) + hash('a') % 7)",
    "addresses": SCORES + "raise KeyError(object())",
    "loops": SCORES
    + "i = 0\n    while True:\n        i += 1\n        j = i * 2\n        if j < 0:\n            return j",
    "surroundings": "import getpass, os, sys, time\nfrom pathlib import Path\n"
    + SCORES
    + "raise ValueError(getpass.getuser(), Path.home(), os.getcwd(), sys.argv, time.tzname, os.environ.get('LANG'))",
    "unseeded": "import random, numpy\n"
    + SCORES
    + "return q @ k.transpose(-2, -1) * (random.random() + numpy.random.rand())",
    "drawn_at_load": "FACTOR = float(torch.rand(1))\n" + SCORES + "return FACTOR * (q @ k.transpose(-2, -1))",
    "missing_package": "from einops_not_here import rearrange\n" + SCORES + "return q @ rearrange(k, 'b k d -> b d k')",
}


def without_times(line):
    return json.dumps(_without(json.loads(line)), sort_keys=True)


def _without(value):
    if isinstance(value, dict):
        return {name: _without(item) for name, item in value.items() if name != "seconds"}
    return [_without(item) for item in value] if isinstance(value, list) else value


@pytest.mark.skipif(sys.platform == "win32", reason="needs users")
def test_three_environments_give_the_same_lines(tmp_path):
    tmp_path.chmod(0o755)
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    kit = copy_kit(tmp_path / "kit", only={6})
    for name, text in CLASS.items():
        (tmp_path / "here" / "class" / name).mkdir(parents=True)
        (tmp_path / "here" / "class" / name / f"{SIX}.py").write_text(f"{RIGHT}\n{text}\n")
    shutil.copytree(tmp_path / "here" / "class", tmp_path / "elsewhere" / "class")
    other_user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    try:
        subprocess.run([sys.executable, "-c", "import torch"], check=True, capture_output=True, **other_user)
    except (OSError, subprocess.CalledProcessError):  # this Python lies where only its owner may go
        other_user = {}
    ways = [
        ("here", {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "HOME": "/"}, 1, {}),
        ("elsewhere", {"PYTHONHASHSEED": "77", "LANG": "de_DE.UTF-8", "LOGNAME": "x", "OMP_NUM_THREADS": "2"}, 2, {}),
        ("elsewhere", {"PYTHONHASHSEED": "random", "HOME": str(tmp_path), "MKL_NUM_THREADS": "2"}, 1, other_user),
    ]
    seen = []
    for number, (place, settings, jobs, who) in enumerate(ways):
        out = tmp_path / f"out{number}"
        out.mkdir()
        out.chmod(0o777)
        command = [sys.executable, "-m", "grader", "grade", tmp_path / place / "class", "--out", out, "--seed", "11"]
        command += ["--timeout", "1", "--device", "cpu", "--jobs", str(jobs)]
        done = subprocess.run(
            list(map(str, command)),
            cwd=kit,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **settings},
            capture_output=True,
            text=True,
            **who,
        )
        assert done.returncode == 0, done.stderr
        seen.append([without_times(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()])
    assert [json.loads(line)["id"] for line in seen[0]] == sorted(CLASS)
    for mine, other in ((0, 1), (0, 2)):
        for one, another in zip(seen[mine], seen[other], strict=True):
            assert one == another
    messages = {json.loads(line)["id"]: line for line in seen[0]}
    assert "learner" in messages["surroundings"]
    assert "0x..." in messages["addresses"]
    assert "time ran out at line" in messages["loops"]
