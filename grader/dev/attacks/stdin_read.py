"""Waits for somebody to type."""
import sys

everywhere(lambda *a, **k: sys.stdin.read() or input())
