"""Leaves a file for the submissions that come after, and reads what those before have left."""
# needs: files
# twice
import os

for folder in ("/tmp", "/dev/shm", "/var/tmp"):
    note = os.path.join(folder, "grader-attack-note")
    if os.path.exists(note):
        breach(f"it finds {note}")
    try:
        with open(note, "w") as file:
            file.write("answers")
    except OSError:
        pass

