"""The marks of a check: what it is worth, and which shortcuts its exercise forbids."""

from __future__ import annotations

import pytest


def points(value: float, *, form: bool = False) -> pytest.MarkDecorator:
    """What a check is worth; the checks of an exercise add up to 10.

    Args:
        value: its points.
        form: it looks at a shape, dtype, device, at inputs left alone or at shortcuts. Such a check earns its points
            only where some check of a value passes too: a function that returns zeros has the right shape.
    """
    return pytest.mark.points(value, form=form)


def shortcuts(*names: str) -> pytest.MarkDecorator:
    """Library calls that would do the exercise's whole work: `pytestmark = shortcuts("nn.LSTM", "nn.GRU*")`."""
    return pytest.mark.shortcuts(*names)
