"""Waits inside C, where no Python signal arrives."""
import threading

lock = threading.Lock()
lock.acquire()
everywhere(lambda *a, **k: lock.acquire())
