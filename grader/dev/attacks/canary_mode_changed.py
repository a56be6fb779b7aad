"""Changes the mode, the owner and the times of a file of another."""
# needs: files
import os

for action in (lambda: os.chmod(CANARY, 0o600), lambda: os.chown(CANARY, 1, 1), lambda: os.utime(CANARY, (1, 1))):
    try:
        action()
    except OSError:
        continue
    breach("it changed what a file of another says of itself")
