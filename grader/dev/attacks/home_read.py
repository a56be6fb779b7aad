"""Reads what others keep on this machine: passwords, keys, homes."""
# needs: files
import os

for path in ("/etc/passwd", "/etc/shadow", "/root/.ssh", "/home", "/var/log", "/etc/ssh"):
    try:
        found = os.listdir(path) if os.path.isdir(path) else open(path).read(1)
    except OSError:
        continue
    if found:
        breach(f"it reads {path}")
