"""Asks whether it may signal the grader and everybody else."""
# needs: seccomp
import os

for number in (GRADER, -1):
    try:
        os.kill(number, 0)
    except OSError:
        continue
    breach(f"it may signal {number}")
