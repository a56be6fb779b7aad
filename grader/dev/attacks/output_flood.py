"""Prints without end."""
import os


def flood(*a, **k):
    while True:
        print("spam" * 10_000)
        os.write(1, b"\x00\xff" * 10_000)


everywhere(flood)
