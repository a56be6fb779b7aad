"""Classroom 50 runs this in a student's checkout. It grades with sequence-kit.zip, which lies beside it.

What grades, and what it starts, gets an environment without the job's token.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(os.environ.get("CLASSROOM50_BUNDLE_DIR") or Path(__file__).resolve().parent)
KEPT = (
    *("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV"),
    *("CLASSROOM", "ASSIGNMENT", "ASSIGNMENT_TYPE", "OWNER", "USERNAME", "SUBMISSION_TAG"),
    *("COMMIT_URL", "RELEASE_URL", "REVIEW_URL"),
)
"""Names, so that a token by any other name stays behind."""
TORCH = "@TORCH@"
CPU = "https://download.pytorch.org/whl/cpu"

environment = {name: os.environ[name] for name in KEPT if name in os.environ}
if find_spec("grader") is None:
    for what in ([TORCH, "--index-url", CPU], [str(HERE / "sequence-kit.zip")]):
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *what], env=environment, check=True)
command = [sys.executable, "-m", "grader.cli.teaching.on_classroom50", str(HERE / "grader.json")]
os.execve(sys.executable, command, environment)  # this process's own environment is gone, too
