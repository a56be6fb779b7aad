"""Starts programs and forks, with orphans that outlive their parents for a while."""
# needs: seccomp
import os
import subprocess
import sys
import time

started = 0
for _ in range(8):
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(20)
        os._exit(0)
    started += 1
try:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
    started += 1
except OSError:
    pass
if started:
    breach(f"it started {started} processes")
