"""Writes one file that is larger than any limit, with holes."""
# needs: limits
import os
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for folder in ("/tmp", "/dev/shm"):
    path = os.path.join(folder, "grader-attack-large")
    try:
        with open(path, "wb") as file:
            file.truncate(1 << 33)
    except OSError:
        continue
    finally:
        if os.path.exists(path):
            os.unlink(path)
    breach("it made a file of 8 GB")
