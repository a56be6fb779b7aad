"""Reads address zero."""
import ctypes

everywhere(lambda *a, **k: ctypes.string_at(0))
