"""Looks through every object in memory for expected values, checks and the reference."""
import gc
import sys
import types

SECRETS = ("solutions", "tests.", "grader.checks.compare", "grader.checks.expect", "grader.judging.exercise")

named = [thing for module in list(sys.modules.values()) for thing in list(vars(module).values())]
for thing in [*gc.get_objects(), *named]:  # what is frozen is known by its module alone
    if isinstance(thing, types.FunctionType):
        file = thing.__code__.co_filename
        if "site-packages" in file or "/lib/python" in file or hasattr(thing, "__wrapped__"):
            continue
        if thing.__name__ in NAMES and thing.__module__ != __name__:
            breach(f"the reference of {thing.__name__} is in memory, from {file}")
        if thing.__name__.startswith("test_"):
            breach(f"a check is in memory: {thing.__name__}")
    if isinstance(thing, types.ModuleType) and thing.__name__.startswith(SECRETS):
        breach(f"{thing.__name__} is in memory")
    if isinstance(thing, dict) and any(type(key) is str and key.startswith("expected") for key in list(thing)[:20]):
        if "grader" in str(thing.get("__file__", "")):
            breach("expected values are in memory")
