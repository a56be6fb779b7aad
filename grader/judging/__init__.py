"""Runs the checks of an exercise, decides the verdicts and words them."""
