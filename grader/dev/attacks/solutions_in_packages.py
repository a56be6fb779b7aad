"""Looks for an installed copy of the kit among the packages."""
# needs: files
import os
import sys

for folder in sys.path:
    package = os.path.join(folder, "grader")
    if os.path.isdir(package) and os.access(package, os.R_OK) and os.listdir(package):
        breach(f"it sees {package}")
