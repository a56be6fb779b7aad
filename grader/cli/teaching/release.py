"""`grader release DIR`: the starter repository of a course, as students get it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from grader.errors import UsageError
from grader.files import write_atomic
from grader.kit.discovery import Exercise, Kit
from grader.kit.stub import stub_of
from grader.learner import workspace
from grader.notebooks import export
from grader.reports.terminal import Screen
from grader.text import short_path

READ_ME = """# The exercises

Install the kit that checks them, in this folder:

```bash
python3 -m venv .venv
source .venv/bin/activate
python -m pip install {kit}
grader
```

`grader` shows the lesson of the first exercise, and checks it whenever you save it. The exercises are also in
`notebooks/`. Hand in the files of `exercises/`, or the notebooks.
"""
KIT = "PLACE-OF-THE-KIT"


def release(folder: Path, words: Sequence[str], *, solutions: bool, kit_at: str) -> None:
    """Writes stubs, lessons, notebooks and what an editor needs. What lies in the folder already stays as it is.

    Args:
        words: which exercises; all for none.
        solutions: with the solutions, for those who teach.
        kit_at: what pip installs the kit from.
    """
    kit, screen = Kit(), Screen()
    files = starter(kit, kit.find([*words]), kit_at)
    if solutions:
        files |= {f"solutions/{one.slug}.py": one.solution.read_bytes() for one in kit.find([*words])}
    kept = [name for name in files if os.path.lexists(folder / name)]
    try:
        for name, data in files.items():
            if name not in kept:
                write_atomic(folder / name, data)
    except OSError as error:
        raise UsageError(f"{folder}: nothing can be written there: {error.strerror}") from None
    for name in kept:
        if (folder / name).read_bytes() != files[name]:
            screen.remark(f"{name} already exists, and was left as it is")
    screen.line(f"{len(files) - len(kept)} files are written to {short_path(folder)}")
    if kit_at == KIT:
        screen.line(f"Its README says {KIT} where your students install the kit from: write it there, or use --kit")


def starter(kit: Kit, exercises: Sequence[Exercise], kit_at: str = KIT) -> dict[str, bytes]:
    """Path -> content of the starter repository. No solution is in it, and no check."""
    slugs = {exercise.slug for exercise in exercises}
    files = {
        name: data
        for name, data in workspace.files(kit).items()
        if not name.startswith("tests/") or name.split("/")[1] in slugs
    }
    files["README.md"] = READ_ME.format(kit=kit_at).encode()
    for exercise in exercises:
        stub = stub_of(exercise.solution.read_text(encoding="utf-8"))
        files[f"exercises/{exercise.slug}.py"] = stub.encode()
        files[f"exercises/{exercise.lesson.name}"] = exercise.lesson.read_bytes()
        files[f"notebooks/{exercise.slug}.ipynb"] = export.build(exercise, stub).encode()
    return files
