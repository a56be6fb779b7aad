"""Writes, truncates, renames, links and removes a file of another."""
# needs: files
import os

ACTIONS = (
    lambda: open(CANARY, "a").write("x"),
    lambda: os.truncate(CANARY, 0),
    lambda: os.close(os.open(CANARY, os.O_RDONLY | os.O_TRUNC)),
    lambda: os.rename(CANARY, CANARY + "2"),
    lambda: os.link(CANARY, CANARY + "3"),
    lambda: os.symlink(CANARY, CANARY + "4"),
    lambda: os.unlink(CANARY),
    lambda: os.mkdir(CANARY + "5"),
)
for action in ACTIONS:
    try:
        action()
    except OSError:
        pass
