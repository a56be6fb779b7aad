"""Types the commands of README into the shell of this system, as a person would: `python .ci/readme.py learner`.

README marks its commands with comments: `<!-- run: learner -->` before a fenced block, and the same with `on Windows`
before the one for Windows. The first command that fails ends it, with its exit status.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WINDOWS = sys.platform == "win32"


def commands(part, windows=WINDOWS):
    """The lines of a block."""
    mark = re.escape(f"<!-- run: {part}{' on Windows' if windows else ''} -->")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^{mark}\n```\w+\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    if found is None:
        sys.exit(f"README.md marks no block `{part}`")
    return found[1].splitlines()


def typed(lines, shell):
    """The shell to start, and what is typed into it: after each line a look at how it ended."""
    if shell == "bash":
        return ["bash", "-euo", "pipefail", "-c", "\n".join(lines)], ""
    lines = [re.sub(r"^py ", "python ", line) for line in lines]  # the Python that runs this, not the newest one
    if shell == "cmd":
        return ["cmd", "/q"], "".join(f"{line}\nif errorlevel 1 exit 1\n" for line in lines) + "exit 0\n"
    script = "\n".join(f"{line}\nif ($LASTEXITCODE) {{ exit $LASTEXITCODE }}" for line in lines)
    return ["powershell", "-NoProfile", "-ExecutionPolicy", "Bypass", "-Command", script], ""


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("part")
    options.add_argument("--shell", choices=["bash", "cmd", "powershell"], default="powershell" if WINDOWS else "bash")
    given = options.parse_args()
    lines = commands(given.part)
    print(*lines, sep="\n", flush=True)
    command, keys = typed(lines, given.shell)
    sys.exit(subprocess.run(command, input=keys, cwd=ROOT, text=True, check=False).returncode)
