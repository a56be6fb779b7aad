"""Writes to what it shares with its parent, to be there for the submissions that come after."""
# twice
import sys

import torch

if getattr(torch, "grader_attack", None) or "grader_attack" in sys.modules:
    breach("it finds what an earlier submission left in memory")
torch.grader_attack = sys.modules["grader_attack"] = True
