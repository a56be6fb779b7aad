"""What every grader process imports first: imported once, in the process that they are forked from."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import grader.judging.session
import grader.kit.discovery
import grader.launch.launcher
import grader.remote.transport  # noqa: F401
