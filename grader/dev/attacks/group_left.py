"""Goes into the control groups of others, where nothing limits it."""
# needs: files
import glob


def leave(*a, **k):
    for door in glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True):
        try:
            with open(door, "w") as file:
                file.write("0")
        except OSError:
            continue
        breach("it is in another control group")


everywhere(leave)
