"""Reads the solutions and the checks from the disk."""
# needs: files
import glob
import os

for pattern in ("solutions/*.py", "tests/*/*.py", "grader/*.py", "grader/*/*.py"):
    for file in glob.glob(os.path.join(KIT, pattern)):
        try:
            with open(file, "rb") as text:
                text.read(1)
            breach(f"it reads {file}")
        except OSError:
            pass
