"""Which line filled in entries of a table, `table[:, 1::2] = ...`, with other values than the reference's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grader.diagnosis.matching import FILLED_IN
from grader.diagnosis.way import NEAR, Step, Way, equal


def filled_in_otherwise(way: Way, table: Any, right: Any) -> int | None:
    """The line of the first step that gave an entry of a table the wrong value that it kept; None where none is seen.

    What the first step filled in cannot be told from what was in memory, unless the table was made with numbers.

    Args:
        way: the learner's.
        table, right: what they returned, and what the reference did.
    """
    if not (isinstance(table, Tensor) and isinstance(right, Tensor)) or table.shape != right.shape:
        return None
    if table.is_complex() or right.is_complex():
        return None
    wrong = ~torch.isclose(table.double(), right.double(), rtol=NEAR, atol=NEAR, equal_nan=True)
    found = None
    for step, before in _fillings(way, table):
        kept = step.value.double().eq(table.double())
        if bool((wrong & kept & step.value.ne(before.value)).any()):
            found = step.line
    return found


def _fillings(way: Way, table: Tensor) -> Iterator[tuple[Step, Step]]:
    """The steps that filled a table in, the last first, each with the step before that the table comes from."""
    last = [step for step in way.steps if step.operation == FILLED_IN and equal(step.value, table)]
    step = last[-1] if last else None
    while step is not None and step.operation == FILLED_IN:
        same_size = [way.steps[place] for place in step.origins if way.steps[place].value.shape == table.shape]
        before = next((one for one in same_size if one.operation == FILLED_IN), None) or next(iter(same_size), None)
        if before is not None:
            yield step, before
        step = before
