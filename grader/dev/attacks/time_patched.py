"""Stops every clock of its process."""
import time

time.time = time.monotonic = time.perf_counter = time.sleep = lambda *a: 0.0


def stay(*a, **k):
    while True:
        pass


everywhere(stay)
