"""Ctrl-C at a random moment, then the same command: the result is that of an undisturbed run."""

import json
import os
import random
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a timer that sends a signal is POSIX's")
RUN = """
import os, signal, sys, time
from pathlib import Path
from grader.kit.discovery import Kit
from grader.labs import training
from grader.labs.run import LabOptions, run_lab

training.PIECE = 2
options = LabOptions(target=Kit().root / "solutions", out=Path(sys.argv[1]), steps=12, anyway=True)
signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGINT))  # as a terminal does: to every process
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))  # 0: never
begun = time.monotonic()
status = run_lab("forcing", options, None)
signal.setitimer(signal.ITIMER_REAL, 0)
print("seconds:", time.monotonic() - begun)
sys.exit(status)
"""


def lab(out, moment=0.0):
    """Runs the lab, interrupted at a moment where it is not 0; the exit status, and what it said."""
    command = [sys.executable, "-c", RUN, out, str(moment)]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    return done.returncode, done.stdout + done.stderr


def measured(out):
    return json.loads((out / "result.json").read_text("utf-8"))


def test_ctrl_c_at_a_random_moment_changes_no_result(tmp_path):
    status, said = lab(tmp_path / "whole")
    assert status == 0, said
    whole = float(said.rpartition("seconds:")[2])
    seed = random.randrange(1000)
    moment = random.Random(seed).uniform(0.05, 0.95) * whole
    status, said = lab(tmp_path / "stopped", moment)
    assert status in (0, 130), (seed, said)  # 0: this time it was faster
    assert "Traceback" not in said, (seed, said)
    assert lab(tmp_path / "stopped")[0] == 0
    assert measured(tmp_path / "stopped") == measured(tmp_path / "whole"), (seed, moment, status)
