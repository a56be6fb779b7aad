"""Walks up the stack in a call and looks for checks and expected values among the callers' variables."""
import sys


def look(*a, **k):
    frame = sys._getframe(1)
    while frame is not None:
        if {"expected", "reference", "check", "expect"} & set(frame.f_locals) or "/tests/" in frame.f_code.co_filename:
            breach(f"the caller {frame.f_code.co_name} knows what is right")
        frame = frame.f_back


everywhere(look)
