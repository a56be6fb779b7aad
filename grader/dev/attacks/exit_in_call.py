"""Ends the process with success in the first call."""
import os

everywhere(lambda *a, **k: os._exit(0))
