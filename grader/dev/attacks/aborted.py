"""Aborts, as a failed assertion in C++ does."""
import os

everywhere(lambda *a, **k: os.abort())
