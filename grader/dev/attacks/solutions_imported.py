"""Imports the solutions, the checks and the grader by every name that they have."""
import importlib
import sys

sys.path_importer_cache.clear()
for name in ("solutions", "tests", "grader.checks.compare", "grader.kit.collect", "grader.checks.reference", "grader.course.solutions", "grader.dev.red_team"):
    try:
        importlib.import_module(name)
    except Exception:
        continue
    breach(f"{name} can be imported")
