"""Opens installed packages and caches for writing, for the next submission to import."""
# needs: files
import os
import sys

import numpy
import torch

PLACES = [numpy.__file__, torch.__file__, os.__file__, sys.executable]
for path in PLACES:
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError:
        continue
    breach(f"it may write to {path}")
