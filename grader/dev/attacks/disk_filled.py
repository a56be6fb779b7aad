"""Fills every folder that it may write to."""
# needs: files
import os

written = 0
for folder in ("/tmp", "/dev/shm", "/var/tmp"):
    try:
        for number in range(4_000):
            with open(os.path.join(folder, f"grader-attack-{number}"), "wb") as file:
                written += file.write(b"x" * 50_000)
            if written > 100_000_000:
                breach(f"it wrote {written} bytes")
    except OSError:
        continue
