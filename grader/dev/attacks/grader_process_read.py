"""Reads the memory, the files and the environment of the grader through /proc."""
# needs: files
import os

for number in {GRADER, os.getppid(), 1}:
    for name in ("mem", "environ", "maps", "root/etc/passwd", "cwd/pyproject.toml", "fd/0"):
        try:
            with open(f"/proc/{number}/{name}", "rb") as file:
                file.read(1)
        except OSError:
            continue
        breach(f"it reads /proc/{number}/{name}")
