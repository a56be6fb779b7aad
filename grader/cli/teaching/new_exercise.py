"""`grader new TOPIC`: the files of the next exercise, each with what it must hold and a mark where that is missing."""

from __future__ import annotations

import re
from pathlib import Path

from grader.errors import UsageError
from grader.files import write_atomic
from grader.kit.discovery import Exercise, Kit
from grader.kit.stub import stub_of
from grader.reports.terminal import Screen
from grader.text import short_path

MARK = "FILL:"
"""What begins a sentence that says what is to be written there. The contract test finds each."""

SOLUTION = '''"""Exercise {number}: {title}.

FILL: where it comes from: a paper and its section, as `Source: ...`. Lesson: exercises/{slug}.md
"""

from torch import Tensor


def {name}(x: Tensor) -> Tensor:
    """FILL: one sentence that says what it computes.

    Args:
        x: (batch, length).

    Returns:
        (batch,).
    """
    return x.sum(1)  # FILL: the solution; a function that learners are given ends its `def` line with `# given`
'''
CHECKS = '''"""The checks of exercise {number}, in teaching order."""

import torch

from grader.authoring import core, robust
from solutions import {slug} as reference


@core("{name}", 4)
def test_values_worked_by_hand(code, draw, expect):
    x = torch.tensor([[1, 2, 4], [-3, 0, 1]], dtype=draw.dtype)  # FILL: the numbers of the lesson
    expect(code.{name}(x), torch.tensor([7, -2], dtype=draw.dtype), axes="batch")


@core("{name}", 4)  # FILL: eight core checks or more, 8 points together; robust ones are 2 points
def test_values_are_the_references(code, draw, expect):
    expect.agrees(code.{name}, reference.{name}, draw("batch length"), axes="batch")


@robust("{name}", 1, structural=True)
def test_the_result_has_one_value_for_each_row(code, draw, expect):
    x = draw("batch length")
    expect.tensor(code.{name}(x), (x.size(0),))


@robust("{name}", 1, structural=True)
def test_everything_stays_on_the_device_of_the_input(code, draw, expect):
    code.move_to_gpu()
    expect.agrees(code.{name}, reference.{name}, draw("batch length"), axes="batch")
'''
MISTAKES = '''"""Wrong variants of exercise {number}, the likeliest first."""

import torch

from grader.authoring import device_mistake, mistake


@mistake
def {name}__mean(x):
    """FILL: what was done and why it is wrong, as a learner reads it."""
    return x.mean(1)


@mistake
def {name}__axis_kept(x):
    """FILL: what was done and why it is wrong; every check needs a mistake that it catches."""
    return x.sum(1, keepdim=True)


@mistake
def {name}__first_left_out(x):
    """FILL: what was done and why it is wrong; three mistakes or more of each function."""
    return x[:, 1:].sum(1)


@device_mistake
def {name}__table_on_the_cpu(x):
    """FILL: what is made on the default device, so that a GPU refuses it."""
    return (x * torch.ones(x.size(1))).sum(1)
'''
ALTERNATIVES = '''"""Other ways to be right in exercise {number}."""

from grader.authoring import alternative


@alternative
def {name}__loop(x):
    """FILL: how it differs from the solution."""
    return sum(x[:, i] for i in range(x.size(1)))
'''
HINTS = """# Hints for exercise {number}: {title}

## values worked by hand

1. FILL: a question that points to the place.
2. FILL: what is wrong there.
3. FILL: nearly the line.

## values are the references

1. FILL: a question that points to the place.
2. FILL: what is wrong there.
3. FILL: nearly the line.

## the result has one value for each row

1. FILL: a question that points to the place.
2. FILL: what is wrong there.
3. FILL: nearly the line.

## everything stays on the device of the input

1. FILL: a question that points to the place.
2. FILL: what is wrong there.
3. FILL: nearly the line.
"""
LESSON = """# Exercise {number}: {title}

> **30 minutes, 1 lines, difficulty 2 of 5.**
>
> **You need:** FILL: which exercises, and what else. (The lines above: what the solution has and the stub has not.)
>
> **Afterwards you can:** FILL: what.

## The problem

FILL: what the exercise before it left open.

## The idea

FILL: the idea, its formula and its source; 400 to 900 words in all.

## By hand

FILL: numbers small enough for paper, and then the same in code.

```python
>>> import torch
>>> from exercises.{slug} import {name}
>>> {name}(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
[3.0, 7.0]

```

## What people get wrong

FILL: the mistakes that tests/{slug}/mistakes.py holds, in words.

## What you write

FILL: each function with its shapes.

## Where it leads

FILL: what it leaves open.
"""
QUESTIONS = """# Questions on exercise {number}

## FILL: a question whose answer is a number?

Answer: 3

Because: FILL: why, in a sentence.

Code: `{name}(torch.tensor([[1.0, 2.0]])).item()`

## FILL: which shape has a result?

Answer: (2,)

Because: FILL: why, in a sentence.

Code: `tuple({name}(torch.zeros(2, 5)).shape)`

## FILL: a question with three answers to choose from?

- a: FILL: one
- b: FILL: another
- c: FILL: a third

Answer: a

Because: FILL: why, in a sentence.

## Why FILL: is it so?

Answer: FILL: at least fifteen words that say why.

## Why FILL: is it not otherwise?

Answer: FILL: at least fifteen words that say why.
"""


def new(topic: str) -> None:
    """Writes the files and says what comes next. Raises UsageError for a topic that gives no name."""
    kit, screen = Kit(), Screen()
    words = re.findall(r"[a-z0-9]+", topic.lower())
    if not words or not words[0][0].isalpha():
        raise UsageError(f"{topic!r}: name the topic in a few words, a letter first, such as 'relative positions'")
    last = kit.exercises[-1].number
    if last == 99:
        raise UsageError("there are 99 exercises, and no number is left")
    name = "_".join(words)
    exercise = Exercise(f"ex{last + 1:02}_{name}", kit.root)
    files = texts(exercise, " ".join(topic.split()))
    for file in files:
        if file.exists():
            raise UsageError(f"{short_path(file)} already exists: nothing was written")
    for file, text in files.items():
        write_atomic(file, text)
        screen.line(f"{short_path(file)}: {text.count(MARK)} to fill")
    screen.line()
    screen.line(f"Fill what `{MARK}` marks, the solution first, then: python -m grader.kit.stub {exercise.number}")
    screen.line("What is still missing, a sentence each: python -m pytest tests/grader/contract")
    screen.line("How a check is written stands in .github/CONTRIBUTING.md.")


def texts(exercise: Exercise, title: str) -> dict[Path, str]:
    """Every file of an exercise that is still to be written."""
    names = {"number": exercise.number, "slug": exercise.slug, "name": exercise.slug[5:], "title": title}
    solution = SOLUTION.format(**names)
    return {
        exercise.solution: solution,
        exercise.stub: stub_of(solution),
        exercise.lesson: LESSON.format(**names),
        exercise.questions: QUESTIONS.format(**names),
        exercise.checks: CHECKS.format(**names),
        exercise.mistakes: MISTAKES.format(**names),
        exercise.alternatives: ALTERNATIVES.format(**names),
        exercise.hints: HINTS.format(**names),
    }


def unfilled(exercise: Exercise) -> list[str]:
    """What is to be written yet, a sentence each: `solutions/ex13_topic.py:3: where it comes from`."""
    said = []
    files = [
        exercise.solution,
        exercise.lesson,
        exercise.questions,
        *sorted(exercise.folder.rglob("*.py")),
        exercise.hints,
    ]
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            _, mark, what = line.partition(f"{MARK} ")
            if mark:
                where = f"{file.relative_to(exercise.root).as_posix()}:{number}"
                said.append(f"{where}: {what}".rstrip('"'))
    return said
