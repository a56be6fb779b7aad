"""Starts ten thousand threads."""
# needs: limits
import threading
import time

count = 0
try:
    for count in range(10_000):
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
except RuntimeError:
    pass
if count > 1_000:
    breach(f"it started {count} threads")
