"""Reads the solutions and the checks from the disk."""
# needs: files
import glob
import os

for folder in ("solutions", "tests", "grader"):
    for file in glob.glob(os.path.join(KIT, folder, "**", "*.py"), recursive=True):
        try:
            with open(file, "rb") as text:
                text.read(1)
            breach(f"it reads {file}")
        except OSError:
            pass
