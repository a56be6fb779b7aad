"""Ctrl-C at a random moment, then the same command: the result is that of an undisturbed run."""

import json
import os
import random
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a timer that sends a signal is POSIX's")
RUN = """
import os, signal, sys, threading, time
from pathlib import Path
from grader.kit.discovery import Kit
from grader.labs import training
from grader.labs.run import LabOptions, run_lab

out, checkpoint, moment = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
write, written, counting = training.write_atomic, [], threading.Lock()

def counted(file, data):
    write(file, data)
    with counting:
        written.append(file)
        if len(written) == checkpoint:
            signal.setitimer(signal.ITIMER_REAL, moment)

training.PIECE, training.write_atomic = 2, counted
options = LabOptions(target=Kit().root / "solutions", out=out, steps=12, anyway=True)
signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGINT))  # as a terminal does: to every process
if checkpoint == 0:
    signal.setitimer(signal.ITIMER_REAL, moment)
begun = time.monotonic()
status = run_lab("forcing", options, None)
signal.setitimer(signal.ITIMER_REAL, 0)
print("seconds:", time.monotonic() - begun)
print("checkpoints:", len(written))
sys.exit(status)
"""


def lab(out, checkpoint=0, moment=0.0):
    """Runs the lab. The exit status, and what it said.

    Args:
        checkpoint: after how many checkpoints it is interrupted; 0 is the start.
        moment: seconds after that; 0 is never.
    """
    command = [sys.executable, "-c", RUN, out, str(checkpoint), str(moment)]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    return done.returncode, said


def measured(out):
    return json.loads((out / "result.json").read_text("utf-8"))


def told(said, what):
    return float(re.search(rf"^{what}: (.*)$", said, flags=re.MULTILINE)[1])


def test_ctrl_c_at_a_random_moment_changes_no_result(tmp_path):
    status, said = lab(tmp_path / "whole")
    assert status == 0, said
    seconds, checkpoints = told(said, "seconds"), int(told(said, "checkpoints"))
    assert checkpoints == 12
    draw = random.Random(seed := random.randrange(1000))
    # Once in the middle of training, and once anywhere: there it may be faster than the moment is.
    stops = [(draw.randrange(1, checkpoints), draw.uniform(0.001, 0.05)), (0, draw.uniform(0.05, 0.95) * seconds)]
    statuses = [lab(tmp_path / "stopped", *stop)[0] for stop in stops]
    assert statuses in ([130, 130], [130, 0]), (seed, stops, statuses)
    assert lab(tmp_path / "stopped")[0] == 0
    assert measured(tmp_path / "stopped") == measured(tmp_path / "whole"), (seed, stops, statuses)
