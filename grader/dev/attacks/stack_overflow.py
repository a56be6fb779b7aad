"""Recurses without end and without Python's limit."""
import sys

sys.setrecursionlimit(10**9)


def deeper(*a, **k):
    return deeper(*a, **k)


everywhere(deeper)
