"""Raises what makes a test runner skip a test."""
import unittest


def skip(*a, **k):
    raise unittest.SkipTest("later")


everywhere(skip)
