"""All that the files of an exercise, `tests/exNN_topic/`, import from the grader.

A check is given `code`, `draw` and `expect`; what else it may need is here. `mistakes.py` and `alternatives.py`
need the marks alone.
"""

from __future__ import annotations

import importlib.util
from typing import Any, TypeVar

import pytest

from grader.checks.compare import kind_of
from grader.checks.dropout import demand_independent, fitting, kept
from grader.errors import Mismatch
from grader.kit.discovery import Kit
from grader.remote.handles import Opaque
from grader.results.verdicts import CORE, ROBUST
from grader.worker.optimizer import GradientDescent
from grader.worker.stub_decoder import StubDecoder, StubStep

__all__ = [
    "GradientDescent",
    "Mismatch",
    "Opaque",
    "StubDecoder",
    "StubStep",
    "alternative",
    "checks_of",
    "core",
    "demand_independent",
    "device_mistake",
    "fitting",
    "kept",
    "kind_of",
    "mistake",
    "needs",
    "robust",
    "shortcuts",
]


def checks_of(slug: str) -> dict[str, Any]:
    """What the kit's own file of checks for an exercise defines: for a folder that holds the exercises alone."""
    (exercise,) = Kit().find([slug])
    spec = importlib.util.spec_from_file_location(f"checks_of_{slug}", exercise.checks)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


def core(of: str, value: float, *, structural: bool = False, patience: float = 1.0) -> pytest.MarkDecorator:
    """A check of what the exercise is about: by hand, by value, how it works. These add up to 8 points.

    Args:
        of: the function or method that the check is about, `attention_scores` or `Transformer.embed`; of all that it
            needs the last in the file.
        value: its points; each case of a parametrized check has so many.
        structural: it looks at a shape, dtype, device, at inputs left alone or at shortcuts. Such a check earns its
            points only where some check of a value passes too: a function that returns zeros has the right shape.
        patience: how many times a check's usual time it has, where right code may loop over a million entries.
    """
    return pytest.mark.points(value, of=of, tier=CORE, structural=structural, patience=patience)


def robust(of: str, value: float, *, structural: bool = False, patience: float = 1.0) -> pytest.MarkDecorator:
    """A check of an edge: dtypes, devices, sizes of one, limits, global state. These add up to 2 points.

    Args: as of `core`.
    """
    return pytest.mark.points(value, of=of, tier=ROBUST, structural=structural, patience=patience)


def needs(of: str) -> pytest.MarkDecorator:
    """Marks one case of a parametrized check that is about another function than the others."""
    return pytest.mark.needs(of)


def shortcuts(*names: str) -> pytest.MarkDecorator:
    """Library calls that would do the exercise's whole work: `pytestmark = shortcuts("nn.LSTM", "nn.GRU*")`."""
    return pytest.mark.shortcuts(*names)


T = TypeVar("T")


def mistake(variant: T) -> T:
    """Marks a function or class of `mistakes.py` as a known mistake; its docstring is the diagnosis."""
    return variant


def device_mistake(variant: T) -> T:
    """Marks a mistake that shows where the code works on a GPU, real or simulated, and nowhere else."""
    return variant


def alternative(variant: T) -> T:
    """Marks a function or class of `alternatives.py` as right; its docstring says how it differs from the reference."""
    return variant
