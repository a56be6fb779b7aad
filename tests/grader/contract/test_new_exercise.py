"""A thirteenth exercise, copied into a kit: found, listed, checked and graded with no edit elsewhere."""

import json
import sys

import pytest

from tests.grader.support.kits import copy_kit, python, run

SOLUTION = '''"""Exercise 13: a mean that knows its padding.

Source: arithmetic. Lesson: exercises/ex13_masked_mean.md
"""

from torch import Tensor

from exercises.ex07_masked_attention import padding_mask


def masked_mean(x: Tensor, lengths: Tensor) -> Tensor:
    """Average over the real positions of each row.

    Args:
        x: (batch, length).
        lengths: (batch,) int64.

    Returns:
        (batch,).
    """
    real = padding_mask(lengths, x.size(1)).squeeze(1)  # (batch, length)
    return (x * real).sum(1) / lengths
'''
CHECKS = """from grader.authoring import core
from solutions import ex13_masked_mean as reference


@core("masked_mean", 10)
def test_padding_does_not_count(code, draw, expect):
    x, lengths = draw("batch source"), draw.lengths()
    expect.agrees(code.masked_mean, reference.masked_mean, x, lengths, axes="batch")
"""
MISTAKES = '''from grader.kit.variants import mistake


@mistake
def masked_mean__padding_counts(x, lengths):
    """The padding is averaged too."""
    return x.mean(1)
'''
HINTS = "# Hints\n\n## padding does not count\n1. What is in the sum?\n2. Too much.\n3. Multiply by a mask.\n"


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A kit of exercises 6, 7 and 13."""
    folder = copy_kit(tmp_path_factory.mktemp("grown"), only={6, 7})
    checks = folder / "tests" / "ex13_masked_mean"
    checks.mkdir()
    (folder / "solutions" / "ex13_masked_mean.py").write_text(SOLUTION)
    (folder / "exercises" / "ex13_masked_mean.md").write_text("# Exercise 13: a mean that knows its padding\n")
    (checks / "test_masked_mean.py").write_text(CHECKS)
    (checks / "mistakes.py").write_text(MISTAKES)
    (checks / "hints.md").write_text(HINTS)
    made = python(folder, [sys.executable, "-m", "grader.kit.stub", "13"])
    assert made.stdout.strip().endswith("ex13_masked_mean.py")
    return folder


def test_it_is_listed(grown):
    assert "ex13_masked_mean" in run(grown, "list").stdout


def test_it_is_checked(grown):
    assert run(grown, "check", "masked_mean", "--target", "solutions").returncode == 0
    stub = run(grown, "check", "13")
    assert stub.returncode == 1
    assert "unwritten ex13_masked_mean" in stub.stdout.replace("   ", " ").replace("  ", " ")


def test_its_hints_are_shown(grown):
    assert "What is in the sum?" in run(grown, "hint", "13", "padding").stdout


def test_it_is_graded_and_its_mistake_is_named(grown, tmp_path):
    student = tmp_path / "class" / "ada"
    student.mkdir(parents=True)
    wrong = SOLUTION.replace("(x * real).sum(1) / lengths", "x.mean(dim=1)")
    (student / "my_ex13.py").write_text(wrong)
    result = run(grown, "grade", tmp_path / "class", "--out", tmp_path / "out", "--seed", 3)
    assert result.returncode == 0, result.stderr
    (ada,) = json.loads((tmp_path / "out" / "results.json").read_text())["submissions"]
    assert [exercise["verdict"] for exercise in ada["exercises"]] == ["missing", "missing", "fail"]
    assert ada["exercises"][2]["checks"][0]["mistake"] == "padding_counts"
    assert (ada["score"], ada["max_score"]) == (0, 30)
