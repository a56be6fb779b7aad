"""Opens a learner's file at a line in the editor that they use. Imports no torch."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

IN_A_WINDOW = {"code": "--goto", "code-insiders": "--goto", "codium": "--goto", "cursor": "--goto"}
"""Editors with a window of their own that take `FILE:LINE` after this option."""
WINDOWS = frozenset({"subl", "zed", "gvim", "mate", "gedit", "kate", "pycharm", "charm", "idea"})
"""Others with a window of their own: the terminal stays the loop's."""
COLON = frozenset({"subl", "zed", "hx", "helix", "micro"})
"""Editors that take `FILE:LINE` as it is."""
BEFORE = frozenset({"vi", "vim", "nvim", "gvim", "nano", "emacs", "emacsclient", "kak", "joe", "ne"})
"""Editors that take `+LINE` before the file."""
OPTION = {"pycharm": "--line", "charm": "--line", "idea": "--line", "kate": "--line", "mate": "--line"}


def command() -> list[str] | None:
    """The editor and its own options; None where none is known."""
    asked = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if asked:
        return shlex.split(asked, posix=sys.platform != "win32")
    found = next((name for name in IN_A_WINDOW if shutil.which(name)), None)
    return [found] if found else None


def at_line(editor: list[str], file: Path, line: int) -> list[str]:
    """The command that opens a file at a line; at its beginning where it is not known how to say a line."""
    name = Path(editor[0]).stem.lower()
    if name in IN_A_WINDOW:
        return [*editor, IN_A_WINDOW[name], f"{file}:{line}"]
    if name in COLON:
        return [*editor, f"{file}:{line}"]
    if name in BEFORE:
        return [*editor, f"+{line}", str(file)]
    if name in OPTION:
        return [*editor, OPTION[name], str(line), str(file)]
    return [*editor, str(file)]


def has_a_window(editor: list[str]) -> bool:
    """Whether it leaves the terminal to the loop."""
    return Path(editor[0]).stem.lower() in {*IN_A_WINDOW, *WINDOWS}


def start(arguments: list[str]) -> None:
    """Raises OSError where the editor cannot be started."""
    program = shutil.which(arguments[0]) or arguments[0]
    subprocess.run([program, *arguments[1:]], check=False)
