"""Lets `python exercises/ex07_masked_attention.py` import the exercises before it, as the grader does."""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[1])]
