"""Proves the checks, and attacks the grader."""
