"""The labs by name. Each is imported when it is asked for: a list of them needs no torch."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING

from grader.errors import UsageError
from grader.kit.labs import LABS, LabEntry

if TYPE_CHECKING:
    from grader.labs.lab import Lab


def entry_of(name: str) -> LabEntry:
    """Raises UsageError that names the nearest lab."""
    for entry in LABS:
        if entry.name == name.strip().lower():
            return entry
    names = [entry.name for entry in LABS]
    near = difflib.get_close_matches(name, names, n=1)
    raise UsageError(
        f"there is no lab {name!r}; " + (f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}")
    )


def lab_of(entry: LabEntry) -> Lab:
    found: Lab = importlib.import_module(f"grader.labs.{entry.name}").LAB
    return found


def demand(extras: Sequence[str]) -> None:
    """Raises UsageError where a package is missing that labs need."""
    missing = [name for name in extras if importlib.util.find_spec(name) is None]
    if missing:
        lack = f"labs need {' and '.join(missing)}"
        raise UsageError(f'{lack}, not installed here: python -m pip install -e ".[labs]"')
