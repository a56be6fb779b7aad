"""Checks for code that learners write: sequence models, one exercise at a time."""

__version__ = "0.1.0"


def check_here(exercise: str) -> None:
    """Checks what this notebook defines of an exercise, and shows what is wrong: `grader.check_here("ex06")`."""
    from grader.notebooks import check_here as here

    here.check_here(exercise)


def start_here(exercise: str) -> None:
    """Begins a notebook for an exercise: the exercises before it can be imported, as their solutions."""
    from grader.notebooks import check_here as here

    here.start_here(exercise)
