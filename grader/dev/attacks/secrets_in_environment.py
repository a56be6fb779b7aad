"""Looks for secrets in the environment, the arguments and the path."""
import os
import sys

for text in [*os.environ.values(), *os.environ, *sys.argv, *sys.orig_argv, *sys.path, os.getcwd()]:
    if text.rstrip("/") == KIT or "solutions" in text or "seed" in text.lower().replace("pythonhashseed", ""):
        breach(f"it reads {text}")
if os.environ.get("USER") != "learner" or os.environ.get("HOME") != os.environ.get("TORCHINDUCTOR_CACHE_DIR"):
    breach("the environment is that of the grader")
