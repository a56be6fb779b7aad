"""What `grader init` writes around the exercises: what an editor, pytest and Python itself need there."""

from __future__ import annotations

from importlib import resources

from grader.kit.discovery import Kit

IMPORTS = """\
\"\"\"Lets `python exercises/ex07_masked_attention.py` import the exercises before it, as the grader does.\"\"\"

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[1])]
"""
SETTINGS = """\
[pytest]
testpaths = tests
addopts = --import-mode=importlib -p grader.pytest_plugin
"""
CHECKS = """\
\"\"\"The checks of exercise {number}, which come with the kit: `python -m pytest tests/{slug}`.\"\"\"

from grader.authoring import checks_of

globals().update(checks_of({slug!r}))
"""


def files(kit: Kit) -> dict[str, bytes]:
    """Path in the folder -> what stands in it."""
    found = {
        "exercises/exercises/__init__.py": IMPORTS,
        "pytest.ini": SETTINGS,
        ".gitignore": ".grader/\n__pycache__/\n",
    }
    for exercise in kit.exercises:
        found[f"tests/{exercise.slug}/{exercise.checks.name}"] = CHECKS.format(
            number=exercise.number, slug=exercise.slug
        )
    for file in (resources.files("grader.learner") / "vscode").iterdir():
        found[f".vscode/{file.name}"] = file.read_text(encoding="utf-8")
    return {name: text.encode() for name, text in found.items()}
