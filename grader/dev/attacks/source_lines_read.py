"""Asks for the source text of everything that is loaded of the grader."""
import inspect
import linecache
import sys

for name, module in list(sys.modules.items()):
    if name.partition(".")[0] in ("tests", "solutions"):
        breach(f"{name} is loaded")
for file in list(linecache.cache):
    if "/tests/" in file and "site-packages" not in file:
        breach(f"the text of {file} is in memory")
inspect.stack()
