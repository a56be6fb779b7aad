"""Where the program lies: every path that starts from the package itself starts here."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
"""The folder `grader/`."""
ROOT = PACKAGE.parent
"""The folder that holds it: a clone, or where packages are installed."""
TEMPLATES = PACKAGE / "reports" / "templates"
ATTACKS = PACKAGE / "dev" / "attacks"
PROGRAMS = PACKAGE / "labs" / "programs"


def files(package: Path = PACKAGE) -> list[Path]:
    """Every file of the program, at any depth, sorted; no bytecode, and not the course of an installed kit."""
    found = (path for path in package.rglob("*") if path.is_file())
    return sorted(path for path in found if not {"__pycache__", "course"} & set(path.relative_to(package).parts))
